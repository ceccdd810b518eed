"""Long pure work in small steps, so that whoever drives it can do other things between.

A pure function that may take long is a generator that yields now and then and
returns its result.  `finish` runs it through; the engine drives it by time, so
that the loop which answers ARP is never held.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Generator, Iterable
from typing import Any, Protocol, TypeAlias, TypeVar


class Sortable(Protocol):
    """What `sorted` accepts."""

    def __lt__(self, other: Any, /) -> bool: ...  # noqa: ANN401 - its own type


T = TypeVar("T")
S = TypeVar("S", bound=Sortable)

Steps: TypeAlias = Generator[None, None, T]


def finish(steps: Steps[T]) -> T:
    """Run all steps at once and return the result."""
    while True:
        try:
            next(steps)
        except StopIteration as stopped:
            result: T = stopped.value
            return result


_BUCKET = 128


def ordered(items: Iterable[S]) -> Steps[list[S]]:
    """`sorted` in small steps: dealt out by some of the items, and each heap sorted alone."""
    unsorted = list(items)
    if len(unsorted) <= 2 * _BUCKET:
        return sorted(unsorted)
    borders = sorted(unsorted[::_BUCKET])
    heaps: list[list[S]] = [[] for _ in range(len(borders) + 1)]
    for at, item in enumerate(unsorted):
        if at % _BUCKET == 0:
            yield
        heaps[bisect_right(borders, item)].append(item)
    result: list[S] = []
    for heap in heaps:
        yield
        heap.sort()
        result += heap
    return result
