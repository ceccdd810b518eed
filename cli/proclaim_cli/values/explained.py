"""What `explain` says: the chain of rules from a Service to the wires it is announced on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from proclaim.allocation import no_business
from proclaim.answers import PoolAnswer, pool_answers
from proclaim.explain import Explanation, Said, explain_service
from proclaim.model import Ref, Spread
from proclaim.state import State
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
    """What each pool gave it, or the first rule by which it gives nothing; in their order."""
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
    wants = no_business(state.service(ref), state.load_balancer_class) is None
    return ServiceExplained(
        ref.namespace,
        ref.name,
        found.known,
        found.addresses,
        found.pool or None,
        moment(found.position, found.time),
        Because(str(found.code), found.message),
        tuple(pool_answers(state, ref)) if wants else (),
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
