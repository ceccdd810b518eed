"""What a Service asks for, and which endpoints serve: every combination of what may be said."""

from itertools import product

import pytest
from proclaim.manifests import parse_object

CURRENT, LEGACY = "metallb.io/", "metallb.universe.tf/"
CONDITIONS = (None, True, False)


def read(notes=None, **spec):
    return parse_object(
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {"name": "web", "annotations": notes or {}},
            "spec": {"type": "LoadBalancer", **spec},
        }
    )


# --- endpoints ----------------------------------------------------------------------------------


@pytest.mark.parametrize(("ready", "serving"), [*product(CONDITIONS, CONDITIONS)])
def test_an_endpoint_serves_if_it_is_ready_or_not_said_to_be_unready_or_is_said_to_serve(
    ready, serving
):
    said = {"ready": ready, "serving": serving}
    conditions = {name: value for name, value in said.items() if value is not None}
    found = parse_object(
        {
            "apiVersion": "discovery.k8s.io/v1",
            "kind": "EndpointSlice",
            "metadata": {"name": "web-1", "labels": {"kubernetes.io/service-name": "web"}},
            "endpoints": [{"addresses": ["10.0.0.1"], "nodeName": "n", "conditions": conditions}],
        }
    )
    serves = ready is None or ready or serving is True
    assert found.resource.serving_nodes == (("n",) if serves else ())


# --- annotations under two prefixes -------------------------------------------------------------

PREFIXES = [
    ({CURRENT: "x"}, "x"),
    ({LEGACY: "x"}, "x"),
    ({CURRENT: "x", LEGACY: "y"}, "x"),
    ({CURRENT: "", LEGACY: "y"}, ""),
    ({CURRENT: "x", LEGACY: ""}, "x"),
    ({CURRENT: ""}, ""),
    ({}, ""),
]


@pytest.mark.parametrize(("notes", "value"), PREFIXES)
def test_the_current_prefix_goes_before_the_old_one_even_when_it_says_nothing(notes, value):
    def under(key):
        return read({prefix + key: said for prefix, said in notes.items()}).resource

    assert under("address-pool").requested_pool == value
    assert under("allow-shared-ip").sharing_key == value


@pytest.mark.parametrize(
    ("notes", "requested"),
    [
        ({CURRENT: "192.0.2.1", LEGACY: "192.0.2.2"}, ("192.0.2.1",)),
        ({CURRENT: "", LEGACY: "192.0.2.2"}, ()),
        ({LEGACY: "192.0.2.2"}, ("192.0.2.2",)),
        ({CURRENT: " 192.0.2.1 ,\t2001:DB8::1 "}, ("192.0.2.1", "2001:db8::1")),
        ({CURRENT: "2001:db8:0::1,192.0.2.1"}, ("2001:db8::1", "192.0.2.1")),
    ],
)
def test_addresses_are_requested_in_the_order_given_and_as_they_are_written_at_best(
    notes, requested
):
    found = read({f"{prefix}loadBalancerIPs": said for prefix, said in notes.items()})
    assert found.problems == ()
    assert found.resource.requested_addresses == requested


WRONG = {
    "three addresses": "192.0.2.1,2001:db8::1,192.0.2.2",
    "two of one family": "192.0.2.1,192.0.2.2",
    "one twice": "2001:db8::1,2001:db8:0::1",
    "an address and nothing": "192.0.2.1,",
    "a CIDR": "192.0.2.1/32",
    "a range": "192.0.2.1-192.0.2.2",
    "a name": "web.example.org",
    "a semicolon": "192.0.2.1;2001:db8::1",
}


@pytest.mark.parametrize("text", WRONG.values(), ids=WRONG)
def test_a_request_is_refused_whole_with(text):
    for prefix in (CURRENT, LEGACY):
        found = read({f"{prefix}loadBalancerIPs": text})
        assert found.resource is None
        assert [problem.field for problem in found.problems] == [
            f"metadata.annotations[{prefix}loadBalancerIPs]"
        ]


def test_the_field_and_the_annotation_for_an_address_are_not_given_together():
    notes = {"metallb.io/loadBalancerIPs": "192.0.2.1"}
    assert read(notes, loadBalancerIP="192.0.2.1").problems
    assert read(loadBalancerIP="192.0.2.1").resource.requested_addresses == ("192.0.2.1",)
    empty = read({"metallb.io/loadBalancerIPs": ""}, loadBalancerIP="192.0.2.1")
    assert empty.resource.requested_addresses == ("192.0.2.1",)


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ({"clusterIP": "10.0.0.1"}, ("10.0.0.1",)),
        ({"clusterIPs": ["10.0.0.1"]}, ("10.0.0.1",)),
        ({"clusterIP": "10.0.0.1", "clusterIPs": ["10.0.0.1", "fd00::1"]}, ("10.0.0.1", "fd00::1")),
        ({"clusterIP": "None"}, ("None",)),
        ({"clusterIP": ""}, ()),
        ({"clusterIPs": []}, ()),
    ],
)
def test_the_list_of_cluster_ips_goes_before_the_single_one(spec, expected):
    assert read(**spec).resource.cluster_ips == expected


@pytest.mark.parametrize(
    "unused",
    [
        {"internalTrafficPolicy": "Local"},
        {"sessionAffinity": "ClientIP"},
        {"loadBalancerSourceRanges": ["192.0.2.0/24"]},
        {"healthCheckNodePort": 30000},
        {"allocateLoadBalancerNodePorts": False},
        {"externalIPs": ["192.0.2.1"]},
        {"publishNotReadyAddresses": True},
    ],
    ids=lambda unused: next(iter(unused)),
)
def test_nothing_depends_on(unused):
    assert read(**unused).resource == read().resource


@pytest.mark.parametrize("number", ["nodePort", "targetPort"])
def test_of_a_port_only_number_and_protocol_matter(number):
    one, other = ({"port": 80, "name": "a", number: 30080}, {"port": 80, "name": "b"})
    assert read(ports=[one]).resource == read(ports=[other]).resource


# --- what the status claims ---------------------------------------------------------------------


def claimed(notes=None, *addresses):
    return parse_object(
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {"name": "web", "annotations": notes or {}},
            "spec": {"type": "LoadBalancer"},
            "status": {"loadBalancer": {"ingress": [{"ip": text} for text in addresses]}},
        }
    ).resource.status_addresses


def test_the_status_claims_what_it_shows():
    assert claimed(None, "192.0.2.1", "2001:DB8::1") == ("192.0.2.1", "2001:db8::1")


AGREED = "proclaim.io/agreed-addresses"


def test_what_was_agreed_counts_while_somebody_else_rewrites_the_status():
    assert claimed({AGREED: "192.0.2.1, 2001:db8::1"}, "203.0.113.9") == (
        "192.0.2.1",
        "2001:db8::1",
    )


@pytest.mark.parametrize("text", ["", "nonsense", "192.0.2.1,", "192.0.2.1;192.0.2.2"])
def test_an_agreement_that_makes_no_sense_is_none(text):
    assert claimed({AGREED: text}, "203.0.113.9") == ("203.0.113.9",)
