"""What announcing depends on besides the Services: pools, advertisements, nodes, peers.

A `Terrain` is that part of a state, prepared for one node and one spread.  It
changes seldom, so it is made once and asked for every Service.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from hashlib import sha256
from typing import Any

from proclaim.addresses import Address
from proclaim.encounters import Session, session_of
from proclaim.model import (
    BGPAdvertisement,
    BGPPeer,
    L2Advertisement,
    Node,
    Pool,
    Ref,
    Service,
    Spread,
    any_matches,
    selects_pool,
)
from proclaim.pool_index import PoolIndex
from proclaim.state import State

EXCLUDE_LABEL = "node.kubernetes.io/exclude-from-external-load-balancers"

_KINDS = (
    "IPAddressPool",
    "L2Advertisement",
    "BGPAdvertisement",
    "BGPPeer",
    "Community",
    "Node",
    "NodeReachability",
    "NodeWithdrawal",
)


@dataclass(frozen=True, slots=True)
class Terrain:
    """One node's view of everything but the Services."""

    node: str
    spread: Spread
    nodes: Mapping[str, Node]
    """The nodes that may announce; this node alone when no source described any."""
    reachable: Mapping[str, bool]
    withdrawn: Mapping[str, str]
    """Why nodes announce nothing, by their names."""
    peers: tuple[BGPPeer, ...]
    """The peers that select this node, by name; none while it is withdrawn, as somebody else may
    have its sessions."""
    pools: Mapping[str, Pool]
    advertisements: Mapping[str, tuple[Any, ...]]
    """The advertisements of this spread by pool name, sorted by name."""
    aliases: Mapping[str, str]
    """Community values by alias: the last one of each."""
    able: frozenset[str]
    """The nodes that may announce at all: alive, with a network, not excluded, not withdrawn."""
    index: PoolIndex
    """Whose an address is, and whom the pools in force admit."""
    by_namespace: bool
    """Whether a pool selects namespaces by their labels."""
    basis: tuple[Any, ...]
    """The parts of the state that this was made from."""
    _selected: dict[tuple[str, ...], frozenset[str]] = field(
        default_factory=dict, compare=False, repr=False
    )
    """What `candidates` found before, by the names of the advertisements."""
    _elected: dict[tuple[object, ...], str] | None = field(default=None, compare=False, repr=False)
    """What `elect` found before, where terrains of several nodes share it."""

    def of_many(self) -> Terrain:
        """The same terrain, to be asked from several nodes: it remembers who is elected."""
        return replace(self, _elected={})

    def elsewhere(self, state: State, node: str) -> Terrain:
        """The terrain of another node in the state that this one was made from."""
        if node not in self.nodes:
            return survey(state, node, self.spread)
        peers = () if node in self.withdrawn else peers_of(state, self.nodes[node])
        return replace(self, node=node, peers=peers)

    @property
    def me(self) -> Node | None:
        return self.nodes.get(self.node)

    def fits(self, state: State) -> bool:
        """Whether a state has the same terrain still."""
        theirs = _basis(state, self.by_namespace)
        return all(mine is other for mine, other in zip(self.basis, theirs, strict=True))

    def pool_at(self, address: Address) -> str:
        """The name of the pool that covers an address, whether it would give it or not; or ""."""
        pool = self.index.containing(address)
        return pool.name if pool else ""

    def permits(self, pool: str, service: Service) -> bool:
        """Whether the `serviceAllocation` of a pool in force admits a Service."""
        return self.index.permits(self.pools[pool], service)

    def candidates(
        self, advertisements: tuple[L2Advertisement, ...], local: frozenset[str] | None
    ) -> frozenset[str]:
        """The nodes that may be elected; `local` limits them to those with endpoints."""
        names = tuple(ad.name for ad in advertisements)
        found = self._selected.get(names)
        if found is None:
            found = self._selected[names] = frozenset(
                name
                for name in self.able
                if any(
                    any_matches(ad.node_selectors, self.nodes[name].labels) for ad in advertisements
                )
            )
        return found if local is None else found & local

    def elect(
        self,
        candidates: frozenset[str],
        advertisements: tuple[L2Advertisement, ...],
        address: str,
    ) -> str:
        """The node that answers for an address: the best score, then the lowest digest.

        The order is MetalLB's, so that its speakers would elect the same node.
        """
        if self._elected is None:
            return self._best(candidates, advertisements, address)
        key = candidates, tuple(ad.name for ad in advertisements), address
        found = self._elected.get(key)
        if found is None:
            found = self._elected[key] = self._best(candidates, advertisements, address)
        return found

    def _best(
        self,
        candidates: frozenset[str],
        advertisements: tuple[L2Advertisement, ...],
        address: str,
    ) -> str:
        preferring = tuple(ad for ad in advertisements if ad.preferred_nodes)
        if not preferring:
            return min(candidates, key=lambda name: digest(name, address))
        return min(
            candidates,
            key=lambda name: (-self._score(name, preferring), digest(name, address)),
        )

    def _score(self, name: str, advertisements: tuple[L2Advertisement, ...]) -> int:
        labels = self.nodes[name].labels
        return sum(
            weight
            for ad in advertisements
            for weight, selector in ad.preferred_nodes
            if selector.matches(labels)
        )


