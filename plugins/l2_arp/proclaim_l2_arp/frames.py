"""Ethernet frames that carry ARP or Neighbor Discovery, both ways (RFC 826, RFC 4861).

Knows bytes and nothing else: who owns an address is `responder.py`, which
interface a frame came from is the driver's.  `decode` answers any bytes at
all with a message or with the reason to drop them; it never raises.

IP addresses are packed bytes, 4 or 16 of them, and Ethernet addresses are 6.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

ETHERTYPE_ARP = 0x0806
ETHERTYPE_IPV6 = 0x86DD
_VLAN_TAGS = frozenset({0x8100, 0x88A8, 0x9100})

BROADCAST = b"\xff" * 6
REQUEST = 1
REPLY = 2

ALL_NODES = bytes.fromhex("ff020000000000000000000000000001")
UNSPECIFIED = bytes(16)
_SOLICITED_NODE = bytes.fromhex("ff0200000000000000000001ff")

_ETHERNET = struct.Struct("!6s6sH")
_ARP = struct.Struct("!HHBBH6s4s6s4s")
_ARP_ETHERNET_IPV4 = (1, 0x0800, 6, 4)
_IPV6 = struct.Struct("!IHBB16s16s")
_ICMPV6 = 58
_HOP_LIMIT = 255
_SOLICITATION = 135
_ADVERTISEMENT = 136
_ND_HEADER = struct.Struct("!BBHI16s")
_SOURCE_LINK_LAYER = 1
_TARGET_LINK_LAYER = 2
_ROUTER, _SOLICITED, _OVERRIDE = 1 << 31, 1 << 30, 1 << 29


class Drop(StrEnum):
    """Why a frame is not answered."""

    TRUNCATED = "truncated"
    TAGGED = "carries a VLAN tag"
    OTHER_PROTOCOL = "neither ARP nor Neighbor Discovery"
    NOT_ETHERNET_IPV4 = "ARP for something other than IPv4 over Ethernet"
    OTHER_OPERATION = "neither an ARP request nor an ARP reply"
    HOP_LIMIT = "hop limit is not 255, so it was routed"
    CODE = "ICMPv6 code is not 0"
    CHECKSUM = "wrong ICMPv6 checksum"
    OPTION = "an option of length 0, or longer than the message"
    TARGET = "the target is a multicast address"
    UNSPECIFIED = "no source address, and not a proper duplicate address probe"
    SOLICITED_MULTICAST = "a solicited advertisement to a multicast address"
    SENDER = "the sender has no unicast address"
    OWN = "sent by this node"
    NOT_TO_US = "sent to another station"
    NOT_A_QUESTION = "not a request"
    NOT_OWNED = "asks for an address that is not answered for here"


@dataclass(frozen=True, slots=True)
class Arp:
    """An ARP packet for IPv4 over Ethernet, with the addresses of its frame."""

    destination: bytes
    source: bytes
    operation: int
    sender_mac: bytes
    sender: bytes
    target_mac: bytes
    target: bytes


@dataclass(frozen=True, slots=True)
class Solicitation:
    """A Neighbor Solicitation (RFC 4861 section 4.3)."""

    destination: bytes
    source: bytes
    sender: bytes
    """The IPv6 source; `UNSPECIFIED` in a duplicate address probe."""
    recipient: bytes
    target: bytes
    source_mac: bytes | None = None
    """The source link-layer address option."""


@dataclass(frozen=True, slots=True)
class Advertisement:
    """A Neighbor Advertisement (RFC 4861 section 4.4)."""

    destination: bytes
    source: bytes
    sender: bytes
    recipient: bytes
    target: bytes
    target_mac: bytes | None = None
    """The target link-layer address option."""
    router: bool = False
    solicited: bool = False
    override: bool = False


Message: TypeAlias = Arp | Solicitation | Advertisement


def solicited_node(address: bytes) -> bytes:
    """The solicited-node multicast group of an IPv6 address (RFC 4291 section 2.7.1)."""
    return _SOLICITED_NODE + address[13:]


def multicast_mac(group: bytes) -> bytes:
    """The Ethernet address that an IPv6 multicast group maps to (RFC 2464 section 7)."""
    return b"\x33\x33" + group[12:]


def is_station(mac: bytes) -> bool:
    """Whether this Ethernet address can be one station's: neither a group nor all zero."""
    return not mac[0] & 1 and any(mac)


def checksum(data: bytes) -> int:
    """The Internet checksum (RFC 1071) of any number of bytes."""
    if len(data) % 2:
        data += b"\0"
    total: int = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def encode(message: Message) -> bytes:
    """The frame that carries a message; checksum and hop limit are filled in."""
    if isinstance(message, Arp):
        return _ETHERNET.pack(message.destination, message.source, ETHERTYPE_ARP) + _ARP.pack(
            *_ARP_ETHERNET_IPV4,
            message.operation,
            message.sender_mac,
            message.sender,
            message.target_mac,
            message.target,
        )
    kind, word, option = _nd_parts(message)
    body = _ND_HEADER.pack(kind, 0, 0, word, message.target) + option
    total = checksum(_pseudo_header(message.sender, message.recipient, len(body)) + body)
    body = body[:2] + total.to_bytes(2, "big") + body[4:]
    return (
        _ETHERNET.pack(message.destination, message.source, ETHERTYPE_IPV6)
        + _IPV6.pack(6 << 28, len(body), _ICMPV6, _HOP_LIMIT, message.sender, message.recipient)
        + body
    )


