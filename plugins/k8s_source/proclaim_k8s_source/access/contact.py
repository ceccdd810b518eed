"""Whether the server answers, shared by everybody who asks over one connection.

After an outage the first answer tells all who pause, or wait for one that may
never come: otherwise each would find out by itself, when its patience is over.
Where some requests are answered and others are not, nobody is told: each answer
would have all the others tried again at once, and who fails pauses longer each
time so that just that does not happen.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import trio

UNAVAILABLE = frozenset((502, 503, 504))
"""What stands before a server answers so while that is away; so does one that is starting."""
OUTAGE_SECONDS = 1.0
OUTAGE_FAILURES = 4
"""An outage is when nothing is answered for so long, and so many requests fail meanwhile."""
LONG_SECONDS = 5.0
"""So long it is an outage however few there are."""
CALM_SECONDS = 10.0
"""The shortest time from one outage whose end is told to the next."""


class Contact:
    """Told of every answer, and of every one that does not come."""

    def __init__(self) -> None:
        self._lost_at: float | None = None
        self._failures = 0
        self._told_at = float("-inf")
        self._waiting = trio.lowlevel.ParkingLot()
        self._hoping: dict[trio.lowlevel.Task, trio.CancelScope] = {}

    def answered(self, status: int) -> None:
        """The calling task was answered."""
        self._hoping.pop(trio.lowlevel.current_task(), None)
        if status in UNAVAILABLE:
            self.failed()
        elif self._lost_at is not None:
            now = trio.current_time()
            if self._ends_outage(now - self._lost_at) and now - self._told_at >= CALM_SECONDS:
                self._told_at = now
                self._restored()
            self._lost_at, self._failures = None, 0

    def failed(self) -> None:
        """A request was not answered, or an answer broke off."""
        self._failures += 1
        if self._lost_at is None:
            self._lost_at = trio.current_time()

    def _ends_outage(self, seconds: float) -> bool:
        many = self._failures >= OUTAGE_FAILURES and seconds >= OUTAGE_SECONDS
        return many or seconds >= LONG_SECONDS

    def _restored(self) -> None:
        self._waiting.unpark_all()
        for scope in self._hoping.values():
            scope.cancel()
        self._hoping.clear()

    async def wait_restored(self) -> None:
        """Wait for the answer that ends an outage."""
        await self._waiting.park()

    @contextmanager
    def hoping(self) -> Iterator[trio.CancelScope]:
        """A request that is begun in an outage, cancelled when another is answered at its end.

        It may have been lost with the server that was there before.
        """
        task = trio.lowlevel.current_task()
        with trio.CancelScope() as scope:
            if self._lost_at is not None:
                self._hoping[task] = scope
            try:
                yield scope
            finally:
                self._hoping.pop(task, None)
