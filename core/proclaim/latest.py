"""`Latest[T]`: a value that others follow, where only the newest matters.

A slow follower skips values and is never behind; nothing is queued.  This is
how wanted sets and the state reach those who act on them.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Generic, TypeVar

import trio

T = TypeVar("T")


class Latest(Generic[T]):
    """Holds the newest value, and wakes those who wait for a newer one."""

    def __init__(self, value: T) -> None:
        self._value = value
        self._version = 0
        self._changed = trio.Event()

    @property
    def value(self) -> T:
        """The newest value."""
        return self._value

    def set(self, value: T) -> None:
        """Replace the value and wake every follower; an identical object wakes nobody."""
        if value is self._value:
            return
        self._value = value
        self._version += 1
        changed, self._changed = self._changed, trio.Event()
        changed.set()

    def changes(self) -> Changes[T]:
        """Iterate from the present value on, skipping what was overtaken; never ends."""
        return Changes(self)

    async def wait_newer(self, version: int) -> int:
        """Wait until the version differs from `version`, and return the present one."""
        while self._version == version:
            await self._changed.wait()
        await trio.lowlevel.checkpoint()
        return self._version


class Changes(Generic[T]):
    """The iterator of `Latest.changes`; it owns nothing, so it needs no closing."""

    def __init__(self, latest: Latest[T]) -> None:
        self._latest = latest
        self._seen = -1

    def __aiter__(self) -> AsyncIterator[T]:
        return self

    async def __anext__(self) -> T:
        self._seen = await self._latest.wait_newer(self._seen)
        return self._latest.value
