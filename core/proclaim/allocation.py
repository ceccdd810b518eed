"""Which addresses a Service may have: pools, families and requests.

Pure questions over a state and the work in progress; `settle` asks them in its
order.  Every choice is deterministic: by priority, then by name, then by the
lowest address.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from proclaim.addresses import Address, is_buggy, parse_address
from proclaim.events import Reason, Why
from proclaim.model import Namespace, Pool, Ref, Service
from proclaim.state import State, ranges

Family = Literal[4, 6]
NAMES = {4: "IPv4", 6: "IPv6"}


@dataclass(frozen=True, slots=True)
class Families:
    """The IP families that a Service needs addresses of."""

    wanted: tuple[Family, ...]
    """In the order that counts when only one can be had."""
    all_required: bool
    """Whether every family must come, or one will do (PreferDualStack)."""

    def __str__(self) -> str:
        return " and ".join(NAMES[family] for family in sorted(self.wanted))

    def accept(self, families: tuple[int, ...]) -> bool:
        """Whether addresses of these families are what the Service needs."""
        if sorted(families) == sorted(self.wanted):
            return True
        return not self.all_required and len(families) == 1 and families[0] in self.wanted


def no_business(service: Service | None) -> Reason | None:
    """Why a Service is not ours to give an address to; None when it is."""
    if service is None:
        return Reason(Why.GONE)
    if service.type != "LoadBalancer":
        return Reason(Why.NOT_LOAD_BALANCER, wanted=service.type)
    if service.load_balancer_class:
        return Reason(Why.OTHER_CLASS, wanted=service.load_balancer_class)
    return None


def families_of(service: Service) -> Families | Reason:
    """The families of a Service, or why it can have none.

    From the cluster IPs where an API server assigned them; else from
    `ipFamilies` and `ipFamilyPolicy`; else from the requested addresses; else
    IPv4.
    """
    prefer = service.ip_family_policy == "PreferDualStack"
    if service.cluster_ips:
        return _from_cluster_ips(service, prefer)
    dual = service.ip_family_policy != "SingleStack"
    if service.ip_families:
        first = service.ip_families[0]
        if len(service.ip_families) == 2 or dual:
            return Families((first, 6 if first == 4 else 4), all_required=not prefer)
        return Families((first,), all_required=True)
    if dual:
        return Families((4, 6), all_required=not prefer)
    requested = tuple(sorted({parse_address(text).family for text in service.requested_addresses}))
    return Families(_as_families(requested) or (4,), all_required=True)


def _from_cluster_ips(service: Service, prefer: bool) -> Families | Reason:
    if "None" in service.cluster_ips:
        return Reason(Why.HEADLESS)
    if service.ip_family_policy == "RequireDualStack" and len(service.cluster_ips) < 2:
        return Reason(Why.NEEDS_TWO_CLUSTER_IPS, wanted=" and ".join(service.cluster_ips))
    families = _as_families(tuple(parse_address(text).family for text in service.cluster_ips))
    if len(families) == 2 and service.ip_families[:1] == (6,):
        families = (6, 4)
    return Families(families, all_required=not (prefer and len(families) == 2))


def _as_families(numbers: tuple[int, ...]) -> tuple[Family, ...]:
    return tuple(4 if number == 4 else 6 for number in numbers)


class Pools:
    """The pools in force, prepared for many questions about one state."""

    def __init__(self, state: State) -> None:
        self._state = state
        self.by_name: dict[str, Pool] = {pool.name: pool for pool in state.pools()}
        self._namespaces: dict[tuple[str, str], bool] = {}

    def covers(self, pool: Pool, addresses: tuple[Address, ...]) -> bool:
        """Whether every address lies in the pool and is one it would give."""
        return _contains(pool, addresses) and not (
            pool.avoid_buggy_ips and any(is_buggy(address) for address in addresses)
        )

    def permits(self, pool: Pool, service: Service) -> bool:
        """Whether `serviceAllocation` admits the Service; a hard rule, also for requests."""
        allocation = pool.service_allocation
        if allocation is None:
            return True
        limited = allocation.namespaces or allocation.namespace_selectors
        if limited and not self._admits_namespace(pool, service.namespace):
            return False
        selectors = allocation.service_selectors
        return not selectors or any(selector.matches(service.labels) for selector in selectors)

    def _admits_namespace(self, pool: Pool, namespace: str) -> bool:
        known = self._namespaces.get((pool.name, namespace))
        if known is None:
            allocation = pool.service_allocation
            assert allocation is not None
            entry = self._state.get(Ref("Namespace", "", namespace))
            found: Namespace | None = entry.resource if entry else None
            known = namespace in allocation.namespaces or (
                found is not None
                and any(
                    selector.matches(found.labels) for selector in allocation.namespace_selectors
                )
            )
            self._namespaces[pool.name, namespace] = known
        return known

    def owner(self, addresses: tuple[Address, ...], first: str = "") -> Pool | None:
        """The pool that covers all the addresses, asking the one named `first` first."""
        if (pool := self.by_name.get(first)) and self.covers(pool, addresses):
            return pool
        return next((pool for pool in self.by_name.values() if self.covers(pool, addresses)), None)

    def containing(self, addresses: tuple[Address, ...]) -> Pool | None:
        """The pool in whose ranges the addresses lie, whether it would give them or not."""
        return next((pool for pool in self.by_name.values() if _contains(pool, addresses)), None)

    def automatic(self, service: Service) -> Iterator[Pool]:
        """The pools that may serve by themselves: pinned before unpinned, by priority and name."""
        fitting = [
            pool
            for pool in self.by_name.values()
            if pool.auto_assign and self.permits(pool, service)
        ]
        yield from sorted(fitting, key=_preference)


def _contains(pool: Pool, addresses: tuple[Address, ...]) -> bool:
    return all(any(span.covers(address) for span in ranges(pool)) for address in addresses)


def _preference(pool: Pool) -> tuple[bool, bool, int, str]:
    allocation = pool.service_allocation
    priority = allocation.priority if allocation else 0
    return allocation is None, priority == 0, priority, pool.name
