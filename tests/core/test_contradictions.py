"""Advertisements, communities and peers that are right by themselves and wrong together."""

import pytest
from hypothesis import given as forall
from hypothesis import strategies as st
from proclaim.admission import contradicting
from proclaim.contradictions import Circumstances, Places
from proclaim.events import RejectionWithdrawn, SourceListed
from proclaim.model import (
    Authority,
    BGPAdvertisement,
    BGPPeer,
    Community,
    Listing,
    Selector,
    Sourced,
    Spread,
)
from proclaim.record import record
from proclaim.steps import finish
from proclaim.terrain import peers_of, survey
from proclaim.testing import (
    change,
    given,
    gone,
    listing,
    node,
    observed,
    pool,
    rejected,
    removed,
    service,
)

from core import rules, worlds

LISTED = SourceListed("test")
POOL = pool("p", "192.0.2.0/24")


def ad(name, **more):
    return BGPAdvertisement(name, **more)


def on(**labels):
    return (Selector(labels=tuple(sorted(labels.items()))),)


# --- an aggregation length that leads out of a pool ----------------------------------------------

WIDE = ad("wide", aggregation_length=23)
TOO_WIDE = (
    "aggregationLength 23 would announce more than 192.0.2.0/24 of IPAddressPool p; "
    "24 to 32 is accepted"
)
TOO_SMALL = (
    "192.0.2.0/24 is smaller than the /23 that aggregationLength of BGPAdvertisement wide "
    "announces; an entry that holds a whole /23 is accepted"
)


def test_an_advertisement_that_would_announce_more_than_a_pool_stays_out():
    given(POOL).when(WIDE).then(rejected(WIDE, TOO_WIDE))


@pytest.mark.parametrize("order", [(POOL, WIDE), (WIDE, POOL)])
def test_of_a_new_pool_and_a_new_advertisement_the_advertisement_is_wrong(order):
    given().when(change(*order)).then(observed(POOL), rejected(WIDE, TOO_WIDE))


def test_a_new_pool_that_is_smaller_than_what_is_announced_of_it_stays_out():
    other = pool("q", "10.0.0.0/8")
    given(other, WIDE).when(POOL).then(rejected(POOL, TOO_SMALL))


def test_a_pool_that_shrinks_below_what_is_announced_keeps_its_last_good_value():
    before = pool("p", "192.0.2.0/23")
    out = given(before, WIDE).when(POOL)
    out.then(rejected(POOL, TOO_SMALL))
    assert out.state.pool("p") == before


def test_an_advertisement_and_its_pool_change_together():
    before, narrow = pool("p", "192.0.2.0/23"), ad("wide", aggregation_length=24)
    given(before, WIDE).when(change(POOL, narrow)).then(observed(POOL), observed(narrow))


def test_an_edit_that_widens_too_far_steps_back_until_the_pool_grows():
    narrow, bigger = ad("wide", aggregation_length=24), pool("p", "192.0.2.0/23")
    (
        given(POOL, narrow)
        .when(WIDE, bigger)
        .then(rejected(WIDE, TOO_WIDE), observed(bigger), observed(WIDE))
    )


def test_a_label_that_brings_a_pool_under_an_advertisement_counts_as_a_change_of_the_pool():
    wide = ad("wide", aggregation_length=23, pool_selectors=on(tier="front"))
    labelled = pool("p", "192.0.2.0/24", labels={"tier": "front"})
    given(POOL, wide).when(labelled).then(rejected(labelled, TOO_SMALL))


@pytest.mark.parametrize(
    ("entry", "more", "problem"),
    [
        (
            "192.0.2.0-192.0.2.99",
            {"aggregation_length": 25},
            "aggregationLength 25 would announce more than 192.0.2.0-192.0.2.99 of IPAddressPool "
            "p; 26 to 32 is accepted",
        ),
        ("192.0.2.0-192.0.2.99", {"aggregation_length": 26}, ""),
        (
            "2001:db8::/64",
            {"aggregation_length": 8, "aggregation_length_v6": 63},
            "aggregationLengthV6 63 would announce more than 2001:db8::/64 of IPAddressPool p; "
            "64 to 128 is accepted",
        ),
        ("2001:db8::/64", {"aggregation_length": 8, "aggregation_length_v6": 64}, ""),
        ("192.0.2.1-192.0.2.1", {"aggregation_length_v6": 8}, ""),
    ],
)
def test_each_entry_asks_for_the_length_of_its_largest_block_in_its_family(entry, more, problem):
    one = ad("one", **more)
    expected = rejected(one, problem) if problem else observed(one)
    given(pool("p", "10.0.0.0/8", entry)).when(one).then(expected)