def digest(node: str, address: str) -> bytes:
    """What nodes are ordered by for an address."""
    return sha256(f"{node}#{address}".encode()).digest()


def survey(state: State, node: str, spread: Spread) -> Terrain:
    """Prepare the terrain of a state for one node."""
    nodes = state.nodes() or {node: Node(node)}
    pools = state.pool_index.by_name
    reachable = {
        ref.name: entry.resource.reachable
        for ref, entry in state.of_kind("NodeReachability").items()
    }
    withdrawn = {
        ref.name: entry.resource.why for ref, entry in state.of_kind("NodeWithdrawal").items()
    }
    by_namespace = any(
        pool.service_allocation is not None and pool.service_allocation.namespace_selectors
        for pool in pools.values()
    )
    kind = "BGPAdvertisement" if spread is Spread.EVERY_NODE else "L2Advertisement"
    every: list[BGPAdvertisement | L2Advertisement] = [
        entry.resource for _, entry in sorted(state.of_kind(kind).items())
    ]
    return Terrain(
        node=node,
        spread=spread,
        nodes=nodes,
        reachable=reachable,
        withdrawn=withdrawn,
        peers=() if node in withdrawn else peers_of(state, nodes.get(node)),
        pools=pools,
        advertisements={
            name: tuple(ad for ad in every if selects_pool(ad, pool))
            for name, pool in pools.items()
        },
        aliases=_aliases(state),
        able=frozenset(
            name
            for name, each in nodes.items()
            if not each.network_unavailable
            and EXCLUDE_LABEL not in dict(each.labels)
            and reachable.get(name, True)
            and name not in withdrawn
        ),
        index=state.pool_index,
        by_namespace=by_namespace,
        basis=_basis(state, by_namespace),
    )


def selects_service(ad: BGPAdvertisement | L2Advertisement, service: Service) -> bool:
    """Whether an advertisement covers a Service of its pools."""
    return any_matches(ad.service_selectors, service.labels)


def peers_of(state: State, node: Node | None) -> tuple[BGPPeer, ...]:
    """The BGPPeers that select a node, by name; none when the node is unknown.

    Of several that ask for one session the first is taken.  None of them is let
    in beside another on purpose, but labels of a node may bring them together.
    """
    if node is None:
        return ()
    found: dict[Session | Ref, BGPPeer] = {}
    for ref, entry in sorted(state.of_kind("BGPPeer").items()):
        peer: BGPPeer = entry.resource
        if any_matches(peer.node_selectors, node.labels):
            found.setdefault(session_of(peer) or ref, peer)
    return tuple(found.values())


def _aliases(state: State) -> dict[str, str]:
    """What is defined now, and what was defined last of that which is not.

    An advertisement keeps its communities when a Community goes: a route that
    loses one may leak.
    """
    now = {
        alias: value
        for _, entry in sorted(state.of_kind("Community").items())
        for alias, value in entry.resource.communities
    }
    return {**state.aliases, **now}


def fellows(state: State, node: str) -> tuple[Node, ...]:
    """The other nodes, by name."""
    return tuple(other for name, other in state.nodes().items() if name != node)


_NOTHING: Mapping[Ref, Any] = {}


def _basis(state: State, by_namespace: bool) -> tuple[Any, ...]:
    kinds = (*_KINDS, "Namespace") if by_namespace else _KINDS
    return tuple(state.resources.get(kind, _NOTHING) for kind in kinds)
