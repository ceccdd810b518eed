"""A router that would wait for a node to come back: its OPEN says so, and it notes all it hears."""

from __future__ import annotations

import contextlib

import trio
from proclaim import Host
from proclaim_bgp.wire import (
    Context,
    Family,
    Fault,
    Frame,
    GracefulRestart,
    Keepalive,
    Message,
    Notification,
    Open,
    Update,
    decode,
    encode,
    opening,
    take,
)


class WaitingRouter:
    """Speaks with one node at a time, and answers everything that it is told to answer."""

    def __init__(self, host: Host, *capabilities: GracefulRestart) -> None:
        self._host = host
        self._hello = opening(64513, 9, 0x0A000009, tuple(Family), *capabilities)
        self.visits: list[list[Message]] = []
        """What was heard in each connection."""
        self.ended: list[int] = []
        """Which connections are over."""
        self._stream: trio.abc.Stream | None = None

    async def listen(self, address: str) -> None:
        """Accept connections until cancelled."""
        await self._host.serve_tcp(address, 179, lambda _: None, self.converse)

    async def converse(self, stream: trio.abc.Stream) -> None:
        """Hold a session until the other end closes or breaks."""
        at = len(self.visits)
        heard: list[Message] = []
        self._stream = stream
        self.visits.append(heard)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._say, stream)
            buffer = bytearray()
            with contextlib.suppress(trio.BrokenResourceError, trio.ClosedResourceError):
                while octets := await stream.receive_some():
                    buffer += octets
                    for message in self._read(buffer):
                        heard.append(message)
                        self.heard(stream, message)
            nursery.cancel_scope.cancel()
        self.ended.append(at)
        await stream.aclose()

    async def hang_up(self) -> None:
        """Close the latest connection."""
        assert self._stream is not None
        await self._stream.aclose()

    async def _say(self, stream: trio.abc.Stream) -> None:
        with contextlib.suppress(trio.BrokenResourceError, trio.ClosedResourceError):
            await stream.send_all(encode(self._hello))
            while True:
                await stream.send_all(encode(Keepalive()))
                await trio.sleep(2)

    def heard(self, stream: trio.abc.Stream, message: Message) -> None:
        """Something was said; for those who make something of it."""

    def _read(self, buffer: bytearray) -> list[Message]:
        heard: list[Message] = []
        at = 0
        while True:
            found, at = take(buffer, at)
            if found is None:
                break
            assert isinstance(found, Frame)
            message = decode(found, Context(external=True, families=frozenset(Family)))
            assert not isinstance(message, Fault)
            heard.append(message)
        del buffer[:at]
        return heard

    def said(self, visit: int = -1) -> GracefulRestart | None:
        """What a node has said about restarts, in its OPEN."""
        (hello,) = [each for each in self.visits[visit] if isinstance(each, Open)]
        return hello.graceful_restart

    def told(self, visit: int = -1) -> list[str]:
        """Routes, markers and farewells, in their order."""
        found: list[str] = []
        for message in self.visits[visit]:
            match message:
                case Update() as update:
                    found += [f"+{each}" for reach in update.reach for each in reach.prefixes]
                    found += [f"-{each}" for each in update.withdrawn]
                    found += [f"end of {update.end_of_rib.label}"] if update.end_of_rib else []
                case Notification():
                    found.append(str(message))
                case _:
                    pass
        return found