def test_a_pool_that_an_advertisement_does_not_select_may_be_smaller():
    other = ad("wide", aggregation_length=23, pools=("q",))
    given(POOL).when(other).then(observed(other))


# --- two localPrefs for one prefix and peer ------------------------------------------------------

LOW, HIGH = ad("a-low", local_pref=100), ad("b-high", local_pref=200)
EVERYWHERE = "every node"


def quarrel(mine, theirs, name, where=EVERYWHERE):
    return (
        f"localPref {mine} contradicts {theirs} of BGPAdvertisement {name}, which announces "
        f"IPAddressPool p from {where} too; one localPref is accepted, or peers, nodeSelectors or "
        "aggregation lengths that keep them apart"
    )


def test_of_two_new_advertisements_that_disagree_the_first_by_name_comes_into_force():
    for order in ((HIGH, LOW), (LOW, HIGH)):
        given(POOL).when(change(*order)).then(
            observed(LOW), rejected(HIGH, quarrel(200, 100, "a-low"))
        )


def test_the_advertisement_in_force_wins_over_a_new_one_of_an_earlier_name():
    given(POOL, HIGH).when(LOW).then(rejected(LOW, quarrel(100, 200, "b-high")))


def test_an_edit_that_disagrees_keeps_the_last_good_value_and_is_tried_again():
    agreed = ad("b-high", local_pref=100)
    out = given(POOL, LOW, agreed).when(HIGH)
    out.then(rejected(HIGH, quarrel(200, 100, "a-low")))
    out.when(gone(LOW)).then(removed(LOW), observed(HIGH))


def test_two_advertisements_change_their_localpref_together():
    before = ad("a-low", local_pref=5), ad("b-high", local_pref=5)
    after = ad("a-low", local_pref=9), ad("b-high", local_pref=9)
    given(POOL, *before).when(listing(POOL, *after)).then(
        observed(after[0]), observed(after[1]), LISTED
    )


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"local_pref": 200}, {"local_pref": 200}),
        ({"peers": ("t",)}, {"peers": ("u", "v")}),
        ({"pools": ("p",)}, {"pools": ("q",)}),
        ({"aggregation_length": 28}, {}),
        ({"service_selectors": on(app="web")}, {}),
    ],
    ids=lambda more: next(iter(more), "as it is"),
)
def test_advertisements_that_never_meet_may_disagree(one, other):
    first, second = (ad("a", **{"local_pref": 100, **one}), ad("b", **{"local_pref": 200, **other}))
    given(POOL, first).when(second).then(observed(second))


@pytest.mark.parametrize(
    ("one", "other"), [((), ()), (("t",), ()), ((), ("t",)), (("t", "u"), ("u", "v"))]
)
def test_advertisements_to_a_peer_that_both_name_may_not_disagree(one, other):
    first, second = ad("a", local_pref=100, peers=one), ad("b", local_pref=200, peers=other)
    given(POOL, first).when(second).then(rejected(second, quarrel(200, 100, "a")))


@pytest.mark.parametrize(
    ("entries", "lengths", "apart"),
    [
        (("192.0.2.0/24",), (28, 128), True),
        (("192.0.2.0/24",), (32, 64), False),
        (("2001:db8::/64",), (28, 128), False),
        (("2001:db8::/64",), (32, 64), True),
        (("192.0.2.0/24", "2001:db8::/64"), (28, 128), False),
        (("192.0.2.0/24", "2001:db8::/64"), (32, 64), False),
        (("192.0.2.0/24", "2001:db8::/64"), (28, 64), True),
    ],
)
def test_aggregation_keeps_two_apart_when_it_differs_in_every_family_of_the_pool(
    entries, lengths, apart
):
    four, six = lengths
    second = ad("b", local_pref=200, aggregation_length=four, aggregation_length_v6=six)
    expected = observed(second) if apart else rejected(second, quarrel(200, 100, "a"))
    given(pool("p", *entries), ad("a", local_pref=100)).when(second).then(expected)


