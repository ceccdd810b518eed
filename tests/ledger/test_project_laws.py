"""What is redone for a change is what would be done from nothing; a plan is what happens."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from ledger.worlds import (
    LABELS,
    NODES,
    advertisements,
    histories,
    observations,
    slices,
    terrain,
)
from proclaim.decide import decide
from proclaim.events import AddressAssigned, AddressReleased, Observed, Reason, Why
from proclaim.fold import fold, number
from proclaim.model import (
    BGPAdvertisement,
    Change,
    L2Advertisement,
    Node,
    Pool,
    Service,
    Sourced,
    Spread,
    service_ref,
)
from proclaim.plan import plan
from proclaim.project import advance, differing, merge, project
from proclaim.state import State, addresses_of
from proclaim.statuses import service_status
from proclaim.steps import finish
from proclaim.verdict import Part

parts = st.builds(
    Part,
    prefix=st.just("192.0.2.0/32"),
    to=st.sampled_from(((), ("t1",), ("t1", "t2"))),
    address=st.just("192.0.2.0"),
    service=st.just(service_ref("default", "a")),
    local_pref=st.sampled_from((0, 100)),
    communities=st.sampled_from(((), ("64512:1",), ("large:1:2:3", "64512:1"))),
)


def after(history, state: State | None = None) -> State:
    state = State() if state is None else state
    for observation in history:
        state = decide(state, observation).state
    return state


def seen(projection):
    """What a projection says, less how it was made."""
    return (projection.announcements, projection.parts, projection.by_prefix)


def says_what_differs(before, after) -> bool:
    """Whether everything that is not the same object is named, or may be anything."""
    old, new = before.announcements, after.announcements
    found = {key for key in {*old, *new} if old.get(key) is not new.get(key)}
    return after.differing is None or found <= set(after.differing)


@settings(max_examples=150)
@given(histories, st.sampled_from(NODES), st.sampled_from(Spread), st.integers(1, 4))
def test_advancing_is_projecting_anew(history, node, spread, stride) -> None:
    state = State()
    projection = project(state, node, spread)
    facts: list = []
    for at, observation in enumerate(history):
        decided = decide(state, observation)
        facts += number(state, decided.facts, 0.0)
        state = decided.state
        if at % stride == 0:  # followers skip states, and catch up with all facts between
            before, projection = projection, advance(projection, state, facts)
            facts = []
            assert seen(projection) == seen(project(state, node, spread))
            assert says_what_differs(before, projection)
    assert seen(advance(projection, state, facts)) == seen(project(state, node, spread))
    assert seen(advance(projection, state, None)) == seen(project(state, node, spread))


@given(
    histories,
    st.lists(st.builds(Sourced, terrain), min_size=1, max_size=4).map(tuple),
    st.sampled_from(NODES),
    st.sampled_from(Spread),
)
def test_advancing_follows_changes_of_the_terrain(history, changed, node, spread) -> None:
    state = after(history)
    projection = project(state, node, spread)
    for change in (
        Change("files", changed),
        Change("files", (), tuple(each.resource.ref for each in changed)),
    ):
        decided = decide(state, change)
        items = number(state, decided.facts, 0.0)
        state = decided.state
        projection = advance(projection, state, items)
        assert seen(projection) == seen(project(state, node, spread))


@given(histories, st.sampled_from(Spread))
def test_one_spread_of_one_node_at_a_time(history, spread) -> None:
    """Every elected address is answered for by exactly one node; routes are equal wherever."""
    state = after(history)
    if spread is Spread.EVERY_NODE:
        return
    owners: dict[str, set[str]] = {}
    for node in state.nodes() or {"n1": None}:
        for announcement in project(state, node, spread).announcements.values():
            for address in announcement.addresses:
                owners.setdefault(address, set()).add(node)
    if not any(ref.kind == "NodeReachability" for ref in state.of_kind("NodeReachability")):
        assert all(len(nodes) == 1 for nodes in owners.values())


V4, V6 = ("192.0.2.0", "192.0.2.1"), ("2001:db8::", "2001:db8::1")
held = st.one_of(
    st.just(V4[:1]),
    st.sampled_from(V4).map(lambda text: (text,)),
    st.sampled_from(V6).map(lambda text: (text,)),
    st.tuples(st.sampled_from(V4), st.sampled_from(V6)),
    st.just(()),
)
names = st.sampled_from("abcd")
local = st.builds(
    Service,
    namespace=st.just("default"),
    name=names,
    labels=LABELS,
    type=st.just("LoadBalancer"),
    external_traffic_policy=st.sampled_from(("Cluster", "Local", "Local")),
)
happenings = st.lists(st.one_of(st.tuples(names, held), local, slices, slices), max_size=8)
"""Services take addresses that others have too, or leave them; and change meanwhile."""
SHARED_GROUND = (
    Pool("p", addresses=("192.0.2.0/30", "2001:db8::/126")),
    BGPAdvertisement("x"),
    L2Advertisement("x"),
    Node("n1", (("zone", "a"),)),
    Node("n2", (("zone", "b"),)),
    *(
        Service("default", name, type="LoadBalancer", external_traffic_policy="Local")
        for name in "abcd"
    ),
)
SHARED_FROM_THE_START = (("a", V4[:1]), ("b", V4[:1]), ("c", (V4[0], V6[0])), ("d", V6[:1]))


def facts_of(state: State, happening) -> list:
    """What is recorded when something happens, whoever shares with whom."""
    if not isinstance(happening, tuple):
        return [Observed("files", happening, "")]
    name, addresses = happening
    ref = service_ref("default", name)
    if addresses:
        return [AddressAssigned(ref, addresses, "p", Reason(Why.FREE, pool="p"))]
    holding = state.holdings.get(ref)
    return [AddressReleased(ref, holding.addresses, "p", Reason(Why.GONE))] if holding else []


@settings(max_examples=300)
@given(st.lists(advertisements, max_size=2), happenings, st.sampled_from(Spread), st.integers(1, 4))
def test_advancing_is_projecting_anew_where_addresses_are_shared(ads, happening, spread, stride):
    ground = [Observed("files", each, "") for each in (*SHARED_GROUND, *ads)]
    state = fold(State(), number(State(), ground, 0.0))
    projections = {node: project(state, node, spread) for node in ("n1", "n2")}
    facts: list = []
    for at, each in enumerate((*SHARED_FROM_THE_START, *happening)):
        new = number(state, facts_of(state, each), 0.0)
        facts, state = facts + new, fold(state, new)
        if at % stride:
            continue
        for node, projection in projections.items():
            projections[node] = advance(projection, state, facts)
            assert seen(projections[node]) == seen(project(state, node, spread))
        facts = []
    if spread is Spread.ONE_NODE:
        one, other = (
            {
                address
                for each in project(state, node, spread).announcements.values()
                for address in each.addresses
            }
            for node in ("n1", "n2")
        )
        assert not one & other, "two nodes answer for an address"


@given(histories, st.sampled_from(NODES), st.sampled_from(Spread))
def test_nothing_is_announced_that_no_pool_covers_and_permits(history, node, spread) -> None:
    state = after(history)
    pools = state.pool_index
    for announcement in project(state, node, spread).announcements.values():
        for ref in announcement.services:
            pool = pools.around(addresses_of(state.holdings[ref]))
            assert pool is not None
            assert pools.permits(pool, state.service(ref))


@given(st.lists(parts, min_size=1, max_size=1))
def test_one_contribution_is_merged_as_many_alike_are(contributions) -> None:
    assert merge("192.0.2.0/32", contributions) == merge("192.0.2.0/32", contributions * 2)


@given(histories, st.lists(observations, min_size=1, max_size=3))
def test_what_a_plan_predicts_is_what_deciding_gives(history, coming) -> None:
    state = after(history)
    predicted = plan(state, coming, NODES)
    then = after(coming, state)
    assert set(predicted.after.holdings) == set(then.holdings)
    for each in predicted.services:
        before, now = state.holdings.get(each.service), then.holdings.get(each.service)
        assert each.before == (before.addresses if before else ())
        assert each.after == (now.addresses if now else ())
        assert (each.change == "refused") <= (each.service in then.refusals)
        assert (each.change == "kept") == (each.before == each.after != ())
    changed = {each.service for each in predicted.services if each.change != "kept"}
    for ref in {*state.holdings, *then.holdings}:
        before, now = state.holdings.get(ref), then.holdings.get(ref)
        moved = (before and before.addresses) != (now and now.addresses)
        assert moved <= (ref in changed), ref
    _announcements_are_predicted(state, then, predicted)


def _announcements_are_predicted(state, then, predicted) -> None:
    for node in NODES:
        for spread in Spread:
            shown = dict(project(state, node, spread).announcements)
            now = project(then, node, spread).announcements
            for each in predicted.announcements:
                if (each.node, each.spread) != (node, spread):
                    continue
                if each.before is not None:
                    key = next(key for key, value in shown.items() if value == each.before)
                    del shown[key]
            kept = [each for each in now.values() if each in shown.values()]
            added = [
                each.after
                for each in predicted.announcements
                if (each.node, each.spread) == (node, spread) and each.after is not None
            ]
            assert sorted(map(repr, [*shown.values(), *added])) == sorted(map(repr, now.values()))
            assert len(kept) >= len(shown)


@settings(max_examples=150)
@given(histories, st.sampled_from(NODES), st.sampled_from(Spread), st.integers(1, 4))
def test_what_is_announced_otherwise_is_found_from_the_facts(history, node, spread, stride) -> None:
    state = State()
    before = project(state, node, spread)
    facts: list = []
    for at, observation in enumerate(history):
        decided = decide(state, observation)
        facts += number(state, decided.facts, 0.0)
        state = decided.state
        if at % stride:
            continue
        now = advance(before, state, facts)
        found = set(finish(differing(before, now, facts)))
        told = {
            ref
            for ref in (*before.parts, *now.parts)
            if service_status(before, ref) != service_status(now, ref)
        }
        assert told <= found
        assert found <= {*before.parts, *now.parts}
        assert found == set(finish(differing(before, now, None)))
        before, facts = now, []
