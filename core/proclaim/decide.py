"""`decide`: an observation and a state give facts, and nothing else does.

`decide` records what the observation says (`record`), and settles what follows
from it (`settle`).

A full settlement is the specification.  `affected` names the Services that an
observation can concern, and settling those alone gives the same answer.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from immutables import Map

from proclaim.events import AuthorityTaken, Decision, Fact, Input, Observed, Removed
from proclaim.fold import folding, numbered
from proclaim.model import Authority, Namespace, Observation, Pool, Ref, Service
from proclaim.record import PAUSE_EVERY, record
from proclaim.settle import settle, settling
from proclaim.sharing import terms
from proclaim.state import NO_TENANCY, State
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
    decisions = yield from settling(seen, (yield from affecting(state, inputs)))
    after = yield from folding(
        seen, numbered(seen, decisions, time, transaction=state.position + 1)
    )
    return Decided(tuple(inputs), tuple(decisions), after)


def decide(state: State, observation: Observation, time: float = 0.0) -> Decided:
    """Record an observation and settle what follows; `time` is only stamped on it."""
    return finish(deciding(state, observation, time))


def affected(before: State, inputs: Sequence[Input]) -> list[Ref] | None:
    """The Services that facts after a state can concern, sorted; None means every one."""
    return finish(affecting(before, inputs))


def affecting(before: State, inputs: Sequence[Input]) -> Steps[list[Ref] | None]:
    """`affected` in small steps."""
    work = _Affected(before)
    for at, fact in enumerate(inputs):
        if at % PAUSE_EVERY == 0:
            yield
        work.look(fact)
        if work.everyone:
            return None
    if work.everyone_without:
        yield from work.add_everyone_without()
    return (yield from ordered(work.services))


class _Affected:
    """Who is concerned by what was learnt after a state."""

    def __init__(self, before: State) -> None:
        self.services: set[Ref] = set()
        self.everyone = False
        self.everyone_without = False
        """Whether all who hold nothing are concerned: who follows refuses nobody, and so notes
        nobody's name."""
        self._before = before
        self._waiting = False

    def look(self, fact: Input) -> None:
        match fact:
            case Observed(resource=Service() as service):
                self._service(service.ref, service)
            case Removed(ref=ref) if ref.kind == "Service":
                self.services.add(ref)
            case Observed(resource=Pool() as pool):
                self._pool(pool.name)
            case Removed(ref=ref) if ref.kind == "IPAddressPool":
                self._pool(ref.name)
            case Observed(resource=Namespace() as namespace):
                self._namespace(namespace.name)
            case Removed(ref=ref) if ref.kind == "Namespace":
                self._namespace(ref.name)
            case AuthorityTaken():
                self.everyone = True
            case _:
                pass  # no other resource has a say in who holds an address

    def _service(self, ref: Ref, service: Service) -> None:
        """A Service; and who may want to share, where it holds an address on other terms now."""
        self.services.add(ref)
        if ref not in self._before.holdings:
            return
        if terms(self._before.service(ref)) != terms(service):
            self._who_waits()
            self.services.update(self._before.single)

    def _pool(self, name: str) -> None:
        """Who holds an address of a pool, and who waits for one."""
        if self._waits_for_listings():
            return
        for tenancy in self._before.tenants.get(name, Map()).values():
            self.services.update(tenancy.services)
        self._who_waits()

    def _namespace(self, name: str) -> None:
        """The Services of a namespace."""
        if self._waits_for_listings():
            return
        for namespaces in self._before.tenants.values():
            self.services.update(namespaces.get(name, NO_TENANCY).services)
        self.services.update(ref for ref in self._before.refusals if ref.namespace == name)
        self.everyone_without |= self._before.authority is Authority.FOLLOW

    def _waits_for_listings(self) -> bool:
        """Whether holdings may break rules meanwhile, so that everyone counts."""
        self.everyone |= self._before.authority is Authority.ADOPT
        return self.everyone

    def _who_waits(self) -> None:
        self.everyone_without |= self._before.authority is Authority.FOLLOW
        if not self._waiting:
            self._waiting = True
            self.services.update(self._before.refusals)

    def add_everyone_without(self) -> Steps[None]:
        """Add the Services that hold nothing."""
        for at, ref in enumerate(self._before.of_kind("Service")):
            if at % PAUSE_EVERY == 0:
                yield
            if ref not in self._before.holdings:
                self.services.add(ref)
