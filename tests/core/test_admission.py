"""Which of the resources that sources name come into force, and what stays when one cannot."""

import pytest
from hypothesis import given as forall
from hypothesis import strategies as st
from proclaim.admission import contradicting
from proclaim.contradictions import Circumstances
from proclaim.encounters import Places
from proclaim.events import ProblemsReported, RejectionWithdrawn, SourceListed, Why
from proclaim.model import BGPAdvertisement, BGPPeer, Change, Community, Problem, Ref, Sourced
from proclaim.state import ranges
from proclaim.steps import finish
from proclaim.testing import (
    SOURCE,
    assigned,
    change,
    given,
    gone,
    listed,
    listing,
    namespace,
    node,
    observed,
    pool,
    rejected,
    released,
    removed,
    service,
)

from core import worlds

A = pool("a", "192.0.2.0/30")
B = pool("b", "198.51.100.0/30")
LISTED = listed()


def overlap(span, other, name):
    return f"{span} overlaps {other} of IPAddressPool {name}; pools must not overlap"


# --- pools that overlap -------------------------------------------------------------------------


def test_of_two_new_pools_that_overlap_the_first_by_name_comes_into_force():
    late = pool("b", "192.0.2.2/32")
    given().when(change(late, A)).then(
        observed(A), rejected(late, overlap("192.0.2.2/32", "192.0.2.0/30", "a"))
    )


def test_a_pool_in_force_wins_over_a_new_one_of_an_earlier_name():
    early = pool("a", "198.51.100.3-198.51.100.9")
    given(B).when(early).then(
        rejected(early, overlap("198.51.100.3-198.51.100.9", "198.51.100.0/30", "b"))
    )


def test_a_pool_that_grows_into_another_keeps_its_last_good_value():
    greedy = pool("a", "192.0.2.0/30", "198.51.100.0/24")
    out = given(A, B).when(greedy)
    out.then(rejected(greedy, overlap("198.51.100.0/24", "198.51.100.0/30", "b")))
    assert out.state.pool("a") == A


def test_what_was_rejected_comes_into_force_when_the_other_is_removed():
    greedy = pool("a", "192.0.2.0/30", "198.51.100.0/24")
    (
        given(A, B)
        .when(greedy, gone(B))
        .then(
            rejected(greedy, overlap("198.51.100.0/24", "198.51.100.0/30", "b")),
            removed(B),
            observed(greedy),
        )
    )


def test_what_was_rejected_comes_into_force_when_the_other_shrinks():
    wide, narrow = pool("b", "192.0.2.0/24"), pool("b", "192.0.2.128/25")
    (
        given(wide)
        .when(A, narrow)
        .then(
            rejected(A, overlap("192.0.2.0/30", "192.0.2.0/24", "b")),
            observed(A),
            observed(narrow),
        )
    )


def test_a_rejected_pool_that_is_put_right_is_in_force():
    wrong, right = pool("b", "192.0.2.0/31"), pool("b", "192.0.2.4/31")
    out = given(A).when(wrong, right)
    out.then(rejected(wrong, overlap("192.0.2.0/31", "192.0.2.0/30", "a")), observed(right))
    assert not out.state.rejections


def test_a_rejected_value_that_is_taken_back_leaves_the_last_good_one():
    greedy = pool("b", "192.0.2.0/24")
    (
        given(A, B)
        .when(greedy, B)
        .then(
            rejected(greedy, overlap("192.0.2.0/24", "192.0.2.0/30", "a")),
            RejectionWithdrawn(B.ref),
        )
    )


def test_a_rejected_pool_that_is_deleted_is_forgotten():
    wrong = pool("b", "192.0.2.0/31")
    out = given(A).when(wrong, gone(wrong))
    out.then(
        rejected(wrong, overlap("192.0.2.0/31", "192.0.2.0/30", "a")),
        RejectionWithdrawn(wrong.ref),
    )
    assert not out.state.rejections


