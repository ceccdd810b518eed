"""Which addresses are held while a settlement is being worked out, and which to give next.

The state's own answer, and what was decided on top of it.  Nothing here knows
who may have an address; `offers` does.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator

from proclaim.addresses import Address, Occupied, parse_address
from proclaim.model import Port, Ref, Service
from proclaim.pool_index import Ground
from proclaim.sharing import ALONE, Terms, objection, terms
from proclaim.state import Former, Holding, State
from proclaim.vacated import Vacated

_MANY = 8
"""Sharers of one address from which on what they have in common is noted."""
_NO_FAMILY: frozenset[int] = frozenset()


class _Group:
    """The addresses of one family that a sharing group holds, and where each port is taken."""

    def __init__(self) -> None:
        self._addresses: list[Address] = []
        self._taken: dict[Port, set[Address]] = {}

    def add(self, address: Address, ports: Iterable[Port]) -> None:
        at = bisect_left(self._addresses, address)
        if at == len(self._addresses) or self._addresses[at] != address:
            self._addresses.insert(at, address)
        for port in ports:
            self._taken.setdefault(port, set()).add(address)

    def without(self, ports: Iterable[Port], first: Address) -> Iterator[Address]:
        """The addresses at which none of some ports is taken, from one on, ascending."""
        taken = [self._taken[port] for port in ports if port in self._taken]
        if any(len(each) == len(self._addresses) for each in taken):
            return
        for address in self._addresses[bisect_left(self._addresses, first) :]:
            if not any(address in each for each in taken):
                yield address


class Taken:
    """Who holds what: the holdings of a state, and those of the decisions so far."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._holders: dict[str, tuple[Ref, ...]] = {}
        self._touched: Occupied | None = None
        self._vacated: Vacated | None = None
        self._commons: dict[str, tuple[int, Terms | None, set[Port]]] = {}
        self._former: dict[Ref, Former] = {}
        self._given: dict[Ref, tuple[str, ...]] = {}
        """What Services hold of whom something was decided."""
        self._releases = 0
        self._groups: dict[tuple[str, int], _Group] = {}
        self._passed: dict[tuple[Terms, str, int, str], Address] = {}
        self._spent: dict[str, frozenset[int]] = {}
        """The families of which each pool has no free address left."""
        self._counts: dict[tuple[str, str, str], int] = {}
        self._totals: dict[tuple[str, str], int] = {}

    def holders(self, text: str) -> tuple[Ref, ...]:
        """Who holds an address now."""
        known = self._holders.get(text)
        return self._state.holders.get(text, ()) if known is None else known

    def former(self, service: Ref) -> tuple[str, ...]:
        """What a Service had last, of the families of which it has nothing now."""
        known = self._former.get(service) or self._state.former.get(service)
        return known.addresses if known else ()

    def _rest(self, service: Ref, held: tuple[str, ...]) -> Former:
        """What a Service had of other families than those that it holds."""
        known = self._former.get(service) or self._state.former.get(service)
        return known._replace(addresses=known.beside(held)) if known else Former((), 0)

    # --- what is decided ---

    def take(self, service: Service, pool: str, addresses: tuple[Address, ...]) -> None:
        """Note that a Service holds these from here on, some of them perhaps before."""
        ref = service.ref
        had = self._now(ref)
        self._given[ref] = tuple(map(str, addresses))
        self._former[ref] = self._rest(ref, self._given[ref])
        for address, text in zip(addresses, self._given[ref], strict=True):
            if text in had:
                continue
            holders = self.holders(text)
            self._holders[text] = (*holders, ref)
            self._count(pool, ref.namespace, text, 1)
            if not holders:
                self._occupy(address)
            self._join(service, address)

    def _join(self, service: Service, address: Address) -> None:
        """Note that an address belongs to a sharing group, where that group was asked for."""
        key = service.sharing_key
        group = self._groups.get((key, address.family))
        if group is None:
            return
        group.add(address, service.ports)
        for passed, first in self._passed.items():
            if passed[0].key == key and passed[2] == address.family and address < first:
                self._passed[passed] = address

    def move(self, service: Ref, holding: Holding, pool: str) -> None:
        """Note that what a Service holds belongs to another pool now."""
        for text in holding.addresses:
            self._count(holding.pool, service.namespace, text, -1)
            self._count(pool, service.namespace, text, 1)

    def vacate(self, service: Ref, holding: Holding, kept: tuple[str, ...] = ()) -> None:
        """Note that a Service no longer holds what it held in the state, but for what it keeps."""
        lost = tuple(text for text in holding.addresses if text not in kept)
        rest = self._rest(service, holding.addresses).addresses
        self._former[service] = Former((*lost, *rest), self._state.position + self._releases + 1)
        self._given[service] = kept
        self._spent.clear()
        self._commons.clear()
        self._passed.clear()
        self._groups.clear()
        self._releases += 1
        for text in lost:
            left = tuple(holder for holder in self.holders(text) if holder != service)
            self._holders[text] = left
            self._count(holding.pool, service.namespace, text, -1)
            if not left:
                self._own_vacated().add(parse_address(text), self._state.position + self._releases)

    def _occupy(self, address: Address) -> None:
        vacated = self._state.vacated if self._vacated is None else self._vacated
        if address in vacated:
            self._own_vacated().remove(address)
            return
        if self._touched is None:
            self._touched = self._state.touched.copy()
        self._touched.add(address)

    def _own_vacated(self) -> Vacated:
        if self._vacated is None:
            self._vacated = self._state.vacated.copy()
        return self._vacated

    # --- what is free ---

    def spent(self, ground: Ground) -> frozenset[int]:
        """The families of which a pool is known to have no free address left."""
        return self._spent.get(ground.name, _NO_FAMILY)

    def spend(self, ground: Ground, family: int) -> None:
        """Note that a pool has no free address of a family: neither new nor released."""
        self._spent[ground.name] = self.spent(ground) | {family}

    def never_held(self, ground: Ground, family: int) -> Address | None:
        """The first address of a pool that nobody ever held: its ranges in the order declared."""
        touched = self._state.touched if self._touched is None else self._touched
        for span in ground.spans[family]:
            free = touched.first_free(span, ground.pool.avoid_buggy_ips)
            if free is not None:
                return free
        return None

    def longest_released(self, ground: Ground, family: int) -> Address | None:
        """The free address of a pool that was released before all others."""
        vacated = self._state.vacated if self._vacated is None else self._vacated
        if not len(vacated):
            return None
        found = [
            oldest
            for span in ground.spans[family]
            if (oldest := vacated.longest(span, ground.pool.avoid_buggy_ips)) is not None
        ]
        return min(found)[1] if found else None

    def shareable(
        self, service: Service, ground: Ground, family: int, own: bool = False
    ) -> Address | None:
        """The lowest address of a pool whose holders all let a Service share it.

        With `own`, only of those that its namespace has already.
        """
        asked = terms(service)
        if not asked.key:
            return None
        group = self._group(asked.key, family)
        namespace = service.namespace if own else ""
        passed = asked, ground.name, family, namespace
        first = self._passed.get(passed, Address(family, -1))
        for address in group.without(asked.ports, first):
            inside = any(span.covers(address) for span in ground.spans[family])
            inside = inside and (not own or self.has(ground.name, namespace, str(address)))
            if inside and self.admits(service, str(address)):
                self._passed[passed] = address
                return address
        self._passed[passed] = Address(family, 1 << 129)
        return None

    def admits(self, service: Service, text: str) -> bool:
        """Whether an address is free, or its holders let a Service share it."""
        holders = self.holders(text)
        if len(holders) < _MANY or text in self._now(service.ref):
            return all(
                holder == service.ref or objection(service, self._state.service(holder)) is None
                for holder in holders
            )
        common, ports = self._in_common(text, holders)
        asked = terms(service)
        same = common is not None and asked._replace(ports=()) == common
        return same and ports.isdisjoint(asked.ports)

    def _in_common(self, text: str, holders: tuple[Ref, ...]) -> tuple[Terms | None, set[Port]]:
        """The terms of many sharers but for their ports, and all the ports of them."""
        seen, common, ports = self._commons.get(text, (0, None, set()))
        for holder in holders[seen:]:  # whoever joins is added at the end
            theirs = terms(self._state.service(holder))
            ports.update(theirs.ports)
            theirs = theirs._replace(ports=())
            common = theirs if common is None or common == theirs else ALONE
        self._commons[text] = len(holders), common, ports
        return (common if common and common.key else None), ports

    def _group(self, key: str, family: int) -> _Group:
        """The addresses of a family held by Services with a sharing key."""
        known = self._groups.get((key, family))
        if known is None:
            known = self._groups[key, family] = _Group()
            for ref in self._state.sharing.get(key, ()):
                service = self._state.service(ref)
                for address in map(parse_address, self._now(ref)):
                    if service is not None and address.family == family:
                        known.add(address, service.ports)
        return known

    def _now(self, ref: Ref) -> tuple[str, ...]:
        """What a Service holds with the decisions so far."""
        given = self._given.get(ref)
        if given is not None:
            return given
        holding = self._state.holdings.get(ref)
        return holding.addresses if holding else ()

    # --- how much a namespace holds ---

    def count(self, pool: str, namespace: str) -> int:
        """How many addresses of a pool the Services of a namespace hold."""
        known = self._totals.get((pool, namespace))
        return len(self._state.tenancy(pool, namespace).addresses) if known is None else known

    def has(self, pool: str, namespace: str, text: str) -> bool:
        """Whether a Service of a namespace holds an address of a pool."""
        return self._how_many(pool, namespace, text) > 0

    def _how_many(self, pool: str, namespace: str, text: str) -> int:
        known = self._counts.get((pool, namespace, text))
        if known is None:
            return self._state.tenancy(pool, namespace).addresses.get(text, 0)
        return known

    def _count(self, pool: str, namespace: str, text: str, difference: int) -> None:
        before = self._how_many(pool, namespace, text)
        after = before + difference
        total = self.count(pool, namespace) + (after > 0) - (before > 0)
        self._counts[pool, namespace, text] = after
        self._totals[pool, namespace] = total
