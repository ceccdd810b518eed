"""What to do about one frame, given what is owned here (RFC 826, 4861, 5227).

Knows no sockets, no time, and no interface beyond its Ethernet addresses.
Nothing is ever said about an address that is not owned: a `Reply` always
carries an owned address and this interface's own Ethernet address.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from proclaim_l2_arp.frames import (
    ALL_NODES,
    BROADCAST,
    REPLY,
    REQUEST,
    UNSPECIFIED,
    Advertisement,
    Arp,
    Drop,
    Message,
    Solicitation,
    decode,
    is_station,
    multicast_mac,
)


@dataclass(frozen=True, slots=True)
class Station:
    """Who answers: one interface's Ethernet address and what it answers for."""

    mac: bytes
    owned: frozenset[bytes]
    """Packed IPv4 and IPv6 addresses."""
    siblings: frozenset[bytes] = frozenset()
    """The Ethernet addresses of this node's interfaces: what they say is no conflict."""


@dataclass(frozen=True, slots=True)
class Reply:
    """Send this message."""

    message: Message


@dataclass(frozen=True, slots=True)
class Conflict:
    """Another station says that an owned address is its own (RFC 5227 section 2.4)."""

    address: bytes
    mac: bytes


Reaction: TypeAlias = Reply | Conflict | Drop


def react(frame: bytes, station: Station) -> Reaction:
    """Answer any bytes: a reply to send, a conflict to report, or why neither."""
    message = decode(frame)
    if isinstance(message, Drop):
        return message
    if message.source == station.mac or message.source in station.siblings:
        return Drop.OWN
    if not is_station(message.source):
        return Drop.SENDER
    if isinstance(message, Arp):
        return _react_to_arp(message, station)
    if isinstance(message, Solicitation):
        return _react_to_solicitation(message, station)
    return _react_to_advertisement(message, station)


def about(reply: Reply) -> bytes:
    """The packed address that a reply is about, which is owned."""
    message = reply.message
    return message.sender if isinstance(message, Arp) else message.target


def _react_to_arp(message: Arp, station: Station) -> Reaction:
    if message.destination not in (BROADCAST, station.mac):
        return Drop.NOT_TO_US
    if message.sender_mac == station.mac or message.sender_mac in station.siblings:
        return Drop.OWN
    if not is_station(message.sender_mac):
        return Drop.SENDER
    if message.sender in station.owned:
        return Conflict(message.sender, message.sender_mac)
    if message.operation != REQUEST:
        return Drop.NOT_A_QUESTION
    if message.target not in station.owned:
        return Drop.NOT_OWNED
    return Reply(
        Arp(
            destination=message.sender_mac,
            source=station.mac,
            operation=REPLY,
            sender_mac=station.mac,
            sender=message.target,
            target_mac=message.sender_mac,
            target=message.sender,
        )
    )


def _react_to_solicitation(message: Solicitation, station: Station) -> Reaction:
    if message.destination != station.mac and message.destination[:2] != b"\x33\x33":
        return Drop.NOT_TO_US
    if message.sender in station.owned:
        return Conflict(message.sender, message.source)
    if message.target not in station.owned:
        return Drop.NOT_OWNED
    if message.sender == UNSPECIFIED:
        # A probe has no one to answer to, so everyone hears it (RFC 4861 section 7.2.4).
        return Reply(_advertise(message.target, message.target, station.mac))
    asker = message.source_mac or message.source
    if message.sender[0] == 0xFF or not is_station(asker):
        return Drop.SENDER
    return Reply(
        Advertisement(
            destination=asker,
            source=station.mac,
            sender=message.target,
            recipient=message.sender,
            target=message.target,
            target_mac=station.mac,
            solicited=True,
            override=True,
        )
    )


def _react_to_advertisement(message: Advertisement, station: Station) -> Reaction:
    if message.target not in station.owned:
        return Drop.NOT_A_QUESTION
    claimed = message.target_mac or message.source
    if claimed == station.mac or claimed in station.siblings:
        return Drop.OWN
    return Conflict(message.target, claimed)


def gratuitous(address: bytes, mac: bytes, link_local: bytes | None) -> tuple[Message, ...]:
    """What tells everyone where an address now is.

    IPv4: an ARP request and a reply, both broadcast, as some listen only to
    one of them.  IPv6: an unsolicited advertisement (RFC 4861 section 7.2.6)
    from the interface's link-local address, or from the address itself.
    """
    if len(address) == 16:
        return (_advertise(address, link_local or address, mac),)
    return tuple(
        Arp(BROADCAST, mac, operation, mac, address, BROADCAST, address)
        for operation in (REQUEST, REPLY)
    )


def _advertise(target: bytes, sender: bytes, mac: bytes) -> Advertisement:
    """To all nodes, unsolicited."""
    return Advertisement(
        destination=multicast_mac(ALL_NODES),
        source=mac,
        sender=sender,
        recipient=ALL_NODES,
        target=target,
        target_mac=mac,
        override=True,
    )
