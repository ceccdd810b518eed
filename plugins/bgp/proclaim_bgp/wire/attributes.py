"""Path attributes: their values, and what a malformed one calls for (RFC 4271, RFC 7606).

Knows each attribute by itself; which of them a route must have, and what
becomes of the prefixes, is `update`.  Attributes that are not understood are
kept as they came and never re-encoded.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import IntEnum
from typing import NamedTuple, TypeAlias

from proclaim_bgp.wire.aspath import (
    AS_CONFED_SEQUENCE,
    AS_TRANS,
    Segment,
    decode_path,
    encode_path,
    merge,
)
from proclaim_bgp.wire.errors import Code, Disposition, Flaw, Malformed
from proclaim_bgp.wire.nlri import Family, next_hop_text


class Attr(IntEnum):
    """Attribute types that this speaker gives a meaning."""

    ORIGIN = 1
    AS_PATH = 2
    NEXT_HOP = 3
    MED = 4
    LOCAL_PREF = 5
    ATOMIC_AGGREGATE = 6
    AGGREGATOR = 7
    COMMUNITIES = 8
    ORIGINATOR_ID = 9
    CLUSTER_LIST = 10
    MP_REACH_NLRI = 14
    MP_UNREACH_NLRI = 15
    EXTENDED_COMMUNITIES = 16
    AS4_PATH = 17
    AS4_AGGREGATOR = 18
    IPV6_EXTENDED_COMMUNITIES = 25
    LARGE_COMMUNITIES = 32
    ONLY_TO_CUSTOMER = 35


_NAMED = frozenset(Attr)

OPTIONAL = 0x80
TRANSITIVE = 0x40
PARTIAL = 0x20
EXTENDED_LENGTH = 0x10

IGP = 0
"""The ORIGIN of what this speaker announces."""


class OpaqueAttribute(NamedTuple):
    """An attribute as it came."""

    flags: int
    type: int
    value: bytes


@dataclass(frozen=True, slots=True)
class Context:
    """What the session agreed on, as far as UPDATEs read differently for it."""

    four_octet: bool = True
    external: bool = True
    families: frozenset[Family] = field(default_factory=lambda: frozenset(Family))


@dataclass(frozen=True, slots=True)
class PathAttributes:
    """What is said about all routes of one UPDATE; next hops are with the prefixes."""

    origin: int | None = None
    as_path: tuple[Segment, ...] | None = None
    med: int | None = None
    local_pref: int | None = None
    communities: tuple[int, ...] = ()
    large_communities: tuple[tuple[int, int, int], ...] = ()
    opaque: tuple[OpaqueAttribute, ...] = ()


@dataclass(slots=True)
class Read:
    """The attributes of one UPDATE while they are read, before it is known what they are about."""

    origin: int | None = None
    as_path: tuple[Segment, ...] | None = None
    med: int | None = None
    local_pref: int | None = None
    communities: tuple[int, ...] = ()
    large_communities: tuple[tuple[int, int, int], ...] = ()
    opaque: list[OpaqueAttribute] = field(default_factory=list)
    next_hop: str = ""
    mp_reach: bytes | None = None
    mp_unreach: bytes | None = None
    as4_path: tuple[Segment, ...] | None = None
    aggregator_as: int | None = None
    as4_aggregator: bool = False
    flaws: list[Flaw] = field(default_factory=list)
    types: set[int] = field(default_factory=set)

    def attributes(self) -> PathAttributes:
        """What is said about the routes."""
        return PathAttributes(
            self.origin,
            self.as_path,
            self.med,
            self.local_pref,
            self.communities,
            self.large_communities,
            tuple(self.opaque),
        )


# --- encoding ------------------------------------------------------------------------------------


def encode_attribute(kind: int, flags: int, value: bytes) -> bytes:
    """One attribute; the length takes two octets only when it must."""
    if len(value) > 255:
        return bytes((flags | EXTENDED_LENGTH, kind)) + len(value).to_bytes(2, "big") + value
    return bytes((flags & ~EXTENDED_LENGTH, kind, len(value))) + value


def encode_attributes(
    attributes: PathAttributes, next_hop: bytes = b"", four_octet: bool = True
) -> bytes:
    """All but MP_REACH_NLRI and MP_UNREACH_NLRI, in the order of their types."""
    well_known, both = TRANSITIVE, OPTIONAL | TRANSITIVE
    made: list[tuple[int, int, bytes]] = [
        (opaque.type, opaque.flags, opaque.value) for opaque in attributes.opaque
    ]
    if attributes.origin is not None:
        made.append((Attr.ORIGIN, well_known, bytes((attributes.origin,))))
    if (path := attributes.as_path) is not None:
        made.append((Attr.AS_PATH, well_known, encode_path(path, 4 if four_octet else 2)))
        if not four_octet and any(asn > 0xFFFF for segment in path for asn in segment.asns):
            # RFC 6793 section 4.2.2; confederation segments stay out of AS4_PATH.
            kept = tuple(segment for segment in path if segment.kind < AS_CONFED_SEQUENCE)
            made.append((Attr.AS4_PATH, both, encode_path(kept, 4)))
    if next_hop:
        made.append((Attr.NEXT_HOP, well_known, next_hop))
    if attributes.med is not None:
        made.append((Attr.MED, OPTIONAL, attributes.med.to_bytes(4, "big")))
    if attributes.local_pref is not None:
        made.append((Attr.LOCAL_PREF, well_known, attributes.local_pref.to_bytes(4, "big")))
    if attributes.communities:
        made.append((Attr.COMMUNITIES, both, _numbers(attributes.communities)))
    if attributes.large_communities:
        value = b"".join(_numbers(three) for three in attributes.large_communities)
        made.append((Attr.LARGE_COMMUNITIES, both, value))
    made.sort(key=lambda one: one[0])
    return b"".join(encode_attribute(*one) for one in made)


def _numbers(values: tuple[int, ...]) -> bytes:
    return b"".join(value.to_bytes(4, "big") for value in values)


# --- decoding ------------------------------------------------------------------------------------


class _Bad(Exception):
    """Unwinds the reader of one attribute with what RFC 7606 says about it."""

    def __init__(self, disposition: Disposition, reason: str) -> None:
        super().__init__(reason)
        self.disposition = disposition
        self.reason = reason


_Reader: TypeAlias = Callable[[Read, bytes, Context], None]


def read_attributes(octets: bytes, context: Context) -> Read:
    """Read a list of attributes; raises Malformed where only a session reset is left.

    Everything milder is in `flaws`, and the attribute concerned is left out.
    """
    read = Read()
    at = 0
    while at < len(octets):
        flags = octets[at]
        width = 2 if flags & EXTENDED_LENGTH else 1
        start = at + 2 + width
        after = start + int.from_bytes(octets[at + 2 : start], "big")
        if start > len(octets) or after > len(octets):
            # RFC 7606 section 4: what follows the attributes can still be found.
            kind = octets[at + 1] if at + 1 < len(octets) else 0
            _flaw(read, _withdraw("the list of attributes is cut short"), kind)
            break
        _one(read, octets[at:after], octets[start:after], context)
        at = after
    _put_together(read, context)
    return read


def _one(read: Read, whole: bytes, value: bytes, context: Context) -> None:
    flags, kind = whole[0], whole[1]
    if kind in read.types:
        if kind in (Attr.MP_REACH_NLRI, Attr.MP_UNREACH_NLRI):
            raise Malformed(Code.UPDATE, 1, f"attribute {kind} twice")  # RFC 7606 section 3 (g)
        _flaw(read, _discard("it stands there twice"), kind)
        return
    read.types.add(kind)
    known = _READERS.get(kind)
    if known is None:
        _unknown(read, whole, value)
        return
    expected, reader = known
    try:
        if flags & _BOTH != expected:
            raise _withdraw(f"flags {flags:#04x}")  # RFC 7606 section 3 (c)
        reader(read, value, context)
    except _Bad as bad:
        _flaw(read, bad, kind)


def _unknown(read: Read, whole: bytes, value: bytes) -> None:
    flags, kind = whole[0], whole[1]
    if not flags & OPTIONAL:
        raise Malformed(Code.UPDATE, 2, f"well-known attribute {kind} is not known", whole)
    unit, exact = _OPAQUE_LENGTHS.get(kind, (1, False))
    wrong = len(value) != unit if exact else len(value) % unit or (not value and unit > 1)
    if wrong:
        _flaw(read, _withdraw(f"{len(value)} octets"), kind)
    else:
        read.opaque.append(OpaqueAttribute(flags & ~EXTENDED_LENGTH, kind, value))


_OPAQUE_LENGTHS: dict[int, tuple[int, bool]] = {
    Attr.EXTENDED_COMMUNITIES: (8, False),  # RFC 7606 section 7.14
    Attr.IPV6_EXTENDED_COMMUNITIES: (20, False),  # RFC 7606 section 7.15
    Attr.ONLY_TO_CUSTOMER: (4, True),  # RFC 9234 section 5
}
"""Attributes that are kept opaque although their length can be judged: unit, and whether exact."""


def _flaw(read: Read, bad: _Bad, kind: int) -> None:
    name = Attr(kind).name if kind in _NAMED else f"attribute {kind}"
    read.flaws.append(Flaw(bad.disposition, kind, f"{name}: {bad.reason}"))


def _withdraw(reason: str) -> _Bad:
    return _Bad(Disposition.TREAT_AS_WITHDRAW, reason)


def _discard(reason: str) -> _Bad:
    return _Bad(Disposition.ATTRIBUTE_DISCARD, reason)


def _exactly(octets: int, value: bytes) -> None:
    if len(value) != octets:
        raise _withdraw(f"{len(value)} octets instead of {octets}")


def _units(octets: int, value: bytes) -> range:
    if not value or len(value) % octets:
        raise _withdraw(f"{len(value)} octets, no multiple of {octets}")
    return range(0, len(value), octets)


def _origin(read: Read, value: bytes, _: Context) -> None:
    _exactly(1, value)
    if value[0] > 2:
        raise _withdraw(f"origin {value[0]}")
    read.origin = value[0]


def _as_path(read: Read, value: bytes, context: Context) -> None:
    path = decode_path(value, 4 if context.four_octet else 2)
    if isinstance(path, str):
        raise _withdraw(path)
    if context.external and any(segment.kind >= AS_CONFED_SEQUENCE for segment in path):
        raise _withdraw("a confederation segment from outside (RFC 5065 section 5)")
    read.as_path = path


def _next_hop(read: Read, value: bytes, _: Context) -> None:
    _exactly(4, value)
    read.next_hop = next_hop_text(value)


def _med(read: Read, value: bytes, _: Context) -> None:
    _exactly(4, value)
    read.med = int.from_bytes(value, "big")


def _local_pref(read: Read, value: bytes, context: Context) -> None:
    if context.external:
        raise _discard("it has no meaning from outside")  # RFC 7606 section 7.5
    _exactly(4, value)
    read.local_pref = int.from_bytes(value, "big")


def _atomic_aggregate(read: Read, value: bytes, _: Context) -> None:
    if value:
        raise _discard(f"{len(value)} octets instead of 0")


def _aggregator(read: Read, value: bytes, context: Context) -> None:
    width = 4 if context.four_octet else 2
    if len(value) != width + 4:
        raise _discard(f"{len(value)} octets instead of {width + 4}")
    read.aggregator_as = int.from_bytes(value[:width], "big")


def _communities(read: Read, value: bytes, _: Context) -> None:
    read.communities = tuple(int.from_bytes(value[at : at + 4], "big") for at in _units(4, value))


def _large_communities(read: Read, value: bytes, _: Context) -> None:
    read.large_communities = tuple(
        (
            int.from_bytes(value[at : at + 4], "big"),
            int.from_bytes(value[at + 4 : at + 8], "big"),
            int.from_bytes(value[at + 8 : at + 12], "big"),
        )
        for at in _units(12, value)
    )


def _originator_id(read: Read, value: bytes, context: Context) -> None:
    if context.external:
        raise _discard("it has no meaning from outside")  # RFC 7606 section 7.9
    _exactly(4, value)


def _cluster_list(read: Read, value: bytes, context: Context) -> None:
    if context.external:
        raise _discard("it has no meaning from outside")  # RFC 7606 section 7.10
    _units(4, value)


def _mp_reach(read: Read, value: bytes, _: Context) -> None:
    read.mp_reach = value


def _mp_unreach(read: Read, value: bytes, _: Context) -> None:
    read.mp_unreach = value


def _as4_path(read: Read, value: bytes, context: Context) -> None:
    path = decode_path(value, 4)
    if isinstance(path, str):
        raise _discard(path)  # RFC 6793 section 6
    if context.four_octet:
        raise _discard("from a speaker of four octets")  # RFC 6793 section 4.1
    read.as4_path = tuple(segment for segment in path if segment.kind < AS_CONFED_SEQUENCE)


def _as4_aggregator(read: Read, value: bytes, context: Context) -> None:
    if len(value) != 8 or context.four_octet:
        raise _discard("malformed, or from a speaker of four octets")
    read.as4_aggregator = True


def _put_together(read: Read, context: Context) -> None:
    """Make AS_PATH whole again (RFC 6793 section 4.2.3)."""
    if context.four_octet or read.as_path is None or read.as4_path is None:
        return
    if read.as4_aggregator and read.aggregator_as not in (None, AS_TRANS):
        return  # someone on the way changed the aggregator and knew nothing of AS4_PATH
    read.as_path = merge(read.as_path, read.as4_path)


_WELL_KNOWN, _BOTH = TRANSITIVE, OPTIONAL | TRANSITIVE
_READERS: dict[int, tuple[int, _Reader]] = {
    Attr.ORIGIN: (_WELL_KNOWN, _origin),
    Attr.AS_PATH: (_WELL_KNOWN, _as_path),
    Attr.NEXT_HOP: (_WELL_KNOWN, _next_hop),
    Attr.MED: (OPTIONAL, _med),
    Attr.LOCAL_PREF: (_WELL_KNOWN, _local_pref),
    Attr.ATOMIC_AGGREGATE: (_WELL_KNOWN, _atomic_aggregate),
    Attr.AGGREGATOR: (_BOTH, _aggregator),
    Attr.COMMUNITIES: (_BOTH, _communities),
    Attr.ORIGINATOR_ID: (OPTIONAL, _originator_id),
    Attr.CLUSTER_LIST: (OPTIONAL, _cluster_list),
    Attr.MP_REACH_NLRI: (OPTIONAL, _mp_reach),
    Attr.MP_UNREACH_NLRI: (OPTIONAL, _mp_unreach),
    Attr.AS4_PATH: (_BOTH, _as4_path),
    Attr.AS4_AGGREGATOR: (_BOTH, _as4_aggregator),
    Attr.LARGE_COMMUNITIES: (_BOTH, _large_communities),
}
