"""What there is to say about one address: who has it, who had it, and who could.

From the state alone; who held it last, and until when, stands in the ledger.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from proclaim.addresses import Address, is_buggy, parse_address, parse_range
from proclaim.events import Reason
from proclaim.model import Pool, Ref, ServiceAllocation
from proclaim.pool_index import Ground
from proclaim.state import State
from proclaim.taken import Taken


class Waiting(NamedTuple):
    """A Service that asks for an address and has none."""

    service: Ref
    reason: Reason


class Rationed(NamedTuple):
    """A namespace that may have nothing more of a pool."""

    namespace: str
    addresses: int
    """How many it holds."""
    limit: int


class Prospect(NamedTuple):
    """Who could get an address that nobody holds, from the pool that covers it."""

    by_itself: bool
    """Whether the pool gives it to Services that do not ask for it or for the pool."""
    on_request: bool
    """Whether the pool gives it at all."""
    next: bool
    """Whether it is the one that the pool gives next, of those in its family."""
    allocation: ServiceAllocation | None
    """Whom the pool admits; None means everyone."""
    former: tuple[Ref, ...]
    """Services that have nothing now, had it, and get it back when they may."""
    rationed: tuple[Rationed, ...]
    """Namespaces that the pool admits, and whose quota of it is reached."""


class Whereabouts(NamedTuple):
    """What is known about an address."""

    address: str
    pool: str
    """The pool in whose ranges it lies; empty when there is none."""
    holders: tuple[Ref, ...]
    released: int
    """Where the ledger says that its last holder went; 0 when that is not remembered."""
    notes: tuple[str, ...]
    """What is out of the ordinary about its pool, or about it."""
    asked_by: tuple[Waiting, ...]
    """Services that ask for exactly it, and why they have it not."""
    prospect: Prospect | None
    """None where somebody holds it, or no pool has it."""


def explain_address(state: State, text: str) -> Whereabouts:
    """What is known about an address; raises ValueError when it is none."""
    address = parse_address(text)
    text = str(address)
    pool = state.pool_index.containing(address)
    holders = state.holders.get(text, ())
    ground = state.pool_index.grounds[pool.name] if pool else None
    return Whereabouts(
        text,
        pool.name if pool else "",
        holders,
        state.vacated.position(address),
        tuple(_notes(state, address, ground)),
        tuple(
            Waiting(ref, each.reason)
            for ref, each in sorted(state.refusals.items())
            if (service := state.service(ref)) and text in service.requested_addresses
        ),
        None if holders or ground is None else _prospect(state, address, ground),
    )


def _notes(state: State, address: Address, ground: Ground | None) -> Iterator[str]:
    if ground is None:
        for ref, rejection in sorted(state.rejections.items()):
            if isinstance(rejection.resource, Pool) and _lies_in(rejection.resource, address):
                yield f"{ref.kind} {ref.name} would have it, but was rejected: {rejection.problem}"
        return
    name = ground.name
    if _avoided(ground, address):
        yield f"avoidBuggyIPs of pool {name} keeps back addresses that end in .0 or .255"
    if ground.closed:
        yield f"pool {name} is closed to new allocations (proclaim.io/allocation: closed)"
    if not ground.pool.auto_assign:
        yield f"pool {name} gives nothing by itself (autoAssign is false)"


def _lies_in(pool: Pool, address: Address) -> bool:
    return any(parse_range(text).covers(address) for text in pool.addresses)


def _avoided(ground: Ground, address: Address) -> bool:
    return ground.pool.avoid_buggy_ips and is_buggy(address)


def _prospect(state: State, address: Address, ground: Ground) -> Prospect:
    text, taken = str(address), Taken(state)
    family = address.family
    following = taken.never_held(ground, family) or taken.longest_released(ground, family)
    rationed = tuple(_rationed(state, ground))
    open_ = not ground.closed and not _avoided(ground, address)
    if open_ and rationed:
        open_ = _open_to_others(state, ground, {each.namespace for each in rationed})
    return Prospect(
        by_itself=open_ and ground.pool.auto_assign,
        on_request=open_,
        next=open_ and following == address,
        allocation=ground.pool.service_allocation,
        former=tuple(sorted(ref for ref, each in state.former.items() if text in each.addresses)),
        rationed=rationed,
    )


def _rationed(state: State, ground: Ground) -> Iterator[Rationed]:
    """The namespaces that hold all that the quota of a pool admits, or are admitted to nothing."""
    if ground.quota is None:
        return
    tenants = state.tenants.get(ground.name)
    held = {name: len(each.addresses) for name, each in tenants.items()} if tenants else {}
    for namespace in sorted({*ground.quota.named, *held, *_named(ground)}):
        limit, count = ground.quota.of(namespace), held.get(namespace, 0)
        if limit is None or count < limit:
            continue
        if state.pool_index.admits_namespace(ground.pool, namespace):
            yield Rationed(namespace, count, limit)


def _named(ground: Ground) -> tuple[str, ...]:
    allocation = ground.pool.service_allocation
    return allocation.namespaces if allocation else ()


def _open_to_others(state: State, ground: Ground, rationed: set[str]) -> bool:
    """Whether a pool gives anything to a namespace beside those that have their share."""
    allocation, quota = ground.pool.service_allocation, ground.quota
    if allocation and (allocation.namespaces or allocation.namespace_selectors):
        known = {*allocation.namespaces, *(ref.name for ref in state.of_kind("Namespace"))}
        admitted = {name for name in known if state.pool_index.admits_namespace(ground.pool, name)}
        return not admitted <= rationed
    if quota is not None and quota.everyone == 0:
        return not set(quota.named) <= rationed
    return True
