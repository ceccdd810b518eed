"""One stream of BGP messages: reads and decodes, encodes and writes, and ends politely.

Knows nothing of phases: it hands what it reads to its owner and sends what the
owner gives or lets it pull.  However it ends, it ends once, and within
`GOODBYE_SECONDS` of being told to.
"""

from __future__ import annotations

import os
from typing import Protocol

import trio

from proclaim_bgp.wire import Context, Fault, Message, decode, encode, take

GOODBYE_SECONDS = 1.0
_READ_OCTETS = 65536
SLICE_SECONDS = 0.001
"""How long the loop may be held at a time."""


class Owner(Protocol):
    """Who a connection belongs to."""

    def context(self, connection: Connection) -> Context:
        """How UPDATEs are to be read from now on."""

    def received(self, connection: Connection, message: Message | Fault) -> None:
        """A message came, or something that is none."""

    def closed(self, connection: Connection, reason: str) -> None:
        """The stream came to its end."""

    def pull(self, connection: Connection) -> bytes | None:
        """What to send now; None when there is nothing, empty to be asked again soon."""

    def writing(self, connection: Connection, busy: bool) -> None:
        """Bytes are being handed to the stream, or have been."""


class Connection:
    """A stream between its opening and its end."""

    def __init__(self, owner: Owner) -> None:
        self._owner = owner
        self._due: list[bytes] = []
        self._closing = False
        self._wake = trio.Event()
        self._scope = trio.CancelScope(shield=True)
        self._open = False

    def send(self, message: Message) -> None:
        """Send a message before anything that is pulled."""
        if not self._closing:
            self._due.append(encode(message))
            self.wake()

    def close(self) -> None:
        """Send what is due, if that can be done soon, and close."""
        self._closing = True
        if self._open:
            self._scope.deadline = trio.current_time() + GOODBYE_SECONDS
            self.wake()
        else:
            self._scope.cancel()

    def wake(self) -> None:
        """There may be something to send."""
        self._wake.set()

    @property
    def scope(self) -> trio.CancelScope:
        """Encloses the whole life of the connection; shielded, since it ends by itself."""
        return self._scope

    async def run(self, stream: trio.abc.Stream) -> None:
        """Pump until closed; must run inside `scope`."""
        self._open = True
        try:
            if self._closing:
                return
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._write, stream)
                await self._read(stream)
                nursery.cancel_scope.cancel()
        finally:
            self._closing = True
            await trio.aclose_forcefully(stream)

    async def _read(self, stream: trio.abc.Stream) -> None:
        buffer = bytearray()
        reason = "the peer closed the connection"
        try:
            while octets := await stream.receive_some(_READ_OCTETS):
                if not self._closing:
                    buffer += octets
                    await self._decode(buffer)
        except (trio.BrokenResourceError, trio.ClosedResourceError) as error:
            reason = error_text(error)
        if not self._closing:
            self._closing = True
            self._owner.closed(self, reason)

    async def _decode(self, buffer: bytearray) -> None:
        at = 0
        pause_at = trio.current_time() + SLICE_SECONDS
        while not self._closing:
            found, at = take(buffer, at)
            if found is None:
                break
            if isinstance(found, Fault):
                self._owner.received(self, found)
                break
            self._owner.received(self, decode(found, self._owner.context(self)))
            if trio.current_time() >= pause_at:
                await trio.lowlevel.checkpoint()
                pause_at = trio.current_time() + SLICE_SECONDS
        del buffer[:at]

    async def _write(self, stream: trio.abc.Stream) -> None:
        try:
            while self._due or not self._closing:
                self._wake = trio.Event()
                octets = await self._next()
                if octets:
                    self._owner.writing(self, True)
                    await stream.send_all(octets)
                    self._owner.writing(self, False)
            if isinstance(stream, trio.abc.HalfCloseableStream):
                # So that the peer reads the goodbye before it meets a reset; it answers with
                # an end of its own, which ends the reading here.
                await stream.send_eof()
            else:
                self._scope.cancel()
        except (trio.BrokenResourceError, trio.ClosedResourceError) as error:
            if not self._closing:
                self._closing = True
                self._owner.closed(self, error_text(error))
            self._scope.cancel()

    async def _next(self) -> bytes:
        if self._due:
            octets = b"".join(self._due)
            self._due.clear()
            return octets
        pulled = self._owner.pull(self)
        if pulled is None:
            await self._wake.wait()
        elif not pulled:
            await trio.lowlevel.checkpoint()
        return pulled or b""


def error_text(error: BaseException) -> str:
    """What the system said, without what changes from one time to the next."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, OSError) and cause.errno:
            text = os.strerror(cause.errno)
            return text[0].lower() + text[1:]
        cause = cause.__cause__
    return str(error) or type(error).__name__
