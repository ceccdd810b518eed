"""Who notices that announcements change: counts for each node, each peer and each interface."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import NamedTuple

from proclaim.model import Announcement, Attributes, Spread
from proclaim.reach import PlannedAnnouncement

from proclaim_cli.values.resources import ANNOUNCERS


class AtNode(NamedTuple):
    """How many announcements change on one node."""

    node: str
    added: int
    removed: int
    changed: int


class AtReceiver(NamedTuple):
    """What one peer, or one interface, would be told anew, or no longer, over all nodes."""

    announcer: str
    name: str
    """Empty for every interface."""
    nodes: tuple[str, ...]
    """Whose announcements to it change."""
    added: int
    removed: int
    changed: int
    """Prefixes whose attributes are others."""


class _Told(NamedTuple):
    """One prefix that a node tells one receiver."""

    spread: Spread
    receiver: str
    node: str
    prefix: str


def at_nodes(planned: Iterable[PlannedAnnouncement]) -> tuple[AtNode, ...]:
    """The announcements that change, counted by node."""
    counts: dict[str, Counter[str]] = {}
    for each in planned:
        counts.setdefault(each.node, Counter())[each.change] += 1
    return tuple(
        AtNode(node, found["added"], found["removed"], found["changed"])
        for node, found in sorted(counts.items())
    )


def at_receivers(planned: Iterable[PlannedAnnouncement]) -> tuple[AtReceiver, ...]:
    """What differs for each receiver: who is told the same in another company notices nothing."""
    was: dict[_Told, Attributes] = {}
    is_: dict[_Told, Attributes] = {}
    for each in planned:
        for found, told in ((each.before, was), (each.after, is_)):
            if found is not None:
                told.update((one, found.attributes) for one in _told(each, found))
    counts: dict[tuple[Spread, str], Counter[str]] = {}
    nodes: dict[tuple[Spread, str], set[str]] = {}
    for one in {**was, **is_}:
        before, after = was.get(one), is_.get(one)
        if before == after:
            continue
        change = "added" if before is None else "removed" if after is None else "changed"
        key = one.spread, one.receiver
        counts.setdefault(key, Counter())[change] += 1
        nodes.setdefault(key, set()).add(one.node)
    return tuple(
        AtReceiver(
            ANNOUNCERS[spread],
            name,
            tuple(sorted(nodes[spread, name])),
            found["added"],
            found["removed"],
            found["changed"],
        )
        for (spread, name), found in sorted(counts.items())
    )


def _told(each: PlannedAnnouncement, found: Announcement) -> list[_Told]:
    """Each receiver by itself; a route that names no peer has none, an answer has them all."""
    names = found.to or (("",) if each.spread is Spread.ONE_NODE else ())
    return [_Told(each.spread, name, each.node, each.prefix) for name in names]
