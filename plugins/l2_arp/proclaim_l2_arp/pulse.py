"""Notices that this process stood still, as a paused machine or a stopped process does.

Pure: time is handed in.  While we stood still a fellow may have taken over,
and whatever waits in our sockets was asked long ago.  So after a standstill
nothing is answered until `quiet_until`, by when the fellows have heard us
again and agree about who answers.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

PERIOD = 0.25
STANDSTILL = 2.0
QUIET = 1.5
"""Longer than a fellow takes to hear of us twice."""


@dataclass(frozen=True, slots=True)
class Pulse:
    """When this process was last seen running, and until when it keeps quiet."""

    beat_at: float
    quiet_until: float = float("-inf")

    def quiet(self, now: float) -> bool:
        """Whether nothing may be answered."""
        return now < self.quiet_until


def beat(pulse: Pulse, now: float) -> tuple[Pulse, bool]:
    """The process runs at `now`; also whether it stood still before."""
    stood_still = now - pulse.beat_at > STANDSTILL
    if stood_still:
        return Pulse(now, now + QUIET), True
    return replace(pulse, beat_at=now), False
