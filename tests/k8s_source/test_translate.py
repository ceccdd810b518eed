"""Objects of an API server become what the same objects are in a manifest."""

from __future__ import annotations

import json
from base64 import b64encode
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from proclaim import Ref
from proclaim.manifests import parse_object
from proclaim.model import EndpointSlice, Node, Service
from proclaim_k8s_source.watch.translate import gone, translator

TRANSCRIPTS = Path(__file__).parent.parent / "apiserver" / "transcripts"
VERSIONS = {"EndpointSlice": "discovery.k8s.io/v1"}


def translated(value, kind=None, version=None):
    kind = kind or value["kind"]
    raw = msgspec.Raw(msgspec.json.encode(value))
    item, _ = translator(kind, version or value["apiVersion"])(raw)
    return item


def recorded():
    """Every object of ours that a real server has sent."""
    for path in sorted(TRANSCRIPTS.glob("*.jsonl")):
        for line in path.read_text().splitlines():
            answer = json.loads(line).get("response", {})
            body = answer.get("body")
            found = [each["line"]["object"] for each in answer.get("lines", ())]
            if isinstance(body, dict) and "items" in body:
                kind, version = body["kind"].removesuffix("List"), body["apiVersion"]
                found += [{"kind": kind, "apiVersion": version, **item} for item in body["items"]]
            elif isinstance(body, dict):
                found.append(body)
            yield from (each for each in found if each.get("metadata", {}).get("name"))


def test_what_a_real_server_sent_is_read_as_a_manifest_is():
    read = set()
    for value in recorded():
        parsed = parse_object(value)
        if parsed.resource is None and not parsed.problems:
            continue
        item = translated(value)
        resource = item.resource
        if isinstance(resource, Service):  # the one thing that a manifest cannot say
            resource = msgspec.structs.replace(resource, endpoints_listed=False)
        assert (resource, item.problems) == (parsed.resource, parsed.problems)
        assert parsed.resource is None or item.ref == parsed.resource.ref
        read.add(value["kind"])
    assert read >= {"Service", "EndpointSlice", "Node", "IPAddressPool", "BGPPeer"}


def test_the_version_of_an_object_comes_with_it():
    value = {"metadata": {"name": "web", "namespace": "shop", "resourceVersion": "7"}}
    raw = msgspec.Raw(msgspec.json.encode(value))
    assert translator("Service", "v1")(raw)[1] == "7"
    assert gone("Service", raw) == (gone("Service", raw)[0], "7")
    assert gone("Service", raw)[0].ref == Ref("Service", "shop", "web")


# --- Services ----------------------------------------------------------------------------------


def service(spec=None, status=None, **metadata):
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "web", "namespace": "shop", **metadata},
        "spec": {"type": "LoadBalancer", **(spec or {})},
        "status": status or {"loadBalancer": {}},
    }


def ingress(*entries):
    return {"loadBalancer": {"ingress": list(entries)}}


def a_service(**fields):
    return Service(**{"namespace": "shop", "name": "web", "type": "LoadBalancer", **fields})


