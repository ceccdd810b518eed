"""`project`: what each announcer on each node must keep visible, from the state alone.

Selection (pools, Services, nodes, endpoints, traffic policy) and election live
here once, as pure functions, so that an announcer is small and so that the
same functions answer why something is not announced, for any node at any
moment.  `project` is the specification; `advance` redoes only what facts
touched, and gives the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple, TypeAlias

from proclaim.addresses import Address, parse_address, prefix_of
from proclaim.events import (
    AddressAssigned,
    AddressReleased,
    Observed,
    Recorded,
    Removed,
)
from proclaim.model import (
    Announcement,
    Attributes,
    BGPAdvertisement,
    EndpointSlice,
    L2Advertisement,
    Ref,
    Service,
    Spread,
    any_matches,
    service_ref,
)
from proclaim.state import State
from proclaim.steps import Steps, finish
from proclaim.terrain import EXCLUDE_LABEL, Terrain, selects_service, survey


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
    NO_ENDPOINTS = "NoEndpoints"
    NO_LOCAL_ENDPOINTS = "NoLocalEndpoints"
    UNKNOWN_COMMUNITY = "UnknownCommunity"
    NO_PEER = "NoPeer"
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


Key: TypeAlias = tuple[str, str]
Verdict: TypeAlias = tuple[Part, ...] | Quiet


@dataclass(frozen=True, slots=True)
class Projection:
    """What one announcer on one node must keep visible, and what it was made from."""

    state: State
    terrain: Terrain
    parts: Mapping[Ref, tuple[Part, ...]]
    by_prefix: Mapping[str, Mapping[Ref, tuple[Part, ...]]]
    announcements: Mapping[Key, Announcement]


def projecting(state: State, node: str, spread: Spread) -> Steps[Projection]:
    """`project` in small steps."""
    terrain = survey(state, node, spread)
    empty = Projection(state, terrain, {}, {}, {})
    return (yield from _redo(empty, state, terrain, state.holdings))


def project(state: State, node: str, spread: Spread) -> Projection:
    """Everything that an announcer of that spread on that node must keep visible."""
    return finish(projecting(state, node, spread))


def advancing(
    projection: Projection, state: State, facts: Sequence[Recorded] | None
) -> Steps[Projection]:
    """`advance` in small steps."""
    terrain = projection.terrain
    if facts is None or not terrain.fits(state):
        return (yield from projecting(state, terrain.node, terrain.spread))
    return (yield from _redo(projection, state, terrain, touched(projection.state, facts)))


def advance(projection: Projection, state: State, facts: Sequence[Recorded] | None) -> Projection:
    """The projection of a later state, given the facts between; None means they are not known."""
    return finish(advancing(projection, state, facts))


def touched(before: State, facts: Iterable[Recorded]) -> set[Ref]:
    """The Services that facts can make announced otherwise, the terrain being the same."""
    services: set[Ref] = set()
    for item in facts:
        match item.fact:
            case AddressAssigned(service=ref) | AddressReleased(service=ref):
                services.add(ref)
            case Observed(resource=Service() as service):
                services.add(service.ref)
            case Observed(resource=EndpointSlice() as slice_):
                services.add(service_ref(slice_.namespace, slice_.service))
                services.update(_owner_before(before, slice_.ref))
            case Removed(ref=ref) if ref.kind == "Service":
                services.add(ref)
            case Removed(ref=ref) if ref.kind == "EndpointSlice":
                services.update(_owner_before(before, ref))
            case _:
                pass
    return services


def _owner_before(before: State, ref: Ref) -> list[Ref]:
    entry = before.get(ref)
    return [service_ref(ref.namespace, entry.resource.service)] if entry else []


def _redo(
    projection: Projection, state: State, terrain: Terrain, services: Iterable[Ref]
) -> Steps[Projection]:
    """Ask again for some Services, and merge the prefixes that they touch."""
    parts = dict(projection.parts)
    by_prefix = dict(projection.by_prefix)
    announcements = dict(projection.announcements)
    dirty: set[str] = set()
    own: set[str] = set()
    for at, ref in enumerate(sorted(services)):
        if at % 16 == 0:
            yield
        answer = verdict(terrain, state, ref)
        new = () if isinstance(answer, Quiet) else answer
        old = parts.pop(ref, ())
        if new:
            parts[ref] = new
        for part in old if old != new else ():
            _own(by_prefix, own, part.prefix).pop(ref, None)
            dirty.add(part.prefix)
        for part in new if old != new else ():
            group = _own(by_prefix, own, part.prefix)
            group[ref] = (*group.get(ref, ()), part)
            dirty.add(part.prefix)
    for at, prefix in enumerate(sorted(dirty)):
        if at % 16 == 0:
            yield
        before = projection.by_prefix.get(prefix, {})
        for key in merge(prefix, before):
            announcements.pop(key, None)
        if by_prefix[prefix]:
            announcements.update(merge(prefix, by_prefix[prefix]))
        else:
            del by_prefix[prefix]
    return Projection(state, terrain, parts, by_prefix, announcements)


def _own(
    by_prefix: dict[str, Mapping[Ref, tuple[Part, ...]]], own: set[str], prefix: str
) -> dict[Ref, tuple[Part, ...]]:
    """The contributions to a prefix, copied before the first change."""
    if prefix not in own:
        own.add(prefix)
        by_prefix[prefix] = dict(by_prefix.get(prefix, {}))
    group = by_prefix[prefix]
    assert isinstance(group, dict)
    return group


def merge(prefix: str, group: Mapping[Ref, tuple[Part, ...]]) -> dict[Key, Announcement]:
    """One announcement for each set of peers that is told the same about a prefix.

    Several Services, or several advertisements, may meet in one prefix: the
    communities are united and the highest LOCAL_PREF wins, so that the order in
    which they came has no say.
    """
    contributions = [part for _, found in sorted(group.items()) for part in found]
    receivers: dict[str, list[Part]] = {}
    for part in contributions:
        for receiver in part.to or ("",):
            receivers.setdefault(receiver, []).append(part)
    if "" in receivers:  # someone tells everyone, and then nobody needs to be named
        receivers = {"": contributions}
    told: dict[tuple[object, ...], list[str]] = {}
    for receiver in sorted(receivers):
        told.setdefault(_content(receivers[receiver]), []).append(receiver)
    return {
        (prefix, to[0]): _announcement(prefix, receivers[to[0]], tuple(filter(None, to)))
        for to in told.values()
    }


def _content(parts: list[Part]) -> tuple[object, ...]:
    return (
        _attributes(parts),
        tuple(sorted({part.address for part in parts})),
        tuple(sorted({part.service for part in parts})),
    )


def _attributes(parts: list[Part]) -> Attributes:
    communities = {community for part in parts for community in part.communities}
    return Attributes(
        local_pref=max(part.local_pref for part in parts),
        communities=tuple(sorted(communities, key=community_order)),
    )


def _announcement(prefix: str, parts: list[Part], to: tuple[str, ...]) -> Announcement:
    addresses = sorted({parse_address(part.address) for part in parts})
    return Announcement(
        prefix=prefix,
        addresses=tuple(map(str, addresses)),
        services=tuple(sorted({part.service for part in parts})),
        to=to,
        attributes=_attributes(parts),
    )


def community_order(text: str) -> tuple[int, tuple[int, ...]]:
    """Standard communities by value, then large ones."""
    numbers = tuple(int(part) for part in text.removeprefix("large:").split(":"))
    return len(numbers), numbers


# --- one Service on one node -------------------------------------------------------------------


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
    names = tuple(peer.name for peer in terrain.peers)
    to = tuple(name for name in names if name in ad.peers) if ad.peers else names
    if ad.peers and not to:
        return Quiet(Silence.NO_PEER, f"{ad.name}: {', '.join(ad.peers)}")
    communities = [terrain.aliases.get(text, text) for text in ad.communities]
    for text in communities:
        if ":" not in text:
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
        for address in addresses
    ]


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
