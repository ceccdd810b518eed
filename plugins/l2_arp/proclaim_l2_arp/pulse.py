"""Notices that this process stood still, as a paused machine or a stopped process does.

Pure: time is handed in.  While we stood still a fellow may have taken over,
and whatever waits in our sockets was asked long ago.  So after a standstill
nothing is answered until `quiet_until`, by when the fellows have heard us
again and agree about who answers.  A start is such a silence, too.
"""

from __future__ import annotations

from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True)
class Pulse:
    """When this process was last seen running, and until when it keeps quiet."""

    beat_at: float
    standstill: float = 2.0
    """Seconds after which fellows may have taken us for dead."""
    silence: float = 1.5
    """Seconds within which they notice that we are not."""
    quiet_until: float = float("-inf")

    def pause(self, now: float) -> float:
        """How long until the next `beat` at the latest."""
        period = self.standstill / 8
        return min(period, self.quiet_until - now) if self.quiet(now) else period

    def quiet(self, now: float) -> bool:
        """Whether nothing may be answered."""
        return now < self.quiet_until


def beat(pulse: Pulse, now: float) -> tuple[Pulse, bool]:
    """The process runs at `now`; also whether it stood still before."""
    if now - pulse.beat_at > pulse.standstill:
        return replace(pulse, beat_at=now, quiet_until=now + pulse.silence), True
    return replace(pulse, beat_at=now), False
