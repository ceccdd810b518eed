"""A watch as an asynchronous iterator of bytes, in the time of trio."""

from __future__ import annotations

import trio

from apiserver.watching import Watch

BOOKMARK_SECONDS = 60.0
"""Between bookmarks (`defaultBookmarkFrequency` of the real one)."""
_FIRST_BOOKMARK_SECONDS = 1.0
"""To the first bookmark after the end of a streamed list."""
_LAST_BOOKMARK_SECONDS = 2.0
"""From the last bookmark to the end of the watch."""


class Broken(Exception):
    """The connection of a watch broke."""


class Stream:
    """The lines of a watch as they come; raises Broken."""

    def __init__(self, watch: Watch, bookmark_seconds: float = BOOKMARK_SECONDS) -> None:
        now = trio.current_time()
        self._watch = watch
        self._period = bookmark_seconds
        self._deadline = now + watch.seconds
        self._bookmark_at = self._next_bookmark(now)
        if watch.initial:
            self._bookmark_at = now + _FIRST_BOOKMARK_SECONDS
        self._woken = trio.Event()
        watch.wake = self._wake

    def _wake(self) -> None:
        self._woken.set()

    def _next_bookmark(self, now: float) -> float:
        last = self._deadline - _LAST_BOOKMARK_SECONDS
        regular = now + self._period
        return last if now < last < regular else regular

    def __aiter__(self) -> Stream:
        return self

    async def __anext__(self) -> bytes:
        await trio.lowlevel.checkpoint()
        while True:
            self._woken = trio.Event()
            if self._watch.broken:
                raise Broken
            if lines := self._watch.take():
                return lines
            if self._watch.ended or self._is_over():
                raise StopAsyncIteration
            if self._mark():
                continue
            with trio.move_on_at(min(self._deadline, self._bookmark_at)):
                await self._woken.wait()

    def _is_over(self) -> bool:
        return trio.current_time() >= self._deadline

    def _mark(self) -> bool:
        now = trio.current_time()
        if now < self._bookmark_at:
            return False
        self._bookmark_at = self._next_bookmark(now)
        if self._watch.bookmarks:
            self._watch.bookmark()
        return True
