"""Which of two connections between the same speakers survives (RFC 4271 section 6.8).

Knows two sessions and nothing of how they are closed.  At most one of two
connections is told to close, and never the one that is Established: one that a
peer's new connection puts an end to (`signals.Approached`) has ended before.
"""

from __future__ import annotations

from enum import StrEnum

from proclaim_bgp.session import Phase, Session


class Side(StrEnum):
    """Who opened a connection."""

    OURS = "ours"
    THEIRS = "theirs"

    @property
    def other(self) -> Side:
        return Side.THEIRS if self is Side.OURS else Side.OURS


_KNOWN = (Phase.OPEN_CONFIRM, Phase.ESTABLISHED)
"""Where the peer's identifier is known."""


def resolve(ours: Session, theirs: Session) -> Side | None:
    """The side whose connection must be closed with Cease 6/7; None while both may go on.

    Between two that are not Established, the one opened by the speaker with
    the higher BGP identifier stays; of equal ones, the higher AS number
    decides (RFC 6286 section 2.3).
    """
    if ours.phase not in _KNOWN or theirs.phase not in _KNOWN:
        return None
    if ours.phase is Phase.ESTABLISHED:
        return Side.THEIRS
    if theirs.phase is Phase.ESTABLISHED:
        return Side.OURS
    assert ours.agreed is not None  # in both phases, so says `session`
    agreed = ours.agreed
    local = (agreed.router_id, agreed.asn)
    remote = (agreed.peer_router_id, agreed.peer_asn)
    return Side.THEIRS if local > remote else Side.OURS
