"""The definitions of metallb.io: a server takes them; they take and refuse what MetalLB's do."""

import json

import pytest
import yaml
from deploy.rendering import DEPLOY, ROOT
from deploy.samples import COMPLETE, REFUSED, UPDATES
from deploy.structural import defaulted, errors, nodes, problems, pruned

FILES = sorted((DEPLOY / "crds").glob("*s.yaml"))
TRANSCRIPT = ROOT / "tests/apiserver/transcripts/05-custom-resources.jsonl"

KINDS = {
    "BFDProfile": ["v1beta1"],
    "BGPAdvertisement": ["v1beta1"],
    "BGPPeer": ["v1beta1", "v1beta2"],
    "Community": ["v1beta1"],
    "ConfigurationState": ["v1beta1"],
    "IPAddressPool": ["v1beta1"],
    "L2Advertisement": ["v1beta1"],
    "ServiceBGPStatus": ["v1beta1"],
    "ServiceL2Status": ["v1beta1"],
}
COLUMNS = {
    "BFDProfile": ["Passive Mode", "Transmit Interval", "Receive Interval", "Multiplier"],
    "BGPAdvertisement": ["IPAddressPools", "IPAddressPool Selectors", "Peers", "Node Selectors"],
    "BGPPeer": ["Address", "ASN", "BFD Profile", "Multi Hops"],
    "Community": [],
    "ConfigurationState": ["Result", "ErrorSummary", "Age"],
    "IPAddressPool": ["Auto Assign", "Avoid Buggy IPs", "Addresses"],
    "L2Advertisement": [
        "IPAddressPools",
        "IPAddressPool Selectors",
        "Interfaces",
        "Node Selectors",
    ],
    "ServiceBGPStatus": ["Node", "Service Name", "Service Namespace"],
    "ServiceL2Status": ["Allocated Node", "Service Name", "Service Namespace"],
}


def load(path):
    return yaml.safe_load(path.read_text(encoding="utf-8"))


DEFINITIONS = {each["spec"]["names"]["kind"]: each for each in map(load, FILES)}


def text(value):
    return value if isinstance(value, str) else ""


def versions(kind):
    return {each["name"]: each for each in DEFINITIONS[kind]["spec"]["versions"]}


def schema(kind, version="v1beta1"):
    return versions(kind)[version]["schema"]["openAPIV3Schema"]


def schema_of(resource):
    return schema(resource["kind"], resource["apiVersion"].rpartition("/")[2])


EVERY_SCHEMA = [(kind, version) for kind in DEFINITIONS for version in versions(kind)]


def test_all_nine_kinds_are_defined_in_their_versions():
    assert {kind: sorted(versions(kind)) for kind in DEFINITIONS} == KINDS
    listed = load(DEPLOY / "crds/kustomization.yaml")["resources"]
    assert [each.name for each in FILES] == listed


@pytest.mark.parametrize("kind", DEFINITIONS)
def test_a_definition_has_the_names_that_clients_know(kind):
    definition = DEFINITIONS[kind]
    spec, names = definition["spec"], definition["spec"]["names"]
    assert definition["apiVersion"] == "apiextensions.k8s.io/v1"
    assert definition["metadata"]["name"] == f"{names['plural']}.metallb.io"
    assert (spec["group"], spec["scope"]) == ("metallb.io", "Namespaced")
    assert names == {
        "kind": kind,
        "listKind": f"{kind}List",
        "plural": names["plural"],
        "singular": kind.lower(),
    }
    for version in spec["versions"]:
        assert version["subresources"] == {"status": {}}
        assert version["served"]
        columns = [each["name"] for each in version.get("additionalPrinterColumns", ())]
        assert columns == COLUMNS[kind]
    assert [each["name"] for each in spec["versions"] if each["storage"]] == [KINDS[kind][-1]]


def test_the_old_version_of_a_peer_is_deprecated_and_none_converts():
    assert versions("BGPPeer")["v1beta1"]["deprecated"]
    assert DEFINITIONS["BGPPeer"]["spec"]["conversion"] == {"strategy": "None"}


@pytest.mark.parametrize(("kind", "version"), EVERY_SCHEMA)
def test_a_schema_is_structural(kind, version):
    assert problems(schema(kind, version)) == []


@pytest.mark.parametrize(
    "broken",
    [
        {"type": "object", "description": "d", "properties": {"a": {"description": "d"}}},
        {"type": "array", "description": "d"},
        {"type": "integer", "description": "d", "maximum": 1, "default": 2},
        {"type": "integer", "description": "d", "maximum": 1 << 32, "format": "int32"},
        {"type": "object", "description": "d", "oneOf": []},
        {"type": "object", "description": "d", "required": ["a"]},
    ],
)
def test_what_is_not_structural_is_noticed(broken):
    assert problems(broken) != []


