"""Advertisements and pools that are right by themselves and wrong together."""

import pytest
from core.scenes import ad
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
)

LISTED = listed()
POOL = pool("p", "192.0.2.0/24")


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


def test_both_aggregation_lengths_that_lead_too_far_are_told():
    both = pool("p", "192.0.2.0/32", "2001:db8::/120")
    wide = ad("wide", aggregation_length=16, aggregation_length_v6=64)
    said = (
        "aggregationLength 16 would announce more than 192.0.2.0/32 of IPAddressPool p; only 32 "
        "is accepted, and aggregationLengthV6 64 would announce more than 2001:db8::/120 of "
        "IPAddressPool p; 120 to 128 is accepted"
    )
    given(both).when(wide).then(rejected(wide, said))


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
    wide = ad("wide", aggregation_length=23, pool_selectors=matching(tier="front"))
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
        ({"service_selectors": matching(app="web")}, {}),
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
RACK_A = ad("a", local_pref=100, node_selectors=matching(rack="a"))
RACK_B = ad("b", local_pref=200, node_selectors=matching(rack="b"))


def test_advertisements_from_different_nodes_may_disagree():
    given(POOL, *RACKS, RACK_A).when(RACK_B).then(observed(RACK_B))


def test_an_advertisement_that_no_node_announces_disagrees_with_nobody():
    nowhere = ad("b", local_pref=200, node_selectors=matching(rack="z"))
    given(POOL, *RACKS, ad("a", local_pref=100)).when(nowhere).then(observed(nowhere))


def test_with_no_node_known_nobody_can_say_that_they_will_not_meet():
    given(POOL, RACK_A).when(RACK_B).then(rejected(RACK_B, quarrel(200, 100, "a")))


def test_a_node_that_moves_lets_in_what_waited_for_it():
    both = node("n1", {"rack": "a", "row": "1"})
    row = ad("b", local_pref=200, node_selectors=matching(row="1"))
    waiting = given(POOL, both, node("n2"), RACK_A).when(row)
    waiting.then(rejected(row, quarrel(200, 100, "a", "node n1")))
    moved = node("n1", {"rack": "a"})
    waiting.when(moved).then(observed(moved), observed(row))
    waiting.when(gone(both)).then(removed(both), observed(row))


def test_a_node_that_brings_two_advertisements_together_takes_neither_away():
    """Which of them should give way nobody can say; the Services concerned are silent."""
    both = node("n1", {"rack": "a", "row": "1"})
    row = ad("b", local_pref=200, node_selectors=matching(row="1"))
    given(POOL, *RACKS, RACK_A, row).when(both).then(observed(both))


def test_a_new_pool_that_would_be_announced_with_two_localprefs_stays_out():
    front = ad("a", local_pref=100, pool_selectors=matching(tier="front"))
    blue = ad("b", local_pref=200, pool_selectors=matching(colour="blue"))
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
    row = ad("b", local_pref=200, node_selectors=matching(row="1"))
    more = pool("p", "192.0.2.0/24", "198.51.100.0/24")
    given(POOL, both, RACK_A, row).when(more).then(observed(more))
