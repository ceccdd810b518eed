"""Giving way to other tasks while there is much to do, by count and not by the clock.

A simulation must do the same steps on every machine.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import TypeAlias, TypeVar

import trio

T = TypeVar("T")

Steps: TypeAlias = Generator[None, None, T]

PAUSE_EVERY = 16
"""Objects between two pauses: well under a millisecond."""
PAUSE_EVERY_BYTES = 32 * 1024


async def paced(steps: Steps[T]) -> T:
    """Drive small steps, with a checkpoint between two."""
    while True:
        try:
            next(steps)
        except StopIteration as stopped:
            result: T = stopped.value
            return result
        await trio.lowlevel.checkpoint()
