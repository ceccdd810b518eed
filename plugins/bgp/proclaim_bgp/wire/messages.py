"""The messages of BGP as values, and the two functions between them and octets.

`decode` never raises: what cannot be understood is a `Fault`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from proclaim_bgp.wire.aspath import AS_TRANS
from proclaim_bgp.wire.attributes import Context
from proclaim_bgp.wire.capabilities import (
    Capability,
    FourOctetAS,
    GracefulRestart,
    Multiprotocol,
    RouteRefreshable,
    decode_parameters,
    encode_parameters,
)
from proclaim_bgp.wire.errors import Code, Fault, Malformed, Notification
from proclaim_bgp.wire.header import Frame, Type, frame
from proclaim_bgp.wire.nlri import UNICAST, Family
from proclaim_bgp.wire.update import Update, decode_update, encode_update

VERSION = 4


@dataclass(frozen=True, slots=True)
class Open:
    """An OPEN message (RFC 4271 section 4.2)."""

    asn: int
    """The two-octet field; see `wide_asn`."""
    hold_seconds: int
    router_id: int
    capabilities: tuple[Capability, ...] = ()

    @property
    def four_octet(self) -> bool:
        return any(isinstance(each, FourOctetAS) for each in self.capabilities)

    @property
    def wide_asn(self) -> int:
        """The AS number, from the capability where there is one (RFC 6793 section 4.1)."""
        for each in self.capabilities:
            if isinstance(each, FourOctetAS):
                return each.asn
        return self.asn

    @property
    def route_refresh(self) -> bool:
        return RouteRefreshable() in self.capabilities

    @property
    def graceful_restart(self) -> GracefulRestart | None:
        """The last one counts (RFC 4724 section 3)."""
        found = [each for each in self.capabilities if isinstance(each, GracefulRestart)]
        return found[-1] if found else None

    @property
    def families(self) -> frozenset[Family]:
        """IPv4 alone for a speaker that says nothing about families (RFC 4760 section 8)."""
        from_any = [each for each in self.capabilities if _speaks_multiprotocol(each)]
        if not from_any:
            return frozenset((Family.IPV4,))
        return frozenset(each.family for each in from_any if isinstance(each, Multiprotocol))


def _speaks_multiprotocol(capability: Capability) -> bool:
    return isinstance(capability, Multiprotocol) or getattr(capability, "code", 0) == 1


@dataclass(frozen=True, slots=True)
class Keepalive:
    """A KEEPALIVE message."""


@dataclass(frozen=True, slots=True)
class RouteRefresh:
    """A ROUTE-REFRESH message (RFC 2918); `family` is None for one that is not unicast IP."""

    family: Family | None
    subtype: int = 0
    """RFC 7313; other than 0 it is not a request."""


Message: TypeAlias = Open | Update | Notification | Keepalive | RouteRefresh


def opening(
    asn: int,
    hold_seconds: int,
    router_id: int,
    families: tuple[Family, ...],
    *more: Capability,
) -> Open:
    """The OPEN that this speaker sends."""
    spoken: list[Capability] = [Multiprotocol(family) for family in families]
    capabilities = (*spoken, RouteRefreshable(), FourOctetAS(asn), *more)
    return Open(asn if asn <= 0xFFFF else AS_TRANS, hold_seconds, router_id, capabilities)


def encode(message: Message) -> bytes:
    """A whole message; UPDATEs with AS numbers of four octets."""
    match message:
        case Open(asn, hold, router_id, capabilities):
            fixed = b"%c%b%b%b" % (
                VERSION,
                asn.to_bytes(2, "big"),
                hold.to_bytes(2, "big"),
                router_id.to_bytes(4, "big"),
            )
            return frame(Type.OPEN, fixed + encode_parameters(capabilities))
        case Update():
            return encode_update(message)
        case Notification(code, subcode, data):
            return frame(Type.NOTIFICATION, bytes((code, subcode)) + data[:4075])
        case Keepalive():
            return frame(Type.KEEPALIVE, b"")
        case RouteRefresh(family, subtype):
            afi = family or 0
            return frame(Type.ROUTE_REFRESH, bytes((0, afi, subtype, UNICAST)))


def decode(read: Frame, context: Context) -> Message | Fault:
    """Read one message; everything that is wrong with it is in the Fault."""
    try:
        match read.type:
            case Type.OPEN:
                return _open(read.body)
            case Type.UPDATE:
                return decode_update(read.body, context)
            case Type.NOTIFICATION:
                return Notification(read.body[0], read.body[1], read.body[2:])
            case Type.KEEPALIVE:
                return Keepalive()
            case Type.ROUTE_REFRESH:
                return _route_refresh(read.body)
    except Malformed as malformed:
        return malformed.fault


def _open(octets: bytes) -> Open:
    if octets[0] != VERSION:
        raise Malformed(Code.OPEN, 1, f"BGP version {octets[0]}", VERSION.to_bytes(2, "big"))
    return Open(
        asn=int.from_bytes(octets[1:3], "big"),
        hold_seconds=int.from_bytes(octets[3:5], "big"),
        router_id=int.from_bytes(octets[5:9], "big"),
        capabilities=decode_parameters(octets[9:]),
    )


def _route_refresh(octets: bytes) -> RouteRefresh:
    afi, subtype, safi = int.from_bytes(octets[:2], "big"), octets[2], octets[3]
    known = safi == UNICAST and afi in (Family.IPV4, Family.IPV6)
    return RouteRefresh(Family(afi) if known else None, subtype)
