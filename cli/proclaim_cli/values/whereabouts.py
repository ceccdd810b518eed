"""What `explain` says of an address: who has it, who had it, and who could."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from proclaim.model import Selector
from proclaim.whereabouts import Prospect, Whereabouts

from proclaim_cli.values.explained import ServiceExplained
from proclaim_cli.values.history import Past
from proclaim_cli.values.plain import Because, told
from proclaim_cli.values.sharing import Sharing


class Asking(NamedTuple):
    """A Service that asks for an address and has none."""

    service: str
    """As `namespace/name`."""
    reason: Because


class Full(NamedTuple):
    """A namespace that can have no more of a pool, for its quota is reached."""

    namespace: str
    addresses: int
    """How many it holds."""
    limit: int


class Free(NamedTuple):
    """Who could get an address that nobody holds."""

    by_itself: bool
    """Whether its pool gives it to Services that ask for nothing."""
    on_request: bool
    """Whether its pool gives it at all."""
    next: bool
    """Whether it is the next that its pool gives, of its family."""
    namespaces: tuple[str, ...]
    """The namespaces that the pool is limited to, beside those selected; none means all."""
    namespace_selectors: tuple[str, ...]
    service_selectors: tuple[str, ...]
    former: tuple[str, ...]
    """Services that have nothing now, had it, and get it back when they may."""
    asked_by: tuple[Asking, ...]
    """Services that ask for exactly it, and why they have it not."""
    full: tuple[Full, ...] = ()
    """Namespaces that the pool admits and that have their share of it."""


class AddressExplained(NamedTuple):
    """Everything that there is to say about an address."""

    address: str
    pool: str | None
    """The pool in whose ranges it lies."""
    services: tuple[ServiceExplained, ...]
    last: Past | None = None
    """Who held it last, where nobody does now; None when nobody ever did."""
    sharing: Sharing | None = None
    """Those who hold it, where they share it or would."""
    notes: tuple[str, ...] = ()
    """What is out of the ordinary about it or its pool."""
    free: Free | None = None
    """Where nobody holds it and a pool has it."""
    asked_by: tuple[Asking, ...] = ()
    """Services that ask for exactly it, and why they have it not; whoever holds it."""


def address_explained(
    where: Whereabouts,
    holders: tuple[ServiceExplained, ...],
    sharing: Sharing | None,
    last: Past | None,
) -> AddressExplained:
    """An address, with what was found out about it."""
    asked_by = tuple(Asking(each.service.short, told(each.reason)) for each in where.asked_by)
    free = _free(where.prospect, asked_by) if where.prospect else None
    return AddressExplained(
        where.address, where.pool or None, holders, last, sharing, where.notes, free, asked_by
    )


def _free(found: Prospect, asked_by: tuple[Asking, ...]) -> Free:
    allocation = found.allocation
    return Free(
        found.by_itself,
        found.on_request,
        found.next,
        allocation.namespaces if allocation else (),
        _texts(allocation.namespace_selectors if allocation else ()),
        _texts(allocation.service_selectors if allocation else ()),
        tuple(ref.short for ref in found.former),
        asked_by,
        tuple(Full(*each) for each in found.rationed),
    )


def _texts(selectors: Iterable[Selector]) -> tuple[str, ...]:
    return tuple(_text(each) for each in selectors)


def _text(selector: Selector) -> str:
    """A selector as one writes it on a command line; empty when it selects everything."""
    parts = [f"{key}={value}" for key, value in selector.labels]
    for each in selector.expressions:
        values = f" ({', '.join(each.values)})" if each.values else ""
        parts.append(f"{each.key} {each.operator}{values}")
    return ", ".join(parts)
