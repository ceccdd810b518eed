"""What the server should show, from the state alone."""

from __future__ import annotations

from typing import NamedTuple

from proclaim import Ref
from proclaim.reporting import (
    Object,
    State,
    configuration_states,
    fills,
    pool_counts,
)


class Assigned(NamedTuple):
    """The addresses that a Service's status should show, in this order; maybe none."""

    addresses: tuple[str, ...] = ()
    pool: str = ""


def assigned(state: State, ref: Ref) -> Assigned | None:
    """What the status of a Service should show; None when that is not ours to say."""
    service = state.service(ref)
    if service is None:
        return None
    if holding := state.holdings.get(ref):
        return Assigned(holding.addresses, holding.pool)
    ours = (service.load_balancer_class or "") == state.load_balancer_class
    return Assigned() if ours or service.type != "LoadBalancer" else None


def pool_counters(state: State, name: str) -> Object | None:
    """The status of an IPAddressPool; None when there is no such pool in force."""
    pool = state.pool(name)
    if pool is None:
        return None
    ((_, fill),) = fills(state, [pool])
    return pool_counts(fill)


def configuration(state: State, node: str) -> Object:
    """The ConfigurationState of a node's process, or of the controller where the name is empty."""
    controller, *nodes = configuration_states(state, [node] if node else [])
    return nodes[0] if nodes else controller