@pytest.mark.parametrize(("kind", "version"), EVERY_SCHEMA)
def test_columns_show_fields_that_exist(kind, version):
    paths = {".".join(("", *path)) for path, _ in nodes(schema(kind, version))}
    paths.add(".metadata.creationTimestamp")
    for column in versions(kind)[version].get("additionalPrinterColumns", ()):
        assert column["jsonPath"] in paths


@pytest.mark.parametrize("resource", COMPLETE, ids=lambda each: each["kind"])
def test_a_resource_with_every_field_is_taken_and_nothing_of_it_is_lost(resource):
    found = schema_of(resource)
    assert [*errors(found, resource)] == []
    assert pruned(found, resource) == resource
    assert unused(found, resource) == []


def unused(found, resource):
    """The fields of a schema that a resource does not use."""
    used = set()

    def walk(node, value, path=()):
        used.add(path)
        if isinstance(value, dict):
            for name, inner in value.items():
                known = node.get("properties", {}).get(name)
                walk(known or node.get("additionalProperties") or {}, inner, (*path, name))
        elif isinstance(value, list):
            for each in value:
                walk(node.get("items", {}), each, (*path, "[]"))

    walk(found, resource)
    return [".".join(path) for path, _ in nodes(found) if path not in used and path[-1:] != ("{}",)]


@pytest.mark.parametrize(("why", "resource"), REFUSED, ids=text)
def test_what_metallb_refuses_is_refused(why, resource):
    assert any(why in each for each in errors(schema_of(resource), resource))


@pytest.mark.parametrize(("why", "old", "new"), UPDATES, ids=text)
def test_what_cannot_change_is_refused_in_an_update_only(why, old, new):
    found = schema_of(new)
    assert [*errors(found, old)] == []
    assert [*errors(found, new)] == []
    assert any(why in each for each in errors(found, new, old))
    assert [*errors(found, old, old)] == []


@pytest.mark.parametrize(
    ("resource", "expected"),
    [
        ("IPAddressPool", {"autoAssign": True, "avoidBuggyIPs": False}),
        ("BGPAdvertisement", {"aggregationLength": 32, "aggregationLengthV6": 128}),
        ("L2Advertisement", {}),
        ("BFDProfile", {}),
        ("BGPPeer", {"peerPort": 179, "disableMP": False, "dualStackAddressFamily": False}),
    ],
)
def test_defaults_are_metallbs(resource, expected):
    assert defaulted(schema(resource, KINDS[resource][-1]), {"spec": {}})["spec"] == expected


def test_a_peer_of_the_old_version_is_one_of_the_new_without_conversion():
    """What strategy None does: it changes the apiVersion, and the other schema prunes."""
    old = next(each for each in COMPLETE if each["kind"] == "BGPPeer" and "v1beta1" in str(each))
    new = {**old, "apiVersion": "metallb.io/v1beta2"}
    found = schema("BGPPeer", "v1beta2")
    assert pruned(found, new) == new
    assert [*errors(found, new)] == []


def test_every_field_of_the_old_peer_means_the_same_in_the_new_one():
    def types(version):
        found = nodes(schema("BGPPeer", version))
        return {path: node["type"] for path, node in found if path[:1] == ("spec",)}

    assert types("v1beta1").items() <= types("v1beta2").items()


def documents():
    for path in sorted((ROOT / "examples").rglob("*.yaml")):
        for document in yaml.safe_load_all(path.read_text(encoding="utf-8")):
            if document and document["apiVersion"].startswith("metallb.io/"):
                yield pytest.param(document, id=f"{path.name}-{document['metadata']['name']}")


@pytest.mark.parametrize("document", [*documents()])
def test_the_examples_are_taken_as_they_are(document):
    found = schema_of(document)
    assert [*errors(found, document)] == []
    assert pruned(found, document) == document


def exchanges():
    """What a real server with MetalLB's definitions answered to what was created."""
    for line in TRANSCRIPT.read_text(encoding="utf-8").splitlines()[1:]:
        exchange = json.loads(line)
        request, response = exchange["request"], exchange["response"]
        if request["method"] == "POST" and isinstance(request.get("body"), dict):
            yield request["body"], response["status"], response["body"]


def test_real_exchanges_come_out_the_same():
    seen = 0
    for sent, status, answer in exchanges():
        found = schema_of(sent)
        stored = defaulted(found, pruned(found, sent))
        assert bool([*errors(found, stored)]) == (status >= 400), answer
        if status < 400:
            assert stored["spec"] == answer["spec"]
            seen += 1
    assert seen >= 5