SERVICE_ROWS = [
    ("type", service({"type": "NodePort"}), a_service(type="NodePort")),
    (
        "class",
        service({"loadBalancerClass": "x"}),
        a_service(load_balancer_class="x"),
    ),
    (
        "loadBalancerIP",
        service({"loadBalancerIP": "192.0.2.1"}),
        a_service(requested_addresses=("192.0.2.1",)),
    ),
    (
        "clusterIPs",
        service({"clusterIP": "10.0.0.1", "clusterIPs": ["10.0.0.1", "fd00::1"]}),
        a_service(cluster_ips=("10.0.0.1", "fd00::1")),
    ),
    ("clusterIP", service({"clusterIP": "10.0.0.1"}), a_service(cluster_ips=("10.0.0.1",))),
    ("headless", service({"clusterIP": "None"}), a_service(cluster_ips=("None",))),
    (
        "families",
        service({"ipFamilyPolicy": "PreferDualStack", "ipFamilies": ["IPv6", "IPv4"]}),
        a_service(ip_family_policy="PreferDualStack", ip_families=(6, 4)),
    ),
    (
        "local",
        service({"externalTrafficPolicy": "Local", "selector": {"b": "2", "a": "1"}}),
        a_service(external_traffic_policy="Local", selector=(("a", "1"), ("b", "2"))),
    ),
    ("labels", service(labels={"b": "2", "a": "1"}), a_service(labels=(("a", "1"), ("b", "2")))),
    (
        "status",
        service(status=ingress({"ip": "192.0.2.1"}, {"hostname": "x"}, {"ip": "2001:DB8::1"})),
        a_service(status_addresses=("192.0.2.1", "2001:db8::1")),
    ),
    (
        "the current prefix wins, even when it is empty",
        service(
            annotations={
                "metallb.io/address-pool": "",
                "metallb.universe.tf/address-pool": "old",
                "kept.by/others": "x",
            }
        ),
        a_service(
            annotations=(
                ("metallb.io/address-pool", ""),
                ("metallb.universe.tf/address-pool", "old"),
            )
        ),
    ),
    (
        "not used",
        service(
            {
                "internalTrafficPolicy": "Local",
                "sessionAffinity": "ClientIP",
                "loadBalancerSourceRanges": ["10.0.0.0/8"],
                "healthCheckNodePort": 31000,
                "allocateLoadBalancerNodePorts": False,
                "externalIPs": ["192.0.2.9"],
                "publishNotReadyAddresses": True,
            }
        ),
        a_service(),
    ),
]


@pytest.mark.parametrize(
    ("value", "resource"),
    [row[1:] for row in SERVICE_ROWS],
    ids=[row[0] for row in SERVICE_ROWS],
)
def test_given_a_field_of_a_service_then_the_noun_has_it(value, resource):
    item = translated(value)
    assert item.resource == msgspec.structs.replace(resource, endpoints_listed=True)
    assert item.problems == ()


def test_ports_are_protocol_and_port():
    ports = [{"protocol": "UDP", "port": 53, "nodePort": 30053, "targetPort": "dns", "name": "d"}]
    found = translated(service({"ports": ports})).resource.ports
    assert [(port.protocol, port.port) for port in found] == [("UDP", 53)]


def test_a_contradiction_is_a_problem_that_names_the_service():
    value = service(
        {"loadBalancerIP": "192.0.2.1"}, annotations={"metallb.io/loadBalancerIPs": "a"}
    )
    item = translated(value)
    assert item.resource is None
    assert [str(problem) for problem in item.problems] == [
        "Service/shop/web: spec.loadBalancerIP: is given together with the annotation "
        "metallb.io/loadBalancerIPs; drop one"
    ]


@pytest.mark.parametrize(
    ("value", "wanted"),
    [
        (service(), True),
        (service({"loadBalancerClass": "other"}), True),
        (service({"type": "ClusterIP"}), False),
        (service({"type": "NodePort"}), False),
        (service({"type": "ClusterIP"}, ingress({"ip": "192.0.2.1"})), True),
        (
            service({"type": "ClusterIP"}, annotations={"metallb.io/ip-allocated-from-pool": "p"}),
            True,
        ),
    ],
)
def test_a_service_is_wanted_that_is_or_was_of_type_load_balancer(value, wanted):
    assert translated(value).wanted is wanted


def test_what_is_shown_of_a_service_is_what_writers_compare():
    entry = {"ip": "192.0.2.1", "ipMode": "VIP"}
    value = service(
        status=ingress(entry),
        annotations={"metallb.io/ip-allocated-from-pool": "p"},
        resourceVersion="9",
        uid="u",
    )
    item = translated(value)
    assert item.uid == "u"
    assert list(item.shown.ingress) == [entry]
    assert (item.shown.pool, item.shown.resource_version) == ("p", "9")


