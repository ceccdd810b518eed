"""What a Service wants: whether an address is ours to give it, and of which families."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from proclaim.addresses import parse_address
from proclaim.events import Reason, Why
from proclaim.model import Service

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

    @property
    def needed(self) -> str:
        """What has to be found, in words."""
        between = " and " if self.all_required else " or "
        return between.join(NAMES[family] for family in sorted(self.wanted))

    def content_with(self, count: int) -> bool:
        """Whether addresses of so many families are enough."""
        return count == len(self.wanted) or (count > 0 and not self.all_required)

    def accept(self, families: tuple[int, ...]) -> bool:
        """Whether addresses of these families are what the Service needs."""
        if sorted(families) == sorted(self.wanted):
            return True
        return not self.all_required and len(families) == 1 and families[0] in self.wanted


def no_business(service: Service | None, load_balancer_class: str = "") -> Reason | None:
    """Why a Service is not ours to give an address to; None when it is.

    Ours are those of the class that the state names; without one, those without a class.
    """
    if service is None:
        return Reason(Why.GONE)
    if service.type != "LoadBalancer":
        return Reason(Why.NOT_LOAD_BALANCER, wanted=service.type)
    if (service.load_balancer_class or "") != load_balancer_class:
        return Reason(
            Why.OTHER_CLASS, wanted=service.load_balancer_class or "", found=load_balancer_class
        )
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
