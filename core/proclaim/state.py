"""State: what is known after some fact of the ledger, and small questions about it.

A `State` is immutable to everyone who holds one; `fold` makes the next one.
What is derived from the rest says so, and exists to make a question cheap.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, NamedTuple

from immutables import Map

from proclaim.addresses import Address, Occupied, Range, parse_address, parse_range
from proclaim.events import (
    Reason,
)
from proclaim.model import (
    Authority,
    EndpointSlice,
    Node,
    Pool,
    Problem,
    Ref,
    Resource,
    Service,
)
from proclaim.pool_index import PoolIndex
from proclaim.vacated import Releases, Vacated


class Entry(NamedTuple):
    """A resource in force, and where it came from."""

    resource: Any
    source: str
    origin: str
    position: int
    time: float


class Rejection(NamedTuple):
    """A resource that contradicts others in force, kept to be tried again."""

    resource: Resource
    source: str
    origin: str
    problem: str


class Holding(NamedTuple):
    """The addresses that a Service has."""

    addresses: tuple[str, ...]
    pool: str
    reason: Reason
    position: int
    time: float


class Refusal(NamedTuple):
    """Why a Service that wants an address has none."""

    reason: Reason
    position: int
    time: float


class Former(NamedTuple):
    """The addresses that a Service had until it lost them, so that it may have them again."""

    addresses: tuple[str, ...]
    position: int

    def beside(self, held: tuple[str, ...]) -> tuple[str, ...]:
        """Those of a family of which none is held: they may come back one day."""
        families = {":" in text for text in held}
        return tuple(text for text in self.addresses if (":" in text) not in families)


class Tenancy(NamedTuple):
    """What the Services of one namespace hold of one pool."""

    services: Map[Ref, None]
    addresses: Map[str, int]
    """How many of them hold each address."""


NO_TENANCY = Tenancy(Map(), Map())


@dataclass(frozen=True, slots=True)
class State:
    """Everything known after some fact of the ledger.

    What grows with the cluster is a `Map`, which shares what did not change
    with the state before; its order is no order.
    """

    position: int = 0
    time: float = 0.0
    transaction: int = 0
    authority: Authority = Authority.ADOPT
    load_balancer_class: str = ""
    """Of the Services that are ours; empty means those without one."""
    listed: frozenset[str] = frozenset()
    """Sources that have ever given a complete listing."""
    resources: Mapping[str, Mapping[Ref, Entry]] = field(default_factory=dict)
    """By kind, then by name."""
    pool_index: PoolIndex = field(default_factory=PoolIndex)
    """The pools in force and the namespaces, prepared; derived from `resources`."""
    slices: Map[Ref, tuple[Ref, ...]] = field(default_factory=Map)
    """The EndpointSlices of each Service, sorted; derived from `resources`."""
    sharing: Map[str, Map[Ref, None]] = field(default_factory=Map)
    """The Services with each sharing key; derived from `resources`."""
    holdings: Map[Ref, Holding] = field(default_factory=Map)
    holders: Map[str, tuple[Ref, ...]] = field(default_factory=Map)
    """Who holds each address, sorted; derived from `holdings`."""
    occupied: Occupied = field(default_factory=Occupied)
    """The addresses held; derived from `holdings`."""
    tenants: Map[str, Map[str, Tenancy]] = field(default_factory=Map)
    """Who holds what, by pool and namespace; derived from `holdings`."""
    single: Map[Ref, None] = field(default_factory=Map)
    """Services that prefer dual stack and hold one family; derived."""
    former: Map[Ref, Former] = field(default_factory=Map)
    """What each Service had of the families of which it has nothing now; the oldest are
    forgotten."""
    vacated: Vacated = field(default_factory=Vacated)
    """The addresses that were held and are free; the oldest are forgotten."""
    releases: Releases = field(default_factory=Releases, compare=False)
    """The order in which both are forgotten; derived from them."""
    touched: Occupied = field(default_factory=Occupied)
    """The addresses that are held or vacated; derived from both."""
    refusals: Map[Ref, Refusal] = field(default_factory=Map)
    rejections: Mapping[Ref, Rejection] = field(default_factory=dict)
    aliases: Mapping[str, str] = field(default_factory=dict)
    """The last value of every alias that a Community ever defined."""
    problems: Mapping[str, tuple[Problem, ...]] = field(default_factory=dict)
    """By source."""
    failures: Mapping[str, str] = field(default_factory=dict)
    """The latest error of each task that ever raised."""
    unknown: int = 0
    """Facts of kinds that are not known here."""

    def of_kind(self, kind: str) -> Mapping[Ref, Entry]:
        """All resources of a kind in force, in no order."""
        return self.resources.get(kind, _NOTHING)

    def get(self, ref: Ref) -> Entry | None:
        """The resource in force of that name."""
        return self.resources.get(ref.kind, _NOTHING).get(ref)

    def service(self, ref: Ref) -> Service | None:
        """The Service of that name."""
        entry = self.get(ref)
        return entry.resource if entry else None

    def pools(self) -> tuple[Pool, ...]:
        """The pools in force, by name."""
        return tuple(self.pool_index.by_name.values())

    def pool(self, name: str) -> Pool | None:
        """The pool of that name."""
        return self.pool_index.by_name.get(name)

    def nodes(self) -> dict[str, Node]:
        """The nodes that a source described, by name."""
        return {ref.name: entry.resource for ref, entry in sorted(self.of_kind("Node").items())}

    def endpoint_slices(self, service: Ref) -> Iterator[EndpointSlice]:
        """The slices of a Service, by name."""
        for ref in self.slices.get(service, ()):
            if entry := self.get(ref):
                yield entry.resource

    def tenancy(self, pool: str, namespace: str) -> Tenancy:
        """What the Services of a namespace hold of a pool."""
        return self.tenants.get(pool, _NOBODY).get(namespace, NO_TENANCY)


_NOTHING: Mapping[Ref, Entry] = Map()
_NOBODY: Map[str, Tenancy] = Map()


def ranges(pool: Pool) -> tuple[Range, ...]:
    """The ranges of a pool in the order declared."""
    return _ranges(pool.addresses)


@lru_cache(maxsize=4096)
def _ranges(addresses: tuple[str, ...]) -> tuple[Range, ...]:
    return tuple(parse_range(text) for text in addresses)


def addresses_of(holding: Holding) -> tuple[Address, ...]:
    """A holding's addresses as integers, in its own order."""
    return tuple(parse_address(text) for text in holding.addresses)
