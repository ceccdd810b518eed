"""Communities that define one alias, and peers that are one session."""

import pytest
from core.scenes import ad
from proclaim.events import RejectionWithdrawn
from proclaim.model import (
    BGPPeer,
    Community,
    Spread,
)
from proclaim.terrain import peers_of, survey
from proclaim.testing import (
    change,
    given,
    gone,
    listed,
    listing,
    matching,
    node,
    observed,
    pool,
    rejected,
    removed,
    service,
)

LISTED = listed()
POOL = pool("p", "192.0.2.0/24")


RACKS = (node("n1", {"rack": "a"}), node("n2", {"rack": "b"}))
EVERYWHERE = "every node"


# --- aliases -------------------------------------------------------------------------------------

BLUE = Community("blues", (("blue", "64512:1"),))
TWICE = "'blue' is 64512:2 here and 64512:1 in Community blues; an alias is accepted from one "
USES = ad("uses", communities=("blue", "64512:9"))


def test_an_alias_comes_from_one_community():
    other = Community("all", (("blue", "64512:2"), ("green", "64512:3")))
    out = given(BLUE).when(other)
    out.then(rejected(other, TWICE + "Community"))
    out.when(gone(BLUE)).then(removed(BLUE), observed(other))


def test_of_two_new_communities_the_first_by_name_defines_the_alias():
    other = Community("reds", (("blue", "64512:2"),))
    given().when(change(other, BLUE)).then(observed(BLUE), rejected(other, TWICE + "Community"))


def test_an_alias_moves_from_one_community_to_another_in_one_listing():
    empty, other = Community("blues"), Community("all", (("blue", "64512:2"),))
    given(BLUE).when(listing(empty, other)).then(observed(other), observed(empty), LISTED)


def test_an_alias_with_two_values_in_one_community_is_none():
    odd = Community("odd", (("blue", "64512:1"), ("blue", "64512:2")))
    given().when(odd).then(
        rejected(odd, "'blue' is 64512:1 and 64512:2; one value is accepted"),
    )


UNDEFINED = (
    "'blue' is an alias that no Community defines yet; a:b, large:a:b:c or a defined alias is "
    "accepted"
)


def test_a_new_advertisement_with_an_alias_to_come_is_in_force_and_silent():
    given(POOL).when(USES, BLUE).then(observed(USES), observed(BLUE))


def test_an_edit_that_names_an_alias_to_come_waits_for_it():
    before = ad("uses")
    out = given(POOL, before).when(USES)
    out.then(rejected(USES, UNDEFINED))
    out.when(BLUE).then(observed(BLUE), observed(USES))


def test_an_edit_of_what_was_silent_anyway_comes_into_force():
    given(POOL, ad("uses", communities=("green",))).when(USES).then(observed(USES))


def test_an_alias_and_the_edit_that_names_it_arrive_together():
    given(POOL, ad("uses")).when(change(USES, BLUE)).then(observed(BLUE), observed(USES))


def test_an_alias_that_steps_back_takes_the_edit_that_names_it_with_it():
    both = Community("reds", (("blue", "64512:2"), ("red", "64512:7")))
    reddish = ad("uses", communities=("red",))
    given(POOL, BLUE, ad("uses")).when(change(both, reddish)).then(
        rejected(both, TWICE + "Community"),
        rejected(reddish, UNDEFINED.replace("blue", "red")),
    )


def test_a_text_of_three_parts_is_an_alias_that_somebody_may_define():
    odd = ad("uses", communities=("1:2:3",))
    given(POOL, ad("uses")).when(odd).then(rejected(odd, UNDEFINED.replace("blue", "1:2:3")))


def test_the_last_value_of_an_alias_stays_in_use_when_its_community_goes():
    out = given(POOL, BLUE, USES, service("web")).state
    assert survey(out, "n1", Spread.EVERY_NODE).aliases == {"blue": "64512:1"}
    left = given(POOL, BLUE, USES).when(gone(BLUE))
    left.then(removed(BLUE))
    assert survey(left.state, "n1", Spread.EVERY_NODE).aliases == {"blue": "64512:1"}
    edited = ad("uses", communities=("blue",), local_pref=5)
    assert left.when(edited).then(observed(edited))
    other = Community("other", (("blue", "64512:8"),))
    redefined = left.when(other)
    redefined.then(observed(other))
    assert survey(redefined.state, "n1", Spread.EVERY_NODE).aliases == {"blue": "64512:8"}


