"""Who holds what, while facts are folded: the holdings, and every index over them.

Each map is copied when it is first written to, so that folding one fact costs
one fact.  The memory of what was released is bounded: when there is too much
of it, what was released first is forgotten, and is as if nobody ever held it.
"""

from __future__ import annotations

from bisect import bisect_left
from typing import Any

from immutables import Map, MapMutation

from proclaim.addresses import Occupied, parse_address
from proclaim.model import Ref
from proclaim.state import NO_TENANCY, Former, Holding, State, Tenancy
from proclaim.vacated import Release, Releases, Vacated

REMEMBERED = 32_768
"""Released addresses, and Services that lost theirs, that are remembered at most."""


class Tenure:
    """The holdings of a state, being changed."""

    def __init__(self, state: State, remembered: int = REMEMBERED) -> None:
        self._state = state
        self._remembered = remembered
        self._holdings: MapMutation[Ref, Holding] | None = None
        self._holders: MapMutation[str, tuple[Ref, ...]] = state.holders.mutate()
        self._former: MapMutation[Ref, Former] = state.former.mutate()
        self._tenants: dict[tuple[str, str], _Namespace] = {}
        self._occupied: Occupied | None = None
        self._touched: Occupied | None = None
        self._vacated: Vacated | None = None
        self._releases: Releases | None = None

    def get(self, service: Ref) -> Holding | None:
        """What a Service holds now."""
        if self._holdings is None:
            return self._state.holdings.get(service)
        return self._holdings.get(service)

    def assign(self, service: Ref, holding: Holding) -> None:
        """A Service holds exactly this from here on."""
        previous = self.get(service)
        had = previous.addresses if previous else ()
        dropped = _without(had, holding.addresses) if had else ()
        if previous is not None:
            self._tenant(previous.pool, service.namespace).remove(service, had)
            self._vacate(service, dropped, holding.position)
        for text in _without(holding.addresses, had) if had else holding.addresses:
            self._occupy(service, text)
        self._mutable()[service] = holding
        self._tenant(holding.pool, service.namespace).add(service, holding.addresses)
        former = self._former.pop(service, None)
        if former is not None or dropped:
            self._keep_past(service, holding, dropped, former or Former((), 0))

    def _keep_past(
        self, service: Ref, holding: Holding, dropped: tuple[str, ...], former: Former
    ) -> None:
        """Remember what a Service had of the families of which it holds nothing now."""
        lost = Former(dropped, holding.position).beside(holding.addresses)
        rest = former.beside((*holding.addresses, *lost))
        if lost or rest:
            position = holding.position if lost else former.position
            self._former[service] = Former((*lost, *rest), position)

    def release(self, service: Ref, position: int) -> None:
        """A Service no longer holds what it held; the fact that says so has a position."""
        holding = self._mutable().pop(service)
        self._tenant(holding.pool, service.namespace).remove(service, holding.addresses)
        former = self._former.get(service)
        rest = former.beside(holding.addresses) if former else ()
        self._former[service] = Former((*holding.addresses, *rest), position)
        self._vacate(service, holding.addresses, position)

    def remember(self, former: dict[Ref, Former], vacated: dict[str, int]) -> None:
        """Take over what was remembered before, when nothing is held yet."""
        self._former.update(former)
        places, touched = self._own_vacated(), self._own_touched()
        entries = [Release(each.position, ref, each.addresses) for ref, each in former.items()]
        for text, position in vacated.items():
            address = parse_address(text)
            places.add(address, position)
            touched.add(address)
            entries.append(Release(position, _NOBODY, (text,)))
        self._releases = Releases(entries)

    def result(self) -> dict[str, Any]:
        """The fields of the state that are others now."""
        if self._holdings is None and self._vacated is None:
            return {}
        changed: dict[str, Any] = {
            "holders": self._holders.finish(),
            "former": self._former.finish(),
            "tenants": self._finished_tenants(),
        }
        if self._holdings is not None:
            changed["holdings"] = self._holdings.finish()
        copies = {
            "occupied": self._occupied,
            "touched": self._touched,
            "vacated": self._vacated,
            "releases": self._releases,
        }
        changed.update({name: made for name, made in copies.items() if made is not None})
        return changed

    # --- one address ---

    def _occupy(self, service: Ref, text: str) -> None:
        sharers = self._holders.get(text, ())
        if not sharers:
            address = parse_address(text)
            self._own_occupied().add(address)
            vacated = self._state.vacated if self._vacated is None else self._vacated
            if address in vacated:
                self._own_vacated().remove(address)
            else:
                self._own_touched().add(address)
        at = bisect_left(sharers, service)
        self._holders[text] = (*sharers[:at], service, *sharers[at:])

    def _vacate(self, service: Ref, texts: tuple[str, ...], position: int) -> None:
        if not texts:
            return
        for text in texts:
            left = tuple(holder for holder in self._holders[text] if holder != service)
            if left:
                self._holders[text] = left
                continue
            del self._holders[text]
            address = parse_address(text)
            self._own_occupied().remove(address)
            self._own_vacated().add(address, position)
        self._own_releases().push(Release(position, service, texts))
        self._forget()

    def _forget(self) -> None:
        """Forget what was released first, when too much is remembered."""
        places, releases = self._own_vacated(), self._own_releases()
        while len(places) > self._remembered or len(self._former) > self._remembered:
            for oldest in releases.pop():
                for text in oldest.addresses:
                    address = parse_address(text)
                    if places.released_at(address) == oldest.position:
                        places.remove(address)
                        self._own_touched().remove(address)
                if self._is_former(oldest):
                    del self._former[oldest.service]
        if len(releases) > 2 * self._remembered:
            releases.drop(self._is_stale)

    def _is_former(self, release: Release) -> bool:
        former = self._former.get(release.service)
        return former is not None and former.position == release.position

    def _is_stale(self, release: Release) -> bool:
        places = self._own_vacated()
        return not self._is_former(release) and all(
            places.released_at(parse_address(text)) != release.position
            for text in release.addresses
        )

    # --- copies, made when first needed ---

    def _mutable(self) -> MapMutation[Ref, Holding]:
        if self._holdings is None:
            self._holdings = self._state.holdings.mutate()
        return self._holdings

    def _own_occupied(self) -> Occupied:
        if self._occupied is None:
            self._occupied = self._state.occupied.copy()
        return self._occupied

    def _own_touched(self) -> Occupied:
        if self._touched is None:
            self._touched = self._state.touched.copy()
        return self._touched

    def _own_vacated(self) -> Vacated:
        if self._vacated is None:
            self._vacated = self._state.vacated.copy()
        return self._vacated

    def _own_releases(self) -> Releases:
        if self._releases is None:
            self._releases = self._state.releases.copy()
        return self._releases

    def _tenant(self, pool: str, namespace: str) -> _Namespace:
        made = self._tenants.get((pool, namespace))
        if made is None:
            made = self._tenants[pool, namespace] = _Namespace(self._state.tenancy(pool, namespace))
        return made

    def _finished_tenants(self) -> Map[str, Map[str, Tenancy]]:
        by_pool: dict[str, MapMutation[str, Tenancy]] = {}
        for (pool, namespace), each in self._tenants.items():
            if pool not in by_pool:
                by_pool[pool] = self._state.tenants.get(pool, _EMPTY).mutate()
            found = each.finish()
            if found == NO_TENANCY:
                by_pool[pool].pop(namespace, None)
            else:
                by_pool[pool][namespace] = found
        tenants = self._state.tenants.mutate()
        for pool, mutation in by_pool.items():
            namespaces = mutation.finish()
            if namespaces:
                tenants[pool] = namespaces
            else:
                tenants.pop(pool, None)
        return tenants.finish()


_EMPTY: Map[str, Tenancy] = Map()


_NOBODY = Ref("", "", "")
"""Whose release it was, where only the address is remembered."""


def _without(some: tuple[str, ...], others: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(text for text in some if text not in others)


class _Namespace:
    """A `Tenancy`, being changed."""

    def __init__(self, tenancy: Tenancy) -> None:
        self._services = tenancy.services.mutate()
        self._addresses = tenancy.addresses.mutate()

    def add(self, service: Ref, addresses: tuple[str, ...]) -> None:
        self._services[service] = None
        for text in addresses:
            self._addresses[text] = self._addresses.get(text, 0) + 1

    def remove(self, service: Ref, addresses: tuple[str, ...]) -> None:
        del self._services[service]
        for text in addresses:
            left = self._addresses[text] - 1
            if left:
                self._addresses[text] = left
            else:
                del self._addresses[text]

    def finish(self) -> Tenancy:
        return Tenancy(self._services.finish(), self._addresses.finish())
