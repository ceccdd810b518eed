"""What `get` shows: services, pools, announcements, peers, nodes and interfaces of a state."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, NamedTuple, TypeAlias

import msgspec
from proclaim.allocation import families_of, no_business
from proclaim.events import Reason
from proclaim.model import Announcement, Attributes, Node, Pool, Ref, Service, Spread
from proclaim.pool_index import Quota
from proclaim.project import project
from proclaim.state import State
from proclaim.statuses import Fill, fills
from proclaim.terrain import EXCLUDE_LABEL

from proclaim_cli.values.plain import Because, Moment, because, moment

ANNOUNCERS = {Spread.EVERY_NODE: "bgp", Spread.ONE_NODE: "l2"}
"""The built-in announcer of each spread."""

ServiceState: TypeAlias = Literal["assigned", "partial", "pending", "none"]


class ServiceRow(NamedTuple):
    """A Service and its addresses."""

    namespace: str
    name: str
    state: ServiceState
    addresses: tuple[str, ...]
    pool: str | None
    since: Moment | None
    reason: Because | None


def services(state: State) -> list[ServiceRow]:
    """Every Service that is known or has an address, by name."""
    return [_service(state, ref) for ref in sorted({*state.of_kind("Service"), *state.holdings})]


def _service(state: State, ref: Ref) -> ServiceRow:
    service, holding, refusal = state.service(ref), state.holdings.get(ref), state.refusals.get(ref)
    if holding is not None:
        return ServiceRow(
            ref.namespace,
            ref.name,
            "partial" if _wants_more(service, holding.addresses) else "assigned",
            holding.addresses,
            holding.pool,
            moment(holding.position, holding.time),
            because(holding.reason),
        )
    if refusal is not None:
        since, reason = moment(refusal.position, refusal.time), because(refusal.reason)
        return ServiceRow(ref.namespace, ref.name, "pending", (), None, since, reason)
    business = no_business(service, state.load_balancer_class)
    return ServiceRow(
        ref.namespace,
        ref.name,
        "none" if business else "pending",
        (),
        None,
        None,
        because(business),
    )


def _wants_more(service: Service | None, addresses: Sequence[str]) -> bool:
    """Whether a Service holds fewer families than it prefers."""
    if service is None:
        return False
    families = families_of(service)
    return not isinstance(families, Reason) and len(addresses) < len(families.wanted)


class NamespaceUse(NamedTuple):
    """What the Services of one namespace hold of a pool."""

    namespace: str
    addresses: int
    """Distinct ones, which is what a quota counts."""
    services: int
    limit: int | None
    """What the pool's quota admits; None when it sets no limit."""


class PoolRow(NamedTuple):
    """A pool and how full it is."""

    name: str
    addresses: tuple[str, ...]
    total: int
    """Addresses that it may give."""
    used: int
    """Distinct addresses of it that somebody holds."""
    available: int
    services: int
    """Services that hold an address from it."""
    closed: bool
    """Whether it gives nothing new."""
    quota: dict[str, int] | None
    """The most that a namespace may hold, `*` for those not named; None when it has no quota."""
    namespaces: tuple[NamespaceUse, ...]
    """Those whose Services hold an address from it, by name."""


def pools(state: State) -> list[PoolRow]:
    """Every pool, by name."""
    return [_pool(state, pool, fill) for pool, fill in fills(state, state.pools())]


def _pool(state: State, pool: Pool, fill: Mapping[int, Fill]) -> PoolRow:
    ground, tenants = state.pool_index.grounds[pool.name], state.tenants.get(pool.name)
    uses = tuple(
        NamespaceUse(
            namespace,
            len(tenancy.addresses),
            len(tenancy.services),
            ground.quota.of(namespace) if ground.quota else None,
        )
        for namespace, tenancy in (sorted(tenants.items()) if tenants else ())
    )
    return PoolRow(
        pool.name,
        pool.addresses,
        sum(each.capacity for each in fill.values()),
        sum(each.assigned for each in fill.values()),
        sum(each.available for each in fill.values()),
        sum(each.services for each in uses),
        ground.closed,
        _quota(ground.quota) if ground.quota else None,
        uses,
    )


def _quota(quota: Quota) -> dict[str, int]:
    """The counts as they are written, and last the one for everybody else."""
    everyone = {} if quota.everyone is None else {"*": quota.everyone}
    return {**quota.named, **everyone}


