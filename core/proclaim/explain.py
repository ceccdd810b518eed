"""`explain`: the chain of rules behind an answer, from the state alone.

For a Service: why it has the address, or why it has none; then, for each node
and each way of announcing, whether it is announced and the first rule that
forbids it.  What there is to say about an address is the matter of `whereabouts`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from proclaim import reality, reasons
from proclaim.allocation import no_business
from proclaim.events import Reason, Why
from proclaim.model import (
    Authority,
    BGPAdvertisement,
    L2Advertisement,
    Ref,
    Service,
    Spread,
    selects_pool,
)
from proclaim.offers import Offers
from proclaim.state import State
from proclaim.terrain import Terrain, survey
from proclaim.verdict import Part, Quiet, Silence, by_advertisement, verdict

_WHY_SILENT: dict[Silence, str] = {
    Silence.NO_ADDRESS: "it has no address",
    Silence.POOL_NOT_IN_FORCE: "its pool {detail} is not in force",
    Silence.ADDRESS_OUTSIDE_POOL: "its pool {detail} does not cover its address any longer, and"
    " no other pool does",
    Silence.NOT_PERMITTED: "serviceAllocation of the pool {detail} does not admit it",
    Silence.POOL_NOT_ADVERTISED: "no {kind} covers its pool {detail}",
    Silence.SERVICE_NOT_SELECTED: "serviceSelectors of {kind} {detail} do not match its labels",
    Silence.NODE_UNKNOWN: "no Node document describes {detail}",
    Silence.NODE_NOT_SELECTED: "nodeSelectors of {kind} {detail} do not match this node",
    Silence.NODE_NETWORK_UNAVAILABLE: "the node's condition NetworkUnavailable is True",
    Silence.NODE_EXCLUDED: "the node has the label {detail}",
    Silence.NODE_UNREACHABLE: "{detail} gives no sign of life",
    Silence.NODE_WITHDRAWN: "the node announces nothing for now: {detail}",
    Silence.NO_ENDPOINTS: "no endpoint of the Service is serving",
    Silence.NO_LOCAL_ENDPOINTS: "externalTrafficPolicy is Local and no endpoint here is serving",
    Silence.UNKNOWN_COMMUNITY: "no Community defines the alias in BGPAdvertisement {detail}",
    Silence.NO_PEER: "none of its peers selects this node in BGPAdvertisement {detail}",
    Silence.NO_PEER_FOR_FAMILY: "the sessions with {detail} carry no route of its address family;"
    " dualStackAddressFamily on a BGPPeer adds the other one",
    Silence.CONFLICTING_LOCAL_PREF: "two BGPAdvertisements give {detail} different localPref",
    Silence.NO_CANDIDATE: "no node is both selected and alive",
    Silence.NOT_ELECTED: "{detail} is elected",
    Silence.ELECTED_FOR_OTHERS: "{detail} is elected for the Services that share its address, and"
    " may not answer for this one",
}

_FOR_NODES = (
    Silence.NO_ENDPOINTS,
    Silence.NO_LOCAL_ENDPOINTS,
    Silence.NO_CANDIDATE,
    Silence.NOT_ELECTED,
    Silence.ELECTED_FOR_OTHERS,
)
"""What depends on endpoints, and on who lives."""
_NOT_KNOWN = "no announcer takes part in this process; `proclaim explain` on the node tells"

KIND = {Spread.EVERY_NODE: "BGPAdvertisement", Spread.ONE_NODE: "L2Advertisement"}


class Said(NamedTuple):
    """Whether a node announces a Service in one way, and why not."""

    node: str
    spread: Spread
    announced: bool
    code: str
    """The `Silence`, or the `Obstacle` to what is wanted; empty when announced."""
    message: str
    prefixes: tuple[str, ...]
    to: tuple[str, ...]
    """Peers or interfaces by name; empty means all of them."""


class Route(NamedTuple):
    """What one BGPAdvertisement says of a Service from one node, or why it says nothing."""

    advertisement: str
    prefix: str
    """Empty when it says nothing."""
    to: tuple[str, ...]
    local_pref: int
    """0 when it is not set."""
    communities: tuple[str, ...]
    code: str
    """The `Silence`; empty when it says something."""
    message: str


class Explanation(NamedTuple):
    """Everything there is to say about one Service."""

    service: Ref
    known: bool
    addresses: tuple[str, ...]
    pool: str
    code: str
    """The `Why` of the holding or of the refusal; empty when it wants none or waits."""
    message: str
    position: int
    """Where the ledger says so; 0 when it says nothing."""
    time: float
    announced: tuple[Said, ...]
    reason: Reason | None = None
    """The same as a value; None when no rule says so."""


def explain_service(state: State, ref: Ref, nodes: Sequence[str]) -> Explanation:
    """Why a Service has what it has, and where it is announced, node by node."""
    service = state.service(ref)
    holding, refusal = state.holdings.get(ref), state.refusals.get(ref)
    said = tuple(
        explain_announcement(survey(state, node, spread), state, ref)
        for node in nodes
        for spread in Spread
    )
    known, decided = service is not None, holding or refusal
    addresses, pool = (holding.addresses, holding.pool) if holding else ((), "")
    if decided is not None:
        code, text, reason = decided.reason.code, reasons.message(decided.reason), decided.reason
        place = decided.position, decided.time
        return Explanation(ref, known, addresses, pool, code, text, *place, said, reason)
    text, without = _without_answer(state, service)
    code_without = without.code if without else ""
    return Explanation(ref, known, (), "", code_without, text, 0, 0.0, said, without)


def _without_answer(state: State, service: Service | None) -> tuple[str, Reason | None]:
    """Why a Service has neither an address nor a refusal."""
    business = no_business(service, state.load_balancer_class)
    if business is not None:
        gone = business.code is Why.GONE
        return "there is no such Service" if gone else reasons.message(business), business
    assert service is not None, "who is gone has no business here"
    if lost := lost_claim(state, service):
        return lost
    if state.authority is Authority.FOLLOW:
        return "the allocator that this node follows has not written its status yet", None
    return "it waits until every source has given its first complete listing", None


def lost_claim(state: State, service: Service) -> tuple[str, Reason] | None:
    """Why a Service does not have what its status says; None where nothing speaks against it."""
    if not service.status_addresses:
        return None
    claimed = Offers(state).claimed(service)
    if not isinstance(claimed, Reason):
        return None
    said = " and ".join(service.status_addresses)
    return f"its status says {said}, but {reasons.message(claimed)}", claimed


def explain_announcement(terrain: Terrain, state: State, ref: Ref) -> Said:
    """Whether the terrain's node announces a Service, and the first rule that forbids it."""
    answer = verdict(terrain, state, ref)
    unknown = reality.Obstacle.NOT_KNOWN_HERE if reality.is_bystander(state) else ""
    if isinstance(answer, Quiet):
        if unknown and answer.silence in _FOR_NODES:
            return Said(terrain.node, terrain.spread, False, unknown, _NOT_KNOWN, (), ())
        text = _why_silent(answer, terrain.spread)
        if answer.silence is Silence.POOL_NOT_ADVERTISED:
            text += kept_out(state, answer.detail, terrain.spread)
        return Said(terrain.node, terrain.spread, False, answer.silence, text, (), ())
    prefixes = tuple(sorted({part.prefix for part in answer}))
    code, text = (unknown, _NOT_KNOWN) if unknown else reality.how(state, terrain, answer)
    text += _left_out(state, ref, answer)
    return Said(terrain.node, terrain.spread, not code, code, text, prefixes, _to(answer))


