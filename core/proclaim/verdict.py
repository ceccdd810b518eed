"""`verdict`: whether one Service is announced from one node, and why not.

Selection (pools, Services, nodes, endpoints, traffic policy) and election live
here once, as pure functions, so that an announcer is small and so that the
same functions say why something is not announced, for any node at any moment.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from typing import Any, Literal, NamedTuple, TypeAlias

from proclaim.addresses import BITS, parse_address, prefix_of
from proclaim.election import Candidacy, group_of, leader
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
    ADDRESS_OUTSIDE_POOL = "AddressOutsidePool"
    NOT_PERMITTED = "NotPermitted"
    POOL_NOT_ADVERTISED = "PoolNotAdvertised"
    SERVICE_NOT_SELECTED = "ServiceNotSelected"
    NODE_UNKNOWN = "NodeUnknown"
    NODE_NOT_SELECTED = "NodeNotSelected"
    NODE_NETWORK_UNAVAILABLE = "NodeNetworkUnavailable"
    NODE_EXCLUDED = "NodeExcluded"
    NODE_UNREACHABLE = "NodeUnreachable"
    NODE_WITHDRAWN = "NodeWithdrawn"
    NO_ENDPOINTS = "NoEndpoints"
    NO_LOCAL_ENDPOINTS = "NoLocalEndpoints"
    UNKNOWN_COMMUNITY = "UnknownCommunity"
    NO_PEER = "NoPeer"
    NO_PEER_FOR_FAMILY = "NoPeerForFamily"
    CONFLICTING_LOCAL_PREF = "ConflictingLocalPref"
    NO_CANDIDATE = "NoCandidate"
    NOT_ELECTED = "NotElected"
    ELECTED_FOR_OTHERS = "ElectedForOthers"


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


class _Selected(NamedTuple):
    """A Service with addresses that may be announced, and the advertisements that match it."""

    ref: Ref
    service: Service
    addresses: tuple[str, ...]
    ads: tuple[Any, ...]


class _Serving(NamedTuple):
    """Where a Service is served; anywhere, where nobody lists slices and there are none."""

    anywhere: bool
    local: frozenset[str] | None
    """The nodes that a Local traffic policy limits announcing to; None when it does not."""


class _Told(NamedTuple):
    """What a BGPAdvertisement says and to whom, whatever the Service."""

    peers: tuple[str, ...]
    carrying: dict[int, tuple[str, ...]]
    """Those of the peers whose sessions carry a family."""
    communities: tuple[str, ...]
    unknown: str
    """The first alias that nobody defines; empty when all are known."""


class Findings:
    """What is found out once for a state, and answers for many Services."""

    def __init__(self, terrain: Terrain, state: State) -> None:
        self._terrain = terrain
        self._state = state
        self._leaders: dict[Ref, str] = {}
        self._told: dict[str, _Told] = {}

    def told(self, ad: BGPAdvertisement) -> _Told:
        """What an advertisement says from the terrain's node."""
        if ad.name not in self._told:
            self._told[ad.name] = _told(self._terrain, ad)
        return self._told[ad.name]

    def leader(self, ref: Ref, own: Candidacy) -> str:
        """The node that answers for a Service and for all that share an address with it."""
        if ref in self._leaders:
            return self._leaders[ref]
        group = group_of(self._state, ref)
        address = self._state.holdings[group[0]].addresses[0]
        if len(group) == 1:
            return self._terrain.elect(*own, address)
        candidacies = (_candidacy(self._terrain, self._state, each) for each in group)
        elected = leader(self._terrain, filter(None, candidacies), address)
        self._leaders.update(dict.fromkeys(group, elected))
        return elected


def verdict(terrain: Terrain, state: State, ref: Ref, findings: Findings | None = None) -> Verdict:
    """What a Service has announced from the terrain's node, or the first rule that forbids it.

    Who asks about many Services hands in what was found out for those before.
    """
    selected = _select(terrain, state, ref)
    if isinstance(selected, Quiet):
        return selected
    if quiet := _here(terrain, selected.ads):
        return quiet
    serving = _where_served(state, selected)
    findings = findings or Findings(terrain, state)
    if terrain.spread is Spread.EVERY_NODE:
        return _routes(terrain, selected, serving, findings)
    return _answers(terrain, selected, serving, findings)


