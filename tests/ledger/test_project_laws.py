"""What is redone for a change is what would be done from nothing; a plan is what happens."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from ledger.worlds import NODES, histories, observations, terrain
from proclaim.decide import decide
from proclaim.fold import number
from proclaim.model import Change, Sourced, Spread
from proclaim.plan import plan
from proclaim.project import advance, project
from proclaim.state import State


def after(history, state: State | None = None) -> State:
    state = State() if state is None else state
    for observation in history:
        state = decide(state, observation).state
    return state


def seen(projection):
    """What a projection says, less how it was made."""
    return (projection.announcements, projection.parts, projection.by_prefix)


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
            projection = advance(projection, state, facts)
            facts = []
            assert seen(projection) == seen(project(state, node, spread))
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