def test_the_last_value_is_that_of_the_last_edit():
    edited = Community("blues", (("blue", "64512:2"),))
    out = given(BLUE).when(edited, Community("blues"))
    assert out.state.aliases == {"blue": "64512:2"}


# --- two peers, one session ----------------------------------------------------------------------


def peer(name, address="203.0.113.1", **more):
    return BGPPeer(name, 64512, **{"peer_asn": 64513, "peer_address": address, **more})


ONE, TWO = peer("one"), peer("two", peer_asn=64514)


def same(name, where=EVERYWHERE, session="203.0.113.1 port 179"):
    return (
        f"would run the session of BGPPeer {name} on {where} too ({session}); another "
        "peerAddress, interface, peerPort, vrf or sourceAddress is accepted, or nodeSelectors "
        "that select other nodes"
    )


def test_of_two_peers_that_are_one_session_the_one_in_force_stays():
    given().when(change(TWO, ONE)).then(observed(ONE), rejected(TWO, same("one")))
    given(TWO).when(ONE).then(rejected(ONE, same("two")))


def test_a_peer_that_moves_onto_another_keeps_its_last_good_value_until_it_goes():
    before = peer("two", "203.0.113.2")
    out = given(ONE, before).when(TWO)
    out.then(rejected(TWO, same("one")))
    assert out.state.get(before.ref).resource == before
    out.when(gone(ONE)).then(removed(ONE), observed(TWO))
    out.when(before).then(RejectionWithdrawn(TWO.ref))


def test_two_peers_swap_their_addresses():
    before = peer("one"), peer("two", "203.0.113.2")
    after = peer("one", "203.0.113.2"), peer("two")
    given(*before).when(listing(*after)).then(observed(after[0]), observed(after[1]), LISTED)


@pytest.mark.parametrize(
    "more",
    [
        {"peer_address": "203.0.113.2"},
        {"peer_port": 1179},
        {"vrf": "red"},
        {"source_address": "203.0.113.9"},
        {"peer_address": "", "interface": "eth1"},
    ],
    ids=lambda more: next(iter(more)),
)
def test_peers_that_differ_in_what_makes_a_session_are_two(more):
    other = peer("two", **{"address": "203.0.113.1", **more})
    given(ONE).when(other).then(observed(other))


def test_two_peers_on_one_interface_are_one_session():
    one, two = (peer(name, "", interface="eth1", vrf="red") for name in ("one", "two"))
    session = "eth1 port 179 in VRF red"
    given(one).when(two).then(rejected(two, same("one", session=session)))


def test_one_session_on_different_nodes_is_two_and_the_nodes_decide():
    one = peer("one", node_selectors=matching(rack="a"))
    two = peer("two", node_selectors=matching(rack="b"))
    given(*RACKS, one).when(two).then(observed(two))
    given(one).when(two).then(rejected(two, same("one")))
    waiting = given(node("n1", {"rack": "a"}), one).when(peer("two"))
    waiting.then(rejected(peer("two"), same("one", "node n1")))
    waiting.when(node("n1")).then(observed(node("n1")), observed(peer("two")))


def test_a_node_that_two_peers_in_force_come_to_share_runs_the_first_by_name():
    one = peer("one", node_selectors=matching(rack="a"))
    two = peer("two", node_selectors=matching(row="1"))
    other = peer("zero", "203.0.113.7")
    both = node("n1", {"rack": "a", "row": "1"})
    state = given(node("n1", {"rack": "a"}), node("n2", {"row": "1"}), one, two, other).when(both)
    state.then(observed(both))
    assert peers_of(state.state, both) == (one, other)
    assert peers_of(state.state, node("n2", {"row": "1"})) == (two, other)


# --- several sources -----------------------------------------------------------------------------


def test_an_heir_that_contradicts_what_stands_does_not_take_over():
    mine, theirs = peer("two", "203.0.113.2"), TWO
    given(ONE, mine).when(change(theirs, source="k8s"), gone(mine)).then(
        rejected(theirs, "is given by test already", source="k8s"),
        removed(mine),
        rejected(theirs, same("one"), source="k8s"),
    )


def test_one_source_may_wait_for_what_another_has():
    mine = observed(ONE, source="k8s")
    waiting = given(mine).when(TWO)
    waiting.then(rejected(TWO, same("one")))
    waiting.when(gone(ONE, source="k8s")).then(removed(ONE, source="k8s"), observed(TWO))
