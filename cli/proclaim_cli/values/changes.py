"""What `plan` and `apply` show: the difference of two states, and how far it reaches."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from proclaim.decide import decide
from proclaim.events import Fact
from proclaim.explain import Said, explain_announcement, kept_out
from proclaim.model import Announcement, Observation, Ref, Spread, service_ref
from proclaim.plan import (
    PlannedAnnouncement,
    PlannedService,
    announcement_difference,
    difference,
)
from proclaim.state import State
from proclaim.terrain import Terrain, survey

from proclaim_cli.values.plain import Because, because
from proclaim_cli.values.resources import (
    ANNOUNCERS,
    AnnouncementRow,
    announcement,
    known_nodes,
)
from proclaim_cli.values.silence import why_silent


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
    reason: Because | None = None
    """Why it comes or goes; None where one merely changes."""

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
    """Peers and interfaces that would notice."""


class Changes(NamedTuple):
    """The difference of two states."""

    services: tuple[ServiceChange, ...]
    announcements: tuple[AnnouncementChange, ...]
    summary: Summary
    unannounced: tuple[Unannounced, ...] = ()
    """Of the Services that change, those that have an address and are announced nowhere."""


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
    planned = list(announcement_difference(before, made.state, nodes))
    was, will_be = Announcing(before), Announcing(made.state)
    announced = tuple(_announcement(each, _why(each, was, will_be)) for each in planned)
    by_service = Counter(each.change for each in services)
    by_announcement = Counter(each.change for each in announced)
    summary = Summary(
        changes=bool(announced) or any(each.change != "kept" for each in services),
        services=Services(*(by_service[field] for field in Services._fields)),
        announcements=Announcements(*(by_announcement[field] for field in Announcements._fields)),
        nodes=tuple(sorted({each.node for each in announced})),
        to=tuple(sorted({name for each in announced for name in each.to})),
    )
    lost = {ref for each in planned if each.before for ref in each.before.services}
    silent = tuple(
        found
        for each in services
        if each.change != "kept" or service_ref(each.namespace, each.name) in lost
        if (found := _unannounced(each, will_be, nodes))
    )
    return Changes(services, announced, summary, silent)


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


class Announcing:
    """Whether Services are announced in a state, asked about many of them."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._terrains: dict[tuple[str, Spread], Terrain] = {}

    def said(self, node: str, spread: Spread, ref: Ref) -> Said:
        """What a node announces of a Service in one way, or why nothing."""
        key = (node, spread)
        if key not in self._terrains:
            self._terrains[key] = survey(self._state, node, spread)
        return explain_announcement(self._terrains[key], self._state, ref)

    def pool(self, ref: Ref) -> str:
        """The pool of a Service's addresses."""
        holding = self._state.holdings.get(ref)
        return holding.pool if holding else ""

    def kept_out(self, ref: Ref) -> str:
        """What would announce that pool, and was rejected."""
        return kept_out(self._state, self.pool(ref))


def _why(each: PlannedAnnouncement, before: Announcing, after: Announcing) -> Because | None:
    """Why an announcement goes: what is so afterwards; why it comes: what was so before."""
    if each.before is None and each.after is not None:
        state, services, when = before, each.after.services, "so far "
    elif each.after is None and each.before is not None:
        state, services, when = after, each.before.services, ""
    else:
        return None
    found: dict[str, str] = {}
    for ref in services:
        said = state.said(each.node, each.spread, ref)
        text = f"{when}{said.message}"
        if said.prefixes:
            place = "so far" if when else "now"
            text = f"{place} announced as {', '.join(said.prefixes)}"
        found.setdefault(text, "Replaced" if said.prefixes else str(said.code))
    return Because(next(iter(found.values())), "; ".join(found)) if found else None


def _unannounced(
    each: ServiceChange, state: Announcing, nodes: Sequence[str]
) -> Unannounced | None:
    ref = service_ref(each.namespace, each.name)
    if not each.after:
        return None
    said = [state.said(node, spread, ref) for node in nodes for spread in Spread]
    if any(found.prefixes for found in said):
        return None
    text = why_silent(said, state.pool(ref), state.kept_out(ref))
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
