"""One BGPPeer: its two possible connections, and what it is told over the one that lives.

Knows the resource, the rules of who is told what, and how collisions end; not
streams, and not how routes are packed.  At most one of the two connections is
Established, and while none is, the one that this side opens is on its way.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from ipaddress import ip_address

from proclaim.model import Announcement, Attributes, BGPPeer, Secret

from proclaim_bgp.collision import Side, resolve
from proclaim_bgp.session import Phase, Session, deadline, step
from proclaim_bgp.signals import Down, Failed, Input, Output, Start, Stop, Up
from proclaim_bgp.terms import Agreed, Terms
from proclaim_bgp.wire import (
    AS_SEQUENCE,
    IGP,
    Family,
    PathAttributes,
    Segment,
    encode_attributes,
)

DEFAULT_HOLD_SECONDS = 90
"""RFC 4271 section 10; MetalLB's native speaker says the same."""
DEFAULT_LOCAL_PREF = 100
DEFAULT_RESTART_SECONDS = 120
"""As FRR has it, and so MetalLB."""
_PASSWORD_OCTETS = 80
"""TCP_MD5SIG takes no longer key."""
_AGAIN_SECONDS = 1.0
_COLLISION = "another connection with this peer goes on"
_PHASES = tuple(Phase)


# --- from the resource ------------------------------------------------------------------------


def impediment(peer: BGPPeer) -> str:
    """Why there can be no session with this peer; empty when nothing speaks against it."""
    if peer.vrf:
        return f"vrf {peer.vrf!r}: sessions inside a VRF are not supported"
    if peer.interface or not peer.peer_address:
        return f"interface {peer.interface!r}: unnumbered peering is not supported"
    if not peer.peer_asn and not peer.dynamic_asn:
        return "neither peerASN nor dynamicASN is given"
    try:
        ip_address(peer.peer_address)
        if peer.router_id and ip_address(peer.router_id).version != 4:
            return f"routerID {peer.router_id!r} is not an IPv4 address"
    except ValueError as error:
        return str(error)
    return ""


def reservations(peer: BGPPeer) -> tuple[str, ...]:
    """What the resource asks for and this speaker leaves out."""
    found = []
    if peer.bfd_profile:
        found.append(f"bfdProfile {peer.bfd_profile!r} has no effect: BFD is not supported")
    return tuple(found)


def password_problem(peer: BGPPeer, password: str | None) -> str:
    """Why the peer cannot be connected to with what is known of its password."""
    if peer.password is Secret.NONE:
        return ""
    if not password:
        return "the password is not known yet"
    if len(password.encode()) > _PASSWORD_OCTETS:
        return f"the password is longer than {_PASSWORD_OCTETS} octets"
    return ""


def family_of(address: str) -> Family:
    """The family of an address, which may have a zone."""
    return Family.IPV4 if ip_address(address).version == 4 else Family.IPV6


def terms_of(peer: BGPPeer, restart_seconds: int = DEFAULT_RESTART_SECONDS) -> Terms:
    """What a BGPPeer says about its session."""
    family = family_of(peer.peer_address)
    hold, keepalive = peer.hold_seconds, peer.keepalive_seconds
    if hold is None:
        hold = DEFAULT_HOLD_SECONDS if keepalive is None else 3 * keepalive
    hold = min(hold, 0xFFFF)
    return Terms(
        asn=peer.local_asn or peer.my_asn,
        peer_asn=peer.peer_asn,
        peer_kind=peer.dynamic_asn or "any",
        families=tuple(Family) if peer.dual_stack_address_family else (family,),
        hold_seconds=hold,
        keepalive_seconds=keepalive,
        connect_seconds=peer.connect_seconds,
        restart_seconds=restart_seconds if peer.graceful_restart else None,
    )


def single_hop(peer: BGPPeer) -> bool:
    """Whether packets to the peer must not be routed: external, and not multihop.

    Loopback addresses are exempt; nothing routes them.
    """
    internal = peer.dynamic_asn == "internal" or peer.peer_asn == (peer.local_asn or peer.my_asn)
    return not (internal or peer.ebgp_multi_hop or ip_address(peer.peer_address).is_loopback)


def router_id(peer: BGPPeer, node: str, local: str, beside: tuple[str, ...] = ()) -> int:
    """The BGP identifier: configured, or an IPv4 address of this side, or made from the node.

    `beside` are other addresses of the local address' interface.  Like
    MetalLB, the last resort is the CRC-32 of the node's name, low octet first.
    """
    if peer.router_id:
        return int(ip_address(peer.router_id))
    for text in (local, *beside):
        address = ip_address(text)
        if address.version == 4 and int(address):
            return int(address)
    return int.from_bytes(zlib.crc32(node.encode()).to_bytes(4, "little"), "big") or 1


def concerns(announcement: Announcement, peer: str) -> bool:
    """Whether a peer is to have this announcement."""
    return not announcement.to or peer in announcement.to


# --- what the peer is told ----------------------------------------------------------------------


def next_hops(
    families: frozenset[Family],
    local: str,
    beside: tuple[str, ...],
    configured: Mapping[Family, str],
) -> dict[Family, bytes]:
    """This side's address in each family that it has one for.

    The session's own address where the family is the session's, and otherwise
    a global one of the same interface.
    """
    found: dict[Family, bytes] = {}
    for family in sorted(families):
        candidates = [configured[family]] if family in configured else [local, *beside]
        addresses = [ip_address(text.partition("%")[0]) for text in candidates]
        usable = [each for each in addresses if each.version == family.version]
        usable.sort(key=lambda each: each.is_link_local)  # stable: the local address stays first
        if usable and (not usable[0].is_link_local or family_of(local) is family):
            found[family] = usable[0].packed
    return found


