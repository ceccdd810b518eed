"""The collector of cycles, kept out of the way of what stays.

State is large, and no cycle runs through it.  Looking through all of it again
and again while it grows takes longer than making it, and holds the loop that
answers ARP for tens of milliseconds at a time.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager

MANY = 20_000
"""New objects that are worth sparing; what comes and goes is left to the collector."""


@contextmanager
def paused() -> Iterator[None]:
    """Collect nothing for a while, and spare what was made meanwhile if it is much."""
    before = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if gc.get_count()[0] > MANY:
            gc.freeze()
        if before:
            gc.enable()
