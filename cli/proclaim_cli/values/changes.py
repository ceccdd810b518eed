"""What `plan` and `apply` show: the difference of two states, and how far it reaches."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from proclaim.decide import decide
from proclaim.events import Fact
from proclaim.model import Announcement, Observation
from proclaim.plan import (
    PlannedAnnouncement,
    PlannedService,
    announcement_difference,
    difference,
)
from proclaim.state import State

from proclaim_cli.values.plain import Because, because
from proclaim_cli.values.resources import (
    ANNOUNCERS,
    AnnouncementRow,
    announcement,
    known_nodes,
)


class ServiceChange(NamedTuple):
    """What becomes of one Service."""

    namespace: str
    name: str
    change: str
    """kept, assigned, moved, released or refused."""
    before: tuple[str, ...]
    after: tuple[str, ...]
    reason: Because | None


class AnnouncementChange(NamedTuple):
    """What becomes of one announcement on one node."""

    node: str
    announcer: str
    prefix: str
    change: str
    """added, removed or changed."""
    before: AnnouncementRow | None
    after: AnnouncementRow | None

    @property
    def to(self) -> tuple[str, ...]:
        """Every peer or interface that it concerns."""
        return tuple(
            sorted(
                {name for row in (self.before, self.after) if row is not None for name in row.to}
            )
        )


class Services(NamedTuple):
    """How many Services change, and how."""

    kept: int
    assigned: int
    moved: int
    released: int
    refused: int


class Announcements(NamedTuple):
    """How many announcements change, and how."""

    added: int
    removed: int
    changed: int


class Summary(NamedTuple):
    """How far a change reaches."""

    changes: bool
    services: Services
    announcements: Announcements
    nodes: tuple[str, ...]
    """Nodes on which an announcement changes."""
    to: tuple[str, ...]
    """Peers and interfaces that would notice."""


class Changes(NamedTuple):
    """The difference of two states."""

    services: tuple[ServiceChange, ...]
    announcements: tuple[AnnouncementChange, ...]
    summary: Summary


class Decisions(NamedTuple):
    """What observations led to, one decision at a time."""

    facts: tuple[Fact, ...]
    state: State


def decisions(state: State, seen: Iterable[Observation]) -> Decisions:
    """Decide some observations in memory."""
    facts: list[Fact] = []
    for observation in seen:
        decided = decide(state, observation, state.time)
        facts.extend(decided.facts)
        state = decided.state
    return Decisions(tuple(facts), state)


def changes(before: State, made: Decisions, nodes: Sequence[str]) -> Changes:
    """What differs after some decisions, with the announcements of these nodes."""
    services = tuple(_service(each) for each in difference(before, made.state, made.facts))
    announced = tuple(
        _announcement(each) for each in announcement_difference(before, made.state, nodes)
    )
    by_service = Counter(each.change for each in services)
    by_announcement = Counter(each.change for each in announced)
    summary = Summary(
        changes=bool(announced) or any(each.change != "kept" for each in services),
        services=Services(*(by_service[field] for field in Services._fields)),
        announcements=Announcements(*(by_announcement[field] for field in Announcements._fields)),
        nodes=tuple(sorted({each.node for each in announced})),
        to=tuple(sorted({name for each in announced for name in each.to})),
    )
    return Changes(services, announced, summary)


def nodes_of(before: State, after: State, node: str | None, fallback: str) -> list[str]:
    """The nodes whose announcements are compared."""
    if node:
        return [node]
    return sorted({*before.nodes(), *after.nodes()}) or known_nodes(before, fallback)


def _service(each: PlannedService) -> ServiceChange:
    ref = each.service
    return ServiceChange(
        ref.namespace, ref.name, each.change, each.before, each.after, because(each.reason)
    )


def _announcement(each: PlannedAnnouncement) -> AnnouncementChange:
    def row(found: Announcement | None) -> AnnouncementRow | None:
        return announcement(each.node, each.spread, found) if found else None

    return AnnouncementChange(
        each.node,
        ANNOUNCERS[each.spread],
        each.prefix,
        each.change,
        row(each.before),
        row(each.after),
    )
