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
    carried = {
        (name, family): _carried(found, family)
        for name, found in covers.items()
        for family in (4, 6)
    }
    lost: dict[tuple[str, int], list[str]] = {}
    told: dict[tuple[str, int], frozenset[str]] = {}
    for at, (ref, holding) in enumerate(world.state.holdings.items()):
        if at % AT_ONCE == 0:
            yield None
        for family in _families(holding):
            key = (holding.pool, family)
            reached = carried.get(key)
            if reached is None or ref.short in reached:
                continue
            if in_vain := _in_vain(covers[holding.pool], ref):
                lost.setdefault(key, []).append(ref.short)
                told[key] = told.get(key, frozenset()) | in_vain
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


def _carried(covers: Iterable[_Cover], family: int) -> frozenset[str] | None:
    """The Services of which somebody is told addresses of a family; None means all."""
    found: set[str] = set()
    for each in covers:
        if family in each.families:
            if each.services is None:
                return None
            found |= each.services
    return frozenset(found)


def _in_vain(covers: Iterable[_Cover], ref: Ref) -> frozenset[str]:
    """The peers that are told of a Service, if not of all its addresses."""
    return frozenset(
        name
        for each in covers
        if each.services is None or ref.short in each.services
        for name in each.peers
    )


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
