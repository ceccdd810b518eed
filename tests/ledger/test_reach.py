"""How far a change reaches, found from the change, is what comparing everything finds."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from ledger.test_project_laws import (
    SHARED_FROM_THE_START,
    SHARED_GROUND,
    advertisements,
    facts_of,
    happenings,
)
from ledger.worlds import NODES, SELECTORS, histories, observations, service
from proclaim.decide import decide
from proclaim.events import Observed
from proclaim.fold import fold, number
from proclaim.model import (
    Authority,
    Authorized,
    BGPAdvertisement,
    BGPPeer,
    Change,
    Listing,
    Namespace,
    Node,
    Pool,
    Service,
    ServiceAllocation,
    Sourced,
    Spread,
    service_ref,
)
from proclaim.reach import View, announcement_difference, concerned
from proclaim.state import State

pools = st.builds(
    Pool,
    name=st.sampled_from(("p", "q")),
    labels=st.sampled_from(((), (), (("zone", "a"),))),
    addresses=st.sampled_from(
        (
            ("192.0.2.0/29",),
            ("192.0.2.0/28",),
            ("192.0.2.0/30", "2001:db8::/125"),
            ("192.0.2.4/30",),
            ("192.0.2.2-192.0.2.9",),
        )
    ),
    avoid_buggy_ips=st.booleans(),
    service_allocation=st.one_of(
        st.none(),
        st.none(),
        st.builds(
            ServiceAllocation,
            namespace_selectors=SELECTORS,
            service_selectors=SELECTORS,
        ),
    ),
)
namespaces = st.builds(
    Namespace, name=st.just("default"), labels=st.sampled_from(((), (("zone", "a"),)))
)
of_pools = st.builds(
    Change,
    st.just("files"),
    st.lists(st.one_of(pools, pools, namespaces).map(Sourced), min_size=1, max_size=2).map(tuple),
    st.lists(pools.map(lambda pool: pool.ref), max_size=1).map(tuple),
)


def compared(before: State, after: State, facts, was=NODES, is_=NODES) -> list:
    """What the facts between two states make different, after comparing it with everything."""
    views = View(before, was), View(after, is_)
    found = list(announcement_difference(*views, facts))
    assert found == list(announcement_difference(*views))
    return found


@settings(max_examples=200)
@given(histories, st.lists(st.one_of(observations, of_pools, of_pools), min_size=1, max_size=3))
def test_what_differs_is_found_from_the_facts(history, coming):
    state = State()
    for observation in history:
        state = decide(state, observation).state
    before, facts = state, []
    for observation in coming:
        decided = decide(state, observation)
        facts.extend(decided.facts)
        state = decided.state
    compared(before, state, facts)
    compared(before, state, facts, NODES[:2], NODES[1:])


@given(st.lists(advertisements, max_size=2), happenings, st.integers(0, 4))
def test_the_same_where_addresses_are_shared(ads, happening, skipped):
    ground = [Observed("files", each, "") for each in (*SHARED_GROUND, *ads)]
    state = fold(State(), number(State(), ground, 0.0))
    before, facts = state, []
    for at, each in enumerate((*SHARED_FROM_THE_START, *happening)):
        if at == skipped:
            before, facts = state, []
        new = facts_of(state, each)
        facts.extend(new)
        state = fold(state, number(state, new, 0.0))
    compared(before, state, facts)


def settled(*resources) -> State:
    state = decide(State(), Authorized(Authority.ALLOCATE)).state
    return decide(state, Listing("files", tuple(map(Sourced, resources)))).state


WEB = Service("default", "web", type="LoadBalancer")
GROUND = (
    BGPAdvertisement("x"),
    BGPPeer("t1", 64512, peer_asn=64513),
    *(Node(name) for name in NODES),
)


def test_a_pool_that_is_widened_concerns_nobody_who_has_an_address():
    before = settled(Pool("p", addresses=("192.0.2.0/30",)), WEB, *GROUND)
    wide = decide(before, Change("files", (Sourced(Pool("p", addresses=("192.0.2.0/24",))),)))
    assert reached(before, wide) == set()
    other = Pool("p", (("zone", "a"),), addresses=("192.0.2.0/30",))
    labelled = decide(before, Change("files", (Sourced(other),)))
    assert reached(before, labelled) == {WEB.ref}


def reached(before, decided) -> set:
    """Who is concerned, where it is not everyone."""
    found = concerned(before, decided.state, decided.facts)
    assert not found.spreads
    assert not found.nodes
    assert found.services[Spread.EVERY_NODE] == found.services[Spread.ONE_NODE]
    return found.services[Spread.ONE_NODE]


def test_an_advertisement_concerns_who_holds_addresses_of_its_pools_in_its_own_way():
    ground = Pool("p", addresses=("192.0.2.0/30",)), Pool("q", addresses=("198.51.100.0/30",))
    mail = Service("default", "mail", type="LoadBalancer", requested_addresses=("198.51.100.1",))
    before = settled(*ground, WEB, mail, *GROUND)
    other = decide(before, Change("files", (Sourced(BGPAdvertisement("y", pools=("q",))),)))
    found = concerned(before, other.state, other.facts)
    assert found.services == {Spread.EVERY_NODE: {mail.ref}, Spread.ONE_NODE: set()}
    assert not found.spreads
    compared(before, other.state, other.facts)


def test_a_node_concerns_its_own_routes_and_every_election():
    before = settled(Pool("p", addresses=("192.0.2.0/30",)), WEB, *GROUND)
    labelled = decide(before, Change("files", (Sourced(Node("n2", (("zone", "a"),))),)))
    found = concerned(before, labelled.state, labelled.facts)
    assert (found.spreads, found.nodes) == ({Spread.ONE_NODE}, {"n2"})
    assert [found.everyone(node, Spread.EVERY_NODE) for node in NODES] == [False, True, False]


def test_who_meets_in_a_prefix_is_asked_as_well():
    wide = BGPAdvertisement("x", aggregation_length=24)
    before = settled(Pool("p", addresses=("192.0.2.0/24",)), WEB, wide, *GROUND[1:])
    after = decide(before, Change("files", (service("mail"),)))
    found = compared(before, after.state, after.facts)
    assert [each.change for each in found] == ["changed"] * len(NODES)
    both = (service_ref("default", "mail"), WEB.ref)
    assert {each.after.services for each in found} == {both}


def test_a_node_that_is_known_in_one_state_only_announces_in_that_one_alone():
    before = settled(Pool("p", addresses=("192.0.2.0/24",)), WEB, *GROUND[:2])
    after = decide(before, Change("files", (Sourced(Node("n1")),)))
    found = compared(before, after.state, after.facts, ["here"], ["n1"])
    assert [(each.node, each.change) for each in found] == [("here", "removed"), ("n1", "added")]
