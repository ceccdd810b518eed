"""BGPAdvertisements that reach nobody, and pairs of them that say different things."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from proclaim.findings.rules import Code
from proclaim.findings.world import Asked, Found, World, beside, listed, said
from proclaim.model import BGPAdvertisement, is_literal, selects_pool
from proclaim.state import Entry, ranges


@dataclass(frozen=True, slots=True)
class _Reach:
    """What one advertisement covers, and whom it tells."""

    entry: Entry
    pools: frozenset[str]
    nodes: frozenset[str]
    peers: frozenset[str]
    """Those that it means, wherever they run."""
    services: frozenset[str]
    """As `namespace/name`; all of them where it does not select."""
    communities: frozenset[str]

    @property
    def ad(self) -> BGPAdvertisement:
        found: BGPAdvertisement = self.entry.resource
        return found


def reach(world: World) -> Found:
    """Whom BGPAdvertisements tell, and whether they agree."""
    if not world.is_sure_of("BGPPeer", "Node"):
        return
    peers: dict[str, frozenset[str]] = {}
    for entry in world.entries("BGPPeer"):
        yield None
        peer = entry.resource
        peers[peer.name] = yield from world.nodes.of_any(peer.node_selectors)
    every = yield from _reaches(world, frozenset(peers), world.state.aliases)
    for each in every:
        yield None
        yield from _untold(world, each, peers)
    speaking = [each for each in every if all(map(is_literal, each.communities))]
    yield from _diverging(world, speaking, peers)


def _reaches(
    world: World, peers: frozenset[str], aliases: Mapping[str, str]
) -> Asked[list[_Reach]]:
    """Of every BGPAdvertisement, by name."""
    found: list[_Reach] = []
    for entry in world.entries("BGPAdvertisement"):
        yield
        ad: BGPAdvertisement = entry.resource
        nodes = yield from world.nodes.of_any(ad.node_selectors)
        services = yield from world.services.of_any(ad.service_selectors)
        found.append(
            _Reach(
                entry,
                pools=frozenset(pool.name for pool in world.pools if selects_pool(ad, pool)),
                nodes=nodes,
                peers=peers.intersection(ad.peers) if ad.peers else peers,
                services=services,
                communities=frozenset(aliases.get(text, text) for text in ad.communities),
            )
        )
    return found


def _untold(world: World, each: _Reach, peers: dict[str, frozenset[str]]) -> Found:
    if not peers:
        yield said(
            each.entry,
            "",
            Code.ADVERTISEMENT_WITHOUT_PEERS,
            "there is no BGPPeer, so nobody is told",
        )
        return
    may_meet = world.nodes and each.peers and each.nodes  # else another rule says why not
    if may_meet and all(each.nodes.isdisjoint(peers[name]) for name in each.peers):
        yield said(
            each.entry,
            "spec.nodeSelectors" if each.ad.node_selectors else "spec.peers",
            Code.ADVERTISEMENT_WITHOUT_PEERS,
            f"no session with {listed(sorted(each.peers))} runs on a node of the advertisement, "
            "so nobody is told",
        )


def _diverging(world: World, every: Sequence[_Reach], peers: dict[str, frozenset[str]]) -> Found:
    """Pairs that meet at a peer with one prefix and different attributes; each is told once."""
    for at, later in enumerate(every):
        yield None
        for earlier in every[:at]:
            if _attributes(earlier) == _attributes(later):
                continue
            place = _meeting(world, earlier, later, peers)
            if place:
                pool, peer = place
                found = said(later.entry, *_difference(earlier, later, pool, peer))
                yield beside(found, earlier.entry)


def _attributes(one: _Reach) -> tuple[int, frozenset[str]]:
    return one.ad.local_pref, one.communities


def _meeting(
    world: World, one: _Reach, other: _Reach, peers: dict[str, frozenset[str]]
) -> tuple[str, str] | None:
    """The first pool and peer where two advertisements speak of the same prefixes."""
    pools = one.pools & other.pools
    if not pools or not _same_services(world, one, other):
        return None
    told = [
        name
        for name in sorted(one.peers & other.peers)
        if not world.nodes or one.nodes & other.nodes & peers[name]
    ]
    same = [name for name in sorted(pools) if _same_prefixes(world, name, one, other)]
    return (same[0], told[0]) if same and told else None


def _same_services(world: World, one: _Reach, other: _Reach) -> bool:
    if not one.ad.service_selectors and not other.ad.service_selectors:
        return True
    return not one.services.isdisjoint(other.services)


def _same_prefixes(world: World, name: str, one: _Reach, other: _Reach) -> bool:
    """Whether both make the same prefixes of a pool's addresses, of one family at least."""
    pool = world.state.pool(name)
    families = {span.family for span in ranges(pool)} if pool else set()
    return any(
        mine == theirs and family in families
        for family, mine, theirs in (
            (4, one.ad.aggregation_length, other.ad.aggregation_length),
            (6, one.ad.aggregation_length_v6, other.ad.aggregation_length_v6),
        )
    )


def _difference(one: _Reach, other: _Reach, pool: str, peer: str) -> tuple[str, Code, str]:
    """The field that differs, and what becomes of it."""
    where = f"for pool {pool} and peer {peer}"
    if one.ad.local_pref != other.ad.local_pref:
        return (
            "spec.localPref",
            Code.DIVERGING_ADVERTISEMENTS,
            f"is {other.ad.local_pref}, and BGPAdvertisement {one.ad.name} says "
            f"{one.ad.local_pref} {where}; what both cover is not announced",
        )
    return (
        "spec.communities",
        Code.DIVERGING_ADVERTISEMENTS,
        f"differ from those of BGPAdvertisement {one.ad.name} {where}; what both cover is "
        "announced with the communities of both",
    )
