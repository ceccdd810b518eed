"""Addresses that somebody held and nobody holds now, and when each was released.

An address that was released may still stand in a router's cache or in DNS, so
the one that was released longest ago is the first to be given again.  Kept as
two sorted lists for each family: what a pool has is a slice, found by bisection.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from heapq import nsmallest

from proclaim.addresses import Address, Range, is_buggy


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

    def forget(self, count: int) -> list[Address]:
        """Forget the addresses that were released first, and return them in that order."""
        oldest = nsmallest(count, ((position, address) for address, position in self))
        for _, address in oldest:
            self.remove(address)
        return [address for _, address in oldest]
