"""A world of memory streams: two hosts that can reach each other, on the clock of the test."""

from __future__ import annotations

import socket
from collections.abc import Awaitable, Callable
from random import Random

import trio
import trio.testing
from proclaim import Latest
from prometheus_client import CollectorRegistry


class End(trio.abc.Stream):
    """One end of a memory connection, with addresses."""

    def __init__(self, inner: trio.abc.Stream, local: str, remote: str) -> None:
        self._inner = inner
        self.local_address = local
        self.remote_address = remote
        self.local_addresses: tuple[str, ...] = ()

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        await self._inner.send_all(data)

    async def wait_send_all_might_not_block(self) -> None:
        await self._inner.wait_send_all_might_not_block()

    async def receive_some(self, max_bytes: int | None = None) -> bytes | bytearray:
        return await self._inner.receive_some(max_bytes)

    async def aclose(self) -> None:
        await self._inner.aclose()


Handler = Callable[[trio.abc.Stream], Awaitable[None]]


class Network:
    """Who listens where."""

    def __init__(self) -> None:
        self.handlers: dict[tuple[str, int], tuple[Handler, trio.Nursery]] = {}
        self.connects: list[float] = []


class FakeHost:
    """A `proclaim.Host` on a `Network`."""

    def __init__(self, network: Network, address: str, node: str = "node1") -> None:
        self.node = node
        self.random = Random(7)
        self.secrets: Latest[dict[str, str]] = Latest({})
        self.metrics = CollectorRegistry()
        self.beside: tuple[str, ...] = ()
        self._network = network
        self._address = address

    def wall_time(self) -> float:
        return 1_700_000_000.0 + trio.current_time()

    async def connect_tcp(
        self, address: str, port: int, prepare: Callable[[socket.socket], None], source: str = ""
    ) -> trio.abc.Stream:
        await trio.lowlevel.checkpoint()
        self._network.connects.append(trio.current_time())
        listening = self._network.handlers.get((address, port))
        if listening is None:
            raise ConnectionRefusedError(111, "Connection refused")
        handler, nursery = listening
        near, far = trio.testing.memory_stream_pair()
        mine = End(near, source or self._address, address)
        mine.local_addresses = self.beside
        nursery.start_soon(handler, End(far, address, mine.local_address))
        return mine

    async def serve_tcp(
        self,
        address: str,
        port: int,
        prepare: Callable[[socket.socket], None],
        handler: Handler,
    ) -> None:
        async with trio.open_nursery() as nursery:
            self._network.handlers[address, port] = handler, nursery
            try:
                await trio.sleep_forever()
            finally:
                del self._network.handlers[address, port]
