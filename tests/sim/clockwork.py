"""Runs a trio program so that the same seed gives the same run, on virtual time.

trio shuffles runnable tasks on purpose; its own test suite switches that off
through these two private names, and so does this, in one place.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from random import Random
from typing import Any, TypeVar

import trio
import trio.testing
from trio._core import _run as scheduler

T = TypeVar("T")


def run(seed: int, main: Callable[[], Awaitable[T]]) -> T:
    """Run `main` with a scheduler seeded by `seed` and a clock that jumps when all wait."""
    before: tuple[Any, Any] = scheduler._ALLOW_DETERMINISTIC_SCHEDULING, scheduler._r  # noqa: SLF001
    scheduler._ALLOW_DETERMINISTIC_SCHEDULING, scheduler._r = True, Random(seed)  # noqa: SLF001
    try:
        return trio.run(main, clock=trio.testing.MockClock(autojump_threshold=0))
    finally:
        scheduler._ALLOW_DETERMINISTIC_SCHEDULING, scheduler._r = before  # noqa: SLF001
