"""What can go wrong between a client and the server, by chance from a seed."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from enum import Enum


class Fate(Enum):
    """What becomes of a request."""

    ANSWERED = "answered"
    REFUSED = "refused"
    """It never reached the server."""
    LOST = "lost"
    """It was carried out, and the answer never reached the client."""
    THROTTLED = "throttled"
    """429, not carried out."""
    FAILED = "failed"
    """500 or 503, not carried out."""


@dataclass(slots=True)
class Faults:
    """Chances between 0 and 1 for each request, and times in seconds.

    All can be changed while the client is in use.  Nothing goes wrong by
    default.
    """

    seed: int = 0
    refused: float = 0.0
    lost: float = 0.0
    throttled: float = 0.0
    failed: float = 0.0
    timeouts: float = 0.5
    """Of those refused or lost: how many the client learns of only when its time is up."""
    latency: tuple[float, float] = (0.0, 0.0)
    """The least and the most that a request takes."""
    expired: float = 0.0
    """For a watch from a resourceVersion or a page of a list: answered with 410."""
    stale: int = 0
    """By how many revisions at most the cache is behind that answers for resourceVersion=0."""
    watch_seconds: float = 0.0
    """How long a watch lives on average before its connection breaks; 0 for ever."""
    silent: float = 0.0
    """Of the watches that break: how many just say nothing any more."""
    watch_delay: tuple[float, float] = (0.0, 0.0)
    """The least and the most that events are late."""
    down: bool = False
    """Nothing reaches the server."""
    _dice: random.Random = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self._dice = random.Random(self.seed)

    def _happens(self, chance: float) -> bool:
        # Drawn only where it can happen, so that a fault switched on changes no other.
        return chance > 0 and self._dice.random() < chance

    def fate(self) -> Fate:
        """What becomes of the next request."""
        if self.down or self._happens(self.refused):
            return Fate.REFUSED
        if self._happens(self.throttled):
            return Fate.THROTTLED
        if self._happens(self.failed):
            return Fate.FAILED
        return Fate.LOST if self._happens(self.lost) else Fate.ANSWERED

    def times_out(self) -> bool:
        """Whether the client waits in vain rather than being told."""
        return self._happens(self.timeouts)

    def takes(self) -> float:
        """How long the next request takes."""
        return self._between(self.latency)

    def late(self) -> float:
        """How late the next events are."""
        return self._between(self.watch_delay)

    def _between(self, bounds: tuple[float, float]) -> float:
        low, high = bounds
        return self._dice.uniform(low, high) if high > 0 else 0.0

    def expires(self) -> bool:
        """Whether history is gone that the next request builds on."""
        return self._happens(self.expired)

    def behind(self) -> int:
        """By how many revisions the cache is behind now."""
        return self._dice.randint(0, self.stale) if self.stale else 0

    def life(self) -> float:
        """How long the next watch lives."""
        if self.watch_seconds <= 0:
            return float("inf")
        return self._dice.expovariate(1 / self.watch_seconds)

    def falls_silent(self) -> bool:
        """Whether a watch that breaks just says nothing any more."""
        return self._happens(self.silent)

    def status(self) -> int:
        """With what a request fails."""
        return self._dice.choice((500, 503))
