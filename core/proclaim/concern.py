"""Whom facts between two states concern: the Services that may be announced otherwise.

Everyone else is announced as before, so nobody need ask again.  A node, a peer
or a Community can concern everyone: from one node, or in one way of announcing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from proclaim.addresses import Address, Range
from proclaim.election import group_of
from proclaim.events import AddressAssigned, AddressReleased, Fact, Observed, Removed
from proclaim.model import EndpointSlice, Ref, Service, Spread, selects_pool, service_ref
from proclaim.state import State, ranges
from proclaim.steps import Steps, finish

_READ_AT_ONCE = 64
"""Facts or addresses looked at between two pauses."""
_GROUND = (
    "BGPAdvertisement",
    "BGPPeer",
    "Community",
    "IPAddressPool",
    "L2Advertisement",
    "Namespace",
    "Node",
    "NodeReachability",
    "NodeWithdrawal",
)
"""The kinds by which others than the Services that a fact speaks of are concerned."""


def touched(before: State, after: State, facts: Iterable[Fact]) -> set[Ref]:
    """The Services that facts can make announced otherwise, the terrain being the same.

    Who shares an address with such a Service, before or after, is elected with
    it and so is touched as well.
    """
    return finish(touching(before, after, facts))


def touching(before: State, after: State, facts: Iterable[Fact]) -> Steps[set[Ref]]:
    """`touched` in small steps."""
    services: set[Ref] = set()
    for at, fact in enumerate(facts):
        if at % _READ_AT_ONCE == 0:
            yield
        for ref in _spoken_of(before, fact):
            if ref not in services:
                services.update(group_of(before, ref), group_of(after, ref))
    return services


def _spoken_of(before: State, fact: Fact) -> list[Ref]:
    """The Services that a fact speaks of."""
    match fact:
        case AddressAssigned(service=ref) | AddressReleased(service=ref):
            return [ref]
        case Observed(resource=Service() as service):
            return [service.ref]
        case Observed(resource=EndpointSlice() as slice_):
            owner = service_ref(slice_.namespace, slice_.service)
            return [owner, *_owner_before(before, slice_.ref)]
        case Removed(ref=ref) if ref.kind == "Service":
            return [ref]
        case Removed(ref=ref) if ref.kind == "EndpointSlice":
            return _owner_before(before, ref)
        case _:
            return []


def _owner_before(before: State, ref: Ref) -> list[Ref]:
    entry = before.get(ref)
    return [service_ref(ref.namespace, entry.resource.service)] if entry else []


class Concerned(NamedTuple):
    """Who can be announced otherwise, by spread."""

    services: Mapping[Spread, set[Ref]]
    spreads: frozenset[Spread]
    """Where everyone can, from every node."""
    nodes: frozenset[str]
    """From which everyone's routes can."""

    def everyone(self, node: str, spread: Spread) -> bool:
        """Whether everything that a node announces in one way may be otherwise."""
        return spread in self.spreads or (spread is Spread.EVERY_NODE and node in self.nodes)


def concerned(before: State, after: State, facts: Iterable[Fact]) -> Concerned:
    """The Services that facts between two states can make announced otherwise."""
    return finish(concerning(before, after, facts))


def concerning(before: State, after: State, facts: Iterable[Fact]) -> Steps[Concerned]:
    """`concerned` in small steps."""
    facts = list(facts)
    work = _Concern(before, after)
    changed = {ref for fact in facts if (ref := _ref(fact)) is not None and ref.kind in _GROUND}
    for ref in sorted(changed):
        yield from work.look(ref)
    touched_ = yield from touching(before, after, facts)
    services = {}
    for spread in Spread:
        services[spread] = touched_ | (yield from work.grouped(spread))
    return Concerned(services, frozenset(work.spreads), frozenset(work.nodes))


