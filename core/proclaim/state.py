"""State: what is known after some fact of the ledger, and small questions about it.

A `State` is immutable to everyone who holds one; `fold` makes the next one.
What is derived from the rest says so, and exists to make a question cheap.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, NamedTuple

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


@dataclass(frozen=True, slots=True)
class State:
    """Everything known after some fact of the ledger."""

    position: int = 0
    time: float = 0.0
    transaction: int = 0
    authority: Authority = Authority.ADOPT
    listed: frozenset[str] = frozenset()
    """Sources that have ever given a complete listing."""
    resources: Mapping[str, Mapping[Ref, Entry]] = field(default_factory=dict)
    """By kind, then by name."""
    slices: Mapping[Ref, tuple[Ref, ...]] = field(default_factory=dict)
    """The EndpointSlices of each Service, sorted; derived from `resources`."""
    holdings: Mapping[Ref, Holding] = field(default_factory=dict)
    holders: Mapping[str, tuple[Ref, ...]] = field(default_factory=dict)
    """Who holds each address; derived from `holdings`."""
    occupied: Occupied = field(default_factory=Occupied)
    """The addresses held; derived from `holdings`."""
    preferring: Mapping[Ref, None] = field(default_factory=dict)
    """Services that prefer dual stack and so may gain a family; derived from `resources`."""
    refusals: Mapping[Ref, Refusal] = field(default_factory=dict)
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
        """All resources of a kind in force."""
        return self.resources.get(kind, {})

    def get(self, ref: Ref) -> Entry | None:
        """The resource in force of that name."""
        return self.resources.get(ref.kind, {}).get(ref)

    def service(self, ref: Ref) -> Service | None:
        """The Service of that name."""
        entry = self.get(ref)
        return entry.resource if entry else None

    def pools(self) -> tuple[Pool, ...]:
        """The pools in force, by name."""
        return tuple(entry.resource for _, entry in sorted(self.of_kind("IPAddressPool").items()))

    def pool(self, name: str) -> Pool | None:
        """The pool of that name."""
        entry = self.get(Ref("IPAddressPool", "", name))
        return entry.resource if entry else None

    def nodes(self) -> dict[str, Node]:
        """The nodes that a source described, by name."""
        return {ref.name: entry.resource for ref, entry in sorted(self.of_kind("Node").items())}

    def endpoint_slices(self, service: Ref) -> Iterator[EndpointSlice]:
        """The slices of a Service, by name."""
        for ref in self.slices.get(service, ()):
            if entry := self.get(ref):
                yield entry.resource


def ranges(pool: Pool) -> tuple[Range, ...]:
    """The ranges of a pool in the order declared."""
    return _ranges(pool.addresses)


@lru_cache(maxsize=4096)
def _ranges(addresses: tuple[str, ...]) -> tuple[Range, ...]:
    return tuple(parse_range(text) for text in addresses)


def addresses_of(holding: Holding) -> tuple[Address, ...]:
    """A holding's addresses as integers, in its own order."""
    return tuple(parse_address(text) for text in holding.addresses)
