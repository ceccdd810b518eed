"""When to repeat a gratuitous announcement, as a value with one deadline.

Knows neither frames nor clocks: a target is whatever the caller names, time
is the `now` that it hands in (monotonic seconds).  A target is due at 0, 1.1,
2.2, 3.3 and 4.4 s after `start`, and never after 5 s.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

INTERVAL = 1.1
LASTING = 5.0

Target = tuple[int, bytes]
"""An interface's index and a packed address."""


@dataclass(frozen=True, slots=True)
class Burst:
    """One target's place in its schedule."""

    next_at: float
    until: float


@dataclass(frozen=True, slots=True)
class Schedule:
    """Every target that is still to be repeated; treat the mapping as immutable."""

    pending: Mapping[Target, Burst] = field(default_factory=dict)


def start(schedule: Schedule, targets: Iterable[Target], now: float) -> Schedule:
    """Begin anew for these targets: each is due at once."""
    fresh = dict.fromkeys(targets, Burst(now, now + LASTING))
    return Schedule({**schedule.pending, **fresh}) if fresh else schedule


def deadline(schedule: Schedule) -> float | None:
    """When something is next due; None when nothing is."""
    return min((burst.next_at for burst in schedule.pending.values()), default=None)


def due(schedule: Schedule, now: float, limit: int = 64) -> tuple[Schedule, tuple[Target, ...]]:
    """What is due now, at most `limit` targets, and the schedule after it.

    A late call does not make up for repetitions that were missed.
    """
    pending = dict(schedule.pending)
    ready: list[Target] = []
    for target, burst in schedule.pending.items():
        if burst.next_at > now:
            continue
        if now > burst.until:
            del pending[target]
            continue
        if len(ready) == limit:
            break
        ready.append(target)
        following = burst.next_at + INTERVAL
        if following <= now:
            following = now + INTERVAL
        if following > burst.until:
            del pending[target]
        else:
            pending[target] = Burst(following, burst.until)
    return Schedule(pending), tuple(ready)
