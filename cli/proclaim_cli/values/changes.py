"""What `plan` and `apply` show: the difference of two states, and how far it reaches."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from proclaim.decide import decide
from proclaim.events import Fact
from proclaim.model import Announcement, Observation, service_ref
from proclaim.plan import PlannedService, difference
from proclaim.reach import PlannedAnnouncement, View, announcement_difference
from proclaim.state import State

from proclaim_cli.values.announcing import Announcing, why_changed
from proclaim_cli.values.left_alone import LeftAlone
from proclaim_cli.values.noticed import AtNode, AtReceiver, at_nodes, at_receivers
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
    """Why it has what it has; of one that lost something, why that went."""
    outcome: Because | None
    """Of one that lost something: why it has what it has afterwards, or why nothing."""
    pool_before: str | None
    pool_after: str | None

    @property
    def noticeable(self) -> bool:
        """Whether anything is otherwise afterwards; an address may stay and change its pool."""
        return self.change != "kept" or self.pool_before != self.pool_after


class AnnouncementChange(NamedTuple):
    """What becomes of one announcement on one node."""

    node: str
    announcer: str
    prefix: str
    change: str
    """added, removed or changed."""
    before: AnnouncementRow | None
    after: AnnouncementRow | None
    reason: Because | None = None
    """Why it comes or goes; of one that merely changes, what was otherwise."""

    @property
    def noticeable(self) -> bool:
        """Whether anybody on the network is told otherwise, and not of other Services only."""
        if self.before is None or self.after is None:
            return True
        return (self.before.to, self.before.attributes) != (self.after.to, self.after.attributes)

    @property
    def to(self) -> tuple[str, ...]:
        """Every peer or interface that it concerns."""
        return tuple(
            sorted(
                {name for row in (self.before, self.after) if row is not None for name in row.to}
            )
        )


class Unannounced(NamedTuple):
    """A Service that has an address and that nobody would announce."""

    namespace: str
    name: str
    addresses: tuple[str, ...]
    message: str


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
    """Peers and interfaces that would notice, by name."""
    by_node: tuple[AtNode, ...]
    """The announcements that change, counted for each node."""
    by_receiver: tuple[AtReceiver, ...]
    """What each peer, and each interface, would notice."""
    facts: int
    """How many facts are recorded, those of no consequence among them."""


class Changes(NamedTuple):
    """The difference of two states."""

    services: tuple[ServiceChange, ...]
    announcements: tuple[AnnouncementChange, ...]
    summary: Summary
    unannounced: tuple[Unannounced, ...] = ()
    """Of the Services that change, those that have an address and are announced nowhere."""
    left_alone: tuple[LeftAlone, ...] = ()
    """Of a running cluster: the Services that are of a class which is not served."""


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


def changes(before: View, made: Decisions, after: View) -> Changes:
    """What differs after some decisions, with the announcements of these nodes."""
    services = tuple(_service(each) for each in difference(before.state, made.state, made.facts))
    planned = list(announcement_difference(before, after, made.facts))
    was, will_be = Announcing(before), Announcing(after)
    announced = tuple(_announcement(each, why_changed(each, was, will_be)) for each in planned)
    lost = {ref for each in planned if each.before for ref in each.before.services}
    silent = tuple(
        found
        for each in services
        if each.change != "kept" or service_ref(each.namespace, each.name) in lost
        if (found := _unannounced(each, will_be))
    )
    return Changes(services, announced, _summary(services, planned, len(made.facts)), silent)


def _summary(
    services: Sequence[ServiceChange], planned: Sequence[PlannedAnnouncement], facts: int
) -> Summary:
    by_service: Counter[str] = Counter(each.change for each in services)
    by_announcement: Counter[str] = Counter(each.change for each in planned)
    by_node, by_receiver = at_nodes(planned), at_receivers(planned)
    return Summary(
        changes=bool(planned) or any(each.noticeable for each in services),
        services=Services(*(by_service[field] for field in Services._fields)),
        announcements=Announcements(*(by_announcement[field] for field in Announcements._fields)),
        nodes=tuple(each.node for each in by_node),
        to=tuple(sorted({each.name for each in by_receiver if each.name})),
        by_node=by_node,
        by_receiver=by_receiver,
        facts=facts,
    )


def views(before: State, after: State, node: str | None, fallback: str) -> tuple[View, View]:
    """Two states with the nodes that announce in each; with a node named, only that one.

    They are those that `get announcements` shows: a node that nobody described or heard of
    announces nothing where others are known.
    """
    if node:
        return View(before, [node]), View(after, [node])
    return View(before, known_nodes(before, fallback)), View(after, known_nodes(after, fallback))


def _service(each: PlannedService) -> ServiceChange:
    ref = each.service
    return ServiceChange(
        ref.namespace,
        ref.name,
        each.change,
        each.before,
        each.after,
        because(each.reason),
        because(each.outcome),
        each.pools[0] or None,
        each.pools[1] or None,
    )


def _unannounced(each: ServiceChange, state: Announcing) -> Unannounced | None:
    if not each.after:
        return None
    text = state.trap(service_ref(each.namespace, each.name))
    return Unannounced(each.namespace, each.name, each.after, text) if text else None


def _announcement(each: PlannedAnnouncement, reason: Because | None) -> AnnouncementChange:
    def row(found: Announcement | None) -> AnnouncementRow | None:
        return announcement(each.node, each.spread, found) if found else None

    return AnnouncementChange(
        each.node,
        ANNOUNCERS[each.spread],
        each.prefix,
        each.change,
        row(each.before),
        row(each.after),
        reason,
    )
