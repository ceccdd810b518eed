"""What is to be written next, and when: a queue of keys without doubles.

A key that is wanted while it is being worked on is worked on once more
afterwards.  One that failed waits, longer each time.  Nothing is ever queued
twice, so that a burst of changes to one object is one write.  What is urgent
comes before what is only looked at in case it differs.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable, Iterable
from dataclasses import dataclass, field
from heapq import heappop, heappush
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)

FIRST_PAUSE_SECONDS = 0.25
LONGEST_PAUSE_SECONDS = 60.0


@dataclass(slots=True)
class Work(Generic[K]):
    """Keys that wait, keys that are being worked on, and keys that have to pause."""

    waiting: OrderedDict[K, None] = field(default_factory=OrderedDict)
    """In the order in which they came; from a plain dict the first of many is slow to take."""
    urgent: OrderedDict[K, None] = field(default_factory=OrderedDict)
    """Those that come before all others."""
    busy: set[K] = field(default_factory=set)
    again: set[K] = field(default_factory=set)
    """Wanted once more while they are being worked on."""
    pauses: dict[K, float] = field(default_factory=dict)
    """How long each that failed last paused, in seconds."""
    _later: list[tuple[float, int, K]] = field(default_factory=list)
    _until: dict[K, float] = field(default_factory=dict)
    _count: int = 0

    def add(self, keys: Iterable[K], urgent: bool = False) -> None:
        """Something changed about these; who pauses after a failure is tried at once."""
        for key in keys:
            self._until.pop(key, None)
            if key in self.busy:
                self.again.add(key)
            elif urgent:
                self.waiting.pop(key, None)
                self.urgent[key] = None
            elif key not in self.urgent:
                self.waiting[key] = None

    @property
    def idle(self) -> bool:
        """Whether no key waits for a worker."""
        return not self.waiting and not self.urgent

    def postpone(self, key: K, until: float) -> None:
        """Look at a key again at some time, unless something changes before."""
        if key in self.waiting or key in self.urgent or key in self.again:
            return
        known = self._until.get(key)
        if known is not None and known <= until:
            return
        self._until[key] = until
        self._count += 1
        heappush(self._later, (until, self._count, key))

    def take(self, now: float) -> K | None:
        """The next key to work on; None when nothing is to be done yet."""
        self._wake(now)
        if self.idle:
            return None
        key, _ = (self.urgent or self.waiting).popitem(last=False)
        self.busy.add(key)
        return key

    def done(self, key: K) -> None:
        """A key was worked on with success."""
        self.pauses.pop(key, None)
        self._leave(key)

    def failed(self, key: K, now: float, stretch: float, at_least: float = 0.0) -> float:
        """A key could not be worked on; it is tried again after a pause, which is returned.

        `stretch` is a random factor around 1.
        """
        pause = min(self.pauses.get(key, FIRST_PAUSE_SECONDS / 2) * 2, LONGEST_PAUSE_SECONDS)
        self.pauses[key] = pause
        pause = max(pause * stretch, at_least)
        self._leave(key)
        self.postpone(key, now + pause)
        return pause

    def deadline(self) -> float | None:
        """When something is to be done that is not to be done yet; None when never."""
        while self._later and self._until.get(self._later[0][2]) != self._later[0][0]:
            heappop(self._later)
        return self._later[0][0] if self._later else None

    def clear(self) -> None:
        """Forget everything that waits; what is being worked on goes on."""
        self.waiting.clear()
        self.urgent.clear()
        self.again.clear()
        self.pauses.clear()
        self._later.clear()
        self._until.clear()

    def _leave(self, key: K) -> None:
        self.busy.discard(key)
        if key in self.again:
            self.again.discard(key)
            self.urgent[key] = None

    def _wake(self, now: float) -> None:
        while (deadline := self.deadline()) is not None and deadline <= now:
            _, _, key = heappop(self._later)
            del self._until[key]
            if key in self.busy:
                self.again.add(key)
            else:
                self.waiting[key] = None
