"""Capabilities and the optional parameters of OPEN that carry them (RFC 5492, RFC 9072).

Capabilities that are not understood are kept opaque.  A capability whose own
length is wrong for its code is kept opaque too, which is how it is ignored;
only lengths that point outside the message are a fault of the OPEN.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

from proclaim_bgp.wire.errors import Code, Malformed
from proclaim_bgp.wire.nlri import UNICAST, Family

_MULTIPROTOCOL = 1
_ROUTE_REFRESH = 2
_GRACEFUL_RESTART = 64
_FOUR_OCTET_AS = 65
_CAPABILITIES = 2
"""The optional parameter that carries capabilities."""
_EXTENDED = 255
"""RFC 9072 section 2: in place of the first parameter's type, lengths have two octets."""
_RESTARTED, _NOTIFICATION, _PRESERVED = 0x8000, 0x4000, 0x80
"""The flags R and N above the restart time, and F of a family (RFC 4724, RFC 8538)."""
MOST_RESTART_SECONDS = 0xFFF
"""What the twelve bits of the restart time can say."""


@dataclass(frozen=True, slots=True)
class Multiprotocol:
    """Unicast routes of a family can be exchanged (RFC 4760 section 8)."""

    family: Family


@dataclass(frozen=True, slots=True)
class RouteRefreshable:
    """ROUTE-REFRESH is answered (RFC 2918 section 2)."""


@dataclass(frozen=True, slots=True)
class FourOctetAS:
    """AS numbers are four octets long in UPDATEs, and this is the speaker's (RFC 6793)."""

    asn: int


class Restartable(NamedTuple):
    """A family whose routes may be kept while their speaker is away."""

    family: Family
    preserved: bool
    """F: packets were forwarded all the while."""


@dataclass(frozen=True, slots=True)
class GracefulRestart:
    """End-of-RIB is sent, and routes of a peer that is away are kept (RFC 4724 section 3).

    Families other than unicast IP are left out, and so are flags without a meaning.
    """

    seconds: int
    """The restart time: how long the speaker may be away."""
    families: tuple[Restartable, ...] = ()
    """Whose routes may be kept; none for a speaker that only helps others."""
    restarted: bool = False
    """R: the speaker has restarted, so nobody must wait for its End-of-RIB."""
    notification: bool = False
    """N: routes may outlive a NOTIFICATION, too (RFC 8538 section 2)."""


@dataclass(frozen=True, slots=True)
class OpaqueCapability:
    """One that this speaker does not act on."""

    code: int
    value: bytes


Capability: TypeAlias = (
    Multiprotocol | RouteRefreshable | GracefulRestart | FourOctetAS | OpaqueCapability
)


def encode_capability(capability: Capability) -> bytes:
    """Code, length, value."""
    match capability:
        case Multiprotocol(family):
            code, value = _MULTIPROTOCOL, bytes((0, family, 0, UNICAST))
        case RouteRefreshable():
            code, value = _ROUTE_REFRESH, b""
        case GracefulRestart():
            code, value = _GRACEFUL_RESTART, _graceful_restart_octets(capability)
        case FourOctetAS(asn):
            code, value = _FOUR_OCTET_AS, asn.to_bytes(4, "big")
        case OpaqueCapability(code, value):
            pass
    return bytes((code, len(value))) + value


def _graceful_restart_octets(capability: GracefulRestart) -> bytes:
    first = capability.seconds
    first |= _RESTARTED * capability.restarted | _NOTIFICATION * capability.notification
    families = [
        bytes((0, family, UNICAST, _PRESERVED * preserved))
        for family, preserved in capability.families
    ]
    return first.to_bytes(2, "big") + b"".join(families)


def encode_parameters(capabilities: tuple[Capability, ...]) -> bytes:
    """The optional parameters with their length, extended only when they must be (RFC 9072)."""
    values = [encode_capability(capability) for capability in capabilities]
    plain = b"".join(bytes((_CAPABILITIES, len(value))) + value for value in values)
    if len(plain) <= 255 and all(len(value) <= 255 for value in values):
        together = b"".join(values)
        if together:
            plain = bytes((_CAPABILITIES, len(together))) + together
        return bytes((len(plain),)) + plain
    wide = b"".join(
        bytes((_CAPABILITIES,)) + len(value).to_bytes(2, "big") + value for value in values
    )
    return bytes((255, _EXTENDED)) + len(wide).to_bytes(2, "big") + wide


def decode_parameters(octets: bytes) -> tuple[Capability, ...]:
    """Everything after the BGP identifier of an OPEN; raises Malformed (2/0, or 2/4)."""
    if not octets:
        raise _unspecific("ends before the length of its optional parameters")
    if len(octets) >= 2 and octets[0] != 0 and octets[1] == _EXTENDED:
        if len(octets) < 4:
            raise _unspecific("ends inside the extended length of its optional parameters")
        length, start, width = int.from_bytes(octets[2:4], "big"), 4, 2
    else:
        length, start, width = octets[0], 1, 1
    if len(octets) - start != length:
        raise _unspecific(f"has {len(octets) - start} octets of parameters and claims {length}")
    found: list[Capability] = []
    for kind, value in _split(octets[start:], width, "optional parameter"):
        if kind != _CAPABILITIES:
            raise Malformed(Code.OPEN, 4, f"OPEN has optional parameter {kind}")
        found += [_capability(code, inner) for code, inner in _split(value, 1, "capability")]
    return tuple(found)


def _split(octets: bytes, width: int, what: str) -> Iterator[tuple[int, bytes]]:
    """Type, length of `width` octets, value; each turn consumes at least two octets."""
    at = 0
    while at < len(octets):
        start = at + 1 + width
        after = start + int.from_bytes(octets[at + 1 : start], "big")
        if start > len(octets) or after > len(octets):
            raise _unspecific(f"has a {what} that is cut short")
        yield octets[at], octets[start:after]
        at = after


def _capability(code: int, value: bytes) -> Capability:
    if code == _MULTIPROTOCOL and len(value) == 4 and value[3] == UNICAST:
        afi = int.from_bytes(value[:2], "big")
        if afi in (Family.IPV4, Family.IPV6):
            return Multiprotocol(Family(afi))
    if code == _ROUTE_REFRESH and not value:
        return RouteRefreshable()
    if code == _GRACEFUL_RESTART and len(value) % 4 == 2:
        return _graceful_restart(value)
    if code == _FOUR_OCTET_AS and len(value) == 4:
        return FourOctetAS(int.from_bytes(value, "big"))
    return OpaqueCapability(code, value)


def _graceful_restart(value: bytes) -> GracefulRestart:
    first = int.from_bytes(value[:2], "big")
    found = []
    for at in range(2, len(value), 4):
        afi, safi = int.from_bytes(value[at : at + 2], "big"), value[at + 2]
        if safi == UNICAST and afi in (Family.IPV4, Family.IPV6):
            found.append(Restartable(Family(afi), bool(value[at + 3] & _PRESERVED)))
    return GracefulRestart(
        first & MOST_RESTART_SECONDS,
        tuple(found),
        restarted=bool(first & _RESTARTED),
        notification=bool(first & _NOTIFICATION),
    )


def _unspecific(reason: str) -> Malformed:
    return Malformed(Code.OPEN, 0, f"OPEN {reason}")
