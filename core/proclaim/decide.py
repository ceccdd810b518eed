"""`decide`: an observation and a state give facts, and nothing else does.

`decide` records what the observation says (`record`), and settles what follows
from it (`settle`).

A full settlement is the specification.  `affected` names the Services that an
observation can concern, and settling those alone gives the same answer.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from proclaim.events import AuthorityTaken, Decision, Fact, Input, Observed, Removed
from proclaim.fold import folding, numbered
from proclaim.model import Namespace, Observation, Pool, Ref, Service
from proclaim.record import PAUSE_EVERY, record
from proclaim.settle import settle, settling
from proclaim.state import State
from proclaim.steps import Steps, finish, ordered

__all__ = ["Decided", "affected", "decide", "deciding", "settle", "settling"]


@dataclass(frozen=True, slots=True)
class Decided:
    """What an observation led to: the facts in their order, and the state after them."""

    inputs: tuple[Input, ...]
    decisions: tuple[Decision, ...]
    state: State

    @property
    def facts(self) -> tuple[Fact, ...]:
        return (*self.inputs, *self.decisions)


def deciding(state: State, observation: Observation, time: float) -> Steps[Decided]:
    """`decide` in small steps."""
    inputs = yield from record(state, observation)
    if not inputs:
        return Decided((), (), state)
    seen = yield from folding(state, numbered(state, inputs, time))
    decisions = yield from settling(seen, (yield from affecting(inputs)))
    after = yield from folding(
        seen, numbered(seen, decisions, time, transaction=state.position + 1)
    )
    return Decided(tuple(inputs), tuple(decisions), after)


def decide(state: State, observation: Observation, time: float = 0.0) -> Decided:
    """Record an observation and settle what follows; `time` is only stamped on it."""
    return finish(deciding(state, observation, time))


def affected(state: State, inputs: Sequence[Input]) -> list[Ref] | None:
    """The Services that these facts can concern, sorted; None means every one."""
    return finish(affecting(inputs))


def affecting(inputs: Sequence[Input]) -> Steps[list[Ref] | None]:
    """`affected` in small steps."""
    services: set[Ref] = set()
    for at, fact in enumerate(inputs):
        if at % PAUSE_EVERY == 0:
            yield
        match fact:
            case Observed(resource=Service() as service):
                services.add(service.ref)
            case Removed(ref=ref) if ref.kind == "Service":
                services.add(ref)
            case Observed(resource=Pool() | Namespace()) | AuthorityTaken():
                return None
            case Removed(ref=ref) if ref.kind in ("IPAddressPool", "Namespace"):
                return None
            case _:
                pass  # no other resource has a say in who holds an address
    return (yield from ordered(services))
