"""WHEN: a position (`@120`), a time (RFC 3339) or an age (`2h`, `1h30m`)."""

from __future__ import annotations

import re
from datetime import datetime

from proclaim.codec import Codec
from proclaim.errors import Usage
from proclaim.ledger import decode
from proclaim.log import EventLog

_SECONDS = {"d": 86400, "h": 3600, "m": 60, "s": 1}
_AGE = re.compile(r"(?:[0-9]{1,9}[dhms])+")
_PART = re.compile(r"([0-9]+)([dhms])")
_POSITION = re.compile(r"@([0-9]{1,18})")


def position_at(log: EventLog, codec: Codec, when: str, now: float) -> int:
    """The last position that counts at a moment; `now` is in seconds since the epoch.

    Raises Usage when `when` is none, or lies after the end of the ledger.
    """
    if found := _POSITION.fullmatch(when):
        position, head = int(found[1]), log.head()
        if position > head:
            raise Usage(
                f"{when} lies after the end of the ledger, which is @{head}",
                hint=f"name a position up to @{head}",
            )
        return position
    return _last_at(log, codec, _moment(when, now))


def _moment(when: str, now: float) -> float:
    if _AGE.fullmatch(when):
        return now - sum(int(count) * _SECONDS[unit] for count, unit in _PART.findall(when))
    try:
        found = datetime.fromisoformat(when)
        if found.tzinfo is None:
            raise ValueError
        return found.timestamp()
    except (ValueError, OverflowError):
        raise Usage(
            f"{when!r} is no position, time or age",
            hint="write @120, 2026-01-31T10:20:30Z, or an age such as 2h or 15m",
        ) from None


def _last_at(log: EventLog, codec: Codec, moment: float) -> int:
    """The last fact recorded up to a moment, by bisection: facts are stored in order of time."""
    low, high = 0, log.head()
    while low < high:
        middle = (low + high + 1) // 2
        if decode(codec, log.read(middle - 1, 1))[0].time <= moment:
            low = middle
        else:
            high = middle - 1
    return low
