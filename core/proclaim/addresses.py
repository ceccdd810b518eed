"""Addresses as integers: parsing, ranges, and the search for a free one.

Text at the edges, `(family, value)` inside.  Nothing here ever walks a range:
a /8 costs what a /30 costs.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from functools import lru_cache
from ipaddress import IPv6Address, ip_network
from typing import NamedTuple

BITS = {4: 32, 6: 128}
_LONGEST_TEXT = 49  # "ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255" and a prefix length
_OCTETS = {str(octet): octet for octet in range(256)}
"""Every way to write an octet: what is not here has a leading zero, or is none."""


class Address(NamedTuple):
    """An IP address; IPv4 sorts before IPv6."""

    family: int
    """4 or 6."""
    value: int

    def __str__(self) -> str:
        value = self.value
        if self.family == 6:
            return str(IPv6Address(value))
        return f"{value >> 24}.{value >> 16 & 255}.{value >> 8 & 255}.{value & 255}"


@lru_cache(maxsize=65536)
def parse_address(text: str) -> Address:
    """Read an address strictly: no leading zeros, no zone, no IPv4 mapped into IPv6.

    Raises ValueError saying what is wrong and what would be accepted.
    """
    if ":" not in text:
        return Address(4, _dotted_quad(text))
    try:
        address = IPv6Address(text)
    except ValueError:
        raise ValueError(f"{clip(text)} is not an IP address") from None
    if address.scope_id is not None:
        raise ValueError(f"{clip(text)} names a zone; write the address alone")
    if address.ipv4_mapped is not None:
        raise ValueError(
            f"{clip(text)} is an IPv4 address inside IPv6; write {address.ipv4_mapped}"
        )
    return Address(6, int(address))


def _dotted_quad(text: str) -> int:
    """Read an IPv4 address; far quicker than `ipaddress`, as a large ledger names each often."""
    try:
        first, second, third, fourth = text.split(".", 4)
        return _OCTETS[first] << 24 | _OCTETS[second] << 16 | _OCTETS[third] << 8 | _OCTETS[fourth]
    except (KeyError, ValueError):
        raise ValueError(f"{clip(text)} is not an IP address") from None


def clip(text: str) -> str:
    """Quote what a user wrote, shortened when it is longer than any address."""
    return repr(text if len(text) <= _LONGEST_TEXT else text[:_LONGEST_TEXT] + "...")


class Range(NamedTuple):
    """All addresses of one family from `first` to `last`, both included."""

    family: int
    first: int
    last: int

    def covers(self, address: Address) -> bool:
        return address.family == self.family and self.first <= address.value <= self.last

    def overlaps(self, other: Range) -> bool:
        return self.family == other.family and self.first <= other.last and other.first <= self.last

    @property
    def size(self) -> int:
        return self.last - self.first + 1

    def __str__(self) -> str:
        """A CIDR where the range is one, else `first-last`."""
        bits = BITS[self.family]
        length = bits - (self.size.bit_length() - 1)
        if self.size == 1 << (bits - length) and self.first % self.size == 0:
            return f"{Address(self.family, self.first)}/{length}"
        return f"{Address(self.family, self.first)}-{Address(self.family, self.last)}"


def _alone(text: str) -> str:
    """What to write for a single address; empty when it is none."""
    try:
        address = parse_address(text)
    except ValueError:
        return ""
    return f"; write {address}/{BITS[address.family]}"


@lru_cache(maxsize=16384)
def parse_range(text: str) -> Range:
    """Read a CIDR (host bits are masked off, as MetalLB does) or `start-end`.

    Raises ValueError saying what is wrong and what would be accepted.
    """
    start, dash, end = text.partition("-")
    if dash:
        first, last = parse_address(start.strip()), parse_address(end.strip())
        if first.family != last.family:
            raise ValueError(f"{clip(text)} mixes IPv4 and IPv6")
        if first > last:
            raise ValueError(f"{clip(text)} ends before it starts; write {last}-{first}")
        return Range(first.family, first.value, last.value)
    address_text, slash, length_text = text.partition("/")
    if not slash:
        raise ValueError(f"{clip(text)} is neither a CIDR nor start-end{_alone(text)}")
    address = parse_address(address_text)
    bits = BITS[address.family]
    if not (length_text.isascii() and length_text.isdigit() and len(length_text) <= 3):
        raise ValueError(f"{clip(text)} has no prefix length from 0 to {bits}")
    length = int(length_text)
    if length > bits or length_text != str(length):
        raise ValueError(f"{clip(text)} has no prefix length from 0 to {bits}")
    size = 1 << (bits - length)
    first_value = address.value & ~(size - 1)
    return Range(address.family, first_value, first_value + size - 1)


def prefix_of(address: Address, length: int) -> str:
    """The CIDR of that length which holds the address, as text."""
    size = 1 << (BITS[address.family] - length)
    return f"{Address(address.family, address.value & ~(size - 1))}/{length}"


def shortest_block(span: Range) -> int:
    """The prefix length of the largest aligned block in a range, as CIDR summaries have it."""
    bits = BITS[span.family]
    length = bits - (span.size.bit_length() - 1)
    while True:  # at most twice: a range of n addresses holds an aligned block of n/4
        size = 1 << (bits - length)
        aligned = -(-span.first // size) * size
        if aligned + size - 1 <= span.last:
            return length
        length += 1


def canonical_prefix(text: str) -> str:
    """The canonical text of a CIDR; raises ValueError."""
    return str(ip_network(text, strict=False))


class Occupied:
    """A set of addresses kept as merged runs, so that a free one is found by bisection.

    Mutable; a state that shares one copies it first (`copy` is linear in runs,
    and a pool filled from its start is one run).
    """

    __slots__ = ("_ends", "_starts")

    def __init__(self) -> None:
        self._starts: dict[int, list[int]] = {4: [], 6: []}
        self._ends: dict[int, list[int]] = {4: [], 6: []}

    def copy(self) -> Occupied:
        made = Occupied()
        made._starts = {family: runs[:] for family, runs in self._starts.items()}
        made._ends = {family: runs[:] for family, runs in self._ends.items()}
        return made

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Occupied):
            return NotImplemented
        return (self._starts, self._ends) == (other._starts, other._ends)

    __hash__ = None  # type: ignore[assignment]  # mutable, as a list is

    def __repr__(self) -> str:
        runs = [
            str(Range(family, first, last))
            for family in (4, 6)
            for first, last in zip(self._starts[family], self._ends[family], strict=True)
        ]
        return f"Occupied({', '.join(runs)})"

    def __contains__(self, address: Address) -> bool:
        starts, ends = self._starts[address.family], self._ends[address.family]
        at = bisect_right(starts, address.value) - 1
        return at >= 0 and address.value <= ends[at]

    def add(self, address: Address) -> None:
        """Occupy one address; adding it twice is a mistake of the caller."""
        starts, ends = self._starts[address.family], self._ends[address.family]
        value = address.value
        at = bisect_right(starts, value)
        assert at == 0 or ends[at - 1] < value, "occupied twice"
        joins_left = at > 0 and ends[at - 1] == value - 1
        joins_right = at < len(starts) and starts[at] == value + 1
        if joins_left and joins_right:
            ends[at - 1] = ends[at]
            del starts[at], ends[at]
        elif joins_left:
            ends[at - 1] = value
        elif joins_right:
            starts[at] = value
        else:
            starts.insert(at, value)
            ends.insert(at, value)

    def remove(self, address: Address) -> None:
        """Free one address that is occupied."""
        starts, ends = self._starts[address.family], self._ends[address.family]
        value = address.value
        at = bisect_right(starts, value) - 1
        assert at >= 0, "not occupied"
        assert value <= ends[at], "not occupied"
        first, last = starts[at], ends[at]
        if first == last:
            del starts[at], ends[at]
        elif value == first:
            starts[at] = value + 1
        elif value == last:
            ends[at] = value - 1
        else:
            ends[at] = value - 1
            starts.insert(at + 1, value + 1)
            ends.insert(at + 1, last)

    def first_free(self, span: Range, avoid_buggy: bool = False) -> Address | None:
        """The lowest free address of a range; None when it is full.

        `avoid_buggy` passes over IPv4 addresses that end in .0 or .255.
        """
        starts, ends = self._starts[span.family], self._ends[span.family]
        value = span.first
        while value <= span.last:
            at = bisect_right(starts, value) - 1
            if at >= 0 and value <= ends[at]:
                value = ends[at] + 1
            elif avoid_buggy and is_buggy(Address(span.family, value)):
                value += 1
            else:
                return Address(span.family, value)
        return None

    def within(self, span: Range) -> Iterator[Address]:
        """The occupied addresses of a range, ascending."""
        starts, ends = self._starts[span.family], self._ends[span.family]
        for at in range(bisect_left(ends, span.first), bisect_right(starts, span.last)):
            for value in range(max(starts[at], span.first), min(ends[at], span.last) + 1):
                yield Address(span.family, value)

    def count(self, span: Range) -> int:
        """How many addresses of a range are occupied."""
        starts, ends = self._starts[span.family], self._ends[span.family]
        low = bisect_left(ends, span.first)
        high = bisect_right(starts, span.last)
        return sum(
            min(ends[at], span.last) - max(starts[at], span.first) + 1 for at in range(low, high)
        )


def is_buggy(address: Address) -> bool:
    """Whether some old equipment mistakes it for a network or broadcast address."""
    return address.family == 4 and address.value & 0xFF in (0, 255)


def buggy_count(span: Range) -> int:
    """How many addresses of a range end in .0 or .255."""
    if span.family == 6:
        return 0

    def below(value: int) -> int:
        return 2 * (value >> 8) + (1 if value & 0xFF else 0)

    return below(span.last + 1) - below(span.first)
