"""What a malformed message calls for: a NOTIFICATION, or something milder (RFC 7606).

A decode error is a value.  `Malformed` exists only inside `wire`, where it
unwinds a decoder; the public functions catch it and return its `Fault`.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum, StrEnum


class Code(IntEnum):
    """NOTIFICATION error codes (RFC 4271 section 4.5, RFC 7313, RFC 9687)."""

    HEADER = 1
    OPEN = 2
    UPDATE = 3
    HOLD_TIMER = 4
    FSM = 5
    CEASE = 6
    ROUTE_REFRESH = 7
    SEND_HOLD_TIMER = 8


_CODES = {
    1: "Message Header Error",
    2: "OPEN Message Error",
    3: "UPDATE Message Error",
    4: "Hold Timer Expired",
    5: "Finite State Machine Error",
    6: "Cease",
    7: "ROUTE-REFRESH Message Error",
    8: "Send Hold Timer Expired",
}

_SUBCODES = {
    (1, 1): "Connection Not Synchronized",
    (1, 2): "Bad Message Length",
    (1, 3): "Bad Message Type",
    (2, 1): "Unsupported Version Number",
    (2, 2): "Bad Peer AS",
    (2, 3): "Bad BGP Identifier",
    (2, 4): "Unsupported Optional Parameter",
    (2, 6): "Unacceptable Hold Time",
    (2, 7): "Unsupported Capability",
    (2, 8): "Role Mismatch",
    (3, 1): "Malformed Attribute List",
    (3, 2): "Unrecognized Well-known Attribute",
    (3, 3): "Missing Well-known Attribute",
    (3, 4): "Attribute Flags Error",
    (3, 5): "Attribute Length Error",
    (3, 6): "Invalid ORIGIN Attribute",
    (3, 8): "Invalid NEXT_HOP Attribute",
    (3, 9): "Optional Attribute Error",
    (3, 10): "Invalid Network Field",
    (3, 11): "Malformed AS_PATH",
    (5, 1): "Unexpected Message in OpenSent State",
    (5, 2): "Unexpected Message in OpenConfirm State",
    (5, 3): "Unexpected Message in Established State",
    (6, 1): "Maximum Number of Prefixes Reached",
    (6, 2): "Administrative Shutdown",
    (6, 3): "Peer De-configured",
    (6, 4): "Administrative Reset",
    (6, 5): "Connection Rejected",
    (6, 6): "Other Configuration Change",
    (6, 7): "Connection Collision Resolution",
    (6, 8): "Out of Resources",
    (6, 9): "Hard Reset",
    (6, 10): "BFD Down",
    (7, 1): "Invalid Message Length",
}


def describe(code: int, subcode: int) -> str:
    """Name a NOTIFICATION: `2/2 OPEN Message Error, Bad Peer AS`."""
    name = _CODES.get(code, "unknown error code")
    detail = _SUBCODES.get((code, subcode))
    if detail is None and subcode:
        detail = f"unknown subcode {subcode}"
    return f"{code}/{subcode} {name}" + (f", {detail}" if detail else "")


@dataclass(frozen=True, slots=True)
class Notification:
    """A NOTIFICATION message (RFC 4271 section 4.5)."""

    code: int
    subcode: int = 0
    data: bytes = b""

    def __str__(self) -> str:
        return describe(self.code, self.subcode)


@dataclass(frozen=True, slots=True)
class Fault:
    """What was received ends the session: the NOTIFICATION to send, and why, for people."""

    notification: Notification
    reason: str


class Disposition(StrEnum):
    """What RFC 7606 section 2 lets one do about a malformed attribute, short of a reset."""

    TREAT_AS_WITHDRAW = "treat-as-withdraw"
    ATTRIBUTE_DISCARD = "attribute discard"


@dataclass(frozen=True, slots=True)
class Flaw:
    """Something malformed in an UPDATE that the session survives."""

    disposition: Disposition
    attribute: int
    """The attribute's type; 0 when it concerns the list of attributes."""
    reason: str


class Malformed(Exception):
    """Unwinds a decoder; never leaves `wire`."""

    def __init__(self, code: Code, subcode: int, reason: str, data: bytes = b"") -> None:
        super().__init__(reason)
        self.fault = Fault(Notification(int(code), subcode, data), reason)
