"""`election`: the one node that answers for the addresses which some Services share.

ARP knows addresses, not Services, so whoever shares an address must have the
same leader.  The electorate is a *group*: the Services linked by addresses
that they share, so that a Service with two addresses has one leader as well.
One election is held for a group, from the same values wherever it is computed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import NamedTuple

from proclaim.model import L2Advertisement, Ref
from proclaim.state import State
from proclaim.terrain import Terrain


class Candidacy(NamedTuple):
    """The nodes that could answer for one Service, and the advertisements that say so."""

    nodes: frozenset[str]
    advertisements: tuple[L2Advertisement, ...]


def group_of(state: State, ref: Ref) -> tuple[Ref, ...]:
    """The Services linked to one by addresses that they share, itself among them, by name."""
    holding = state.holdings.get(ref)
    if holding is None or all(len(state.holders[text]) == 1 for text in holding.addresses):
        return (ref,)
    found, waiting = {ref}, [ref]
    while waiting:
        for text in state.holdings[waiting.pop()].addresses:
            new = [holder for holder in state.holders[text] if holder not in found]
            found.update(new)
            waiting += new
    return tuple(sorted(found))


def leader(terrain: Terrain, candidacies: Iterable[Candidacy], address: str) -> str:
    """The node that answers for a group; "" when there is no candidate.

    Candidates are the nodes that could answer for the most members: for all of
    them, where such a node exists.  Among these the order is that of one
    Service which every advertisement of a member selects.
    """
    standing = list(candidacies)
    votes = Counter(node for each in standing for node in each.nodes)
    if not votes:
        return ""
    most = max(votes.values())
    candidates = frozenset(node for node, count in votes.items() if count == most)
    every = {ad.name: ad for each in standing for ad in each.advertisements}
    return terrain.elect(candidates, tuple(ad for _, ad in sorted(every.items())), address)
