"""How far a change reaches: which announcements differ between two states, node by node.

Where the facts between are known, only the Services are asked that they can
concern, and those that meet them in a prefix; everything else is announced as
it was.  A node, a peer or a Community can concern everyone: from one node, or
in one way of announcing, and there everything is compared.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Literal, NamedTuple, TypeAlias

from proclaim.addresses import Range, parse_address, parse_range, prefix_of
from proclaim.concern import concerned, held_in, holders_of
from proclaim.events import Fact
from proclaim.model import Announcement, Ref, Spread
from proclaim.project import project_some
from proclaim.state import State
from proclaim.terrain import Terrain, survey
from proclaim.trail import Key

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
    for address in held_in(before, after, spans):
        found.update(holders_of(before, after, address))
    return found
