"""How far a change reaches: which announcements differ between two states, node by node.

Where the facts between are known, only the Services are asked that they can
concern, and those that meet them in a prefix; everything else is announced as
it was.  A change of what announcing depends on besides the Services (a node, a
peer, an advertisement) can concern everyone, and is compared wholly.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Literal, NamedTuple, TypeAlias

from proclaim.addresses import Address, Range, parse_address, parse_range, prefix_of
from proclaim.election import group_of
from proclaim.events import Fact, Observed, Removed
from proclaim.fold import numbered
from proclaim.model import Announcement, Ref, Spread
from proclaim.project import Key, project, touched
from proclaim.state import State, ranges
from proclaim.terrain import TERRAIN

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
    services = concerned(before.state, after.state, facts) if facts is not None else None
    if services is not None:
        services = _meeting(before.state, after.state, services)
    for node in sorted({*before.nodes, *after.nodes}):
        both = node in before.nodes and node in after.nodes
        asked = services if both else None
        for spread in Spread:
            old = _announced(before, node, spread, asked)
            new = _announced(after, node, spread, asked)
            yield from _differing(node, spread, old, new)


def _announced(
    view: View, node: str, spread: Spread, services: set[Ref] | None
) -> dict[Key, Announcement]:
    if node not in view.nodes or services == set():
        return {}
    return dict(project(view.state, node, spread, services).announcements)


def _differing(
    node: str, spread: Spread, old: dict[Key, Announcement], new: dict[Key, Announcement]
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


def concerned(before: State, after: State, facts: Sequence[Fact]) -> set[Ref] | None:
    """The Services that facts between two states can make announced otherwise; None: everyone."""
    pools: set[str] = set()
    for fact in facts:
        ref = _ref(fact)
        if ref is None:
            continue
        if ref.kind == "IPAddressPool":
            pools.add(ref.name)
        elif ref.kind in TERRAIN or (ref.kind == "Namespace" and _by_namespace(before, after)):
            return None
    services = touched(before, after, numbered(before, facts, before.time))
    for name in sorted(pools):
        for ref in _of_pool(before, after, name):
            services.update(group_of(before, ref), group_of(after, ref))
    return services


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
