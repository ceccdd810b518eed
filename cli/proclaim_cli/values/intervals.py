"""What `history` shows: who held an address, or what a Service held, from when to when."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple, TypeAlias

from proclaim import reasons
from proclaim.codec import Codec
from proclaim.events import AddressAssigned, AddressReleased, Recorded
from proclaim.ledger import decode
from proclaim.log import PAGE, EventLog
from proclaim.model import Ref

from proclaim_cli.values.plain import Because, Moment, rfc3339, told

_TOPICS = ("AddressAssigned/", "AddressReleased/")


class Interval(NamedTuple):
    """A time in which a Service held the same."""

    service: str
    """As `namespace/name`."""
    addresses: tuple[str, ...]
    """All that it held: of an address, when it came to hold that one."""
    pool: str
    """The last one that covered it, as a pool may change its name."""
    since: Moment
    reason: Because
    until: Moment | None
    """None while it lasts."""
    ended: Because | None
    """Why it ended; None while it lasts."""


Subject: TypeAlias = Callable[[Ref, tuple[str, ...]], tuple[str, ...]]
"""What of a Service's addresses is asked about; empty when nothing is."""


def of_address(address: str) -> Subject:
    """Whoever holds one address."""
    return lambda _, addresses: (address,) if address in addresses else ()


def of_service(ref: Ref) -> Subject:
    """Whatever one Service holds."""
    return lambda service, addresses: addresses if service == ref else ()


def decisions(log: EventLog, codec: Codec) -> Iterator[Recorded]:
    """The facts by which somebody comes to hold something, or no longer does."""
    after = 0
    while rows := log.read(after, PAGE):
        after = rows[-1].position
        yield from decode(codec, [row for row in rows if row.topic.startswith(_TOPICS)])


def claimed_in_vain(recorded: Iterable[Recorded], address: str) -> list[str]:
    """Whose status named an address that no pool contained, as `namespace/name`."""
    found = [
        item.fact.service.short
        for item in recorded
        if isinstance(item.fact, AddressAssigned)
        and address in reasons.claimed_in_vain(item.fact.reason)
    ]
    return list(dict.fromkeys(found))


def intervals(recorded: Iterable[Recorded], subject: Subject) -> list[Interval]:
    """The times of a subject, by their beginning; those of sharers lie over each other."""
    ended: list[Interval] = []
    lasting: dict[Ref, Interval] = {}
    held: dict[Ref, tuple[str, ...]] = {}
    for item in recorded:
        fact = item.fact
        if not isinstance(fact, AddressAssigned | AddressReleased):
            continue
        ref, assigned = fact.service, isinstance(fact, AddressAssigned)
        now = subject(ref, fact.addresses) if assigned else ()
        had = held.pop(ref, ())
        if now:
            held[ref] = now
        if now == had:
            if now:
                lasting[ref] = lasting[ref]._replace(pool=fact.pool)
            continue
        moment, reason = Moment(item.position, rfc3339(item.time)), told(fact.reason)
        if had:
            ended.append(lasting.pop(ref)._replace(until=moment, ended=reason))
        if now:
            lasting[ref] = Interval(
                ref.short, fact.addresses, fact.pool, moment, reason, None, None
            )
    return sorted([*ended, *lasting.values()], key=lambda each: (each.since.position, each.service))
