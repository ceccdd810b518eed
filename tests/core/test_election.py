"""Who answers for an address that several Services share: one node, whatever they ask for."""

from __future__ import annotations

import pytest
from hypothesis import given as for_all
from hypothesis import strategies as st
from proclaim.concern import touched
from proclaim.election import group_of
from proclaim.events import Why
from proclaim.explain import explain_announcement
from proclaim.fold import fold, number
from proclaim.model import BGPAdvertisement, BGPPeer, L2Advertisement, Spread
from proclaim.project import advance, project
from proclaim.terrain import digest, survey
from proclaim.testing import (
    assigned,
    endpoints,
    given,
    matching,
    node,
    observed,
    pool,
    ref,
    released,
    removed,
    service,
)
from proclaim.verdict import Quiet, Silence, verdict

BGP, L2 = Spread.EVERY_NODE, Spread.ONE_NODE
NAMES = ("iris1", "iris2")
NODES = tuple(node(name, {"at": name}) for name in NAMES)
FIRST, SECOND = "10.20.30.1", "10.20.30.2"
"""iris2 wins the first address, and iris1 the second."""
GROUND = (pool("public", "10.20.30.0/24", "1000::/64"), *NODES)
ANSWERS = L2Advertisement("answers")
A, B = service("a", labels={"app": "a"}), service("b", labels={"app": "b"})
LOCAL_A, LOCAL_B = (service(name, external_traffic_policy="Local") for name in "ab")
SHARED = (assigned("a", FIRST), assigned("b", FIRST))


def state_of(*known):
    return given(*GROUND, *known).state


def after(state, *facts):
    return fold(state, number(state, facts, 0.0))


def told(state, name, where, spread=L2):
    """The silence of a Service on a node; None when it is announced."""
    answer = verdict(survey(state, where, spread), state, ref(name))
    return answer.silence if isinstance(answer, Quiet) else None


def answering(state, address=FIRST):
    """The nodes that answer for an address, each with the Services that it does so for."""
    found = {}
    for name in NAMES:
        for each in project(state, name, L2).announcements.values():
            if address in each.addresses:
                found.setdefault(name, set()).update(ref.name for ref in each.services)
    return found


# --- one leader -----------------------------------------------------------------------------------


def test_those_who_agree_have_the_leader_that_each_alone_would_have():
    assert answering(state_of(ANSWERS, A, B, *SHARED)) == {"iris2": {"a", "b"}}
    assert answering(state_of(ANSWERS, A, SHARED[0])) == {"iris2": {"a"}}


def test_a_node_that_can_answer_for_all_is_preferred_to_one_that_wins_for_some():
    state = state_of(
        ANSWERS, LOCAL_A, LOCAL_B, endpoints("a", "iris1"), endpoints("b", *NAMES), *SHARED
    )
    assert answering(state) == {"iris1": {"a", "b"}}


def test_where_no_node_can_answer_for_all_one_still_answers_for_some():
    state = state_of(
        ANSWERS, LOCAL_A, LOCAL_B, endpoints("a", "iris1"), endpoints("b", "iris2"), *SHARED
    )
    assert answering(state) == {"iris2": {"b"}}
    assert told(state, "a", "iris2") is Silence.NO_LOCAL_ENDPOINTS
    assert told(state, "a", "iris1") is Silence.ELECTED_FOR_OTHERS
    said = explain_announcement(survey(state, "iris1", L2), state, ref("a"))
    assert said.message == (
        "iris2 is elected for the Services that share its address, and may not answer for this one"
    )


def test_who_is_served_nowhere_has_no_say():
    state = state_of(ANSWERS, LOCAL_A, B, endpoints("a"), *SHARED)
    assert answering(state) == {"iris2": {"b"}}
    assert told(state, "a", "iris2") is Silence.NO_ENDPOINTS


def test_advertisements_that_select_different_services_elect_one_node():
    state = state_of(
        L2Advertisement(
            "for-a", service_selectors=matching(app="a"), node_selectors=matching(at="iris1")
        ),
        L2Advertisement("for-b", service_selectors=matching(app="b")),
        *(A, B, *SHARED),
    )
    assert answering(state) == {"iris1": {"a", "b"}}


def test_advertisements_that_have_no_node_in_common_still_elect_one():
    state = state_of(
        L2Advertisement(
            "for-a", service_selectors=matching(app="a"), node_selectors=matching(at="iris1")
        ),
        L2Advertisement(
            "for-b", service_selectors=matching(app="b"), node_selectors=matching(at="iris2")
        ),
        *(A, B, *SHARED),
    )
    assert answering(state) == {"iris2": {"b"}}
    assert told(state, "a", "iris1") is Silence.ELECTED_FOR_OTHERS
    assert told(state, "a", "iris2") is Silence.NODE_NOT_SELECTED
    assert told(state, "b", "iris1") is Silence.NODE_NOT_SELECTED


def test_preferences_of_all_members_advertisements_count():
    prefer = ((10, *matching(at="iris1")),)
    state = state_of(
        L2Advertisement("for-a", service_selectors=matching(app="a"), preferred_nodes=prefer),
        L2Advertisement("for-b", service_selectors=matching(app="b")),
        *(A, B, *SHARED),
    )
    assert answering(state) == {"iris1": {"a", "b"}}