RACKS = (node("n1", {"rack": "a"}), node("n2", {"rack": "b"}))
RACK_A = ad("a", local_pref=100, node_selectors=on(rack="a"))
RACK_B = ad("b", local_pref=200, node_selectors=on(rack="b"))


def test_advertisements_from_different_nodes_may_disagree():
    given(POOL, *RACKS, RACK_A).when(RACK_B).then(observed(RACK_B))


def test_an_advertisement_that_no_node_announces_disagrees_with_nobody():
    nowhere = ad("b", local_pref=200, node_selectors=on(rack="z"))
    given(POOL, *RACKS, ad("a", local_pref=100)).when(nowhere).then(observed(nowhere))


def test_with_no_node_known_nobody_can_say_that_they_will_not_meet():
    given(POOL, RACK_A).when(RACK_B).then(rejected(RACK_B, quarrel(200, 100, "a")))


def test_a_node_that_moves_lets_in_what_waited_for_it():
    both = node("n1", {"rack": "a", "row": "1"})
    row = ad("b", local_pref=200, node_selectors=on(row="1"))
    waiting = given(POOL, both, node("n2"), RACK_A).when(row)
    waiting.then(rejected(row, quarrel(200, 100, "a", "node n1")))
    moved = node("n1", {"rack": "a"})
    waiting.when(moved).then(observed(moved), observed(row))
    waiting.when(gone(both)).then(removed(both), observed(row))


def test_a_node_that_brings_two_advertisements_together_takes_neither_away():
    """Which of them should give way nobody can say; the Services concerned are silent."""
    both = node("n1", {"rack": "a", "row": "1"})
    row = ad("b", local_pref=200, node_selectors=on(row="1"))
    given(POOL, *RACKS, RACK_A, row).when(both).then(observed(both))


def test_a_new_pool_that_would_be_announced_with_two_localprefs_stays_out():
    front = ad("a", local_pref=100, pool_selectors=on(tier="front"))
    blue = ad("b", local_pref=200, pool_selectors=on(colour="blue"))
    both = pool("p", "192.0.2.0/24", labels={"tier": "front", "colour": "blue"})
    problem = (
        "BGPAdvertisements a and b would announce it from every node with localPref 100 and 200; "
        "one localPref is accepted, or peers, nodeSelectors or aggregation lengths that keep them "
        "apart"
    )
    out = given(front, blue).when(both)
    out.then(rejected(both, problem))
    out.when(gone(blue)).then(removed(blue), observed(both))


def test_a_pool_may_change_while_nodes_set_its_advertisements_against_each_other():
    both = node("n1", {"rack": "a", "row": "1"})
    row = ad("b", local_pref=200, node_selectors=on(row="1"))
    more = pool("p", "192.0.2.0/24", "198.51.100.0/24")
    given(POOL, both, RACK_A, row).when(more).then(observed(more))


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
    one, two = peer("one", node_selectors=on(rack="a")), peer("two", node_selectors=on(rack="b"))
    given(*RACKS, one).when(two).then(observed(two))
    given(one).when(two).then(rejected(two, same("one")))
    waiting = given(node("n1", {"rack": "a"}), one).when(peer("two"))
    waiting.then(rejected(peer("two"), same("one", "node n1")))
    waiting.when(node("n1")).then(observed(node("n1")), observed(peer("two")))


def test_a_node_that_two_peers_in_force_come_to_share_runs_the_first_by_name():
    one, two = peer("one", node_selectors=on(rack="a")), peer("two", node_selectors=on(row="1"))
    other = peer("zero", "203.0.113.7")
    both = node("n1", {"rack": "a", "row": "1"})
    state = given(node("n1", {"rack": "a"}), node("n2", {"row": "1"}), one, two, other).when(both)
    state.then(observed(both))
    assert peers_of(state.state, both) == (one, other)
    assert peers_of(state.state, node("n2", {"row": "1"})) == (two, other)


