"""A network on virtual time: TCP with delay, re-chunking, refusal and reset.

`SimHost` is the `Host` of one simulated machine.  Every choice comes from one
seeded generator, so a run is repeated by its seed.
"""

from __future__ import annotations

import socket
from collections import deque
from collections.abc import Awaitable, Callable
from random import Random

import trio
from proclaim import Latest
from prometheus_client import CollectorRegistry

Handler = Callable[[trio.abc.Stream], Awaitable[None]]


class Network:
    """All simulated machines, the connections between them, and what is cut."""

    def __init__(self, seed: int, nursery: trio.Nursery) -> None:
        self.random = Random(f"network {seed}")
        self.longest_delay = 0.02
        self.datagram_loss = 0.05
        self._nursery = nursery
        self._listeners: dict[tuple[str, int], Handler] = {}
        self._bound: dict[tuple[str, int], SimDatagrams] = {}
        self._streams: list[tuple[str, str, Stream]] = []
        self._dead: set[str] = set()

    def host(self, node: str, address: str) -> SimHost:
        """A machine with one address."""
        return SimHost(self, node, address)

    def kill(self, address: str) -> None:
        """A machine loses its power: nobody hears from it again, and nobody is told."""
        self._dead.add(address)

    def revive(self, address: str) -> None:
        """The machine runs again; its old connections are unknown to it."""
        self._dead.discard(address)
        self.reset(address)

    def reset(self, address: str) -> None:
        """Break every connection of a machine, as an RST does."""
        for one, other, stream in self._streams:
            if address in (one, other):
                stream.reset()

    def is_dead(self, address: str) -> bool:
        return address in self._dead

    def delay(self) -> float:
        return self.random.uniform(0.0001, self.longest_delay)

    def listen(self, address: str, port: int, handler: Handler) -> None:
        self._listeners[address, port] = handler

    def unlisten(self, address: str, port: int) -> None:
        self._listeners.pop((address, port), None)

    def bind(self, address: str, port: int, datagrams: SimDatagrams) -> None:
        self._bound[address, port] = datagrams

    def unbind(self, address: str, port: int) -> None:
        self._bound.pop((address, port), None)

    def carry(self, source: str, address: str, port: int, data: bytes) -> None:
        target = self._bound.get((address, port))
        lost = self.random.random() < self.datagram_loss
        if target and not lost and not self.is_dead(source) and not self.is_dead(address):
            self._nursery.start_soon(target.deliver, self.delay(), data)

    async def connect(self, source: str, address: str, port: int) -> Stream:
        await trio.sleep(self.delay())
        handler = self._listeners.get((address, port))
        if self.is_dead(address) or self.is_dead(source):
            await trio.sleep_forever()
        if handler is None:
            raise ConnectionRefusedError(111, "refused")
        near, far = pair(self, source, address)
        self._streams.append((source, address, near))
        self._nursery.start_soon(_serve, handler, far)
        return near


async def _serve(handler: Handler, stream: Stream) -> None:
    try:
        await handler(stream)
    finally:
        await trio.aclose_forcefully(stream)


class Pipe:
    """One direction of a connection."""

    def __init__(self, network: Network, source: str) -> None:
        self._network = network
        self._source = source
        self._queue: deque[tuple[float, bytes]] = deque()
        self._moved = trio.Event()
        self._last = 0.0
        self.broken = False
        self.ended = False

    def put(self, data: bytes) -> None:
        """Bytes leave now and arrive later, never out of order; a dead sender's do not leave."""
        if self._network.is_dead(self._source):
            return
        self._last = max(self._last, trio.current_time() + self._network.delay())
        self._queue.append((self._last, data))
        self._wake()

    def end(self) -> None:
        if not self._network.is_dead(self._source):
            self.ended = True
            self._wake()

    def break_off(self) -> None:
        self.broken = True
        self._wake()

    async def get(self, most: int) -> bytes:
        """Some bytes that have arrived; empty at the end of the stream."""
        while True:
            if self.broken:
                raise trio.BrokenResourceError("reset")
            if self._queue:
                arrives, data = self._queue[0]
                if arrives > trio.current_time():
                    with trio.move_on_at(arrives):
                        await self._moved.wait()
                    continue
                cut = self._network.random.randint(1, max(1, min(len(data), most)))
                if cut == len(data):
                    self._queue.popleft()
                else:
                    self._queue[0] = arrives, data[cut:]
                await trio.lowlevel.checkpoint()
                return data[:cut]
            if self.ended:
                return b""
            await self._moved.wait()

    def _wake(self) -> None:
        moved, self._moved = self._moved, trio.Event()
        moved.set()


class Stream(trio.abc.Stream):
    """One end of a connection."""

    def __init__(self, sends: Pipe, receives: Pipe, local: str, remote: str) -> None:
        self._sends, self._receives = sends, receives
        self.local_address = local
        self.remote_address = remote
        self._closed = False

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        await trio.lowlevel.checkpoint()
        if self._closed:
            raise trio.ClosedResourceError
        if self._sends.broken:
            raise trio.BrokenResourceError("reset")
        self._sends.put(bytes(data))

    async def wait_send_all_might_not_block(self) -> None:
        await trio.lowlevel.checkpoint()

    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        if self._closed:
            raise trio.ClosedResourceError
        return await self._receives.get(max_bytes or 65536)

    async def aclose(self) -> None:
        if not self._closed:
            self._closed = True
            self._sends.end()
        await trio.lowlevel.checkpoint()

    def reset(self) -> None:
        self._sends.break_off()
        self._receives.break_off()


def pair(network: Network, near: str, far: str) -> tuple[Stream, Stream]:
    """Two ends of a new connection between two addresses."""
    there, back = Pipe(network, near), Pipe(network, far)
    return Stream(there, back, near, far), Stream(back, there, far, near)


class SimHost:
    """The `Host` of a simulated machine."""

    def __init__(self, network: Network, node: str, address: str) -> None:
        self.node = node
        self.address = address
        self.random = Random(f"{node} {network.random.random()}")
        self.secrets: Latest[dict[str, str]] = Latest({})
        self.metrics = CollectorRegistry()
        self._network = network

    def wall_time(self) -> float:
        return 1_700_000_000.0 + trio.current_time()

    async def connect_tcp(
        self, address: str, port: int, prepare: Callable[[socket.socket], None], source: str = ""
    ) -> trio.abc.Stream:
        return await self._network.connect(source or self.address, address, port)

    async def serve_tcp(
        self,
        address: str,
        port: int,
        prepare: Callable[[socket.socket], None],
        handler: Handler,
    ) -> None:
        self._network.listen(address, port, handler)
        try:
            await trio.sleep_forever()
        finally:
            self._network.unlisten(address, port)


class SimDatagrams:
    """A datagram socket of a simulated machine, with loss."""

    def __init__(self, network: Network, address: str, port: int) -> None:
        self._network, self._address, self._port = network, address, port
        self._queue: deque[bytes] = deque()
        self._moved = trio.Event()
        network.bind(address, port, self)

    async def send(self, data: bytes, address: str) -> None:
        await trio.lowlevel.checkpoint()
        self._network.carry(self._address, address, self._port, data)

    async def deliver(self, delay: float, data: bytes) -> None:
        await trio.sleep(delay)
        self._queue.append(data)
        self._moved.set()

    async def receive(self) -> bytes:
        while not self._queue:
            self._moved = trio.Event()
            await self._moved.wait()
        await trio.lowlevel.checkpoint()
        return self._queue.popleft()

    def close(self) -> None:
        self._network.unbind(self._address, self._port)
