"""UPDATE messages (RFC 4271 section 4.3, RFC 4760), and what RFC 7606 makes of broken ones.

A decoded UPDATE is always safe to act on: prefixes whose attributes were
malformed stand among the withdrawn ones, and families that were not negotiated
do not appear at all.  An End-of-RIB marker is only what holds nothing else.
"""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import ip_address

from proclaim_bgp.wire.attributes import (
    OPTIONAL,
    Attr,
    Context,
    PathAttributes,
    Read,
    encode_attribute,
    encode_attributes,
    read_attributes,
)
from proclaim_bgp.wire.errors import Code, Disposition, Flaw, Malformed
from proclaim_bgp.wire.header import Type, frame
from proclaim_bgp.wire.nlri import UNICAST, Family, Prefix, next_hop_text, pack, unpack

_NONE = PathAttributes()


@dataclass(frozen=True, slots=True)
class Reach:
    """Prefixes of one family that can be reached through a next hop."""

    next_hop: str
    prefixes: tuple[Prefix, ...]
    link_local: str = ""
    """The second next hop that IPv6 may have (RFC 2545 section 3)."""


@dataclass(frozen=True, slots=True)
class Update:
    """An UPDATE message."""

    withdrawn: tuple[Prefix, ...] = ()
    reach: tuple[Reach, ...] = ()
    attributes: PathAttributes = _NONE
    end_of_rib: Family | None = None
    """RFC 4724 section 2."""
    flaws: tuple[Flaw, ...] = ()
    """What was malformed, and how it was dealt with; never encoded."""


# --- encoding ------------------------------------------------------------------------------------


def body(withdrawn: bytes, attributes: bytes, nlri: bytes) -> bytes:
    """The three parts of an UPDATE with their lengths."""
    return b"%b%b%b%b%b" % (
        len(withdrawn).to_bytes(2, "big"),
        withdrawn,
        len(attributes).to_bytes(2, "big"),
        attributes,
        nlri,
    )


def pack_reach(family: Family, next_hop: bytes, attributes: bytes, nlri: bytes) -> bytes:
    """A whole message that announces some prefixes of one family.

    `attributes` holds everything else, NEXT_HOP too when the family is IPv4.
    """
    if family is Family.IPV4:
        return frame(Type.UPDATE, body(b"", attributes, nlri))
    value = b"%b%c%c%b\0%b" % (
        family.to_bytes(2, "big"),
        UNICAST,
        len(next_hop),
        next_hop,
        nlri,
    )
    reach = encode_attribute(Attr.MP_REACH_NLRI, OPTIONAL, value)  # first: RFC 7606 section 5.1
    return frame(Type.UPDATE, body(b"", reach + attributes, b""))


def pack_unreach(family: Family, nlri: bytes) -> bytes:
    """A whole message that withdraws some prefixes of one family; of none, it is End-of-RIB."""
    if family is Family.IPV4:
        return frame(Type.UPDATE, body(nlri, b"", b""))
    value = b"%b%c%b" % (family.to_bytes(2, "big"), UNICAST, nlri)
    return frame(
        Type.UPDATE, body(b"", encode_attribute(Attr.MP_UNREACH_NLRI, OPTIONAL, value), b"")
    )


def encode_update(update: Update, four_octet: bool = True) -> bytes:
    """Any UPDATE with at most one reach of each family."""
    if update.end_of_rib is not None:
        return pack_unreach(update.end_of_rib, b"")
    first, hop, nlri = b"", b"", b""
    for reach in update.reach:
        octets = ip_address(reach.next_hop).packed
        if reach.prefixes[0].family is Family.IPV4:
            hop, nlri = octets, pack(reach.prefixes)
            continue
        if reach.link_local:
            octets += ip_address(reach.link_local).packed
        value = b"\0\2\1" + bytes((len(octets),)) + octets + b"\0" + pack(reach.prefixes)
        first += encode_attribute(Attr.MP_REACH_NLRI, OPTIONAL, value)
    if gone := [prefix for prefix in update.withdrawn if prefix.family is Family.IPV6]:
        first += encode_attribute(Attr.MP_UNREACH_NLRI, OPTIONAL, b"\0\2\1" + pack(gone))
    withdrawn = pack(prefix for prefix in update.withdrawn if prefix.family is Family.IPV4)
    attributes = encode_attributes(update.attributes, hop, four_octet)
    return frame(Type.UPDATE, body(withdrawn, first + attributes, nlri))


# --- decoding ------------------------------------------------------------------------------------


