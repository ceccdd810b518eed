"""How full the pools are, by MetalLB's names.

Only a process that allocates says it: with one series for each node that
follows, sums over all processes would count every address once for each of them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from proclaim import Authority
from proclaim.reporting import Fill, State, fills

from proclaim_metrics.family import Families, Sample, gauge

INT64_MAX = (1 << 63) - 1
"""What MetalLB says of a pool with more addresses than 64 bits can count."""


class PoolFigures(NamedTuple):
    """What is said of one pool."""

    name: str
    ipv4: Fill
    ipv6: Fill
    services: int
    """How many Services hold addresses of it."""


_FAMILIES: tuple[tuple[str, str, Callable[[PoolFigures], int]], ...] = (
    (
        "addresses_total",
        "Usable addresses of a pool.",
        lambda pool: min(capacity(pool.ipv4) + capacity(pool.ipv6), INT64_MAX),
    ),
    (
        "addresses_in_use_total",
        "Distinct addresses of a pool that some Service holds.",
        lambda pool: pool.ipv4.assigned + pool.ipv6.assigned,
    ),
    (
        "ipv4_addresses_total",
        "Usable IPv4 addresses of a pool.",
        lambda pool: capacity(pool.ipv4),
    ),
    (
        "ipv4_addresses_in_use_total",
        "Distinct IPv4 addresses of a pool that some Service holds.",
        lambda pool: pool.ipv4.assigned,
    ),
    (
        "ipv6_addresses_total",
        "Usable IPv6 addresses of a pool.",
        lambda pool: capacity(pool.ipv6),
    ),
    (
        "ipv6_addresses_in_use_total",
        "Distinct IPv6 addresses of a pool that some Service holds.",
        lambda pool: pool.ipv6.assigned,
    ),
    (
        "services_allocated_total",
        "Services that hold addresses of a pool.",
        lambda pool: pool.services,
    ),
)


def allocator(state: State) -> Families:
    """The families `metallb_allocator_...`, with a series for each pool in force."""
    figures: list[PoolFigures] = []
    if state.authority is not Authority.FOLLOW:
        for pool, fill in fills(state, state.pools()):
            tenancies = state.tenants.get(pool.name)
            services = sum(len(each.services) for each in tenancies.values()) if tenancies else 0
            figures.append(PoolFigures(pool.name, fill[4], fill[6], services))
            yield None
    for name, meaning, figure in _FAMILIES:
        samples = [Sample(figure(each), (("pool", each.name),)) for each in figures]
        yield gauge(f"metallb_allocator_{name}", meaning, *samples)


def capacity(fill: Fill) -> int:
    """How many addresses there are, as far as 64 bits can say."""
    return INT64_MAX if fill.endless else fill.capacity