def _why_silent(quiet: Quiet, spread: Spread) -> str:
    return _WHY_SILENT[quiet.silence].format(detail=quiet.detail, kind=KIND[spread])


def explain_routes(terrain: Terrain, state: State, ref: Ref) -> tuple[Route, ...]:
    """What each advertisement says of a Service that the terrain's node announces by routes."""
    found = []
    for ad, said in by_advertisement(terrain, state, ref):
        if isinstance(said, Quiet):
            text = _why_silent(said, terrain.spread)
            found.append(Route(ad.name, "", (), 0, (), said.silence, text))
            continue
        for each in sorted({(part.prefix, part.to, part.communities) for part in said}):
            prefix, to, communities = each
            found.append(Route(ad.name, prefix, to, ad.local_pref, communities, "", ""))
    return tuple(sorted(found, key=lambda each: (not each.prefix, each.prefix)))


def kept_out(state: State, pool: str, *spreads: Spread) -> str:
    """What to add to "nothing covers this pool" when what was rejected would."""
    kinds = [KIND[spread] for spread in spreads or Spread]
    found = state.pool(pool)
    return "".join(
        f"; {ref.kind} {ref.name} would, but was rejected: {rejection.problem}"
        for ref, rejection in sorted(state.rejections.items())
        if isinstance(rejection.resource, BGPAdvertisement | L2Advertisement)
        and ref.kind in kinds
        and found is not None
        and selects_pool(rejection.resource, found)
    )


def _left_out(state: State, ref: Ref, parts: tuple[Part, ...]) -> str:
    """What to add when some of the addresses are not announced here."""
    told = {part.address for part in parts}
    missing = [text for text in state.holdings[ref].addresses if text not in told]
    if not missing:
        return ""
    return f"; {' and '.join(missing)} is not, for no session carries its address family"


def _to(parts: tuple[Part, ...]) -> tuple[str, ...]:
    return tuple(sorted({receiver for part in parts for receiver in part.to}))
