"""How far a change reaches: which announcements differ between two states, node by node.

Where the facts between are known, only the Services are asked that they can
concern, and those that meet them in a prefix; everything else is announced as
it was.  A node, a peer or a Community can concern everyone: from one node, or
in one way of announcing, and there everything is compared.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Literal, NamedTuple, TypeAlias

from proclaim.addresses import Address, Range, parse_address, parse_range, prefix_of
from proclaim.election import group_of
from proclaim.events import Fact, Observed, Removed
from proclaim.fold import numbered
from proclaim.model import Announcement, Ref, Spread, selects_pool
from proclaim.project import Key, project_some, touched
from proclaim.state import State, ranges
from proclaim.terrain import Terrain, survey

AnnouncementChange: TypeAlias = Literal["added", "removed", "changed"]


class PlannedAnnouncement(NamedTuple):
    """What becomes of one announcement on one node."""

    node: str
    spread: Spread
    prefix: str
    change: AnnouncementChange
    before: Announcement | None
    after: Announcement | None


class View(NamedTuple):
    """A state, and the nodes whose announcements are looked at; no other node announces."""

    state: State
    nodes: Sequence[str]


def announcement_difference(
    before: View, after: View, facts: Sequence[Fact] | None = None
) -> Iterator[PlannedAnnouncement]:
    """Which announcements differ, by node, spread and prefix; `facts` are all that lie between."""
    reach = concerned(before.state, after.state, facts) if facts is not None else None
    asked = {
        spread: reach and _meeting(before.state, after.state, reach.services[spread])
        for spread in Spread
    }
    was, will_be = _Nodes(before), _Nodes(after)
    for node in sorted({*before.nodes, *after.nodes}):
        both = node in before.nodes and node in after.nodes
        for spread in Spread:
            everyone = reach is None or not both or reach.everyone(node, spread)
            services = None if everyone else asked[spread]
            old = was.announced(node, spread, services)
            new = will_be.announced(node, spread, services)
            yield from _differing(node, spread, old, new)


class _Nodes:
    """The nodes of a view, which have nearly all of their terrain in common."""

    def __init__(self, view: View) -> None:
        self._state = view.state
        self._known = frozenset(view.nodes)
        self._terrains: dict[Spread, Terrain] = {}

    def announced(
        self, node: str, spread: Spread, services: set[Ref] | None
    ) -> Mapping[Key, Announcement]:
        """What a node announces, of some Services or of all."""
        if node not in self._known or services == set():
            return {}
        asked = self._state.holdings if services is None else services
        return project_some(self._state, self._terrain(node, spread), asked).announcements

    def _terrain(self, node: str, spread: Spread) -> Terrain:
        if spread not in self._terrains:
            self._terrains[spread] = survey(self._state, node, spread).of_many()
        return self._terrains[spread].elsewhere(self._state, node)


def _differing(
    node: str, spread: Spread, old: Mapping[Key, Announcement], new: Mapping[Key, Announcement]
) -> Iterator[PlannedAnnouncement]:
    for key in sorted({*old, *new}):
        was, is_ = old.get(key), new.get(key)
        if was == is_:
            continue
        change: AnnouncementChange = (
            "added" if was is None else "removed" if is_ is None else "changed"
        )
        yield PlannedAnnouncement(node, spread, key[0], change, was, is_)


# --- whom facts concern --------------------------------------------------------------------------


class Concerned(NamedTuple):
    """Who can be announced otherwise, by spread."""

    services: Mapping[Spread, set[Ref]]
    spreads: frozenset[Spread]
    """Where everyone can, from every node."""
    nodes: frozenset[str]
    """From which everyone's routes can."""

    def everyone(self, node: str, spread: Spread) -> bool:
        """Whether everything that a node announces in one way may be otherwise."""
        return spread in self.spreads or (spread is Spread.EVERY_NODE and node in self.nodes)


def concerned(before: State, after: State, facts: Sequence[Fact]) -> Concerned:
    """The Services that facts between two states can make announced otherwise."""
    work = _Concern(before, after)
    for ref in sorted({ref for fact in facts if (ref := _ref(fact)) is not None}):
        work.look(ref)
    touching = touched(before, after, numbered(before, facts, before.time))
    services = {spread: touching | work.grouped(spread) for spread in Spread}
    return Concerned(services, frozenset(work.spreads), frozenset(work.nodes))


