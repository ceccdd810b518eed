"""How many requests may start: a token bucket, as a value.

`burst` requests may start at once, then `per_second` each second.  A server
that asks for a pause gets one, after which requests start at their usual pace.
"""

from __future__ import annotations

from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True)
class Bucket:
    """What is left at a moment; below zero when places were already promised."""

    per_second: float
    burst: int
    left: float
    at: float
    """Seconds on the clock of whoever asks; in the future while a pause lasts."""


def full(per_second: float, burst: int, now: float) -> Bucket:
    """A bucket that nobody took from; raises ValueError when nothing could ever start."""
    if per_second <= 0 or burst < 1:
        raise ValueError("a rate must be above zero, and a burst at least one")
    return Bucket(per_second, burst, float(burst), now)


def take(bucket: Bucket, now: float) -> tuple[Bucket, float]:
    """Promise the next place; gives the seconds until it is there.

    Places are promised in the order in which they are asked for.
    """
    grown = max(0.0, now - bucket.at) * bucket.per_second
    left = min(float(bucket.burst), bucket.left + grown) - 1
    at = max(bucket.at, now)
    wait = at - now + max(0.0, -left) / bucket.per_second
    return replace(bucket, left=left, at=at), wait


def pause(bucket: Bucket, until: float) -> Bucket:
    """Promise nothing before a moment; a longer pause that lasts already stays."""
    if until <= bucket.at:
        return bucket
    return replace(bucket, left=min(bucket.left, 0.0), at=until)
