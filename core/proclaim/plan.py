"""`plan`: what an observation would change, as a value, and nothing recorded.

A plan is the difference of two states: who keeps, gets, moves, loses or is
refused an address, and which announcements change on which node (`reach`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Literal, NamedTuple, TypeAlias

from proclaim import reasons
from proclaim.decide import decide
from proclaim.events import AddressAssigned, AddressRefused, AddressReleased, Fact, Reason
from proclaim.model import Observation, Ref
from proclaim.reach import PlannedAnnouncement, View, announcement_difference
from proclaim.state import State

ServiceChange: TypeAlias = Literal["kept", "assigned", "moved", "released", "refused"]


class PlannedService(NamedTuple):
    """What becomes of one Service."""

    service: Ref
    change: ServiceChange
    before: tuple[str, ...]
    after: tuple[str, ...]
    reason: Reason | None
    """Why it has what it has; of one that lost something, why that went."""
    message: str
    pools: tuple[str, str] = ("", "")
    """The pool before and after; empty where it has no address."""
    outcome: Reason | None = None
    """Of one that lost something: why it has what it has afterwards, or nothing."""

    @property
    def noticeable(self) -> bool:
        """Whether anything is otherwise afterwards."""
        return self.change != "kept" or self.pools[0] != self.pools[1]


class Plan(NamedTuple):
    """The difference that an observation would make."""

    services: tuple[PlannedService, ...]
    announcements: tuple[PlannedAnnouncement, ...]
    after: State

    @property
    def changes(self) -> bool:
        """Whether anything would change that a user could notice."""
        return any(each.noticeable for each in self.services) or bool(self.announcements)

    def count(self, change: ServiceChange) -> int:
        """How many Services change in that way."""
        return sum(each.change == change for each in self.services)


def plan(state: State, observations: Iterable[Observation], nodes: Sequence[str]) -> Plan:
    """What these observations would change, for the announcements of these nodes."""
    after = state
    facts: list[Fact] = []
    for observation in observations:
        decided = decide(after, observation, after.time)
        after = decided.state
        facts.extend(decided.facts)
    return Plan(
        services=difference(state, after, facts),
        announcements=tuple(announcement_difference(View(state, nodes), View(after, nodes), facts)),
        after=after,
    )


def difference(
    before: State, after: State, facts: Iterable[Fact] = ()
) -> tuple[PlannedService, ...]:
    """What became of each Service between two states; facts add reasons for what was released."""
    why = _reasons(facts)
    services = sorted({*before.holdings, *after.holdings, *before.refusals, *after.refusals, *why})
    return tuple(
        planned for ref in services if (planned := _service(before, after, ref, why)) is not None
    )


def _reasons(facts: Iterable[Fact]) -> dict[Ref, Reason]:
    found: dict[Ref, Reason] = {}
    for fact in facts:
        match fact:
            case AddressReleased(service=ref, reason=reason):
                found[ref] = reason
            case (
                AddressAssigned(service=ref, reason=reason)
                | AddressRefused(service=ref, reason=reason)
            ):
                found.setdefault(ref, reason)
            case _:
                pass
    return found


def _service(
    before: State, after: State, ref: Ref, why: Mapping[Ref, Reason]
) -> PlannedService | None:
    old, new = before.holdings.get(ref), after.holdings.get(ref)
    old_refusal, new_refusal = before.refusals.get(ref), after.refusals.get(ref)
    had = old.addresses if old else ()
    has = new.addresses if new else ()
    change: ServiceChange
    if had or has:
        change = _change(had, has)
        lost = change in ("moved", "released")
        reason = (why.get(ref) if lost else None) or (new.reason if new else None)
    elif new_refusal and (old_refusal is None or old_refusal.reason != new_refusal.reason):
        change, reason = "refused", new_refusal.reason
    else:
        return None
    outcome: Reason | None = None
    if change in ("moved", "released"):
        now = new or new_refusal
        outcome = now.reason if now and now.reason != reason else None
    message = reasons.message(reason) if reason else ""
    if outcome is not None and change == "released":
        message = f"{message}; {reasons.message(outcome)}"
    pools = old.pool if old else "", new.pool if new else ""
    return PlannedService(ref, change, had, has, reason, message, pools, outcome)


def _change(had: tuple[str, ...], has: tuple[str, ...]) -> ServiceChange:
    """What becomes of a Service by its addresses; who only gains or loses some moved nowhere."""
    if had == has:
        return "kept"
    if set(had) <= set(has):
        return "assigned"
    return "released" if set(has) < set(had) else "moved"