class AnnouncementRow(NamedTuple):
    """What one announcer on one node keeps visible."""

    node: str
    announcer: str
    prefix: str
    addresses: tuple[str, ...]
    services: tuple[str, ...]
    """As `namespace/name`."""
    to: tuple[str, ...]
    """Peers or interfaces; empty means all of them."""
    attributes: dict[str, Any]


def announcements(state: State, nodes: Sequence[str]) -> list[AnnouncementRow]:
    """What is to be announced, by node, announcer and prefix."""
    return [
        announcement(node, spread, found)
        for node in nodes
        for spread in Spread
        for _, found in sorted(project(state, node, spread).announcements.items())
    ]


def announcement(node: str, spread: Spread, found: Announcement) -> AnnouncementRow:
    """One announcement as it is shown."""
    return AnnouncementRow(
        node,
        ANNOUNCERS[spread],
        found.prefix,
        found.addresses,
        tuple(ref.short for ref in found.services),
        found.to,
        _attributes(found.attributes),
    )


def _attributes(attributes: Attributes) -> dict[str, Any]:
    return {
        "local_pref": attributes.local_pref or None,
        "communities": list(attributes.communities),
    }


def known_nodes(state: State, fallback: str) -> list[str]:
    """The nodes that may announce: those described, else those that reported, else this one."""
    return named_nodes(state) or [fallback]


def named_nodes(state: State) -> list[str]:
    """The nodes described, else those that reported something."""
    described = sorted(state.nodes())
    reported = {
        entry.resource.node
        for kind in ("AnnouncerStatus", "PeerStatus", "InterfaceStatus")
        for entry in state.of_kind(kind).values()
    }
    return described or sorted(reported)


class PeerRow(NamedTuple):
    """The session of one peer on one node."""

    node: str
    name: str
    address: str
    state: str
    since: Moment | None
    """When this state was reached."""
    received_prefixes: int
    advertised_prefixes: int
    last_error: str
    graceful_restart: bool
    """Whether the peer keeps what it was told while the node is away."""


def peers(state: State, since: Mapping[Ref, Moment]) -> list[PeerRow]:
    """Every session that was reported; `since` says when its state was reached."""
    return [
        PeerRow(
            found.node,
            found.peer,
            found.address,
            found.state,
            since.get(ref) or moment(entry.position, entry.time),
            found.received_prefixes,
            found.advertised_prefixes,
            found.last_error,
            found.graceful_restart,
        )
        for ref, entry in sorted(state.of_kind("PeerStatus").items())
        for found in (entry.resource,)
    ]


class NodeRow(NamedTuple):
    """A node, as far as announcing from it goes."""

    name: str
    addresses: tuple[str, ...]
    labels: dict[str, str]
    reachable: bool | None
    """What a fellow found out; None when nobody watched it."""
    network_unavailable: bool
    excluded: bool
    """Whether its labels keep load balancers away from it."""
    here: bool
    """Whether it is the node that was asked, which nobody watches."""
    withdrawn: str
    """Why it announces nothing for now; empty when it does."""


def nodes(state: State, here: str) -> list[NodeRow]:
    """Every node that a source described; where none did, those that may announce all the same."""
    found = []
    described = state.nodes() or {name: Node(name) for name in known_nodes(state, here)}
    for name, node in described.items():
        watched = state.get(Ref("NodeReachability", "", name))
        withdrawal = state.get(Ref("NodeWithdrawal", "", name))
        labels = dict(node.labels)
        found.append(
            NodeRow(
                name,
                node.addresses,
                labels,
                watched.resource.reachable if watched else None,
                node.network_unavailable,
                EXCLUDE_LABEL in labels,
                name == here,
                withdrawal.resource.why if withdrawal else "",
            )
        )
    return found


class InterfaceRow(msgspec.Struct, frozen=True):
    """A network interface of a node, as its announcer sees it."""

    node: str
    name: str
    index: int
    mac: str
    usable: bool
    why_not: str
    addresses: tuple[str, ...]


def interfaces(state: State) -> list[InterfaceRow]:
    """Every interface that was reported."""
    return [
        InterfaceRow(
            found.node,
            found.name,
            found.index,
            found.mac,
            found.usable,
            found.why_not,
            found.addresses,
        )
        for _, entry in sorted(state.of_kind("InterfaceStatus").items())
        for found in (entry.resource,)
    ]