# --- EndpointSlices ----------------------------------------------------------------------------


def endpoint_slice(*endpoints):
    return {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {
            "name": "web-1",
            "namespace": "shop",
            "labels": {"kubernetes.io/service-name": "web"},
        },
        "endpoints": list(endpoints),
    }


def endpoint(node="n1", addresses=("10.0.0.1",), **conditions):
    made = {"addresses": list(addresses), "conditions": conditions}
    return {**made, "nodeName": node} if node else made


def reduced(*nodes, elsewhere=False):
    return EndpointSlice(
        namespace="shop",
        name="web-1",
        service="web",
        serving_nodes=nodes,
        serving_elsewhere=elsewhere,
    )


@pytest.mark.parametrize("ready", [True, False, None])
@pytest.mark.parametrize("serving", [True, False, None])
def test_an_endpoint_serves_when_it_is_ready_or_serving(ready, serving):
    value = endpoint_slice(endpoint(ready=ready, serving=serving))
    serves = ready is not False or serving is True
    assert translated(value).resource == (reduced("n1") if serves else reduced())


def test_an_endpoint_without_conditions_serves():
    assert translated(endpoint_slice({"addresses": ["10.0.0.1"], "nodeName": "n1"})).resource == (
        reduced("n1")
    )


def test_a_terminating_endpoint_serves_while_it_says_so():
    value = endpoint_slice(endpoint(ready=False, serving=True, terminating=True))
    assert translated(value).resource == reduced("n1")


def test_an_endpoint_without_addresses_serves_nobody():
    assert translated(endpoint_slice(endpoint(addresses=()))).resource == reduced()


def test_an_endpoint_without_a_node_is_local_to_none():
    assert translated(endpoint_slice(endpoint(node=None))).resource == reduced(elsewhere=True)


def test_many_endpoints_are_the_nodes_that_they_are_on():
    value = endpoint_slice(*(endpoint(node=f"n{at % 3}") for at in range(100)))
    assert translated(value).resource == reduced("n0", "n1", "n2")


FLAGS = st.sampled_from([True, False, None])
ODD = st.sampled_from([True, False, None, "yes", 1, [], {}])
ADDRESSES = st.sampled_from([["10.0.0.1"], ["10.0.0.1", "10.0.0.2"]])
NODES = st.sampled_from(["n1", "n2", "n3", "", None])


def endpoints_of(flags, nodes):
    conditions = st.fixed_dictionaries(
        {}, optional={"ready": flags, "serving": flags, "terminating": flags}
    )
    return st.lists(
        st.fixed_dictionaries(
            {"addresses": ADDRESSES},
            optional={"conditions": st.none() | conditions, "nodeName": nodes, "zone": nodes},
        ),
        max_size=6,
    )


@given(st.none() | endpoints_of(FLAGS, NODES))
def test_the_fast_way_reads_slices_as_manifests_are_read(endpoints):
    value = {**endpoint_slice(), "endpoints": endpoints}
    item = translated(value)
    assert item.problems == ()
    assert item.resource == parse_object(value).resource


@given(endpoints_of(ODD, NODES | st.just(7)))
def test_slices_with_odd_fields_have_the_problems_of_manifests(endpoints):
    value = endpoint_slice(*endpoints)
    item, parsed = translated(value), parse_object(value)
    assert (item.resource, item.problems) == (parsed.resource, parsed.problems)


# --- Nodes -------------------------------------------------------------------------------------


def node(conditions=(), addresses=(), spec=None, **labels):
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": "n1", "labels": labels},
        "spec": spec or {},
        "status": {
            "conditions": list(conditions),
            "addresses": list(addresses),
            "images": [{"names": ["x"], "sizeBytes": 1}],
        },
    }


