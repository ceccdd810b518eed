"""Addresses that an advertisement covers, and that no session of any of its peers carries."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from proclaim.findings.finding import Finding
from proclaim.findings.rules import Code
from proclaim.findings.world import AT_ONCE, Asked, Found, World, listed, said
from proclaim.model import BGPPeer, Pool, Ref, selects_pool
from proclaim.state import Holding
from proclaim.verdict import carries


class _Cover(NamedTuple):
    """One advertisement of a pool: whom it is about, and what becomes of a route of a family."""

    services: frozenset[str] | None
    """As `namespace/name`; None means all."""
    peers: frozenset[str]
    """Those whose sessions run on a node of the advertisement."""
    families: frozenset[int]
    """Those that are told of."""


def uncarried(world: World) -> Found:
    """Pools of which a family is announced to nobody, with the Services that hold such addresses.

    Where an advertisement tells nobody at all, that is what is said of it.
    """
    kinds = ("BGPAdvertisement", "L2Advertisement", "BGPPeer", "Node")
    if not world.is_sure_of(*kinds) or not any(world.entries("BGPPeer")):
        return
    peers: list[tuple[BGPPeer, frozenset[str]]] = []
    for entry in world.entries("BGPPeer"):
        nodes = yield from world.nodes.of_any(entry.resource.node_selectors)
        peers.append((entry.resource, nodes))
    covers: dict[str, list[_Cover]] = {}
    for pool in world.pools:
        covers[pool.name] = yield from _covers(world, pool, peers)
    lost: dict[tuple[str, int], list[str]] = {}
    told: dict[tuple[str, int], frozenset[str]] = {}
    for at, (ref, holding) in enumerate(world.state.holdings.items()):
        if at % AT_ONCE == 0:
            yield None
        for family in _families(holding):
            key = (holding.pool, family)
            met = _in_vain(covers.get(holding.pool, ()), ref, family)
            if met:
                lost.setdefault(key, []).append(ref.short)
                told[key] = told.get(key, frozenset()) | met
    for (name, family), services in sorted(lost.items()):
        yield _finding(world, name, family, (sorted(told[name, family]), sorted(services)))


def _families(holding: Holding) -> set[int]:
    return {6 if ":" in text else 4 for text in holding.addresses}


def _covers(
    world: World, pool: Pool, peers: Iterable[tuple[BGPPeer, frozenset[str]]]
) -> Asked[list[_Cover]]:
    found: list[_Cover] = []
    for kind in ("BGPAdvertisement", "L2Advertisement"):
        for entry in world.entries(kind):
            ad = entry.resource
            yield
            if not selects_pool(ad, pool):
                continue
            services = None
            if ad.service_selectors:
                services = yield from world.services.of_any(ad.service_selectors)
            if kind == "L2Advertisement":
                found.append(_Cover(services, frozenset(), frozenset((4, 6))))
                continue
            nodes = yield from world.nodes.of_any(ad.node_selectors)
            met = [
                peer
                for peer, where in peers
                if (not ad.peers or peer.name in ad.peers)
                and (not world.nodes or not nodes.isdisjoint(where))
            ]
            families = {family for peer in met for family in (4, 6) if carries(peer, family)}
            names = frozenset(peer.name for peer in met)
            found.append(_Cover(services, names, frozenset(families)))
    return found


def _in_vain(covers: Iterable[_Cover], ref: Ref, family: int) -> frozenset[str]:
    """The peers that would be told of an address, if only one of them carried its family."""
    mine = [each for each in covers if each.services is None or ref.short in each.services]
    if any(family in each.families for each in mine):
        return frozenset()
    return frozenset(name for each in mine for name in each.peers)


def _finding(world: World, name: str, family: int, whom: tuple[list[str], list[str]]) -> Finding:
    peers, services = whom
    entry = world.state.of_kind("IPAddressPool")[Ref("IPAddressPool", "", name)]
    return said(
        entry,
        "spec.addresses",
        Code.FAMILY_NOT_CARRIED,
        f"no session with {listed(peers)} carries IPv{family} routes, so nobody announces the "
        f"IPv{family} addresses of {listed(services)}",
    )