class _Concern:
    """Whom resources concern that are not what they were."""

    def __init__(self, before: State, after: State) -> None:
        self.spreads: set[Spread] = set()
        self.nodes: set[str] = set()
        self._before, self._after = before, after
        self._services: dict[Spread, set[Ref]] = {spread: set() for spread in Spread}

    def look(self, ref: Ref) -> Steps[None]:
        match ref.kind:
            case "IPAddressPool":
                found = yield from _of_pool(self._before, self._after, ref.name)
                for services in self._services.values():
                    services |= found
            case "BGPAdvertisement":
                self._services[Spread.EVERY_NODE] |= yield from self._advertised(ref)
            case "L2Advertisement":
                self._services[Spread.ONE_NODE] |= yield from self._advertised(ref)
            case "BGPPeer" | "Community":
                self.spreads.add(Spread.EVERY_NODE)
            case "Node" | "NodeReachability" | "NodeWithdrawal":
                self._node(ref.name)
            case "Namespace" if _by_namespace(self._before, self._after):
                self.spreads.update(Spread)

    def grouped(self, spread: Spread) -> Steps[set[Ref]]:
        """Who was found, with those who are elected together with them."""
        found: set[Ref] = set()
        for at, ref in enumerate(self._services[spread]):
            if at % _READ_AT_ONCE == 0:
                yield
            if ref not in found:
                found.update(group_of(self._before, ref), group_of(self._after, ref))
        return found

    def _node(self, name: str) -> None:
        """Routes are a node's own matter; who answers is elected among all nodes."""
        self.spreads.add(Spread.ONE_NODE)
        self.nodes.add(name)
        if not self._before.of_kind("Node") or not self._after.of_kind("Node"):
            self.spreads.add(Spread.EVERY_NODE)

    def _advertised(self, ref: Ref) -> Steps[set[Ref]]:
        """Who holds an address of a pool that an advertisement selects, or selected."""
        spans: set[Range] = set()
        for state in (self._before, self._after):
            if (entry := state.get(ref)) is not None:
                for pool in state.pools():
                    if selects_pool(entry.resource, pool):
                        spans.update(ranges(pool))
        found: set[Ref] = set()
        for at, address in enumerate((yield from _holding(self._before, self._after, spans))):
            if at % _READ_AT_ONCE == 0:
                yield
            found.update(holders_of(self._before, self._after, address))
        return found


def _ref(fact: Fact) -> Ref | None:
    match fact:
        case Observed(resource=resource):
            found: Ref = resource.ref
            return found
        case Removed(ref=ref):
            return ref
        case _:
            return None


def _by_namespace(*states: State) -> bool:
    """Whether what a namespace is labelled with has a say in who may use a pool."""
    return any(
        pool.service_allocation is not None and pool.service_allocation.namespace_selectors
        for state in states
        for pool in state.pools()
    )


def _of_pool(before: State, after: State, name: str) -> Steps[set[Ref]]:
    """The Services for which a pool that changed is another ground to stand on.

    A pool that only gained or lost addresses is the same to those whose address it has kept.
    """
    old, new = before.pool(name), after.pool(name)
    same = (
        old is not None
        and new is not None
        and (old.labels, old.service_allocation) == (new.labels, new.service_allocation)
    )
    spans = {span for pool in (old, new) if pool is not None for span in ranges(pool)}
    found: set[Ref] = set()
    for at, address in enumerate((yield from _holding(before, after, spans))):
        if at % _READ_AT_ONCE == 0:
            yield
        if not same or _owner(before, address) != _owner(after, address):
            found.update(holders_of(before, after, address))
    return found


def _owner(state: State, address: Address) -> str:
    pool = state.pool_index.containing(address)
    return pool.name if pool else ""


def held_in(before: State, after: State, spans: Iterable[Range]) -> set[Address]:
    """The addresses of some ranges that somebody holds before or after."""
    return finish(_holding(before, after, spans))


def _holding(before: State, after: State, spans: Iterable[Range]) -> Steps[set[Address]]:
    found: set[Address] = set()
    for span in spans:
        for state in (before, after):
            for at, address in enumerate(state.occupied.within(span)):
                if at % _READ_AT_ONCE == 0:
                    yield
                found.add(address)
    return found


def holders_of(before: State, after: State, address: Address) -> Iterator[Ref]:
    """Who holds an address before or after; some perhaps twice."""
    text = str(address)
    for state in (before, after):
        yield from state.holders.get(text, ())
