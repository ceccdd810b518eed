"""Who holds an address together, and what lets them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from proclaim.model import Ref
from proclaim.state import State


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


class Sharing(NamedTuple):
    """Services that hold an address together, or would."""

    key: str
    """The sharing key that they have in common; empty when they have none."""
    services: tuple[Sharer, ...]


def sharing_of(state: State, ref: Ref) -> Sharing | None:
    """With whom a Service shares; None for one that shares with nobody and asks for no sharing."""
    service, holding = state.service(ref), state.holdings.get(ref)
    key = service.sharing_key if service else ""
    addresses = holding.addresses if holding else ()
    others = {one for text in addresses for one in state.holders.get(text, ()) if one != ref}
    if not key and not others:
        return None
    return Sharing(key, _sharers(state, others, addresses))


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