def test_the_address_is_answered_for_on_the_interfaces_of_all():
    state = state_of(
        L2Advertisement("for-a", service_selectors=matching(app="a"), interfaces=("eth0",)),
        L2Advertisement("for-b", service_selectors=matching(app="b"), interfaces=("eth1",)),
        *(A, B, *SHARED),
    )
    found = project(state, "iris2", L2).announcements.values()
    assert {name for each in found for name in each.to} == {"eth0", "eth1"}


def test_a_service_with_two_addresses_has_one_leader_though_it_shares_only_one():
    c = service("c")
    state = state_of(
        ANSWERS,
        *(A, B, c),
        assigned("a", FIRST, "1000::1"),
        assigned("b", "1000::1"),
        assigned("c", SECOND),
    )
    assert group_of(state, ref("b")) == (ref("a"), ref("b"))
    assert group_of(state, ref("c")) == (ref("c"),)
    assert answering(state, "1000::1") == {"iris2": {"a", "b"}}, "alone b would have iris1"
    assert answering(state, FIRST) == {"iris2": {"a"}}
    assert answering(state, SECOND) == {"iris1": {"c"}}


def test_sharing_links_through_those_between():
    c = service("c")
    state = state_of(
        *(ANSWERS, A, B, c),
        *(assigned("a", FIRST), assigned("b", FIRST, "1000::1"), assigned("c", "1000::1")),
    )
    assert group_of(state, ref("c")) == (ref("a"), ref("b"), ref("c"))


def test_the_leader_stays_while_it_can_answer_for_all():
    state = state_of(
        *(ANSWERS, LOCAL_A, LOCAL_B, endpoints("a", *NAMES), endpoints("b", *NAMES), *SHARED)
    )
    fewer = after(state, observed(endpoints("b", "iris2")))
    assert answering(state) == answering(fewer) == {"iris2": {"a", "b"}}
    moved = after(fewer, observed(endpoints("b", "iris1")))
    assert answering(moved) == {"iris1": {"a", "b"}}


ENDPOINTS = st.sets(st.sampled_from(NAMES)).map(sorted)
POLICIES = st.sampled_from(("Local", "Local", "Cluster"))


@for_all(st.lists(st.tuples(ENDPOINTS, POLICIES), min_size=1, max_size=4))
def test_never_two_leaders_and_nobody_left_out_where_that_can_be(members):
    """The rule itself: one node answers, and for all members if any node could."""
    known = []
    for at, (where, policy) in enumerate(members):
        name = f"s{at}"
        known += [
            service(name, external_traffic_policy=policy),
            endpoints(name, *where),
            assigned(name, FIRST),
        ]
    found = answering(state_of(ANSWERS, *known))
    able = [
        (f"s{at}", set(NAMES) if policy == "Cluster" else set(where))
        for at, (where, policy) in enumerate(members)
        if where
    ]
    assert len(found) == (1 if able else 0)
    for leader, served in found.items():
        assert served == {name for name, nodes in able if leader in nodes}
        for_everyone = set.intersection(*(nodes for _, nodes in able))
        if for_everyone:
            assert served == {name for name, _ in able}
            assert leader == min(for_everyone, key=lambda name: digest(name, FIRST))


# --- what is asked again --------------------------------------------------------------------------

LOCAL = (LOCAL_A, LOCAL_B, endpoints("a", *NAMES), endpoints("b", *NAMES))
CHANGES = {
    "another's endpoints": ((*LOCAL, *SHARED), (observed(endpoints("b", "iris1")),)),
    "another's slice is gone": ((*LOCAL, *SHARED), (removed(endpoints("b", "x")),)),
    "another's labels": ((A, B, *SHARED), (observed(service("b", labels={"app": "z"})),)),
    "a member joins": ((*LOCAL, SHARED[0], observed(endpoints("b", "iris1"))), (SHARED[1],)),
    "a member leaves": (
        (*LOCAL, *SHARED, observed(endpoints("b", "iris1"))),
        (released("b", FIRST, why=Why.GONE),),
    ),
}


@pytest.mark.parametrize("case", CHANGES)
def test_who_shares_an_address_is_asked_again_when_another_changes(case):
    known, facts = CHANGES[case]
    state = state_of(ANSWERS, *known)
    items = number(state, facts, 0.0)
    then = fold(state, items)
    assert touched(state, then, [item.fact for item in items]) == {ref("a"), ref("b")}
    for name in NAMES:
        advanced = advance(project(state, name, L2), then, items)
        assert advanced.announcements == project(then, name, L2).announcements


# --- routes ---------------------------------------------------------------------------------------


def test_a_shared_route_goes_with_the_last_who_needs_it_here():
    state = state_of(
        BGPAdvertisement("routes"),
        BGPPeer("tor", my_asn=64512, peer_asn=64513, peer_address="192.0.2.254"),
        *(LOCAL_A, LOCAL_B, endpoints("a", "iris2"), endpoints("b", "iris1"), *SHARED),
    )
    projection = project(state, "iris1", BGP)
    (route,) = projection.announcements.values()
    assert (route.services, route.to) == ((ref("b"),), ("tor",))
    items = number(state, (observed(endpoints("a", "iris1")),), 0.0)
    both = fold(state, items)
    projection = advance(projection, both, items)
    (route,) = projection.announcements.values()
    assert route.services == (ref("a"), ref("b"))
    items = number(both, (released("b", FIRST, why=Why.GONE),), 0.0)
    one = fold(both, items)
    projection = advance(projection, one, items)
    (route,) = projection.announcements.values()
    assert route.services == (ref("a"),)
    items = number(one, (released("a", FIRST, why=Why.GONE),), 0.0)
    assert not advance(projection, fold(one, items), items).announcements
