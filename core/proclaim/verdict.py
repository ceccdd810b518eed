"""`verdict`: whether one Service is announced from one node, and why not.

Selection (pools, Services, nodes, endpoints, traffic policy) and election live
here once, as pure functions, so that an announcer is small and so that the
same functions say why something is not announced, for any node at any moment.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from typing import NamedTuple, TypeAlias

from proclaim.addresses import Address, parse_address, prefix_of
from proclaim.model import (
    BGPAdvertisement,
    BGPPeer,
    L2Advertisement,
    Ref,
    Service,
    Spread,
    any_matches,
    is_literal,
)
from proclaim.state import State
from proclaim.terrain import EXCLUDE_LABEL, Terrain, selects_service


class Silence(StrEnum):
    """Why a Service is not announced from a node by an announcer; the first rule that says so."""

    NO_ADDRESS = "NoAddress"
    POOL_NOT_IN_FORCE = "PoolNotInForce"
    POOL_NOT_ADVERTISED = "PoolNotAdvertised"
    SERVICE_NOT_SELECTED = "ServiceNotSelected"
    NODE_UNKNOWN = "NodeUnknown"
    NODE_NOT_SELECTED = "NodeNotSelected"
    NODE_NETWORK_UNAVAILABLE = "NodeNetworkUnavailable"
    NODE_EXCLUDED = "NodeExcluded"
    NODE_UNREACHABLE = "NodeUnreachable"
    NO_ENDPOINTS = "NoEndpoints"
    NO_LOCAL_ENDPOINTS = "NoLocalEndpoints"
    UNKNOWN_COMMUNITY = "UnknownCommunity"
    NO_PEER = "NoPeer"
    NO_PEER_FOR_FAMILY = "NoPeerForFamily"
    CONFLICTING_LOCAL_PREF = "ConflictingLocalPref"
    NO_CANDIDATE = "NoCandidate"
    NOT_ELECTED = "NotElected"


class Quiet(NamedTuple):
    """A silence with what it concerns: the advertisements, the elected node, the alias."""

    silence: Silence
    detail: str = ""


class Part(NamedTuple):
    """What one Service contributes to the announcement of a prefix."""

    prefix: str
    to: tuple[str, ...]
    """Peers or interfaces; empty means all."""
    address: str
    service: Ref
    local_pref: int = 0
    communities: tuple[str, ...] = ()


Verdict: TypeAlias = tuple[Part, ...] | Quiet


def verdict(terrain: Terrain, state: State, ref: Ref) -> Verdict:
    """What a Service has announced from the terrain's node, or the first rule that forbids it."""
    service = state.service(ref)
    holding = state.holdings.get(ref)
    if service is None or holding is None:
        return Quiet(Silence.NO_ADDRESS)
    if holding.pool not in terrain.pools:
        return Quiet(Silence.POOL_NOT_IN_FORCE, holding.pool)
    every = terrain.advertisements[holding.pool]
    if not every:
        return Quiet(Silence.POOL_NOT_ADVERTISED, holding.pool)
    matching = tuple(ad for ad in every if selects_service(ad, service))
    if not matching:
        return Quiet(Silence.SERVICE_NOT_SELECTED, _names(every))
    addresses = tuple(parse_address(text) for text in holding.addresses)
    if terrain.spread is Spread.EVERY_NODE:
        return _routes(terrain, state, service, addresses, matching)
    return _answers(terrain, state, service, addresses, matching)


def _names(ads: Iterable[BGPAdvertisement | L2Advertisement]) -> str:
    return ", ".join(ad.name for ad in ads)


def _here(terrain: Terrain, ads: tuple[BGPAdvertisement | L2Advertisement, ...]) -> Quiet | None:
    """Why this node announces nothing for any of these advertisements."""
    me = terrain.me
    if me is None:
        return Quiet(Silence.NODE_UNKNOWN, terrain.node)
    if not any(any_matches(ad.node_selectors, me.labels) for ad in ads):
        return Quiet(Silence.NODE_NOT_SELECTED, _names(ads))
    if me.network_unavailable:
        return Quiet(Silence.NODE_NETWORK_UNAVAILABLE)
    if EXCLUDE_LABEL in dict(me.labels):
        return Quiet(Silence.NODE_EXCLUDED, EXCLUDE_LABEL)
    if not terrain.reachable.get(terrain.node, True):
        return Quiet(Silence.NODE_UNREACHABLE, terrain.node)
    return None


