"""Addresses that somebody held and nobody holds now, and when each was released.

An address that was released may still stand in a router's cache or in DNS, so
the one that was released longest ago is the first to be given again.  Kept as
two sorted lists for each family: what a pool has is a slice, found by bisection.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from proclaim.addresses import Address, Range, is_buggy
from proclaim.model import Ref


class Vacated:
    """Released addresses, each with the position of the fact that released it.

    Mutable; a state that shares one copies it first.
    """

    __slots__ = ("_positions", "_values")

    def __init__(self) -> None:
        self._values: dict[int, list[int]] = {4: [], 6: []}
        self._positions: dict[int, list[int]] = {4: [], 6: []}

    def copy(self) -> Vacated:
        made = Vacated()
        made._values = {family: values[:] for family, values in self._values.items()}
        made._positions = {family: places[:] for family, places in self._positions.items()}
        return made

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Vacated):
            return NotImplemented
        return (self._values, self._positions) == (other._values, other._positions)

    __hash__ = None  # type: ignore[assignment]  # mutable, as a list is

    def __repr__(self) -> str:
        return f"Vacated({', '.join(f'{address} @{at}' for address, at in self)})"

    def __len__(self) -> int:
        return len(self._values[4]) + len(self._values[6])

    def __iter__(self) -> Iterator[tuple[Address, int]]:
        """Every address with its position, sorted by address."""
        for family, values in self._values.items():
            for value, position in zip(values, self._positions[family], strict=True):
                yield Address(family, value), position

    def __contains__(self, address: Address) -> bool:
        values = self._values[address.family]
        at = bisect_left(values, address.value)
        return at < len(values) and values[at] == address.value

    def position(self, address: Address) -> int:
        """Where the fact stands that released an address; 0 when it is not remembered."""
        values = self._values[address.family]
        at = bisect_left(values, address.value)
        known = at < len(values) and values[at] == address.value
        return self._positions[address.family][at] if known else 0

    def add(self, address: Address, position: int) -> None:
        """Remember one address that is not remembered yet."""
        values = self._values[address.family]
        at = bisect_left(values, address.value)
        values.insert(at, address.value)
        self._positions[address.family].insert(at, position)

    def remove(self, address: Address) -> None:
        """Forget one address that is remembered."""
        values = self._values[address.family]
        at = bisect_left(values, address.value)
        assert values[at] == address.value, "not remembered"
        del values[at], self._positions[address.family][at]

    def longest(self, span: Range, avoid_buggy: bool = False) -> tuple[int, Address] | None:
        """The address of a range that was released first, after its position; None if none was.

        Of two that were released together the lower one.
        """
        values, positions = self._values[span.family], self._positions[span.family]
        low, high = bisect_left(values, span.first), bisect_right(values, span.last)
        if avoid_buggy:
            fit = [
                (positions[at], values[at])
                for at in range(low, high)
                if not is_buggy(Address(span.family, values[at]))
            ]
            found = min(fit, default=None)
            return (found[0], Address(span.family, found[1])) if found else None
        if low == high:
            return None
        first = min(positions[low:high])
        return first, Address(span.family, values[positions.index(first, low, high)])

    def released_at(self, address: Address) -> int:
        """The position of the fact that released an address; 0 when it is not remembered."""
        values = self._values[address.family]
        at = bisect_left(values, address.value)
        known = at < len(values) and values[at] == address.value
        return self._positions[address.family][at] if known else 0


class Release(NamedTuple):
    """One fact by which addresses were released."""

    position: int
    service: Ref
    addresses: tuple[str, ...]


class Releases:
    """What was released, the oldest first, so that the oldest can be forgotten.

    An entry whose addresses are held again, and whose Service has another past
    by now, is stale; stale ones are dropped now and then.
    """

    __slots__ = ("_entries", "_start")

    def __init__(self, entries: Iterable[Release] = ()) -> None:
        self._entries = sorted(entries)
        self._start = 0

    def copy(self) -> Releases:
        made = Releases()
        made._entries = self._entries[self._start :]
        return made

    def __len__(self) -> int:
        return len(self._entries) - self._start

    def __repr__(self) -> str:
        return f"Releases({len(self)})"

    def push(self, release: Release) -> None:
        """Add a release that is younger than all others."""
        self._entries.append(release)

    def pop(self) -> list[Release]:
        """Take the oldest: all that one fact released, in however many entries."""
        first = self._start
        position = self._entries[first].position
        while self._start < len(self._entries):
            if self._entries[self._start].position != position:
                break
            self._start += 1
        return self._entries[first : self._start]

    def drop(self, stale: Callable[[Release], bool]) -> None:
        """Drop the entries that say nothing any more."""
        self._entries = [each for each in self._entries[self._start :] if not stale(each)]
        self._start = 0
