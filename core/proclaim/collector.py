"""The collector of cycles, kept out of the way of what stays.

State is large, and no cycle runs through it.  Looking through all of it again
and again while it grows takes longer than making it, and holds the loop that
answers ARP for tens of milliseconds at a time.  There is one collector in a
process, so those who pause it are counted here, whatever thread they run in.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock

MANY = 20_000
"""New objects that are worth sparing; what comes and goes is left to the collector."""


class _Collector:
    """Paused while anyone wants it to be."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._depth = 0
        self._before = True

    def pause(self) -> None:
        with self._lock:
            if self._depth == 0:
                self._before = gc.isenabled()
                gc.disable()
            self._depth += 1

    def resume(self) -> None:
        with self._lock:
            self._depth -= 1
            if self._depth > 0:
                return
            if gc.get_count()[0] > MANY:
                gc.freeze()
            if self._before:
                gc.enable()


_COLLECTOR = _Collector()


@contextmanager
def paused() -> Iterator[None]:
    """Collect nothing for a while, and spare what was made meanwhile if it is much."""
    _COLLECTOR.pause()
    try:
        yield
    finally:
        _COLLECTOR.resume()