def test_two_pools_swap_their_ranges_in_one_listing_and_everyone_stays():
    swapped = pool("a", "198.51.100.0/30"), pool("b", "192.0.2.0/30")
    given(
        *(A, B),
        *(service("x"), assigned("x", "192.0.2.0", pool="a")),
        *(service("y", "198.51.100.1"), assigned("y", "198.51.100.1", pool="b")),
    ).when(listing(*swapped, service("x"), service("y", "198.51.100.1"))).then(
        observed(swapped[0]),
        observed(swapped[1]),
        LISTED,
        assigned("x", "192.0.2.0", why=Why.POOL_RENAMED, pool="b"),
        assigned("y", "198.51.100.1", why=Why.POOL_RENAMED, pool="a"),
    )


def test_a_range_moves_from_one_pool_to_another_in_one_listing():
    rest, more = pool("a", "192.0.2.0/31"), pool("b", "198.51.100.0/30", "192.0.2.2/31")
    given(A, B).when(listing(rest, more)).then(observed(rest), observed(more), LISTED)


def test_a_pool_that_steps_back_may_push_back_another_and_free_a_third():
    # b' wants what a keeps; so b keeps its range, which c' wants; d' fits beside all of them
    fresh = [
        pool("b", "192.0.2.0/32"),
        pool("c", "198.51.100.0/32"),
        pool("d", "203.0.113.0/32"),
    ]
    c, d = pool("c", "203.0.113.0/32"), pool("d", "203.0.113.9/32")
    given(A, B, c, d).when(listing(A, *fresh)).then(
        rejected(fresh[0], overlap("192.0.2.0/32", "192.0.2.0/30", "a")),
        rejected(fresh[1], overlap("198.51.100.0/32", "198.51.100.0/30", "b")),
        rejected(fresh[2], overlap("203.0.113.0/32", "203.0.113.0/32", "c")),
        LISTED,
    )


def test_a_new_pool_in_the_way_does_not_keep_another_from_changing():
    early, changed = pool("a-new", "192.0.2.0/32"), pool("b", "192.0.2.0/30", auto_assign=False)
    given(pool("b", "192.0.2.0/30")).when(change(early, changed)).then(
        rejected(early, overlap("192.0.2.0/32", "192.0.2.0/30", "b")), observed(changed)
    )


@st.composite
def rearrangements(draw):
    in_force = {}
    for one in draw(st.lists(worlds.pools, max_size=5)):
        if one.name not in in_force and not any(clash(one, have) for have in in_force.values()):
            in_force[one.name] = one
    new = {one.name: one for one in draw(st.lists(worlds.pools, max_size=4))}
    return in_force, {name: one for name, one in new.items() if in_force.get(name) != one}


def overlapping(in_force, new):
    """The problems of pools by name."""
    before = {one.ref: one for one in in_force.values()}
    found = contradicting({one.ref: one for one in new.values()}, Circumstances(before, Places()))
    return {ref.name: problem for ref, problem in finish(found).items()}


def clash(one, other):
    return any(mine.overlaps(theirs) for mine in ranges(one) for theirs in ranges(other))


@forall(rearrangements())
def test_the_pools_that_come_into_force_never_overlap_and_no_more_would_fit(worlds_pools):
    in_force, new = worlds_pools
    problems = overlapping(in_force, new)
    after = {**in_force, **{name: new[name] for name in new.keys() - problems.keys()}}
    assert problems.keys() <= new.keys()
    pairs = [(one, other) for one in after for other in after if one < other]
    assert not any(clash(after[one], after[other]) for one, other in pairs)
    for name in problems:
        assert any(clash(new[name], other) for key, other in after.items() if key != name)
    assert overlapping(after, {name: new[name] for name in problems}) == problems


# --- one resource, several places or sources ----------------------------------------------------


def test_of_two_places_the_first_by_name_is_taken_whatever_the_order():
    one, two = Sourced(service("a"), "1.yaml"), Sourced(service("a", "192.0.2.3"), "2.yaml")
    for order in ([one, two], [two, one]):
        given(A).when(listing(*order, A)).then(
            observed(service("a"), "1.yaml"), LISTED, assigned("a", "192.0.2.0", pool="a")
        )


