"""What `explain` says: the chain of rules from a Service to the wires it is announced on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from proclaim.addresses import parse_address
from proclaim.allocation import Families, Pools, families_of
from proclaim.explain import Explanation, Said, explain_service
from proclaim.model import Pool, Ref, Service, Spread
from proclaim.offers import Taken
from proclaim.state import State, ranges
from proclaim.terrain import survey

from proclaim_cli.values.history import Past
from proclaim_cli.values.plain import Because, Moment, moment
from proclaim_cli.values.resources import ANNOUNCERS
from proclaim_cli.values.silence import trap


class Outlet(NamedTuple):
    """A peer or an interface that a Service is announced to, or would be."""

    name: str
    state: str
    """The session's state, or `usable` or why not; empty when nobody reported it."""


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


class PoolAnswer(NamedTuple):
    """Why a pool gives a Service nothing."""

    pool: str
    message: str


class ServiceExplained(NamedTuple):
    """Everything that there is to say about one Service."""

    namespace: str
    name: str
    known: bool
    addresses: tuple[str, ...]
    pool: str | None
    since: Moment | None
    reason: Because
    pools: tuple[PoolAnswer, ...]
    """For a refused Service, why each pool gives it nothing."""
    announced: tuple[Announced, ...]
    trap: str
    """Why nobody announces it, where it has an address and nobody does; empty otherwise."""
    last: Past | None = None
    """What a Service that is gone had last."""


class AddressExplained(NamedTuple):
    """Everything that there is to say about an address."""

    address: str
    pool: str | None
    """The pool that covers it."""
    services: tuple[ServiceExplained, ...]
    last: Past | None = None
    """Who held it last, where nobody does now."""


def service_explained(state: State, ref: Ref, nodes: Sequence[str]) -> ServiceExplained:
    """Why a Service has what it has, and where it is announced."""
    found = explain_service(state, ref, nodes)
    service = state.service(ref)
    refused = ref in state.refusals and service is not None
    return ServiceExplained(
        ref.namespace,
        ref.name,
        found.known,
        found.addresses,
        found.pool or None,
        moment(found.position, found.time),
        Because(str(found.code), found.message),
        _pools(state, service) if refused and service else (),
        tuple(_announced(state, said) for said in found.announced),
        trap(_everywhere(state, ref, found, nodes), state),
    )


def _everywhere(state: State, ref: Ref, found: Explanation, nodes: Sequence[str]) -> Explanation:
    """The same for every node, though only some were asked about."""
    every = sorted({*nodes, *state.nodes()})
    return found if every == sorted(nodes) else explain_service(state, ref, every)


def _announced(state: State, said: Said) -> Announced:
    return Announced(
        said.node,
        ANNOUNCERS[said.spread],
        said.announced,
        str(said.code),
        said.message,
        said.prefixes,
        _outlets(state, said) if said.prefixes else (),
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


def _pools(state: State, service: Service) -> tuple[PoolAnswer, ...]:
    pools, taken = Pools(state), Taken(state)
    families = families_of(service)
    return tuple(
        PoolAnswer(pool.name, _declined(pools, taken, pool, (service, families)))
        for pool in state.pools()
        if isinstance(families, Families)
    )


def _declined(pools: Pools, taken: Taken, pool: Pool, asked: tuple[Service, Families]) -> str:
    """The first rule by which a pool gives a Service nothing."""
    service, families = asked
    if service.requested_pool and service.requested_pool != pool.name:
        return f"the Service asks for pool {service.requested_pool}"
    if not pools.permits(pool, service):
        return "its serviceAllocation does not admit the Service"
    if service.requested_addresses:
        outside = [
            text
            for text in service.requested_addresses
            if not pools.covers(pool, (parse_address(text),))
        ]
        if outside:
            return f"does not give {' and '.join(outside)}, which the Service asks for"
        return "what the Service asks for cannot be given: see the reason"
    if not pool.auto_assign and not service.requested_pool:
        return "gives nothing by itself (autoAssign is false)"
    return _without_family(taken, pool, families)


def _without_family(taken: Taken, pool: Pool, families: Families) -> str:
    said = []
    for family in families.wanted:
        if not any(span.family == family for span in ranges(pool)):
            said.append(f"has no IPv{family} range")
        elif taken.lowest_free(pool, family) is None:
            said.append(f"has no free IPv{family} address")
    return " and ".join(said) or "could serve it"
