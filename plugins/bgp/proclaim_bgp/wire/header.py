"""Frames: where one message ends and the next begins (RFC 4271 section 4.1).

Knows the header and each type's bounds on length, and nothing of what stands
in a body.  A frame that is returned has a known type and a permitted length.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

from proclaim_bgp.wire.errors import Code, Fault, Notification

MARKER = b"\xff" * 16
HEADER_OCTETS = 19
MAXIMUM_OCTETS = 4096
"""RFC 4271 section 4; the extended messages of RFC 8654 are not negotiated."""


class Type(IntEnum):
    """Message types (RFC 4271 section 4.1, RFC 2918)."""

    OPEN = 1
    UPDATE = 2
    NOTIFICATION = 3
    KEEPALIVE = 4
    ROUTE_REFRESH = 5


_BOUNDS = {
    Type.OPEN: (29, MAXIMUM_OCTETS),
    Type.UPDATE: (23, MAXIMUM_OCTETS),
    Type.NOTIFICATION: (21, MAXIMUM_OCTETS),
    Type.KEEPALIVE: (19, 19),
    Type.ROUTE_REFRESH: (23, 23),  # RFC 2918 section 3; ORF (RFC 5291) is not negotiated
}


@dataclass(frozen=True, slots=True)
class Frame:
    """One message whose body has not been looked at."""

    type: Type
    body: bytes


def frame(kind: Type, body: bytes) -> bytes:
    """Put a header before a body."""
    return b"%b%b%c%b" % (MARKER, (HEADER_OCTETS + len(body)).to_bytes(2, "big"), kind, body)


def take(buffer: bytes | bytearray, at: int) -> tuple[Frame | Fault | None, int]:
    """The frame that begins at `at`, and where the next one does; None when it is incomplete.

    A header that cannot be right is a Fault as soon as it is complete (RFC 4271 section 6.1).
    """
    header = bytes(buffer[at : at + HEADER_OCTETS])
    if len(header) < HEADER_OCTETS:
        if header[:16] != MARKER[: len(header)]:
            return _fault(1, "the marker is not all ones"), at
        return None, at
    if header[:16] != MARKER:
        return _fault(1, "the marker is not all ones"), at
    length = int.from_bytes(header[16:18], "big")
    if not HEADER_OCTETS <= length <= MAXIMUM_OCTETS:
        return _fault(2, f"a message of {length} octets", header[16:18]), at
    try:
        kind = Type(header[18])
    except ValueError:
        return _fault(3, f"message type {header[18]}", header[18:19]), at
    least, most = _BOUNDS[kind]
    if not least <= length <= most:
        return _fault(2, f"{kind.name} of {length} octets", header[16:18]), at
    if len(buffer) - at < length:
        return None, at
    return Frame(kind, bytes(buffer[at + HEADER_OCTETS : at + length])), at + length


def _fault(subcode: int, reason: str, data: bytes = b"") -> Fault:
    return Fault(Notification(Code.HEADER, subcode, data), reason)
