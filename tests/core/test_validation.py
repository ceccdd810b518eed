"""What keeps one resource out of those in force, asked before it is stored."""

import pytest
from proclaim.model import (
    BFDProfile,
    BGPAdvertisement,
    BGPPeer,
    Community,
    L2Advertisement,
    Problem,
)
from proclaim.testing import given, matching, node, pool, rejected
from proclaim.validation import KINDS, objections

POOL = pool("p", "192.0.2.0/24")
AD = BGPAdvertisement("ad", local_pref=100)
PEER = BGPPeer("r1", 64500, 64501, peer_address="203.0.113.1")
ALIASES = Community("c", (("blue", "64500:1"),))


CONTRADICTIONS = [
    ([POOL], pool("q", "198.51.100.0/24", "192.0.2.128/25"), "spec.addresses[1]"),
    ([POOL], BGPAdvertisement("wide", aggregation_length=16), "spec.aggregationLength"),
    ([BGPAdvertisement("w", aggregation_length=16)], POOL, "spec.addresses[0]"),
    ([POOL, AD], BGPAdvertisement("ad2", local_pref=200), "spec.localPref"),
    ([ALIASES], Community("d", (("blue", "64500:2"),)), "spec.communities[0].name"),
    ([PEER], BGPPeer("r2", 64500, 64502, peer_address="203.0.113.1"), "spec.peerAddress"),
]


@pytest.mark.parametrize(("in_force", "new", "field"), CONTRADICTIONS)
def test_what_would_be_rejected_is_told_with_its_field(in_force, new, field):
    (problem,) = objections(in_force, new)
    assert (problem.kind, problem.name, problem.field) == (new.ref.kind, new.ref.name, field)
    given(*in_force).when(new).then(rejected(new, problem.problem))


def test_a_pool_that_two_advertisements_tear_is_told_without_a_field():
    ads = [BGPAdvertisement("a", local_pref=1), BGPAdvertisement("b", local_pref=2)]
    (problem,) = objections(ads, POOL)
    assert problem == Problem(kind="IPAddressPool", name="p", problem=problem.problem)
    given(*ads).when(POOL).then(rejected(POOL, problem.problem))


def test_a_resource_takes_the_place_of_its_namesake():
    assert objections([POOL], pool("p", "192.0.2.0/25")) == ()
    assert objections([PEER], PEER) == ()


@pytest.mark.parametrize(
    "new",
    [
        BGPAdvertisement("ad", communities=("no-such-alias",)),
        BGPPeer("r", 1, 2, peer_address="203.0.113.9", bfd_profile="no-such-profile"),
        L2Advertisement("l2", pools=("no-such-pool",)),
        BFDProfile("fast", receive_interval_ms=10),
    ],
)
def test_what_is_not_there_yet_is_no_objection(new):
    assert objections([POOL, ALIASES], new) == ()


def test_an_alias_may_be_named_first_even_by_one_that_named_none():
    assert objections([AD], BGPAdvertisement("ad", local_pref=100, communities=("later",))) == ()


def test_nodes_tell_whether_selectors_meet():
    one = BGPPeer("r1", 64500, 64501, peer_address="203.0.113.1", node_selectors=matching(rack="a"))
    other = BGPPeer(
        "r2", 64500, 64501, peer_address="203.0.113.1", node_selectors=matching(rack="b")
    )
    assert objections([one], other)
    apart = [node("n1", {"rack": "a"}), node("n2", {"rack": "b"})]
    assert objections([one, *apart], other) == ()


def test_the_kinds_that_matter_are_named():
    assert {"Node", "IPAddressPool", "Community", "BGPPeer", "BGPAdvertisement"} == set(KINDS)
