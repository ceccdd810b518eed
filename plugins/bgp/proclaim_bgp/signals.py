"""What can happen to a session, and what it wants done: the two sides of `session.step`.

Values only; what they mean stands in `session`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypeAlias

from proclaim_bgp.terms import Agreed
from proclaim_bgp.wire import Family, Fault, Message, Update

# --- inputs --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Input:
    """What can happen to a session."""

    jitter: float = field(default=1.0, kw_only=True)
    """Scales a timer that is set because of this input, 0.75 to 1 (RFC 4271 section 10)."""


@dataclass(frozen=True, slots=True)
class Start(Input):
    """Begin to connect."""

    after: float = 0.0
    """Seconds to wait first."""


@dataclass(frozen=True, slots=True)
class Stop(Input):
    """End with Cease and stay so."""

    subcode: int = 2
    reason: str = "stopped"
    returning: bool = False
    """Whether this side comes back soon: a peer that would wait for it is told nothing."""


@dataclass(frozen=True, slots=True)
class Connected(Input):
    """The transport is there; the identifier may depend on its local address."""

    router_id: int
    restarted: bool = False
    """Whether the peer may still have what an earlier process of this side told it."""


@dataclass(frozen=True, slots=True)
class Approached(Input):
    """The peer opens another connection."""


@dataclass(frozen=True, slots=True)
class ConnectFailed(Input):
    """There will be no transport this time."""

    reason: str


@dataclass(frozen=True, slots=True)
class Closed(Input):
    """The transport is gone."""

    reason: str


@dataclass(frozen=True, slots=True)
class Received(Input):
    """A message, or what made one unreadable."""

    message: Message | Fault


@dataclass(frozen=True, slots=True)
class Writing(Input):
    """The transport was given bytes to send."""


@dataclass(frozen=True, slots=True)
class Written(Input):
    """The transport took all bytes."""


@dataclass(frozen=True, slots=True)
class Tick(Input):
    """Time has passed."""


# --- outputs -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class OpenTransport:
    """Connect to the peer."""


@dataclass(frozen=True, slots=True)
class CloseTransport:
    """Send what was given out before, if it can be done soon, and close."""


@dataclass(frozen=True, slots=True)
class Send:
    """Send one message."""

    message: Message


@dataclass(frozen=True, slots=True)
class Up:
    """Established."""

    agreed: Agreed


@dataclass(frozen=True, slots=True)
class Down:
    """No longer Established."""

    reason: str


@dataclass(frozen=True, slots=True)
class Failed:
    """This connection did not become Established."""

    reason: str


@dataclass(frozen=True, slots=True)
class Routes:
    """The peer announces or withdraws."""

    update: Update


@dataclass(frozen=True, slots=True)
class Refresh:
    """The peer wants to hear all routes of a family again (RFC 2918 section 4)."""

    family: Family


Output: TypeAlias = OpenTransport | CloseTransport | Send | Up | Down | Failed | Routes | Refresh
