"""Where two resources meet: on a node, in a BGP session, in a prefix.

Each function compares two values and knows no third; what follows when they
meet is decided in `contradictions`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import NamedTuple

from proclaim.addresses import BITS, Range, shortest_block
from proclaim.model import (
    BGPAdvertisement,
    BGPPeer,
    Node,
    Pool,
    Selector,
    any_matches,
    selects_pool,
)
from proclaim.state import ranges


class Session(NamedTuple):
    """What tells one BGP session of a node from another."""

    neighbor: str
    """The peer's address, or the interface that it is found on."""
    port: int
    vrf: str
    source: str

    def __str__(self) -> str:
        vrf = f" in VRF {self.vrf}" if self.vrf else ""
        source = f" from {self.source}" if self.source else ""
        return f"{self.neighbor} port {self.port}{vrf}{source}"


def session_of(peer: BGPPeer) -> Session | None:
    """The session that a peer asks for; None when it names nobody to speak with."""
    neighbor = peer.peer_address or peer.interface
    if not neighbor:
        return None
    return Session(neighbor, peer.peer_port, peer.vrf, peer.source_address)


class Places:
    """Which of the nodes that are known a list of selectors selects."""

    def __init__(self, nodes: Iterable[Node] = ()) -> None:
        self._labels = {node.name: node.labels for node in nodes}
        self._selected: dict[tuple[Selector, ...], frozenset[str]] = {}

    def meeting(self, one: tuple[Selector, ...], other: tuple[Selector, ...]) -> str:
        """Where two lists of selectors meet, in words; empty when they do not.

        With no node known they do: nobody can say that they will not.
        """
        if not self._labels:
            return "every node"
        both = self._of(one) & self._of(other)
        return f"node {min(both)}" if both else ""

    def _of(self, selectors: tuple[Selector, ...]) -> frozenset[str]:
        found = self._selected.get(selectors)
        if found is None:
            found = self._selected[selectors] = frozenset(
                name for name, labels in self._labels.items() if any_matches(selectors, labels)
            )
        return found


@lru_cache(maxsize=1024)
def _narrowest(addresses: tuple[str, ...]) -> Mapping[int, tuple[int, str]]:
    """For each family of a pool, the entry whose largest block is smallest, and its length."""
    found: dict[int, tuple[int, Range]] = {}
    for span in ranges(Pool("", addresses=addresses)):
        length = shortest_block(span)
        if span.family not in found or length > found[span.family][0]:
            found[span.family] = (length, span)
    return {family: (length, str(span)) for family, (length, span) in found.items()}


@lru_cache(maxsize=1024)
def _families(addresses: tuple[str, ...]) -> frozenset[int]:
    return frozenset(span.family for span in ranges(Pool("", addresses=addresses)))


class Beyond(NamedTuple):
    """An aggregation length that leads out of a pool."""

    field: str
    length: int
    needed: int
    entry: str


def beyond(ad: BGPAdvertisement, pool: Pool) -> list[Beyond]:
    """The aggregation lengths of an advertisement that would announce more than a pool has."""
    given = (
        (4, "aggregationLength", ad.aggregation_length),
        (6, "aggregationLengthV6", ad.aggregation_length_v6),
    )
    wide = [each for each in given if each[2] < BITS[each[0]]]
    if not wide or not selects_pool(ad, pool):
        return []
    narrowest = _narrowest(pool.addresses)
    found = [(each, narrowest[each[0]]) for each in wide if each[0] in narrowest]
    return [
        Beyond(field, length, needed, entry)
        for (_, field, length), (needed, entry) in found
        if length < needed
    ]


def same_prefixes(one: BGPAdvertisement, other: BGPAdvertisement, pool: Pool) -> bool:
    """Whether both make the same prefixes of a pool, in one of its families at least."""
    families = _families(pool.addresses)
    return (4 in families and one.aggregation_length == other.aggregation_length) or (
        6 in families and one.aggregation_length_v6 == other.aggregation_length_v6
    )


def both_announce(one: BGPAdvertisement, other: BGPAdvertisement, pool: Pool) -> bool:
    """Whether both announce a pool, and make the same prefixes of it."""
    return selects_pool(one, pool) and selects_pool(other, pool) and same_prefixes(one, other, pool)
