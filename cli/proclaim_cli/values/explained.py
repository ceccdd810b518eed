"""What `explain` says: the chain of rules from a Service to the wires it is announced on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import msgspec
from proclaim.allocation import no_business
from proclaim.answers import PoolAnswer, lacking, pool_answers
from proclaim.events import Reason
from proclaim.explain import Explanation, Said, explain_routes, explain_service
from proclaim.model import Ref, Spread
from proclaim.offers import Offers
from proclaim.state import State
from proclaim.terrain import survey

from proclaim_cli.values.history import Past
from proclaim_cli.values.plain import Because, Moment, because, moment, told
from proclaim_cli.values.resources import ANNOUNCERS
from proclaim_cli.values.sharing import Sharing, sharing_of
from proclaim_cli.values.silence import trap


class Outlet(NamedTuple):
    """A peer or an interface that a Service is announced to, or would be."""

    name: str
    state: str
    """The session's state, or `usable` or why not; empty when nobody reported it."""


class Advertised(NamedTuple):
    """What one BGPAdvertisement says of a Service from a node, or why it says nothing."""

    advertisement: str
    prefix: str | None
    to: tuple[str, ...]
    local_pref: int | None
    communities: tuple[str, ...]
    code: str
    """Why nothing; empty when it says something."""
    message: str


class Announced(NamedTuple):
    """Whether one node announces a Service in one way."""

    node: str
    announcer: str
    announced: bool
    code: str
    """Why not; empty when announced."""
    message: str
    prefixes: tuple[str, ...]
    to: tuple[Outlet, ...]
    routes: tuple[Advertised, ...] = ()
    """Of bgp: by which BGPAdvertisement which prefix is announced, how, and to which peers."""


class PoolSaid(NamedTuple):
    """What one pool answers to a Service."""

    pool: str
    code: str
    """`Gave`, `Available`, or the first rule that excludes the pool."""
    message: str
    addresses: tuple[str, ...]
    """What it gave."""
    reason: Because | None
    """That rule with its values, where it is one that refuses a Service as well."""


class Lacks(NamedTuple):
    """The family that a Service prefers to have as well, and why its pool does not give it."""

    families: tuple[str, ...]
    pool: str
    code: str
    message: str


class Claim(NamedTuple):
    """What the status of a Service says that it does not hold, and why it was not adopted."""

    addresses: tuple[str, ...]
    reason: Because


class ServiceExplained(NamedTuple):
    """Everything that there is to say about one Service."""

    namespace: str
    name: str
    known: bool
    addresses: tuple[str, ...]
    pool: str | None
    since: Moment | None
    reason: Because
    pools: tuple[PoolSaid, ...]
    """What each pool gave it, or the first rule by which it gives nothing; in their order."""
    announced: tuple[Announced, ...]
    trap: str
    """Why nobody announces it, where it has an address and nobody does; empty otherwise."""
    last: Past | None = None
    """What a Service had last that is gone, or has nothing now."""
    sharing: Sharing | None = None
    """With whom it holds an address together, or would."""
    lacks: Lacks | None = None
    """Of one that holds fewer families than it prefers."""
    claim: Claim | None = None
    """Where its status says something that is not so."""


def service_explained(state: State, ref: Ref, nodes: Sequence[str]) -> ServiceExplained:
    """Why a Service has what it has, and where it is announced."""
    found = explain_service(state, ref, nodes)
    wants = no_business(state.service(ref), state.load_balancer_class) is None
    return ServiceExplained(
        ref.namespace,
        ref.name,
        found.known,
        found.addresses,
        found.pool or None,
        moment(found.position, found.time),
        _reason(found),
        tuple(map(_said, pool_answers(state, ref))) if wants else (),
        tuple(_announced(state, said, ref) for said in found.announced),
        trap(_everywhere(state, ref, found, nodes), state),
        sharing=sharing_of(state, ref),
        lacks=Lacks(*lacks) if (lacks := lacking(state, ref)) else None,
        claim=_claim(state, ref) if wants else None,
    )


def _claim(state: State, ref: Ref) -> Claim | None:
    """What a status says in vain; nothing where the answer for want of an address says it."""
    service, holding = state.service(ref), state.holdings.get(ref)
    if service is None or not (holding or ref in state.refusals):
        return None
    said = service.status_addresses
    if not said or (holding and set(said) == set(holding.addresses)):
        return None
    found = Offers(state).claimed(service)
    return Claim(said, told(found)) if isinstance(found, Reason) else None


def _reason(found: Explanation) -> Because:
    """The reason with its values, in the words of the explanation."""
    if found.reason is None:
        return Because(str(found.code), found.message)
    return msgspec.structs.replace(told(found.reason), message=found.message)


def _said(answer: PoolAnswer) -> PoolSaid:
    return PoolSaid(
        answer.pool, answer.code, answer.message, answer.addresses, because(answer.reason)
    )


def _everywhere(state: State, ref: Ref, found: Explanation, nodes: Sequence[str]) -> Explanation:
    """The same for every node, though only some were asked about."""
    every = sorted({*nodes, *state.nodes()})
    return found if every == sorted(nodes) else explain_service(state, ref, every)


def _announced(state: State, said: Said, ref: Ref) -> Announced:
    return Announced(
        said.node,
        ANNOUNCERS[said.spread],
        said.announced,
        str(said.code),
        said.message,
        said.prefixes,
        _outlets(state, said) if said.prefixes else (),
        _routes(state, said, ref) if said.prefixes else (),
    )


def _routes(state: State, said: Said, ref: Ref) -> tuple[Advertised, ...]:
    if said.spread is not Spread.EVERY_NODE:
        return ()
    return tuple(
        Advertised(
            each.advertisement,
            each.prefix or None,
            each.to,
            each.local_pref or None,
            each.communities,
            str(each.code),
            each.message,
        )
        for each in explain_routes(survey(state, said.node, said.spread), state, ref)
    )


def _outlets(state: State, said: Said) -> tuple[Outlet, ...]:
    if said.spread is Spread.EVERY_NODE:
        names = said.to or tuple(peer.name for peer in survey(state, said.node, said.spread).peers)
        return tuple(Outlet(name, _session(state, said.node, name)) for name in names)
    reported = {
        ref.name: entry.resource
        for ref, entry in sorted(state.of_kind("InterfaceStatus").items())
        if ref.namespace == said.node
    }
    usable = tuple(name for name, found in reported.items() if found.usable)
    names = said.to or usable or tuple(reported)  # where none is usable, why not is the answer
    return tuple(
        Outlet(name, "")
        if (found := reported.get(name)) is None
        else Outlet(name, "usable" if found.usable else f"not usable: {found.why_not}")
        for name in names
    )


def _session(state: State, node: str, peer: str) -> str:
    entry = state.get(Ref("PeerStatus", node, peer))
    return entry.resource.state if entry else ""