def community(text: str) -> int | tuple[int, int, int]:
    """Read `a:b` or `large:a:b:c`."""
    numbers = [int(part) for part in text.removeprefix("large:").split(":")]
    if len(numbers) == 2:
        return numbers[0] << 16 | numbers[1]
    first, second, third = numbers
    return first, second, third


def unspeakable(content: Attributes) -> str:
    """What about a route's attributes cannot be said in BGP; empty when all can."""
    for text in content.communities:
        parts = text.removeprefix("large:").split(":")
        wide = text.startswith("large:")
        most = 0xFFFFFFFF if wide else 0xFFFF
        fits = all(part.isdecimal() and len(part) <= 10 and int(part) <= most for part in parts)
        if not fits or len(parts) != (3 if wide else 2):
            return f"{text!r} is no community"
    if not 0 <= content.local_pref <= 0xFFFFFFFF:
        return f"{content.local_pref} is no LOCAL_PREF"
    return ""


def path_attributes(agreed: Agreed, content: Attributes) -> PathAttributes:
    """What a route is announced with: AS_PATH to the outside, LOCAL_PREF to the inside."""
    communities = [community(text) for text in content.communities]
    return PathAttributes(
        origin=IGP,
        as_path=(Segment(AS_SEQUENCE, (agreed.asn,)),) if agreed.external else (),
        local_pref=None if agreed.external else content.local_pref or DEFAULT_LOCAL_PREF,
        communities=tuple(each for each in communities if isinstance(each, int)),
        large_communities=tuple(each for each in communities if not isinstance(each, int)),
    )


class Speech:
    """How things are said in one session; an `outbox.Form`."""

    def __init__(self, agreed: Agreed, hops: Mapping[Family, bytes]) -> None:
        self._agreed = agreed
        self._hops = hops
        self._last: tuple[tuple[Family, Attributes], bytes] | None = None

    def attributes(self, family: Family, content: Attributes) -> bytes:
        """All attributes but MP_REACH_NLRI, encoded; the last answer is remembered."""
        key = (family, content)
        if self._last is None or self._last[0] != key:
            hop = self._hops[family] if family is Family.IPV4 else b""
            said = path_attributes(self._agreed, content)
            self._last = (key, encode_attributes(said, hop, self._agreed.four_octet))
        return self._last[1]

    def next_hop(self, family: Family) -> bytes:
        """The next hop in octets."""
        return self._hops[family]


# --- the two connections ------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Neighbor:
    """The state of both connections with one peer."""

    ours: Session
    theirs: Session
    last_error: str = ""
    up: Side | None = None
    """The side whose connection is Established."""

    def of(self, side: Side) -> Session:
        return self.ours if side is Side.OURS else self.theirs

    @property
    def phase(self) -> Phase:
        """How far the more advanced connection is."""
        return max(self.ours.phase, self.theirs.phase, key=_PHASES.index)

    @property
    def graceful(self) -> bool:
        """Whether the peer keeps what it was told when the connection merely ends."""
        agreed = self.of(self.up).agreed if self.up else None
        return agreed is not None and agreed.graceful


Answer = tuple[tuple[Side, Output], ...]


def neighbor(terms: Terms) -> Neighbor:
    """A neighbor that nothing has been tried with."""
    return Neighbor(Session(terms), Session(replace(terms, passive=True)))


def wake_at(known: Neighbor) -> float | None:
    """When one of the sessions must be ticked."""
    times = (deadline(known.ours), deadline(known.theirs))
    return min((at for at in times if at is not None), default=None)


def happen(known: Neighbor, side: Side, happened: Input, now: float) -> tuple[Neighbor, Answer]:
    """Step one connection, and let the other one give way or take over where it must."""
    known, answer = _step(known, side, happened, now)
    if loser := resolve(known.ours, known.theirs):
        known, more = _step(known, loser, Stop(7, _COLLISION), now)
        answer += more
    if known.up is Side.THEIRS and known.ours.phase in (Phase.IDLE, Phase.CONNECT, Phase.ACTIVE):
        known, more = _step(known, Side.OURS, Stop(7, _COLLISION), now)
        answer += more
    elif answer and not isinstance(happened, Stop) and _abandoned(known):
        later = Start(after=_AGAIN_SECONDS, jitter=happened.jitter)
        known, more = _step(known, Side.OURS, later, now)
        answer += more
    return known, answer


def _abandoned(known: Neighbor) -> bool:
    """Whether the connection that ours gave way to has ended."""
    return known.phase is Phase.IDLE and wake_at(known) is None


def _step(known: Neighbor, side: Side, happened: Input, now: float) -> tuple[Neighbor, Answer]:
    session, outputs = step(known.of(side), happened, now)
    error, up = known.last_error, known.up
    for output in outputs:
        match output:
            case Up():
                error, up = "", side
            case Down(reason):
                error, up = reason, None
            case Failed(reason) if reason != _COLLISION and up is None:
                error = reason
            case _:
                pass
    pair = {"ours": session} if side is Side.OURS else {"theirs": session}
    known = replace(known, **pair, last_error=error, up=up)
    return known, tuple((side, output) for output in outputs)
