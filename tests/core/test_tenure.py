"""What is remembered of what was released, and how it is forgotten."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st
from proclaim.events import Reason, Why
from proclaim.model import service_ref
from proclaim.state import Holding, State
from proclaim.tenure import Tenure
from proclaim.testing import differences
from proclaim.vacated import Release, Releases

LIMIT = 3
WHY = Reason(Why.FREE)
SERVICES = [service_ref("default", name) for name in "abcdef"]
ADDRESSES = [("192.0.2.1",), ("192.0.2.2",), ("192.0.2.3", "2001:db8::3"), ("2001:db8::4",),
             ("2001:db8::3", "192.0.2.2"), ("192.0.2.6",), ("192.0.2.7",)]  # fmt: skip


def after(state, steps, first=1):
    """A state after each Service got or lost what the steps say, one fact each."""
    for position, (ref, addresses) in enumerate(steps, start=first):
        tenure = Tenure(state, LIMIT)
        if addresses:
            tenure.assign(ref, Holding(addresses, "p", WHY, position, 0.0))
        elif tenure.get(ref):
            tenure.release(ref, position)
        state = replace(state, **tenure.result())
    return state


def restored(state):
    """The same state made anew from what a checkpoint keeps of it."""
    tenure = Tenure(State(), LIMIT)
    vacated = {str(address): position for address, position in state.vacated}
    tenure.remember(dict(state.former), vacated)
    for ref, holding in sorted(state.holdings.items()):
        tenure.assign(ref, holding)
    return replace(State(), **tenure.result())


step = st.tuples(st.sampled_from(SERVICES), st.sampled_from([(), (), *ADDRESSES]))
histories = st.lists(step, max_size=25)


@given(histories, histories)
def test_a_restored_state_forgets_in_the_same_order_as_the_one_that_lived(before, then):
    lived = after(State(), before)
    assert differences(restored(lived), lived) == []
    first = len(before) + 1
    assert differences(after(restored(lived), then, first), after(lived, then, first)) == []


@given(histories)
def test_no_more_is_remembered_than_the_limit_says(history):
    state = after(State(), history)
    assert len(state.vacated) <= LIMIT
    assert len(state.former) <= LIMIT
    assert len(state.releases) <= 2 * LIMIT + 1


def test_what_was_released_first_is_forgotten_first_and_is_as_if_never_held():
    held = [(ref, addresses) for ref, addresses in zip(SERVICES, ADDRESSES[:2], strict=False)]
    more = [(SERVICES[4], ("192.0.2.6",)), (SERVICES[5], ("192.0.2.7",))]
    lost = [(ref, ()) for ref, _ in (*held, *more)]
    state = after(State(), [*held, *more, *lost])
    assert [str(address) for address, _ in state.vacated] == ["192.0.2.2", "192.0.2.6", "192.0.2.7"]
    assert set(state.former) == {SERVICES[1], SERVICES[4], SERVICES[5]}


def test_all_that_one_fact_released_is_forgotten_together():
    web = SERVICES[0]
    releases = Releases([Release(7, web, ("192.0.2.1",)), Release(5, web, ("2001:db8::1",)),
                         Release(5, SERVICES[1], ("192.0.2.9",))])  # fmt: skip
    assert [entry.position for entry in releases.pop()] == [5, 5]
    assert [entry.position for entry in releases.pop()] == [7]
    assert len(releases) == 0
