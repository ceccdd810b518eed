"""The Events that tell people at their Service what became of it (core/v1 Event).

The reasons are MetalLB's, which scripts look for; each is told when something
really changed, and never because a process started or looked again.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Literal, NamedTuple

from proclaim import InterfaceStatus, Problem, Ref, Spread
from proclaim.model import Service
from proclaim.reporting import (
    AddressAssigned,
    AddressRefused,
    AddressReleased,
    Projection,
    Recorded,
    State,
    Why,
    lost_claim,
    message,
    parse_address,
)

PROTOCOLS = {Spread.ONE_NODE: "layer2", Spread.EVERY_NODE: "bgp"}
LEGACY_PREFIX = "metallb.universe.tf/"

_SILENT = frozenset({Why.ADOPTED, Why.POOL_RENAMED})
"""An assignment that leaves the Service with what it had."""
_LEFT = frozenset({Why.GONE, Why.NOT_LOAD_BALANCER, Why.OTHER_CLASS, Why.STATUS_CHANGED})
"""A release that is no news to whoever caused it, or not of our making."""


class Event(NamedTuple):
    """One Event, before it has a name and a time."""

    service: Ref
    type: Literal["Normal", "Warning"]
    reason: str
    message: str


def of_facts(facts: Iterable[Recorded], state: State) -> Iterator[Event]:
    """What an allocator has to tell about what it decided, in the order in which it did."""
    had: set[Ref] = set()
    for item in facts:
        match item.fact:
            case AddressAssigned() as fact if fact.reason.code not in _SILENT:
                if fact.service not in had:
                    yield from _claimed_in_vain(fact.service, fact.addresses, state)
                yield from _assigned(fact, state)
            case AddressReleased(service=ref, reason=reason):
                had.add(ref)
                if reason.code not in _LEFT and state.service(ref) is not None:
                    yield Event(ref, "Normal", "ClearAssignment", _sentence(message(reason)))
            case AddressRefused(service=ref, reason=reason):
                if ref not in had:
                    yield from _claimed_in_vain(ref, (), state)
                name = "AllocationFailed"
                if reason.code is Why.NEEDS_TWO_CLUSTER_IPS:
                    name = "not enough clusterips"
                yield Event(ref, "Warning", name, _sentence(message(reason)))
            case _:
                pass


def _claimed_in_vain(ref: Ref, has: Sequence[str], state: State) -> Iterator[Event]:
    """That a status showed what nobody here gave, and why it goes."""
    service = state.service(ref)
    if service is None or ref in state.former or _unclear(service.status_addresses):
        return
    if set(service.status_addresses) & set(has):
        return
    if lost := lost_claim(state, service):
        yield Event(ref, "Normal", "ClearAssignment", _sentence(lost[0]))


def _assigned(fact: AddressAssigned, state: State) -> Iterator[Event]:
    service = state.service(fact.service)
    if service is None:
        return
    if _unclear(service.status_addresses):
        said = f"The status claims {', '.join(service.status_addresses)}, which is no address, or "
        said += "one of each family"
        yield Event(fact.service, "Warning", "nolbIPsIPFamily", said)
    yield Event(fact.service, "Normal", *_change(fact))
    if _lacks_a_family(service, fact.addresses):
        said = (
            f"No address of the other family is free in pool {fact.pool}; it is added when one is"
        )
        yield Event(fact.service, "Normal", "AdditionalAssignFailed", said)
    for key, _ in service.annotations:
        if key.startswith(LEGACY_PREFIX):
            current = key.replace(LEGACY_PREFIX, "metallb.io/", 1)
            said = f"The annotation {key} is deprecated; use {current}"
            yield Event(fact.service, "Warning", "deprecatedAnnotation", said)


def _change(fact: AddressAssigned) -> tuple[str, str]:
    """The reason and the message of what became of a Service's addresses."""
    why = message(fact.reason)
    if fact.reason.code is Why.FAMILY_LOST:
        return "ClearAssignment", _sentence(why)
    what = "additional IP" if fact.reason.code is Why.SECOND_FAMILY else "IP"
    quoted = ", ".join(f'"{text}"' for text in fact.addresses)
    return "IPAllocated", f"Assigned {what} [{quoted}]: {why}"


def _unclear(addresses: Sequence[str]) -> bool:
    """Whether the addresses of a status are more than one of each family."""
    families = [parse_address(text).family for text in addresses]
    return len(set(families)) < len(families)


def _lacks_a_family(service: Service, addresses: Sequence[str]) -> bool:
    dual = service.ip_family_policy == "PreferDualStack" and len(service.cluster_ips) == 2
    return dual and len(addresses) == 1 and not service.requested_addresses


def of_problems(problems: Iterable[Problem], state: State) -> Iterator[Event]:
    """What is wrong with Services themselves."""
    for problem in problems:
        ref = Ref("Service", problem.namespace, problem.name)
        text = f"{problem.field}: {problem.problem}" if problem.field else problem.problem
        if ref in state.holdings:
            said = f"{text}; it keeps the address that it has"
            yield Event(ref, "Warning", "LoadBalancerFailed", said)
        else:
            yield Event(ref, "Warning", "AllocationFailed", f"{text}; it gets no address")


def of_announcements(refs: Iterable[Ref], before: Projection, after: Projection) -> Iterator[Event]:
    """What a node announces that it did not announce before."""
    node, protocol = after.terrain.node, PROTOCOLS[after.terrain.spread]
    here = _interfaces(after.state, node)
    for ref in refs:
        parts = after.parts.get(ref)
        if parts is None or ref in before.parts:
            continue
        said = f'announcing from node "{node}" with protocol "{protocol}"'
        yield Event(ref, "Normal", "nodeAssigned", said)
        if protocol != "layer2" or not here:
            continue
        for part in parts:
            if part.to and here.isdisjoint(part.to):
                names = ", ".join(part.to)
                said = f"node {node} has no interface {names}, so it does not answer for "
                yield Event(ref, "Warning", "announceFailed", said + part.address)


def _interfaces(state: State, node: str) -> set[str]:
    """The interfaces that a node has reported."""
    found: set[str] = set()
    for ref, entry in state.of_kind("InterfaceStatus").items():
        if ref.namespace == node and isinstance(entry.resource, InterfaceStatus):
            found.add(entry.resource.name)
    return found


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]
