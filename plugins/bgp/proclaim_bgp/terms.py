"""What each side brings to a session, and what both OPENs together make of it.

Knows OPEN messages and nothing of connections or time.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from proclaim_bgp.wire import (
    Code,
    Family,
    Fault,
    GracefulRestart,
    Multiprotocol,
    Notification,
    Open,
    Restartable,
    opening,
)
from proclaim_bgp.wire.capabilities import encode_capability


@dataclass(frozen=True, slots=True)
class Terms:
    """What this side brings to a session."""

    asn: int
    peer_asn: int = 0
    """The AS number that the peer must have; 0 when `peer_kind` says what is accepted."""
    peer_kind: Literal["internal", "external", "any"] = "any"
    families: tuple[Family, ...] = (Family.IPV4,)
    hold_seconds: int = 90
    keepalive_seconds: float | None = None
    """None is a third of what is agreed on as hold time."""
    connect_seconds: float | None = None
    passive: bool = False
    """Whether the peer opened the connection; such a session ends with it."""
    restart_seconds: int | None = None
    """How long the peer is asked to keep what it was told while this side is away (RFC 4724);
    None asks for nothing."""


@dataclass(frozen=True, slots=True)
class Agreed:
    """What both OPENs together mean."""

    asn: int
    router_id: int
    peer_asn: int
    peer_router_id: int
    hold_seconds: int
    keepalive_seconds: float
    four_octet: bool
    families: frozenset[Family]
    """Both sides speak them."""
    route_refresh: bool
    graceful: bool = False
    """Both sides know of graceful restart: the peer keeps what it was told when the connection
    ends without a NOTIFICATION."""

    @property
    def external(self) -> bool:
        return self.asn != self.peer_asn


def hello(terms: Terms, router_id: int, restarted: bool) -> Open:
    """The OPEN of this side.

    What is forwarded is forwarded by the kernel, whether this process lives or
    not, so the state of every family is preserved.  A NOTIFICATION ends all,
    for this side sends one only when it does not mean to come back.
    """
    more = []
    if terms.restart_seconds is not None:
        families = tuple(Restartable(family, True) for family in terms.families)
        more.append(GracefulRestart(terms.restart_seconds, families, restarted=restarted))
    return opening(terms.asn, terms.hold_seconds, router_id, terms.families, *more)


def agree(terms: Terms, router_id: int, peer: Open) -> Agreed | Fault:
    """What two OPENs make of a session, or what is unacceptable (RFC 4271 section 6.2)."""
    asn = peer.wide_asn
    if not _acceptable(terms, asn):
        wanted = f"AS {terms.peer_asn}" if terms.peer_asn else f"an {terms.peer_kind} AS"
        return _refused(2, f"the peer is in AS {asn}, and {wanted} is expected")
    if peer.router_id == 0 or (asn == terms.asn and peer.router_id == router_id):
        return _refused(3, "the peer's BGP identifier is zero or our own")  # RFC 6286
    if peer.hold_seconds in (1, 2):
        return _refused(6, f"hold time {peer.hold_seconds}")
    families = peer.families & frozenset(terms.families)
    if not families:
        needed = b"".join(encode_capability(Multiprotocol(each)) for each in terms.families)
        labels = " or ".join(each.label for each in terms.families)
        return _refused(7, f"the peer does not speak {labels} unicast", needed)
    hold = min(terms.hold_seconds, peer.hold_seconds)
    keepalive = hold / 3
    if terms.keepalive_seconds:
        keepalive = min(keepalive, terms.keepalive_seconds)
    return Agreed(
        asn=terms.asn,
        router_id=router_id,
        peer_asn=asn,
        peer_router_id=peer.router_id,
        hold_seconds=hold,
        keepalive_seconds=keepalive,
        four_octet=peer.four_octet,
        families=families,
        route_refresh=peer.route_refresh,
        graceful=terms.restart_seconds is not None and peer.graceful_restart is not None,
    )


def _acceptable(terms: Terms, asn: int) -> bool:
    if terms.peer_asn:
        return asn == terms.peer_asn
    kinds = {"internal": asn == terms.asn, "external": asn != terms.asn, "any": True}
    return asn != 0 and kinds[terms.peer_kind]


def _refused(subcode: int, reason: str, data: bytes = b"") -> Fault:
    return Fault(Notification(Code.OPEN, subcode, data), reason)
