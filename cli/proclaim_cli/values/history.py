"""What was before: who held an address last, and what a Service had when it went."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from proclaim.codec import Codec
from proclaim.events import AddressReleased, Reason, Recorded, Removed, Why
from proclaim.ledger import decode
from proclaim.log import PAGE, EventLog
from proclaim.model import Ref

from proclaim_cli.values.plain import Because, Moment, rfc3339, told

_TOPICS = ("ResourceRemoved/", "AddressReleased/")


class Past(NamedTuple):
    """How a Service ended: that it went, or that it no longer held some addresses."""

    service: str
    """As `namespace/name`."""
    addresses: tuple[str, ...]
    """What it held until then; empty when it held nothing."""
    pool: str | None
    until: Moment
    reason: Because
    at: int
    """The last position at which it was still so, for `--at`."""


def last_of_service(log: EventLog, codec: Codec, ref: Ref, end: int) -> Past | None:
    """What a Service that is gone had last, searched backwards from a position."""
    released: Recorded | None = None
    for item in _backwards(log, codec, end):
        match item.fact:
            case AddressReleased(service=found) if found == ref and released is None:
                released = item
            case Removed(ref=found) if found == ref:
                return _past(released, item) if released else _gone(item, ref)
            case _:
                pass
    return _past(released, released) if released else None


def released_at(log: EventLog, codec: Codec, position: int) -> Past | None:
    """What a Service had until the fact of that position; None when it is no release."""
    found = decode(codec, log.read(position - 1, 1)) if position else []
    if not found or found[0].position != position:
        return None
    return _past(found[0], found[0])


def last_holder(log: EventLog, codec: Codec, address: str, end: int) -> Past | None:
    """Who held an address last, searched backwards from a position."""
    for item in _backwards(log, codec, end):
        if isinstance(item.fact, AddressReleased) and address in item.fact.addresses:
            return _past(item, item)
    return None


def _past(released: Recorded, ended: Recorded) -> Past | None:
    fact = released.fact
    if not isinstance(fact, AddressReleased):
        return None
    return Past(
        fact.service.short,
        fact.addresses,
        fact.pool,
        Moment(released.position, rfc3339(released.time)),
        told(fact.reason),
        ended.transaction - 1,
    )


def _gone(item: Recorded, ref: Ref) -> Past:
    return Past(
        ref.short,
        (),
        None,
        Moment(item.position, rfc3339(item.time)),
        told(Reason(Why.GONE)),
        item.transaction - 1,
    )


def _backwards(log: EventLog, codec: Codec, end: int) -> Iterator[Recorded]:
    """The facts by which something ends, the newest first."""
    while end > 0:
        start = max(0, end - PAGE)
        rows = [row for row in log.read(start, end - start) if row.topic.startswith(_TOPICS)]
        yield from reversed(decode(codec, rows))
        end = start