def decode(frame: bytes) -> Message | Drop:
    """What a frame says, or why it is to be dropped; never raises."""
    if len(frame) < _ETHERNET.size:
        return Drop.TRUNCATED
    destination, source, ethertype = _ETHERNET.unpack_from(frame)
    if ethertype == ETHERTYPE_ARP:
        return _decode_arp(frame, destination, source)
    if ethertype == ETHERTYPE_IPV6:
        return _decode_ipv6(frame, destination, source)
    return Drop.TAGGED if ethertype in _VLAN_TAGS else Drop.OTHER_PROTOCOL


def _decode_arp(frame: bytes, destination: bytes, source: bytes) -> Arp | Drop:
    if len(frame) < _ETHERNET.size + _ARP.size:
        return Drop.TRUNCATED
    *header, operation, sender_mac, sender, target_mac, target = _ARP.unpack_from(
        frame, _ETHERNET.size
    )
    if tuple(header) != _ARP_ETHERNET_IPV4:
        return Drop.NOT_ETHERNET_IPV4
    if operation not in (REQUEST, REPLY):
        return Drop.OTHER_OPERATION
    return Arp(destination, source, operation, sender_mac, sender, target_mac, target)


def _decode_ipv6(
    frame: bytes, destination: bytes, source: bytes
) -> Solicitation | Advertisement | Drop:
    start = _ETHERNET.size + _IPV6.size
    if len(frame) < start:
        return Drop.TRUNCATED
    word, length, following, hops, sender, recipient = _IPV6.unpack_from(frame, _ETHERNET.size)
    if word >> 28 != 6 or following != _ICMPV6:
        return Drop.OTHER_PROTOCOL
    body = frame[start : start + length]  # Ethernet may have padded the frame
    if len(body) < length or length < 1:
        return Drop.TRUNCATED
    kind = body[0]
    if kind not in (_SOLICITATION, _ADVERTISEMENT):
        return Drop.OTHER_PROTOCOL
    if (refused := _refused(body, hops, sender, recipient)) is not None:
        return refused
    options = _link_layer_options(body[_ND_HEADER.size :])
    if options is None:
        return Drop.OPTION
    flags, target = _ND_HEADER.unpack_from(body)[3:]
    if kind == _SOLICITATION:
        mac = options.get(_SOURCE_LINK_LAYER)
        return _solicitation(Solicitation(destination, source, sender, recipient, target, mac))
    if recipient[0] == 0xFF and flags & _SOLICITED:
        return Drop.SOLICITED_MULTICAST
    return Advertisement(
        destination,
        source,
        sender,
        recipient,
        target,
        options.get(_TARGET_LINK_LAYER),
        router=bool(flags & _ROUTER),
        solicited=bool(flags & _SOLICITED),
        override=bool(flags & _OVERRIDE),
    )


def _refused(body: bytes, hops: int, sender: bytes, recipient: bytes) -> Drop | None:
    """The checks that both messages share (RFC 4861 sections 7.1.1 and 7.1.2)."""
    if hops != _HOP_LIMIT:
        return Drop.HOP_LIMIT
    if len(body) < _ND_HEADER.size:
        return Drop.TRUNCATED
    if body[1] != 0:
        return Drop.CODE
    if checksum(_pseudo_header(sender, recipient, len(body)) + body) != 0:
        return Drop.CHECKSUM
    if body[8] == 0xFF:
        return Drop.TARGET
    return None


def _solicitation(message: Solicitation) -> Solicitation | Drop:
    """Without a source it must be a proper probe (RFC 4861 section 7.1.1)."""
    proper = message.recipient[:13] == _SOLICITED_NODE and message.source_mac is None
    if message.sender == UNSPECIFIED and not proper:
        return Drop.UNSPECIFIED
    return message


def _link_layer_options(options: bytes) -> dict[int, bytes] | None:
    """The first link-layer address of each kind; None when an option is malformed."""
    found: dict[int, bytes] = {}
    while options:
        size = options[1] * 8 if len(options) >= 2 else 0
        if size == 0 or size > len(options):
            return None
        kind = options[0]
        if kind in (_SOURCE_LINK_LAYER, _TARGET_LINK_LAYER) and size == 8:
            found.setdefault(kind, options[2:8])
        options = options[size:]
    return found


def _nd_parts(message: Solicitation | Advertisement) -> tuple[int, int, bytes]:
    """ICMPv6 type, the word of flags, and the option."""
    if isinstance(message, Solicitation):
        return _SOLICITATION, 0, _option(_SOURCE_LINK_LAYER, message.source_mac)
    flags = message.router * _ROUTER + message.solicited * _SOLICITED + message.override * _OVERRIDE
    return _ADVERTISEMENT, flags, _option(_TARGET_LINK_LAYER, message.target_mac)


def _option(kind: int, mac: bytes | None) -> bytes:
    return b"" if mac is None else bytes((kind, 1)) + mac


def _pseudo_header(sender: bytes, recipient: bytes, length: int) -> bytes:
    """RFC 8200 section 8.1."""
    return sender + recipient + struct.pack("!II", length, _ICMPV6)