def _endpoints(state: State, service: Service) -> tuple[bool, frozenset[str]]:
    """Whether anything serves, and on which nodes; without slices, everything does anywhere."""
    slices = list(state.endpoint_slices(service.ref))
    nodes = frozenset(node for each in slices for node in each.serving_nodes)
    return bool(nodes) or any(each.serving_elsewhere for each in slices) or not slices, nodes


def _local(state: State, service: Service) -> frozenset[str] | None:
    """The nodes that a Local traffic policy limits announcing to; None when it does not."""
    if service.external_traffic_policy == "Cluster" or not state.slices.get(service.ref):
        return None
    return _endpoints(state, service)[1]


def _routes(
    terrain: Terrain,
    state: State,
    service: Service,
    addresses: tuple[Address, ...],
    ads: tuple[BGPAdvertisement, ...],
) -> Verdict:
    if quiet := _here(terrain, ads):
        return quiet
    local = _local(state, service)
    if local is not None and terrain.node not in local:
        return Quiet(Silence.NO_LOCAL_ENDPOINTS)
    if not _endpoints(state, service)[0]:
        return Quiet(Silence.NO_ENDPOINTS)
    labels = terrain.nodes[terrain.node].labels
    parts: list[Part] = []
    quiets: list[Quiet] = []
    for ad in ads:
        if not any_matches(ad.node_selectors, labels):
            continue
        found = _parts(terrain, service, addresses, ad)
        if isinstance(found, Quiet):
            quiets.append(found)
        else:
            parts.extend(found)
    if conflict := _conflict(parts):
        return Quiet(Silence.CONFLICTING_LOCAL_PREF, conflict)
    return tuple(parts) or quiets[0]


def _parts(
    terrain: Terrain, service: Service, addresses: tuple[Address, ...], ad: BGPAdvertisement
) -> list[Part] | Quiet:
    peers = [peer for peer in terrain.peers if not ad.peers or peer.name in ad.peers]
    if ad.peers and not peers:
        return Quiet(Silence.NO_PEER, f"{ad.name}: {', '.join(ad.peers)}")
    carried = [
        (address, tuple(peer.name for peer in peers if carries(peer, address.family)))
        for address in addresses
    ]
    if peers and not any(to for _, to in carried):
        return Quiet(Silence.NO_PEER_FOR_FAMILY, ", ".join(peer.name for peer in peers))
    communities = [terrain.aliases.get(text, text) for text in ad.communities]
    for text in communities:
        if not is_literal(text):
            return Quiet(Silence.UNKNOWN_COMMUNITY, f"{ad.name}: {text}")
    return [
        Part(
            prefix_of(
                address,
                ad.aggregation_length if address.family == 4 else ad.aggregation_length_v6,
            ),
            to,
            str(address),
            service.ref,
            ad.local_pref,
            tuple(communities),
        )
        for address, to in carried
        if to or not peers
    ]


def carries(peer: BGPPeer, family: int) -> bool:
    """Whether a session with a peer exchanges routes of an address family.

    As MetalLB has it: the family of the session, and both where
    `dualStackAddressFamily` says so or the session has no address.
    """
    if peer.dual_stack_address_family or not peer.peer_address:
        return True
    return (6 if ":" in peer.peer_address else 4) == family


def _conflict(parts: list[Part]) -> str:
    """The prefix that one peer would be told with two LOCAL_PREFs; "" when there is none."""
    said: dict[tuple[str, str], int] = {}
    for part in parts:
        for receiver in part.to or ("",):
            if said.setdefault((part.prefix, receiver), part.local_pref) != part.local_pref:
                return part.prefix
    return ""


def _answers(
    terrain: Terrain,
    state: State,
    service: Service,
    addresses: tuple[Address, ...],
    ads: tuple[L2Advertisement, ...],
) -> Verdict:
    if quiet := _here(terrain, ads):
        return quiet
    if not _endpoints(state, service)[0]:
        return Quiet(Silence.NO_ENDPOINTS)
    candidates = terrain.candidates(ads, _local(state, service))
    if not candidates:
        return Quiet(Silence.NO_CANDIDATE)
    elected = terrain.elect(candidates, ads, str(addresses[0]))
    if elected != terrain.node:
        return Quiet(Silence.NOT_ELECTED, elected)
    mine = [ad for ad in ads if any_matches(ad.node_selectors, terrain.nodes[elected].labels)]
    everywhere = any(not ad.interfaces for ad in mine)
    to = () if everywhere else tuple(sorted({name for ad in mine for name in ad.interfaces}))
    return tuple(
        Part(prefix_of(address, 32 if address.family == 4 else 128), to, str(address), service.ref)
        for address in addresses
    )
