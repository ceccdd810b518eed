"""Prefixes and next hops as octets (RFC 4271 section 4.3, RFC 4760 section 5).

A `Prefix` holds its own encoding, so that packing is joining.  The encoding is
canonical: no octet more than needed, and no bit set beyond the length.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import IntEnum
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import NamedTuple

from proclaim_bgp.wire.errors import Code, Malformed


class Family(IntEnum):
    """An address family identifier; always with SAFI 1, unicast."""

    IPV4 = 1
    IPV6 = 2

    @property
    def bits(self) -> int:
        return 32 if self is Family.IPV4 else 128

    @property
    def version(self) -> int:
        return 4 if self is Family.IPV4 else 6

    @property
    def label(self) -> str:
        return "IPv4" if self is Family.IPV4 else "IPv6"


UNICAST = 1
_MASKS = tuple((0xFF << (8 - bits)) & 0xFF for bits in range(8))


class Prefix(NamedTuple):
    """A prefix of one family, as it stands on the wire."""

    family: Family
    wire: bytes
    """The length in bits, and the octets that the length covers."""

    def __str__(self) -> str:
        packed = self.wire[1:].ljust(self.family.bits // 8, b"\0")
        address = IPv4Address(packed) if self.family is Family.IPV4 else IPv6Address(packed)
        return f"{address}/{self.wire[0]}"


def prefix(text: str) -> Prefix:
    """Read CIDR text; raises ValueError when it is none."""
    address, _, length = text.partition("/")
    parsed = ip_address(address)
    family = Family.IPV4 if parsed.version == 4 else Family.IPV6
    bits = int(length) if length else family.bits
    if not 0 <= bits <= family.bits:
        raise ValueError(f"{text}: the length is not 0 to {family.bits}")
    return Prefix(family, _canonical(bits, parsed.packed[: (bits + 7) // 8]))


def _canonical(bits: int, octets: bytes) -> bytes:
    spare = bits % 8
    if spare and octets[-1] & ~_MASKS[spare]:
        octets = octets[:-1] + bytes((octets[-1] & _MASKS[spare],))
    return bytes((bits,)) + octets


def pack(prefixes: Iterable[Prefix]) -> bytes:
    """The NLRI of some prefixes of one family."""
    return b"".join(prefix.wire for prefix in prefixes)


def unpack(family: Family, octets: bytes, subcode: int) -> tuple[Prefix, ...]:
    """Read NLRI; raises Malformed (UPDATE, `subcode`) when a length is impossible.

    That is a session reset, since nothing after it can be found (RFC 7606 section 5.3).
    """
    found = []
    at, end, most = 0, len(octets), family.bits
    while at < end:
        bits = octets[at]
        after = at + 1 + (bits + 7) // 8
        if bits > most:
            raise Malformed(Code.UPDATE, subcode, f"{family.label} prefix of {bits} bits")
        if after > end:
            raise Malformed(Code.UPDATE, subcode, f"{family.label} prefix is cut short")
        wire = octets[at:after]
        found.append(Prefix(family, _canonical(bits, wire[1:]) if bits % 8 else wire))
        at = after
    return tuple(found)


def next_hop_text(octets: bytes) -> str:
    """A next hop of 4 or 16 octets as text."""
    return str(IPv4Address(octets) if len(octets) == 4 else IPv6Address(octets))
