"""`Lag`: how late the loop wakes who sleeps on it, which is how late it answers ARP."""

from __future__ import annotations

import trio

from proclaim_metrics.family import Families, Sample, gauge

_EVERY_SECONDS = 0.1
_WINDOW_SECONDS = 30.0


class Lag:
    """The greatest delay of the last half minute to minute, measured by sleeping."""

    def __init__(self) -> None:
        self._now = 0.0
        self._before = 0.0
        self._turns_at = 0.0

    async def measure(self) -> None:
        """Measure until cancelled."""
        while True:
            due = trio.current_time() + _EVERY_SECONDS
            await trio.sleep_until(due)
            now = trio.current_time()
            self.note(now - due, now)

    def note(self, late: float, now: float) -> None:
        """Take in one delay, in seconds."""
        if now >= self._turns_at:
            self._now, self._before = 0.0, self._now
            self._turns_at = now + _WINDOW_SECONDS
        self._now = max(self._now, late)

    @property
    def greatest(self) -> float:
        """In seconds."""
        return max(self._now, self._before)

    def families(self) -> Families:
        """The family `proclaim_loop_lag_seconds`."""
        yield gauge(
            "proclaim_loop_lag_seconds",
            "The longest that the event loop was late in the last minute or half of it.",
            Sample(round(self.greatest, 6)),
        )
