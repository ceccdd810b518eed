"""`plan`: what an observation would change, as a value, and nothing recorded.

A plan is the difference of two states: who keeps, gets, moves, loses or is
refused an address, and which announcements change on which node.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Literal, NamedTuple, TypeAlias

from proclaim import reasons
from proclaim.decide import decide
from proclaim.events import AddressAssigned, AddressRefused, AddressReleased, Fact, Reason
from proclaim.model import Announcement, Observation, Ref, Spread
from proclaim.project import project
from proclaim.state import State

ServiceChange: TypeAlias = Literal["kept", "assigned", "moved", "released", "refused"]
AnnouncementChange: TypeAlias = Literal["added", "removed", "changed"]


class PlannedService(NamedTuple):
    """What becomes of one Service."""

    service: Ref
    change: ServiceChange
    before: tuple[str, ...]
    after: tuple[str, ...]
    reason: Reason | None
    message: str


class PlannedAnnouncement(NamedTuple):
    """What becomes of one announcement on one node."""

    node: str
    spread: Spread
    prefix: str
    change: AnnouncementChange
    before: Announcement | None
    after: Announcement | None


class Plan(NamedTuple):
    """The difference that an observation would make."""

    services: tuple[PlannedService, ...]
    announcements: tuple[PlannedAnnouncement, ...]
    after: State

    @property
    def changes(self) -> bool:
        """Whether anything would change that a user could notice."""
        return any(each.change != "kept" for each in self.services) or bool(self.announcements)

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
        announcements=tuple(announcement_difference(state, after, nodes)),
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
    reason: Reason | None = None
    if had and has:
        change = "kept" if had == has else "moved"
        reason = why.get(ref) if change == "moved" else (new.reason if new else None)
    elif has:
        change, reason = "assigned", new.reason if new else None
    elif had:
        change = "released"
        reason = why.get(ref) or (new_refusal.reason if new_refusal else None)
    elif new_refusal and (old_refusal is None or old_refusal.reason != new_refusal.reason):
        change, reason = "refused", new_refusal.reason
    else:
        return None
    message = reasons.message(reason) if reason else ""
    if change == "released" and new_refusal and reason is not new_refusal.reason:
        message = f"{message}; {reasons.message(new_refusal.reason)}"
    return PlannedService(ref, change, had, has, reason, message)


def announcement_difference(
    before: State, after: State, nodes: Sequence[str]
) -> Iterable[PlannedAnnouncement]:
    """Which announcements differ between two states, by node, spread and prefix."""
    for node in nodes:
        for spread in Spread:
            old = project(before, node, spread).announcements
            new = project(after, node, spread).announcements
            for key in sorted({*old, *new}):
                was, is_ = old.get(key), new.get(key)
                if was == is_:
                    continue
                change: AnnouncementChange = (
                    "added" if was is None else "removed" if is_ is None else "changed"
                )
                yield PlannedAnnouncement(node, spread, key[0], change, was, is_)