# --- several sources -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("mine", "theirs"),
    [
        (ad("a"), ad("a", local_pref=5)),
        (BLUE, Community("blues", (("blue", "64512:2"),))),
        (ONE, peer("one", "203.0.113.2")),
    ],
    ids=lambda resource: resource.ref.kind,
)
def test_when_one_source_lets_go_the_other_takes_over(mine, theirs):
    (
        given(mine)
        .when(change(theirs, source="k8s"), listing(mine), gone(mine))
        .then(
            rejected(theirs, "is given by test already", source="k8s"),
            LISTED,
            removed(mine),
            observed(theirs, source="k8s"),
        )
    )


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


# --- laws ----------------------------------------------------------------------------------------


@st.composite
def standings(draw):
    """Values that stand beside each other, new ones, and the nodes that are known."""
    nodes = draw(
        st.lists(st.sampled_from([node("x"), *RACKS, node("y", {"tier": "gold"})]), max_size=3)
    )
    places = Places(nodes)
    before = {}
    for value in draw(st.lists(worlds.contested, max_size=8)):
        if value.ref not in before and not refused(before, {value.ref: value}, places):
            before[value.ref] = value
    new = {value.ref: value for value in draw(st.lists(worlds.contested, max_size=8))}
    return before, {ref: one for ref, one in new.items() if before.get(ref) != one}, nodes


def refused(before, new, places):
    return finish(contradicting(new, Circumstances(before, places)))


@forall(standings(), st.randoms(use_true_random=False))
def test_what_comes_into_force_agrees_and_the_order_has_no_say(standing, random):
    before, new, nodes = standing
    problems = refused(before, new, Places(nodes))
    after = {**before, **{ref: new[ref] for ref in new.keys() - problems.keys()}}
    assert problems.keys() <= new.keys()
    assert all(problems.values())
    assert list(rules.at_odds(after)) == []
    assert list(rules.quarrels(after, nodes)) == []
    assert refused(after, {ref: new[ref] for ref in problems}, Places(nodes)) == problems
    shuffled = [dict(random.sample(sorted(each.items()), len(each))) for each in (before, new)]
    assert refused(*shuffled, Places(random.sample(nodes, len(nodes)))) == problems


@forall(standings())
def test_nothing_stays_out_that_would_agree_with_everything(standing):
    before, new, nodes = standing
    problems = refused(before, new, Places(nodes))
    after = {**before, **{ref: new[ref] for ref in new.keys() - problems.keys()}}
    for ref in problems.keys() - {r for r in new if r.kind == "BGPAdvertisement"}:
        tried = {**after, ref: new[ref]}
        assert list(rules.at_odds(tried)) or list(rules.quarrels(tried, nodes))


@forall(st.lists(worlds.contested, max_size=10), st.randoms(use_true_random=False))
def test_the_order_of_a_listing_has_no_say(values, random):
    unique = list({value.ref: value for value in values}.values())
    one = given(Authority.ALLOCATE).when(Listing("files", tuple(map(Sourced, unique))))
    random.shuffle(unique)
    other = given(Authority.ALLOCATE).when(Listing("files", tuple(map(Sourced, unique))))
    assert one.facts == other.facts


def pauses(state, observation):
    """How much work recording an observation is, in steps."""
    return sum(1 for _ in record(state, observation))


def test_what_has_nothing_to_do_with_it_asks_no_question():
    many = [peer(f"p{at}", f"203.0.113.{at}") for at in range(100)]
    calm = given(POOL, node("n1"), *many)
    waiting = calm.when(peer("z", "203.0.113.7")).state
    web = change(service("web"))
    assert pauses(calm.state, web) < 5 > pauses(waiting, web)
    assert pauses(waiting, listing(service("web"), POOL, *many)) < 50, "nothing of it is new"
    assert pauses(calm.state, change(node("n1", {"rack": "a"}))) < 5, "nothing waits for it"
    assert pauses(waiting, change(node("n1", {"rack": "a"}))) > 100
    assert pauses(calm.state, change(ONE)) > 100