@pytest.mark.parametrize(
    ("value", "resource"),
    [
        (
            node([{"type": "NetworkUnavailable", "status": "True"}]),
            Node("n1", network_unavailable=True),
        ),
        (node([{"type": "NetworkUnavailable", "status": "False"}]), Node("n1")),
        (node([{"type": "NetworkUnavailable", "status": "Unknown"}]), Node("n1")),
        (node([{"type": "Ready", "status": "False"}]), Node("n1")),
        (
            node(spec={"unschedulable": True, "taints": [{"key": "a", "effect": "NoExecute"}]}),
            Node("n1"),
        ),
        (
            node(**{"node.kubernetes.io/exclude-from-external-load-balancers": ""}),
            Node("n1", (("node.kubernetes.io/exclude-from-external-load-balancers", ""),)),
        ),
        (
            node(
                addresses=[
                    {"type": "Hostname", "address": "n1"},
                    {"type": "InternalIP", "address": "10.0.0.1"},
                    {"type": "ExternalIP", "address": "192.0.2.1"},
                    {"type": "InternalIP", "address": "FD00::1"},
                ]
            ),
            Node("n1", addresses=("10.0.0.1", "fd00::1")),
        ),
    ],
)
def test_given_a_node_then_its_noun_holds_what_matters(value, resource):
    assert translated(value).resource == resource


# --- metallb.io --------------------------------------------------------------------------------


def peer(version="v1beta2", **spec):
    return {
        "apiVersion": f"metallb.io/{version}",
        "kind": "BGPPeer",
        "metadata": {"name": "tor", "namespace": "metallb-system", "resourceVersion": "5"},
        "spec": {"myASN": 64512, "peerASN": 64513, "peerAddress": "10.0.0.1", **spec},
    }


def test_an_inline_password_is_beside_the_noun_and_never_shown():
    item = translated(peer(password="planted"))
    assert item.password == "planted"
    assert "planted" not in repr(item)
    assert "planted" not in repr(item.resource)


@pytest.mark.parametrize("version", ["v1beta1", "v1beta2"])
def test_both_versions_of_a_peer_are_read(version):
    assert translated(peer(version)).resource == parse_object(peer(version)).resource


def test_a_custom_resource_may_say_what_only_the_server_writes():
    value = peer()
    value["metadata"] |= {"generation": 3, "managedFields": [{"manager": "x"}], "uid": "u"}
    assert translated(value).problems == ()


def test_the_problem_of_a_custom_resource_names_it():
    item = translated(peer(peerASN=0))
    assert item.resource is None
    assert [(problem.kind, problem.name, problem.file) for problem in item.problems] == [
        ("BGPPeer", "tor", "")
    ]


def test_the_status_of_a_pool_is_shown_to_writers():
    value = {
        "apiVersion": "metallb.io/v1beta1",
        "kind": "IPAddressPool",
        "metadata": {"name": "p", "namespace": "metallb-system", "resourceVersion": "8"},
        "spec": {"addresses": ["192.0.2.0/24"]},
        "status": {"assignedIPv4": 3},
    }
    item = translated(value)
    assert item.resource is not None
    assert json.loads(item.shown.status) == {"assignedIPv4": 3}


# --- Secrets -----------------------------------------------------------------------------------


def secret(kind="kubernetes.io/basic-auth", **data):
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "bgp", "namespace": "metallb-system"},
        "type": kind,
        "data": {key: b64encode(value).decode() for key, value in data.items()},
    }


def test_the_password_of_a_secret_is_never_shown():
    item = translated(secret(password=b"planted"))
    assert (item.password, item.complaint) == ("planted", "")
    assert "planted" not in repr(item)


@pytest.mark.parametrize(
    ("value", "complaint"),
    [
        (secret("Opaque", password=b"x"), "of another type"),
        (secret(username=b"x"), "without the key password"),
        (secret(password=b"\xff"), "no UTF-8 text"),
        (secret(password=b""), "empty"),
        (secret(password=b"x" * 81), "longer than 80 bytes"),
    ],
)
def test_a_secret_that_cannot_be_used_says_what_is_wrong(value, complaint):
    item = translated(value)
    assert complaint in item.complaint
    assert item.password == ""