def decode_update(octets: bytes, context: Context) -> Update:
    """Read the body of an UPDATE; raises Malformed where only a session reset is left."""
    attributes_at = 2 + int.from_bytes(octets[:2], "big") + 2
    nlri_at = attributes_at + int.from_bytes(octets[attributes_at - 2 : attributes_at], "big")
    if len(octets) < 4 or attributes_at > len(octets) or nlri_at > len(octets):
        raise Malformed(Code.UPDATE, 1, "the lengths inside UPDATE exceed its own")
    withdrawn = unpack(Family.IPV4, octets[2 : attributes_at - 2], 10)
    listed = octets[attributes_at:nlri_at]
    announced = unpack(Family.IPV4, octets[nlri_at:], 10)
    read = read_attributes(listed, context)
    if not withdrawn and not announced and not listed:
        return Update(end_of_rib=Family.IPV4)
    gone, unreached = _unreach(read.mp_unreach)
    alone = len(read.types) == 1 and not (withdrawn or announced or gone or read.flaws)
    if alone and unreached is not None:
        return Update(end_of_rib=unreached if unreached in context.families else None)
    reach = list(_reach(read))
    if announced:
        reach.append(Reach(read.next_hop, announced))
    return _judged(read, withdrawn + gone, tuple(reach), context)


def _judged(
    read: Read, withdrawn: tuple[Prefix, ...], reach: tuple[Reach, ...], context: Context
) -> Update:
    """Apply treat-as-withdraw, and forget families that were not negotiated."""
    flaws = list(read.flaws)
    hurt = any(flaw.disposition is Disposition.TREAT_AS_WITHDRAW for flaw in flaws)
    if reach and (missing := _missing(read, reach, context)) and not hurt:
        flaws.append(
            Flaw(Disposition.TREAT_AS_WITHDRAW, missing, f"{Attr(missing).name} is missing")
        )
        hurt = True
    kept: list[Reach] = []
    for one in reach:
        if not hurt and _martian(one.next_hop):
            reason = f"next hop {one.next_hop}"
            flaws.append(Flaw(Disposition.TREAT_AS_WITHDRAW, Attr.NEXT_HOP, reason))
        elif not hurt:
            kept.append(one)
            continue
        withdrawn += one.prefixes
    families = context.families
    if families != frozenset(Family):
        withdrawn = tuple(prefix for prefix in withdrawn if prefix.family in families)
        kept = [one for one in kept if one.prefixes[0].family in families]
    return Update(withdrawn, tuple(kept), read.attributes(), None, tuple(flaws))


def _missing(read: Read, reach: tuple[Reach, ...], context: Context) -> int:
    """The first mandatory attribute that is absent (RFC 7606 section 3 (d)); 0 when none is."""
    if read.origin is None:
        return Attr.ORIGIN
    if read.as_path is None:
        return Attr.AS_PATH
    if any(not one.next_hop for one in reach):
        return Attr.NEXT_HOP
    if not context.external and read.local_pref is None:
        return Attr.LOCAL_PREF
    return 0


def _martian(next_hop: str) -> bool:
    address = ip_address(next_hop)
    return address.is_unspecified or address.is_multicast or next_hop == "255.255.255.255"


def _reach(read: Read) -> tuple[Reach, ...]:
    """What MP_REACH_NLRI says about IPv4 and IPv6 unicast; nothing for other families."""
    value = read.mp_reach
    if value is None:
        return ()
    if len(value) < 5:
        raise Malformed(Code.UPDATE, 9, f"MP_REACH_NLRI of {len(value)} octets")
    length = value[3]
    if len(value) < 5 + length:
        raise Malformed(Code.UPDATE, 9, "the next hop of MP_REACH_NLRI is cut short")
    family = _family(value)
    if family is None:
        return ()
    hop = value[4 : 4 + length]
    if length not in ((4,) if family is Family.IPV4 else (16, 32)):
        # RFC 7606 section 7.11: the prefixes cannot be trusted to begin where they seem to.
        raise Malformed(Code.UPDATE, 9, f"{family.label} next hop of {length} octets")
    prefixes = unpack(family, value[5 + length :], 9)
    if not prefixes:
        return ()
    link_local = next_hop_text(hop[16:]) if length == 32 else ""
    return (Reach(next_hop_text(hop[:16]), prefixes, link_local),)


def _unreach(value: bytes | None) -> tuple[tuple[Prefix, ...], Family | None]:
    """The prefixes that MP_UNREACH_NLRI withdraws, and its family when it is a unicast one."""
    if value is None:
        return (), None
    if len(value) < 3:
        raise Malformed(Code.UPDATE, 9, f"MP_UNREACH_NLRI of {len(value)} octets")
    family = _family(value)
    if family is None:
        return (), None
    return unpack(family, value[3:], 9), family


def _family(value: bytes) -> Family | None:
    afi, safi = int.from_bytes(value[:2], "big"), value[2]
    return Family(afi) if safi == UNICAST and afi in (Family.IPV4, Family.IPV6) else None
