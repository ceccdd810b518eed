"""What each field of a `metallb.io` kind accepts at its borders, and what it is when left out."""

import pytest
from proclaim.manifests import parse_object
from proclaim.model import (
    BFDProfile,
    BGPAdvertisement,
    BGPPeer,
    Community,
    L2Advertisement,
    Pool,
    ServiceAllocation,
)

NEEDED = {
    "IPAddressPool": {"addresses": ["192.0.2.0/24"]},
    "BGPPeer": {"myASN": 64512, "peerASN": 64513, "peerAddress": "192.0.2.1"},
}
UINT32 = 4294967295


def read(kind, spec, version="v1beta1"):
    value = {"apiVersion": f"metallb.io/{version}", "kind": kind, "metadata": {"name": "one"}}
    return parse_object({**value, "spec": {**NEEDED.get(kind, {}), **spec}})


@pytest.mark.parametrize(
    ("kind", "version", "expected"),
    [
        ("IPAddressPool", "v1beta1", Pool("one", addresses=("192.0.2.0/24",))),
        ("L2Advertisement", "v1beta1", L2Advertisement("one")),
        ("BGPAdvertisement", "v1beta1", BGPAdvertisement("one")),
        ("BGPPeer", "v1beta1", BGPPeer("one", 64512, 64513, peer_address="192.0.2.1")),
        ("BGPPeer", "v1beta2", BGPPeer("one", 64512, 64513, peer_address="192.0.2.1")),
        ("BFDProfile", "v1beta1", BFDProfile("one")),
        ("Community", "v1beta1", Community("one")),
    ],
)
def test_what_is_left_out_is_as_if_it_were_not_there(kind, version, expected):
    assert read(kind, {}, version).resource == expected


def test_the_defaults_are_those_of_metallb():
    pool, ad, peer = Pool("p"), BGPAdvertisement("a"), BGPPeer("t", 1)
    assert (pool.auto_assign, pool.avoid_buggy_ips, pool.service_allocation) == (True, False, None)
    assert (ad.aggregation_length, ad.aggregation_length_v6, ad.local_pref) == (32, 128, 0)
    assert (peer.peer_port, peer.hold_seconds, peer.ebgp_multi_hop) == (179, None, False)
    assert ServiceAllocation().priority == 0


BORDERS = [
    ("BGPAdvertisement", "aggregationLength", 1, 32),
    ("BGPAdvertisement", "aggregationLengthV6", 1, 128),
    ("BGPAdvertisement", "localPref", 0, UINT32),
    ("BGPPeer", "myASN", 1, UINT32),
    ("BGPPeer", "localASN", 1, UINT32),
    ("BGPPeer", "peerPort", 1, 65535),
    ("BFDProfile", "receiveInterval", 10, 60000),
    ("BFDProfile", "transmitInterval", 10, 60000),
    ("BFDProfile", "detectMultiplier", 2, 255),
    ("BFDProfile", "echoInterval", 10, 60000),
    ("BFDProfile", "minimumTtl", 1, 254),
]


@pytest.mark.parametrize(("kind", "field", "low", "high"), BORDERS)
def test_a_number_is_accepted_up_to_its_borders_and_not_beyond(kind, field, low, high):
    version = "v1beta2" if kind == "BGPPeer" else "v1beta1"
    for number in (low, high):
        assert read(kind, {field: number}, version).problems == ()
    for number in (low - 1, high + 1):
        (problem,) = read(kind, {field: number}, version).problems
        assert problem.field == f"spec.{field}"
        assert problem.problem == f"{number} is not a whole number from {low} to {high}"


def test_the_older_peer_takes_port_zero_for_the_usual_one():
    assert read("BGPPeer", {"peerPort": 0}).resource.peer_port == 179


def test_the_older_peer_takes_zero_for_a_timer_that_nobody_set():
    unset = read("BGPPeer", {"holdTime": "0s", "keepaliveTime": "0s"})
    assert (unset.resource.hold_seconds, unset.resource.keepalive_seconds) == (None, None)
    off = read("BGPPeer", {"holdTime": "0s", "keepaliveTime": "0s"}, "v1beta2")
    assert (off.resource.hold_seconds, off.resource.keepalive_seconds) == (0, 0)


@pytest.mark.parametrize(
    ("spec", "accepted"),
    [
        ({"peerASN": 64512, "ebgpMultiHop": True}, False),
        ({"peerASN": 0, "dynamicASN": "internal", "ebgpMultiHop": True}, True),
        ({"peerASN": 0, "dynamicASN": "external", "ebgpMultiHop": True}, True),
    ],
)
def test_multi_hop_is_refused_only_where_both_numbers_are_written(spec, accepted):
    assert (read("BGPPeer", spec, "v1beta2").problems == ()) is accepted


def test_service_selectors_stand_beside_the_default_lengths():
    selectors = [{"matchLabels": {"app": "web"}}]
    spec = {"serviceSelectors": selectors, "aggregationLength": 32, "aggregationLengthV6": 128}
    assert read("BGPAdvertisement", spec).problems == ()
    assert read("BGPAdvertisement", {**spec, "aggregationLength": 31}).problems


@pytest.mark.parametrize(
    ("kind", "field"),
    [
        ("L2Advertisement", "ipAddressPools"),
        ("BGPAdvertisement", "ipAddressPools"),
        ("BGPAdvertisement", "peers"),
        ("BGPAdvertisement", "communities"),
    ],
)
def test_a_name_given_twice_is_a_problem(kind, field):
    (problem,) = read(kind, {field: ["a", "b", "a"]}).problems
    assert (problem.field, problem.problem) == (f"spec.{field}[2]", "'a' is given twice")


@pytest.mark.parametrize(
    ("kind", "field"),
    [
        ("L2Advertisement", "ipAddressPoolSelectors"),
        ("L2Advertisement", "nodeSelectors"),
        ("L2Advertisement", "serviceSelectors"),
        ("BGPAdvertisement", "ipAddressPoolSelectors"),
        ("BGPAdvertisement", "nodeSelectors"),
        ("BGPAdvertisement", "serviceSelectors"),
        ("BGPPeer", "nodeSelectors"),
    ],
)
def test_a_selector_given_twice_is_a_problem_however_its_values_are_ordered(kind, field):
    def selector(*values):
        return {"matchExpressions": [{"key": "a", "operator": "In", "values": list(values)}]}

    (problem,) = read(kind, {field: [selector("x", "y"), selector("y", "x")]}).problems
    assert problem.field == f"spec.{field}[1]"


def test_interfaces_and_preferences_may_be_given_twice():
    preference = {"weight": 5, "preference": {"matchLabels": {"a": "b"}}}
    found = read(
        "L2Advertisement",
        {"interfaces": ["eth0", "eth0"], "preferredNodeSelectors": [preference, preference]},
    )
    assert found.problems == ()
    assert found.resource.interfaces == ("eth0",)
    assert len(found.resource.preferred_nodes) == 2
