"""Which Services of a cluster ask for an address and are not served, since their class is another.

Such a Service may have been announced until now: where its status shows an
address of the pools, whoever was here before served its class.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from proclaim.addresses import parse_address
from proclaim.allocation import no_business
from proclaim.events import Why
from proclaim.model import Service
from proclaim.state import State

from proclaim_cli.values.plain import counted


class LeftAlone(NamedTuple):
    """The Services of type LoadBalancer of one class that is not the one to serve."""

    load_balancer_class: str
    """Empty for those that have none."""
    services: int
    showing: int
    """How many of them have an address in their status."""
    announced: tuple[str, ...]
    """Those of which it lies in a pool in force, as `namespace/name`."""

    @property
    def whom(self) -> str:
        """How many, and of which class."""
        return f"{counted(self.services, 'service')} {of_class(self.load_balancer_class)}"


def of_class(load_balancer_class: str) -> str:
    """A class in words."""
    if not load_balancer_class:
        return "without a loadBalancerClass"
    return f"of loadBalancerClass {load_balancer_class}"


def left_alone(state: State) -> tuple[LeftAlone, ...]:
    """Those of each class that a state does not serve, by class."""
    found: dict[str, list[Service]] = {}
    for _, entry in sorted(state.of_kind("Service").items()):
        business = no_business(entry.resource, state.load_balancer_class)
        if business is not None and business.code is Why.OTHER_CLASS:
            found.setdefault(entry.resource.load_balancer_class or "", []).append(entry.resource)
    return tuple(
        LeftAlone(
            load_balancer_class,
            len(services),
            sum(bool(each.status_addresses) for each in services),
            tuple(each.ref.short for each in services if _in_a_pool(state, each)),
        )
        for load_balancer_class, services in sorted(found.items())
    )


def none_served(state: State, aside: Iterable[LeftAlone]) -> str:
    """That no Service is served though some were, as one sentence; empty where it is not so."""
    others = tuple(aside)
    ours = state.load_balancer_class
    if not any(each.showing for each in others) or _serves_any(state):
        return ""
    there = ", ".join(each.whom for each in others)
    return (
        f"no Service would be served: none of type LoadBalancer is {of_class(ours)}; there: "
        f"{there}; --load-balancer-class names the class to serve"
    )


def _serves_any(state: State) -> bool:
    return any(
        no_business(entry.resource, state.load_balancer_class) is None
        for entry in state.of_kind("Service").values()
    )


def _in_a_pool(state: State, service: Service) -> bool:
    return any(
        state.pool_index.containing(parse_address(text)) is not None
        for text in service.status_addresses
    )