def _select(terrain: Terrain, state: State, ref: Ref) -> _Selected | Quiet:
    """Which advertisements match a Service, whatever the node.

    Nothing is announced that no pool covers and permits, whoever wrote it into
    a status: a holding that is kept while sources are still silent is no excuse.
    """
    service = state.service(ref)
    holding = state.holdings.get(ref)
    if service is None or holding is None:
        return Quiet(Silence.NO_ADDRESS)
    covering = {terrain.pool_at(parse_address(text)) for text in holding.addresses}
    pool = min(covering)
    if len(covering) > 1 or not pool:
        if holding.pool not in terrain.pools:
            return Quiet(Silence.POOL_NOT_IN_FORCE, holding.pool)
        return Quiet(Silence.ADDRESS_OUTSIDE_POOL, holding.pool)
    if not terrain.permits(pool, service):
        return Quiet(Silence.NOT_PERMITTED, pool)
    every = terrain.advertisements[pool]
    if not every:
        return Quiet(Silence.POOL_NOT_ADVERTISED, pool)
    matching = tuple(ad for ad in every if selects_service(ad, service))
    if not matching:
        return Quiet(Silence.SERVICE_NOT_SELECTED, _names(every))
    return _Selected(ref, service, holding.addresses, matching)


def _names(ads: Iterable[BGPAdvertisement | L2Advertisement]) -> str:
    return ", ".join(ad.name for ad in ads)


def _here(terrain: Terrain, ads: tuple[BGPAdvertisement | L2Advertisement, ...]) -> Quiet | None:
    """Why this node announces nothing for any of these advertisements."""
    me = terrain.me
    if me is None:
        return Quiet(Silence.NODE_UNKNOWN, terrain.node)
    if not any(any_matches(ad.node_selectors, me.labels) for ad in ads):
        return Quiet(Silence.NODE_NOT_SELECTED, _names(ads))
    if terrain.node in terrain.able:
        return None
    if me.network_unavailable:
        return Quiet(Silence.NODE_NETWORK_UNAVAILABLE)
    if EXCLUDE_LABEL in dict(me.labels):
        return Quiet(Silence.NODE_EXCLUDED, EXCLUDE_LABEL)
    if not terrain.reachable.get(terrain.node, True):
        return Quiet(Silence.NODE_UNREACHABLE, terrain.node)
    return Quiet(Silence.NODE_WITHDRAWN, terrain.withdrawn[terrain.node])


def _where_served(state: State, selected: _Selected) -> _Serving:
    slices = list(state.endpoint_slices(selected.ref))
    if not slices and not selected.service.endpoints_listed:
        return _Serving(anywhere=True, local=None)
    nodes = frozenset(node for each in slices for node in each.serving_nodes)
    return _Serving(
        anywhere=bool(nodes) or any(each.serving_elsewhere for each in slices),
        local=None if selected.service.external_traffic_policy == "Cluster" else nodes,
    )


# --- routes ---------------------------------------------------------------------------------------


def _routes(
    terrain: Terrain, selected: _Selected, serving: _Serving, findings: Findings
) -> Verdict:
    if serving.local is not None and terrain.node not in serving.local:
        return Quiet(Silence.NO_LOCAL_ENDPOINTS)
    if not serving.anywhere:
        return Quiet(Silence.NO_ENDPOINTS)
    labels = terrain.nodes[terrain.node].labels
    parts: list[Part] = []
    quiets: list[Quiet] = []
    for ad in selected.ads:
        if not any_matches(ad.node_selectors, labels):
            continue
        found = _parts(selected, ad, findings.told(ad))
        if isinstance(found, Quiet):
            quiets.append(found)
        else:
            parts.extend(found)
    if conflict := _conflict(parts):
        return Quiet(Silence.CONFLICTING_LOCAL_PREF, conflict)
    return tuple(parts) or quiets[0]


def by_advertisement(
    terrain: Terrain, state: State, ref: Ref
) -> tuple[tuple[BGPAdvertisement, tuple[Part, ...] | Quiet], ...]:
    """What each BGPAdvertisement that matches a Service says of it from here, or why nothing.

    For a Service of which the verdict has routes; those of other nodes are left out.
    """
    selected = _select(terrain, state, ref)
    if isinstance(selected, Quiet) or terrain.me is None:
        return ()
    findings = Findings(terrain, state)
    found = []
    for ad in selected.ads:
        if any_matches(ad.node_selectors, terrain.me.labels):
            said = _parts(selected, ad, findings.told(ad))
            found.append((ad, said if isinstance(said, Quiet) else tuple(said)))
    return tuple(found)


