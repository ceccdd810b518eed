"""AS_PATH and AS4_PATH (RFC 4271 section 4.3, RFC 6793 section 4).

Octets to segments and back, and how the two attributes are put together again
when a speaker of two-octet AS numbers was on the way.
"""

from __future__ import annotations

from typing import NamedTuple

AS_TRANS = 23456
"""Stands for an AS number that does not fit into two octets (RFC 6793 section 9)."""

AS_SET = 1
AS_SEQUENCE = 2
AS_CONFED_SEQUENCE = 3
AS_CONFED_SET = 4


class Segment(NamedTuple):
    """A run of AS numbers; ordered when the kind is a sequence."""

    kind: int
    asns: tuple[int, ...]


def encode_path(path: tuple[Segment, ...], width: int) -> bytes:
    """The value of AS_PATH; AS numbers that do not fit `width` octets become AS_TRANS."""
    return b"".join(
        bytes((segment.kind, len(segment.asns)))
        + b"".join(
            (asn if width == 4 or asn <= 0xFFFF else AS_TRANS).to_bytes(width, "big")
            for asn in segment.asns
        )
        for segment in path
    )


def decode_path(octets: bytes, width: int) -> tuple[Segment, ...] | str:
    """Segments, or what is wrong with them (RFC 7606 section 7.2)."""
    path: list[Segment] = []
    at = 0
    while at < len(octets):
        if len(octets) - at < 2:
            return "a segment header is cut short"
        kind, count = octets[at], octets[at + 1]
        after = at + 2 + count * width
        if not AS_SET <= kind <= AS_CONFED_SET:
            return f"segment type {kind}"
        if count == 0:
            return "a segment without AS numbers"
        if after > len(octets):
            return "a segment is cut short"
        asns = tuple(
            int.from_bytes(octets[start : start + width], "big")
            for start in range(at + 2, after, width)
        )
        if 0 in asns:
            return "AS number 0 (RFC 7607)"
        path.append(Segment(kind, asns))
        at = after
    return tuple(path)


def hops(path: tuple[Segment, ...]) -> int:
    """How long a path counts: a set is one hop, confederations none (RFC 4271, RFC 5065)."""
    return sum(
        len(segment.asns) if segment.kind == AS_SEQUENCE else 1
        for segment in path
        if segment.kind in (AS_SEQUENCE, AS_SET)
    )


def merge(path: tuple[Segment, ...], wide: tuple[Segment, ...]) -> tuple[Segment, ...]:
    """The whole path from AS_PATH and AS4_PATH (RFC 6793 section 4.2.3)."""
    spare = hops(path) - hops(wide)
    if spare < 0:
        return path
    leading: list[Segment] = []
    for segment in path:
        if segment.kind in (AS_CONFED_SEQUENCE, AS_CONFED_SET):
            leading.append(segment)
        elif spare <= 0:
            break
        elif segment.kind == AS_SET:
            leading.append(segment)
            spare -= 1
        else:
            leading.append(Segment(AS_SEQUENCE, segment.asns[:spare]))
            spare -= len(segment.asns)
    if leading and wide and leading[-1].kind == wide[0].kind == AS_SEQUENCE:
        joined = leading.pop().asns + wide[0].asns
        if len(joined) <= 255:
            return (*leading, Segment(AS_SEQUENCE, joined), *wide[1:])
        halves = (Segment(AS_SEQUENCE, joined[:255]), Segment(AS_SEQUENCE, joined[255:]))
        return (*leading, *halves, *wide[1:])
    return (*leading, *wide)


def path_text(path: tuple[Segment, ...]) -> str:
    """As routers print it: `64512 64513 {64514,64515}`."""
    shapes = {AS_SET: "{%s}", AS_SEQUENCE: "%s", AS_CONFED_SEQUENCE: "(%s)", AS_CONFED_SET: "[%s]"}
    return " ".join(
        shapes[segment.kind]
        % ("," if segment.kind in (AS_SET, AS_CONFED_SET) else " ").join(map(str, segment.asns))
        for segment in path
    )
