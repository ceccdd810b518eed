"""Who holds an address together, and what lets them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import NamedTuple

from proclaim.addresses import parse_address
from proclaim.allocation import families_of
from proclaim.events import Reason
from proclaim.model import Ref, Service
from proclaim.sharing import refusal
from proclaim.state import State

from proclaim_cli.values.plain import Because, told

_APART = 12
"""Addresses at most of which it is said why they are not shared."""


class Sharer(NamedTuple):
    """One of those who share an address."""

    service: str
    """As `namespace/name`."""
    addresses: tuple[str, ...]
    """Of the addresses that are asked about, those that it holds."""
    key: str
    ports: tuple[str, ...]
    """As `TCP 80`."""
    traffic_policy: str
    """`Cluster`, or `Local` with the selector that sharers must have in common."""


class Apart(NamedTuple):
    """An address under the same key that a Service does not share, and the first rule why not."""

    address: str
    services: tuple[str, ...]
    """Who holds it under that key, as `namespace/name`."""
    reason: Because


class Sharing(NamedTuple):
    """Services that hold an address together, or would."""

    key: str
    """The sharing key that they have in common; empty when they have none."""
    services: tuple[Sharer, ...]
    apart: tuple[Apart, ...] = ()
    """Of the addresses under the key that it does not share, the first dozen in pools that it may
    use."""


def sharing_of(state: State, ref: Ref) -> Sharing | None:
    """With whom a Service shares; None for one that shares with nobody and asks for no sharing."""
    service, holding = state.service(ref), state.holdings.get(ref)
    key = service.sharing_key if service else ""
    addresses = holding.addresses if holding else ()
    others = {one for text in addresses for one in state.holders.get(text, ()) if one != ref}
    if not key and not others:
        return None
    apart = islice(_apart(state, service, addresses), _APART) if service and key else ()
    return Sharing(key, _sharers(state, others, addresses), tuple(apart))


def _apart(state: State, service: Service, own: tuple[str, ...]) -> Iterator[Apart]:
    """The addresses of the same key that a rule keeps from a Service, ascending."""
    families = families_of(service)
    if isinstance(families, Reason):
        return
    keyed: dict[str, list[Ref]] = {}
    for ref in state.holdings:
        other = state.service(ref)
        if other is not None and other.sharing_key == service.sharing_key and ref != service.ref:
            for text in state.holdings[ref].addresses:
                keyed.setdefault(text, []).append(ref)
    for text in sorted(keyed.keys() - set(own), key=parse_address):
        pool = state.pool_index.containing(parse_address(text))
        asked = service.requested_pool
        if pool is None or not state.pool_index.permits(pool, service):
            continue
        wanted = parse_address(text).family in families.wanted
        if not wanted or not (asked == pool.name or (pool.auto_assign and not asked)):
            continue
        if service.requested_addresses and text not in service.requested_addresses:
            continue
        if reason := refusal(service, {text: state.holders[text]}, state.service, text):
            names = tuple(ref.short for ref in sorted(keyed[text]))
            yield Apart(text, names, told(reason))


def sharing_at(state: State, address: str) -> Sharing | None:
    """Who shares an address; None when its one holder asks for no sharing, or nobody holds it."""
    members = _sharers(state, state.holders.get(address, ()), (address,))
    keys = {each.key for each in members}
    key = keys.pop() if len(keys) == 1 else ""
    return Sharing(key, members) if key or len(members) > 1 else None


def _sharers(state: State, refs: Iterable[Ref], addresses: tuple[str, ...]) -> tuple[Sharer, ...]:
    return tuple(_sharer(state, ref, addresses) for ref in sorted(refs))


def _sharer(state: State, ref: Ref, addresses: tuple[str, ...]) -> Sharer:
    held = state.holdings[ref].addresses
    both = tuple(text for text in addresses if text in held)
    service = state.service(ref)
    if service is None:
        return Sharer(ref.short, both, "", (), "")
    ports = tuple(f"{port.protocol} {port.port}" for port in service.ports)
    return Sharer(ref.short, both, service.sharing_key, ports, _policy(service.backends))


def _policy(backends: tuple[tuple[str, str], ...] | None) -> str:
    if backends is None:
        return "Cluster"
    selector = ",".join(f"{key}={value}" for key, value in backends)
    return f"Local, {selector or 'no selector'}"