def _told(terrain: Terrain, ad: BGPAdvertisement) -> _Told:
    peers = [peer for peer in terrain.peers if not ad.peers or peer.name in ad.peers]
    communities = tuple(terrain.aliases.get(text, text) for text in ad.communities)
    return _Told(
        tuple(peer.name for peer in peers),
        {family: tuple(peer.name for peer in peers if carries(peer, family)) for family in (4, 6)},
        communities,
        next((text for text in communities if not is_literal(text)), ""),
    )


def _parts(selected: _Selected, ad: BGPAdvertisement, told: _Told) -> list[Part] | Quiet:
    if ad.peers and not told.peers:
        return Quiet(Silence.NO_PEER, f"{ad.name}: {', '.join(ad.peers)}")
    carried = [(text, told.carrying[_family(text)]) for text in selected.addresses]
    if told.peers and not any(to for _, to in carried):
        return Quiet(Silence.NO_PEER_FOR_FAMILY, ", ".join(told.peers))
    if told.unknown:
        return Quiet(Silence.UNKNOWN_COMMUNITY, f"{ad.name}: {told.unknown}")
    return [
        Part(_prefix(text, ad), to, text, selected.ref, ad.local_pref, told.communities)
        for text, to in carried
        if to or not told.peers
    ]


def _family(address: str) -> Literal[4, 6]:
    """The family of an address in its canonical text; cheaper than to read it."""
    return 6 if ":" in address else 4


def _prefix(address: str, ad: BGPAdvertisement) -> str:
    """The prefix in which an advertisement has an address announced."""
    length = ad.aggregation_length if _family(address) == 4 else ad.aggregation_length_v6
    if length == BITS[_family(address)]:
        return f"{address}/{length}"
    return prefix_of(parse_address(address), length)


def carries(peer: BGPPeer, family: int) -> bool:
    """Whether a session with a peer exchanges routes of an address family.

    As MetalLB has it: the family of the session, and both where
    `dualStackAddressFamily` says so or the session has no address.
    """
    if peer.dual_stack_address_family or not peer.peer_address:
        return True
    return _family(peer.peer_address) == family


def _conflict(parts: list[Part]) -> str:
    """The prefix that one peer would be told with two LOCAL_PREFs; "" when there is none."""
    if len(parts) < 2:
        return ""
    said: dict[tuple[str, str], int] = {}
    for part in parts:
        for receiver in part.to or ("",):
            if said.setdefault((part.prefix, receiver), part.local_pref) != part.local_pref:
                return part.prefix
    return ""


# --- answers --------------------------------------------------------------------------------------


def _candidacy(terrain: Terrain, state: State, ref: Ref) -> Candidacy | None:
    """Which nodes could answer for a Service; None when none can."""
    selected = _select(terrain, state, ref)
    if isinstance(selected, Quiet):
        return None
    serving = _where_served(state, selected)
    nodes = terrain.candidates(selected.ads, serving.local)
    return Candidacy(nodes, selected.ads) if serving.anywhere and nodes else None


def _answers(
    terrain: Terrain, selected: _Selected, serving: _Serving, findings: Findings
) -> Verdict:
    if not serving.anywhere:
        return Quiet(Silence.NO_ENDPOINTS)
    candidates = terrain.candidates(selected.ads, serving.local)
    if not candidates:
        return Quiet(Silence.NO_CANDIDATE)
    elected = findings.leader(selected.ref, Candidacy(candidates, selected.ads))
    if elected != terrain.node:
        ours = elected in candidates
        return Quiet(Silence.NOT_ELECTED if ours else Silence.ELECTED_FOR_OTHERS, elected)
    if elected not in candidates:  # elected for others; what `_here` asks is fulfilled
        return Quiet(Silence.NO_LOCAL_ENDPOINTS)
    labels = terrain.nodes[elected].labels
    mine = [ad for ad in selected.ads if any_matches(ad.node_selectors, labels)]
    everywhere = any(not ad.interfaces for ad in mine)
    to = () if everywhere else tuple(sorted({name for ad in mine for name in ad.interfaces}))
    return tuple(
        Part(f"{text}/{BITS[_family(text)]}", to, text, selected.ref) for text in selected.addresses
    )