class _Concern:
    """Whom resources concern that are not what they were."""

    def __init__(self, before: State, after: State) -> None:
        self.spreads: set[Spread] = set()
        self.nodes: set[str] = set()
        self._before, self._after = before, after
        self._services: dict[Spread, set[Ref]] = {spread: set() for spread in Spread}

    def look(self, ref: Ref) -> None:
        match ref.kind:
            case "IPAddressPool":
                found = set(_of_pool(self._before, self._after, ref.name))
                for services in self._services.values():
                    services |= found
            case "BGPAdvertisement":
                self._services[Spread.EVERY_NODE].update(self._advertised(ref))
            case "L2Advertisement":
                self._services[Spread.ONE_NODE].update(self._advertised(ref))
            case "BGPPeer" | "Community":
                self.spreads.add(Spread.EVERY_NODE)
            case "Node" | "NodeReachability":
                self._node(ref.name)
            case "Namespace" if _by_namespace(self._before, self._after):
                self.spreads.update(Spread)

    def grouped(self, spread: Spread) -> set[Ref]:
        """Who was found, with those who are elected together with them."""
        found: set[Ref] = set()
        for ref in self._services[spread]:
            if ref not in found:
                found.update(group_of(self._before, ref), group_of(self._after, ref))
        return found

    def _node(self, name: str) -> None:
        """Routes are a node's own matter; who answers is elected among all nodes."""
        self.spreads.add(Spread.ONE_NODE)
        self.nodes.add(name)
        if not self._before.of_kind("Node") or not self._after.of_kind("Node"):
            self.spreads.add(Spread.EVERY_NODE)

    def _advertised(self, ref: Ref) -> Iterator[Ref]:
        """Who holds an address of a pool that an advertisement selects, or selected."""
        spans: set[Range] = set()
        for state in (self._before, self._after):
            if (entry := state.get(ref)) is not None:
                for pool in state.pools():
                    if selects_pool(entry.resource, pool):
                        spans.update(ranges(pool))
        for address in _held(self._before, self._after, spans):
            yield from _holders(self._before, self._after, address)


def _ref(fact: Fact) -> Ref | None:
    match fact:
        case Observed(resource=resource):
            found: Ref = resource.ref
            return found
        case Removed(ref=ref):
            return ref
        case _:
            return None


def _by_namespace(*states: State) -> bool:
    """Whether what a namespace is labelled with has a say in who may use a pool."""
    return any(
        pool.service_allocation is not None and pool.service_allocation.namespace_selectors
        for state in states
        for pool in state.pools()
    )


def _of_pool(before: State, after: State, name: str) -> Iterator[Ref]:
    """The Services for which a pool that changed is another ground to stand on.

    A pool that only gained or lost addresses is the same to those whose address it has kept.
    """
    old, new = before.pool(name), after.pool(name)
    same = (
        old is not None
        and new is not None
        and (old.labels, old.service_allocation) == (new.labels, new.service_allocation)
    )
    spans = {span for pool in (old, new) if pool is not None for span in ranges(pool)}
    for address in _held(before, after, spans):
        if not same or _owner(before, address) != _owner(after, address):
            yield from _holders(before, after, address)


def _owner(state: State, address: Address) -> str:
    pool = state.pool_index.containing(address)
    return pool.name if pool else ""


def _held(before: State, after: State, spans: Iterable[Range]) -> set[Address]:
    """The addresses of some ranges that somebody holds before or after."""
    return {
        address
        for span in spans
        for state in (before, after)
        for address in state.occupied.within(span)
    }


def _holders(before: State, after: State, address: Address) -> Iterator[Ref]:
    text = str(address)
    for state in (before, after):
        yield from state.holders.get(text, ())


def _meeting(before: State, after: State, services: set[Ref]) -> set[Ref]:
    """These Services, and those that may meet one of them in a prefix."""
    spans: set[Range] = set()
    for state in (before, after):
        lengths = {4: {32}, 6: {128}}
        for other in (before, after):
            for entry in other.of_kind("BGPAdvertisement").values():
                lengths[4].add(entry.resource.aggregation_length)
                lengths[6].add(entry.resource.aggregation_length_v6)
        for ref in services:
            holding = state.holdings.get(ref)
            for address in map(parse_address, holding.addresses if holding else ()):
                spans.update(
                    parse_range(prefix_of(address, length)) for length in lengths[address.family]
                )
    found = set(services)
    for address in _held(before, after, spans):
        found.update(_holders(before, after, address))
    return found
