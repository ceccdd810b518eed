"""Whether the server answers, shared by everybody who asks over one connection.

After an outage the first answer tells all who pause, or wait for one that may
never come: otherwise each would find out by itself, when its patience is over.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import trio

UNAVAILABLE = frozenset((502, 503, 504))
"""What stands before a server answers so while that is away; so does one that is starting."""


class Contact:
    """Told of every answer, and of every one that does not come."""

    def __init__(self) -> None:
        self._lost = False
        self._waiting = trio.lowlevel.ParkingLot()
        self._hoping: dict[trio.lowlevel.Task, trio.CancelScope] = {}

    def answered(self, status: int) -> None:
        """The calling task was answered."""
        self._hoping.pop(trio.lowlevel.current_task(), None)
        if status in UNAVAILABLE:
            self._lost = True
        elif self._lost:
            self._lost = False
            self._waiting.unpark_all()
            for scope in self._hoping.values():
                scope.cancel()
            self._hoping.clear()

    def failed(self) -> None:
        """A request was not answered, or an answer broke off."""
        self._lost = True

    async def wait_restored(self) -> None:
        """Wait for the next answer that comes after one that did not."""
        await self._waiting.park()

    @contextmanager
    def hoping(self) -> Iterator[trio.CancelScope]:
        """A request that is begun while the server is away, cancelled when another is answered.

        It may have been lost with the server that was there before.
        """
        task = trio.lowlevel.current_task()
        with trio.CancelScope() as scope:
            if self._lost:
                self._hoping[task] = scope
            try:
                yield scope
            finally:
                self._hoping.pop(task, None)