def test_of_two_places_the_one_in_force_stays():
    kept, other = Sourced(node("n", {"x": "1"}), "z.yaml"), Sourced(node("n"), "a.yaml")
    given(observed(*kept_fields(kept))).when(listing(other, kept)).then(LISTED)


def kept_fields(sourced):
    return sourced.resource, sourced.origin


def test_a_resource_that_moves_to_another_place_is_the_same_resource():
    given(A, service("s"), assigned("s", "192.0.2.0", pool="a")).when(
        listing(Sourced(service("s"), "new.yaml"), A)
    ).then(observed(service("s"), "new.yaml"), LISTED)


def test_what_one_source_gives_another_cannot_change():
    mine, theirs = service("s"), service("s", "192.0.2.3")
    given(A, mine, assigned("s", "192.0.2.0", pool="a")).when(change(theirs, source="k8s")).then(
        rejected(theirs, "is given by test already", source="k8s")
    )


@pytest.mark.parametrize(
    ("mine", "theirs"),
    [
        (node("n"), node("n", {"by": "k8s"})),
        (namespace("n"), namespace("n", {"by": "k8s"})),
        (pool("p", "192.0.2.0/32"), pool("p", "192.0.2.1/32")),
        (BGPAdvertisement("a"), BGPAdvertisement("a", local_pref=5)),
        (Community("c", (("blue", "64512:1"),)), Community("c", (("blue", "64512:2"),))),
        (BGPPeer("r", 64512, 64513), BGPPeer("r", 64512, 64514)),
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


def test_two_sources_that_repeat_themselves_record_nothing():
    mine, theirs = listing(A, node("n")), listing(A, node("n", {"by": "k8s"}), source="k8s")
    out = given().when(mine, theirs)
    assert out.when(mine, theirs, mine, theirs).facts == ()


def test_a_source_that_gives_up_what_another_has_takes_nothing_away():
    theirs = pool("a", "192.0.2.0/24")
    asked = given(A).when(change(theirs, source="k8s"))
    asked.then(rejected(theirs, "is given by test already", source="k8s"))
    kept = asked.when(gone(theirs, source="files"))
    kept.then()
    kept.when(gone(theirs, source="k8s")).then(RejectionWithdrawn(A.ref))


def test_of_several_sources_that_are_rejected_the_first_is_remembered():
    out = given(node("n")).when(
        change(node("n", {"by": "b"}), source="b"), change(node("n", {"by": "c"}), source="c")
    )
    out.then(rejected(node("n", {"by": "b"}), "is given by test already", source="b"))


# --- what could not be read ---------------------------------------------------------------------


@pytest.mark.parametrize("unreadable", ["pools/a.yaml", "pools", "pools/"])
def test_a_place_that_cannot_be_read_keeps_what_it_had(unreadable):
    given(observed(A, "pools/a.yaml"), observed(B, "pools-old/b.yaml")).when(
        listing(unreadable=[unreadable])
    ).then(removed(B), LISTED)


def test_a_root_that_cannot_be_read_keeps_what_came_from_outside_all_roots():
    was = given(observed(A, "/etc/old/a.yaml"), observed(B, "/etc/other/b.yaml"))
    mistyped = listing(unreadable=["/etc/odl"], roots=["/etc/odl", "/etc/other"])
    out = was.when(mistyped)
    out.then(removed(B), LISTED)
    out.when(listing(roots=["/etc/other"])).then(removed(A))


def test_a_file_that_cannot_be_read_inside_a_root_keeps_nothing_from_elsewhere():
    given(observed(A, "/etc/old/a.yaml")).when(
        listing(unreadable=["/etc/new/x.yaml"], roots=["/etc/new"])
    ).then(removed(A), LISTED)


def test_a_resource_with_a_problem_keeps_its_last_good_value_and_the_rest_goes_on():
    problem = Problem("a.yaml", 4, "IPAddressPool", "", "a", "spec.addresses[0]", "is no range")
    given(A, B, service("s"), assigned("s", "192.0.2.0", pool="a")).when(
        listing(service("s"), problems=[problem])
    ).then(removed(B), ProblemsReported("test", (problem,)), LISTED)


def test_a_problem_with_a_service_names_its_namespace():
    shop = Problem("a.yaml", 4, "Service", "shop", "web", "spec", "is not a map")
    given(service("shop/web", type="ClusterIP"), service("web", type="ClusterIP")).when(
        listing(problems=[shop])
    ).then(removed(service("web")), ProblemsReported("test", (shop,)), LISTED)


def test_a_problem_without_a_namespace_speaks_of_the_default_one():
    plain = Problem("a.yaml", 4, "Service", "", "web", "spec", "is not a map")
    given(service("shop/web", type="ClusterIP"), service("web", type="ClusterIP")).when(
        listing(problems=[plain])
    ).then(removed(service("shop/web")), ProblemsReported("test", (plain,)), LISTED)


def test_a_rejected_pool_whose_place_cannot_be_read_stays_rejected():
    wrong = Sourced(pool("b", "192.0.2.0/31"), "b.yaml")
    out = given(A).when(change(wrong), listing(A, unreadable=["b.yaml"]), listing(A))
    out.then(
        rejected(wrong.resource, overlap("192.0.2.0/31", "192.0.2.0/30", "a"), "b.yaml"),
        LISTED,
        RejectionWithdrawn(Ref("IPAddressPool", "", "b")),
    )


def test_problems_are_reported_until_they_are_gone_in_no_matter_which_order():
    one, two = Problem("a.yaml", 1, problem="x"), Problem("b.yaml", 1, problem="y")
    out = given().when(
        listing(problems=[two, one]), listing(problems=[one, two, one]), listing(problems=[])
    )
    out.then(ProblemsReported("test", (one, two)), LISTED, ProblemsReported("test", ()))
    assert not out.state.problems


def test_an_address_outlives_the_time_its_file_cannot_be_read():
    held = observed(service("s"), "dir/s.yaml")
    (
        given(observed(A, "a.yaml"), held, assigned("s", "192.0.2.0", pool="a"))
        .when(listing(Sourced(A, "a.yaml"), unreadable=["dir"]))
        .then_holds("s", "192.0.2.0")
        .when(listing(Sourced(A, "a.yaml")))
        .then_decides(released("s", "192.0.2.0", pool="a", why=Why.GONE))
    )


def test_a_source_that_makes_room_for_the_pool_in_force_is_rejected_in_its_place():
    wider, theirs = pool("a", "192.0.2.0/30", "198.51.100.0/32"), pool("a", "203.0.113.0/32")
    blocked = given(A, observed(B, source="k8s")).when(wider)
    blocked.when(listing(theirs, source="k8s")).then(
        removed(B, source="k8s"),
        observed(wider),
        rejected(theirs, "is given by test already", source="k8s"),
        SourceListed("k8s"),
    )


def test_a_source_that_waits_for_a_name_takes_it_only_when_it_is_free():
    theirs, other = pool("a", "203.0.113.0/32"), pool("a", "192.0.2.0/29")
    waiting = given(A).when(change(theirs, source="k8s"))
    changed = waiting.when(B, other)
    changed.then(observed(B), observed(other))
    changed.when(gone(A)).then(removed(A), observed(theirs, source="k8s"))


def test_a_change_may_say_what_is_wrong_now_and_need_not():
    one, two = Problem(kind="Service", name="web"), Problem(kind="Service", name="shop")
    out = given().when(
        listing(problems=[one]),
        Change(SOURCE),
        Change(SOURCE, problems=(two, one, one)),
        Change(SOURCE, problems=(one, two)),
        Change(SOURCE, problems=()),
    )
    out.then(
        ProblemsReported(SOURCE, (one,)),
        LISTED,
        ProblemsReported(SOURCE, (two, one)),
        ProblemsReported(SOURCE, ()),
    )
