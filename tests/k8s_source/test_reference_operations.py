"""What surrounds MetalLB's processes, row by row: what there is here, and what stands in its place.

Flags that have nothing to do here are in the page about the differences, with the reason.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from k8s_source.reviews import NAMESPACE, answer, denial
from proclaim.manifests import parse_object

ROOT = Path(__file__).parents[2]
KUSTOMIZE = ROOT / "deploy/kustomize"


def page(name: str) -> str:
    return (ROOT / "docs/reference" / f"{name}.md").read_text(encoding="utf-8")


def words(text: str) -> list[str]:
    """The words of a text."""
    return text.split()


def table(name: str, heading: str) -> dict[str, list[str]]:
    """The rows of the table under a heading, by their first cell."""
    section = page(name).partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    rows = [line.strip("| ").split(" | ") for line in section.splitlines() if line[:1] == "|"]
    return {cells[0].strip("`"): cells[1:] for cells in rows[2:]}


def objects(path: str) -> list[dict[str, Any]]:
    """The objects of a file below deploy/kustomize."""
    text = (KUSTOMIZE / path).read_text(encoding="utf-8")
    return [each for each in yaml.safe_load_all(text) if each]


# --- metrics --------------------------------------------------------------------------------------

METRICS = words("""
metallb_allocator_addresses_total metallb_allocator_addresses_in_use_total
metallb_allocator_ipv4_addresses_total metallb_allocator_ipv4_addresses_in_use_total
metallb_allocator_ipv6_addresses_total metallb_allocator_ipv6_addresses_in_use_total
metallb_allocator_services_allocated_total metallb_k8s_client_updates_total
metallb_k8s_client_update_errors_total metallb_k8s_client_config_loaded_bool
metallb_k8s_client_config_stale_bool metallb_speaker_announced metallb_layer2_requests_received
metallb_layer2_responses_sent metallb_layer2_gratuitous_sent metallb_bgp_session_up
metallb_bgp_updates_total metallb_bgp_announced_prefixes_total
metallb_bgp_pending_prefixes_total metallb_bgp_opens_sent metallb_bgp_opens_received
metallb_bgp_notifications_sent metallb_bgp_updates_total_received metallb_bgp_keepalives_sent
metallb_bgp_keepalives_received metallb_bgp_route_refresh_sent metallb_bgp_total_sent
metallb_bgp_total_received
""")


@pytest.mark.parametrize("metric", METRICS)
def test_a_metric_has_its_name(metric):
    """The page has every metric that is exposed, and no other."""
    assert metric in table("metrics", "By MetalLB's names")


def test_metrics_of_bfd_are_said_to_be_none():
    assert "no series `metallb_bfd_...`" in page("metrics")


# --- flags ----------------------------------------------------------------------------------------

BOTH = words("""
--port --namespace --log-level --pprof-bind-address --health-probe-port --lb-class --pod-name
--tls-min-version --tls-cipher-suites --tls-curve-preferences --metrics-cert-dir
METALLB_BGP_TYPE
""")
CONTROLLER = words("""
--ml-secret-name --deployment --disable-cert-rotation --cert-dir --cert-service-name
--webhook-mode --webhook-secret --webhook-http2
""")
SPEAKER = words("""
--node-name --host --ml-bindaddr --ml-bindport --ml-labels --ml-secret-key-path --ml-wan-config
--ignore-exclude-lb --frrk8s-namespace --frrk8s-secret-passthrough --bgp-debounce-timeout
""")
FLAGS = [("controller", flag) for flag in (*BOTH, *CONTROLLER)]
FLAGS += [("speaker", flag) for flag in (*BOTH, *SPEAKER)]
KEY = re.compile(r"`\[([a-z0-9_.]+)\] ([a-z0-9_]+)`(?: and `([a-z0-9_]+)`)?")


@pytest.mark.parametrize(("program", "flag"), FLAGS)
def test_a_flag_has_something_in_its_place_that_exists(program, flag):
    (said,) = table("metallb-differences", f"Flags of the {program}")[flag]
    assert said
    settings = page("settings")
    for section, *keys in KEY.findall(said):
        rows = settings.partition(f"\n## `[{section}]`\n")[2].partition("\n## ")[0]
        assert rows, f"there is no table [{section}]"
        assert [key for key in keys if key and f"| `{key}` |" not in rows] == []


@pytest.mark.parametrize("program", ["controller", "speaker"])
def test_no_flag_is_made_up(program):
    known = {flag for whose, flag in FLAGS if whose == program}
    assert table("metallb-differences", f"Flags of the {program}").keys() == known


# --- endpoints ------------------------------------------------------------------------------------

POD = {"controller": "controller/deployment.yaml", "node": "node/daemonset.yaml"}


def pod(component: str) -> dict[str, Any]:
    """The pod of a component, and its settings."""
    (workload,) = objects(f"base/{POD[component]}")
    spec: dict[str, Any] = workload["spec"]["template"]["spec"]
    return spec


def settings(component: str) -> str:
    return (KUSTOMIZE / f"base/{component}/{component}.toml").read_text(encoding="utf-8")


@pytest.mark.parametrize("component", POD)
def test_metrics_are_where_they_were(component):
    assert 'listen = "0.0.0.0:9120"' in settings(component)


@pytest.mark.parametrize(
    ("component", "address"), [("controller", "0.0.0.0"), ("node", "127.0.0.1")]
)
def test_health_is_where_it_was(component, address):
    assert f'health_listen = "{address}:17472"' in settings(component)


@pytest.mark.parametrize("component", POD)
def test_the_probes_ask_for_it(component):
    (container,) = pod(component)["containers"]
    live, ready = container["livenessProbe"], container["readinessProbe"]
    assert (live["httpGet"]["path"], ready["httpGet"]["path"]) == ("/healthz", "/readyz")
    assert {probe["httpGet"]["port"] for probe in (live, ready)} == {"health"}
    assert (live["initialDelaySeconds"], live["periodSeconds"]) == (10, 10)
    assert {probe["failureThreshold"] for probe in (live, ready)} == {3}


# --- the webhook ----------------------------------------------------------------------------------

WEBHOOKS = {
    "ipaddresspools": ("v1beta1-ipaddresspool", ["CREATE", "UPDATE"]),
    "l2advertisements": ("v1beta1-l2advertisement", ["CREATE", "UPDATE"]),
    "bgpadvertisements": ("v1beta1-bgpadvertisement", ["CREATE", "UPDATE"]),
    "communities": ("v1beta1-community", ["CREATE", "UPDATE"]),
    "bfdprofiles": ("v1beta1-bfdprofile", ["CREATE", "DELETE"]),
    "bgppeers": ("v1beta2-bgppeer", ["CREATE", "UPDATE"]),
}


@pytest.mark.parametrize("resource", WEBHOOKS)
def test_a_resource_is_reviewed_at_its_path_for_the_same_operations(resource):
    path, operations = WEBHOOKS[resource]
    (configuration,) = objects("components/webhook/webhook.yaml")
    found = [
        each for each in configuration["webhooks"] if resource in each["rules"][0]["resources"]
    ]
    (webhook,) = found
    assert webhook["clientConfig"]["service"]["path"] == f"/validate-metallb-io-{path}"
    assert webhook["rules"][0]["operations"] == operations
    assert (webhook["sideEffects"], webhook["admissionReviewVersions"]) == ("None", ["v1"])
    assert webhook["failurePolicy"] == "Ignore", "differs: what it would refuse is told afterwards"


def in_force(kind, name, **spec):
    """A resource, as an API server would have it."""
    version = "v1beta2" if kind == "BGPPeer" else "v1beta1"
    value = {"apiVersion": f"metallb.io/{version}", "kind": kind}
    return parse_object({**value, "metadata": {"name": name}, "spec": spec}).resource


POOL = {"addresses": ["192.0.2.0/24"]}
PEER = {"myASN": 64512, "peerASN": 64513, "peerAddress": "10.0.0.1"}
HELD = in_force("IPAddressPool", "held", **POOL)
PROFILE, USER = in_force("BFDProfile", "x"), in_force("BGPPeer", "tor", **PEER, bfdProfile="x")
ELSEWHERE = {"operation": "UPDATE", "namespace": "other"}
ALLOWED = [
    pytest.param("IPAddressPool", POOL, {}, id="a pool beside no other"),
    pytest.param("BGPPeer", PEER | {"bfdProfile": "later"}, {}, id="a profile that comes later"),
    pytest.param(
        "BGPPeer", PEER | {"passwordSecret": {"name": "later"}}, {}, id="a Secret that comes later"
    ),
    pytest.param(
        "BGPAdvertisement", {"communities": ["later"]}, {}, id="an alias that comes later"
    ),
    pytest.param(
        "IPAddressPool",
        POOL,
        {"operation": "UPDATE", "namespace": "other"},
        id="an update elsewhere",
    ),
    pytest.param(
        "BFDProfile", {}, {"operation": "DELETE"}, id="the end of a profile without users"
    ),
    pytest.param("IPAddressPool", POOL, {"operation": "DELETE"}, id="the end of a pool"),
    pytest.param("BGPPeer", PEER, {"operation": "DELETE"}, id="the end of a peer"),
    pytest.param("Community", {}, {"operation": "DELETE"}, id="the end of a community"),
]


@pytest.mark.parametrize(("kind", "spec", "more"), ALLOWED)
def test_what_is_allowed(kind, spec, more):
    assert denial(kind, spec, **more) == ""


DENIED = [
    pytest.param(
        "IPAddressPool", POOL, {"namespace": "other"}, NAMESPACE, id="created in another namespace"
    ),
    pytest.param("IPAddressPool", POOL, {"in_force": [HELD]}, "held", id="overlaps another pool"),
    pytest.param("IPAddressPool", {"addresses": ["x"]}, {}, "x", id="does not parse"),
    pytest.param(
        "BGPAdvertisement",
        {"aggregationLength": 16},
        {"in_force": [HELD]},
        "aggregationLength",
        id="an aggregate that is larger than a pool",
    ),
    pytest.param(
        "BFDProfile",
        {},
        {"operation": "DELETE", "in_force": [PROFILE, USER]},
        "tor",
        id="the end of a profile that is used",
    ),
    pytest.param(
        "BGPPeer",
        PEER | {"disableMP": True, "peerPort": -1},
        {},
        "peerPort",
        id="differs: disableMP is no way around, where MetalLB looks no further",
    ),
]


@pytest.mark.parametrize(("kind", "spec", "more", "said"), DENIED)
def test_what_is_denied(kind, spec, more, said):
    assert said in denial(kind, spec, **more)


def test_an_old_field_is_warned_of():
    assert answer("BGPPeer", PEER | {"disableMP": True})["warnings"]


# --- rights ---------------------------------------------------------------------------------------

MAY = {
    ("controller", "services"): "get list watch",
    ("controller", "namespaces"): "get list watch",
    ("controller", "nodes"): "get list watch",
    ("controller", "services/status"): "patch",
    ("controller", "events"): "create",
    ("controller", "validatingwebhookconfigurations"): "",
    ("controller", "customresourcedefinitions"): "",
    ("controller", "configurationstates"): "get list watch create",
    ("controller", "configurationstates/status"): "patch",
    ("controller", "tokenreviews"): "",
    ("controller", "subjectaccessreviews"): "",
    ("controller", "secrets"): "",
    ("controller", "deployments"): "",
    ("controller", "ipaddresspools"): "get list watch",
    ("controller", "ipaddresspools/status"): "patch",
    ("controller", "bgppeers"): "get list watch",
    ("controller", "bgpadvertisements"): "get list watch",
    ("controller", "l2advertisements"): "get list watch",
    ("controller", "communities"): "get list watch",
    ("controller", "bfdprofiles"): "get list watch",
    ("node", "services"): "get list watch",
    ("node", "endpoints"): "",
    ("node", "nodes"): "get list watch",
    ("node", "namespaces"): "get list watch",
    ("node", "endpointslices"): "get list watch",
    ("node", "events"): "create",
    ("node", "servicel2statuses"): "get list watch create delete",
    ("node", "servicebgpstatuses"): "get list watch create delete",
    ("node", "servicel2statuses/status"): "patch",
    ("node", "servicebgpstatuses/status"): "patch",
    ("node", "configurationstates"): "get list watch create",
    ("node", "tokenreviews"): "",
    ("node", "subjectaccessreviews"): "",
    ("node", "frrconfigurations"): "",
    ("node", "pods"): "list",
    ("node", "secrets"): "get list watch",
    ("node", "configmaps"): "",
}


@pytest.mark.parametrize(("component", "resource"), MAY)
def test_a_right_is_no_more_than_is_needed(component, resource):
    rules = [
        rule
        for role in objects(f"base/{component}/rbac.yaml")
        for rule in role.get("rules", ())
        if resource in rule["resources"]
    ]
    verbs = {verb for rule in rules for verb in rule["verbs"]}
    assert verbs == set(MAY[component, resource].split())


# --- deployment -----------------------------------------------------------------------------------


def test_the_controller_is_nobody_and_can_do_nothing():
    spec = pod("controller")
    (container,) = spec["containers"]
    assert spec["securityContext"]["runAsUser"] == 65534
    assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
    assert container["securityContext"]["readOnlyRootFilesystem"]
    assert not spec.get("hostNetwork")


def test_a_node_is_on_the_hosts_network_with_one_capability():
    spec = pod("node")
    (container,) = spec["containers"]
    assert spec["hostNetwork"]
    assert container["securityContext"]["capabilities"]["add"] == ["NET_RAW"]
    assert container["securityContext"]["readOnlyRootFilesystem"]
    tolerated = {each["key"].rpartition("/")[2] for each in spec["tolerations"]}
    assert tolerated == {"control-plane", "master"}


@pytest.mark.parametrize("component", POD)
def test_it_runs_on_linux_and_ends_in_time(component):
    spec = pod(component)
    assert spec["nodeSelector"] == {"kubernetes.io/os": "linux"}
    assert spec["terminationGracePeriodSeconds"] == 10, "differs: it ends in order"


def test_the_namespace_lets_nodes_be_what_they_are():
    (namespace,) = objects("components/namespace/namespace.yaml")
    assert namespace["metadata"]["name"] == NAMESPACE
    labels = namespace["metadata"]["labels"]
    assert labels["pod-security.kubernetes.io/enforce"] == "privileged"


def test_the_controller_reaches_the_api_server_alone():
    (policy,) = objects("components/network-policies/controller.yaml")
    ports = {each["port"] for rule in policy["spec"]["egress"] for each in rule["ports"]}
    assert ports == {443, 6443}
    ports = {each["port"] for rule in policy["spec"]["ingress"] for each in rule["ports"]}
    assert {9120, 9443} <= ports
