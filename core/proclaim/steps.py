"""Long pure work in small steps, so that whoever drives it can do other things between.

A pure function that may take long is a generator that yields now and then and
returns its result.  `finish` runs it through; the engine drives it by time, so
that the loop which answers ARP is never held.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import TypeAlias, TypeVar

T = TypeVar("T")

Steps: TypeAlias = Generator[None, None, T]


def finish(steps: Steps[T]) -> T:
    """Run all steps at once and return the result."""
    while True:
        try:
            next(steps)
        except StopIteration as stopped:
            result: T = stopped.value
            return result
