"""A small HTTP server on loopback, with or without TLS, and a proxy that tunnels to it."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TypeAlias

import h11
import trio


@dataclass(frozen=True, slots=True)
class Seen:
    """A request as it came."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Reply:
    """What to answer; `rest` goes on in pieces after the body."""

    status: int = 200
    body: bytes = b"{}"
    headers: tuple[tuple[str, str], ...] = ()
    rest: Callable[[], AsyncIterator[bytes]] | None = None


Answering: TypeAlias = Callable[[Seen], Awaitable[Reply]]


@dataclass(slots=True)
class Server:
    """What there is to know about a server that runs."""

    url: str
    port: int
    seen: list[Seen] = field(default_factory=list)
    accepted: int = 0
    """Connections that came about."""
    ended: int = 0
    """Connections that are over."""
    _another: trio.Event = field(default_factory=trio.Event)

    def end(self) -> None:
        """Count a connection that is over."""
        self.ended += 1
        self._another.set()
        self._another = trio.Event()

    async def until_ended(self, number: int) -> None:
        """Wait until so many connections are over."""
        with trio.fail_after(2):
            while self.ended < number:
                await self._another.wait()


async def fine(seen: Seen) -> Reply:
    """Answers everything with an empty object."""
    return Reply()


async def never(seen: Seen) -> Reply:
    """Answers nothing."""
    await trio.sleep_forever()
    raise AssertionError


@asynccontextmanager
async def serving(
    answer: Answering = fine, context: ssl.SSLContext | None = None, host: str = "127.0.0.1"
) -> AsyncIterator[Server]:
    """A server for as long as the block lasts."""
    async with trio.open_nursery() as nursery:
        (listener,) = await trio.open_tcp_listeners(0, host=host)
        port = listener.socket.getsockname()[1]
        server = Server(f"http{'s' if context else ''}://{host}:{port}", port)

        async def handle(stream: trio.SocketStream) -> None:
            try:
                await _converse(stream, context, answer, server)
            except* (trio.BrokenResourceError, h11.RemoteProtocolError):
                pass
            finally:
                server.end()
                with trio.CancelScope(shield=True):
                    await trio.aclose_forcefully(stream)

        nursery.start_soon(trio.serve_listeners, handle, [listener])
        yield server
        nursery.cancel_scope.cancel()


async def _converse(transport, context, answer, server):
    stream = transport
    if context:
        stream = trio.SSLStream(transport, context, server_side=True, https_compatible=True)
        await stream.do_handshake()
    server.accepted += 1
    connection = h11.Connection(h11.SERVER)
    while (seen := await _receive(stream, connection)) is not None:
        server.seen.append(seen)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(_notice_the_end, transport, nursery.cancel_scope)
            await _reply(stream, connection, await answer(seen))
            nursery.cancel_scope.cancel()
        if connection.our_state is not h11.DONE:
            return
        connection.start_next_cycle()


async def _notice_the_end(transport, scope):
    """Stop answering when something comes: a client that waits sends nothing but its end."""
    await trio.lowlevel.wait_readable(transport.socket)
    scope.cancel()


async def _receive(stream, connection):
    head, body = None, b""
    while True:
        event = connection.next_event()
        match event:
            case h11.NEED_DATA:
                connection.receive_data(await stream.receive_some())
            case h11.Request():
                head = event
            case h11.Data():
                body += event.data
            case h11.EndOfMessage():
                headers = {name.decode(): value.decode() for name, value in head.headers}
                return Seen(head.method.decode(), head.target.decode(), headers, body)
            case _:
                return None


async def _reply(stream, connection, reply):
    headers = [*reply.headers]
    if reply.rest is None:
        headers.append(("Content-Length", str(len(reply.body))))
    else:
        headers.append(("Transfer-Encoding", "chunked"))
    head = connection.send(h11.Response(status_code=reply.status, headers=headers))
    await stream.send_all(head + connection.send(h11.Data(data=reply.body)))
    if reply.rest is not None:
        async for piece in reply.rest():
            await stream.send_all(connection.send(h11.Data(data=piece)))
    if end := connection.send(h11.EndOfMessage()):
        await stream.send_all(end)


@asynccontextmanager
async def tunnelling(refuse: str = "") -> AsyncIterator[Server]:
    """A proxy that does CONNECT, or refuses with that status line."""
    async with trio.open_nursery() as nursery:
        (listener,) = await trio.open_tcp_listeners(0, host="127.0.0.1")
        port = listener.socket.getsockname()[1]
        proxy = Server(f"http://127.0.0.1:{port}", port)

        async def handle(near: trio.SocketStream) -> None:
            async with near:
                connection = h11.Connection(h11.SERVER)
                seen = await _receive(near, connection)
                proxy.seen.append(seen)
                proxy.accepted += 1
                if refuse:
                    await near.send_all(f"HTTP/1.1 {refuse}\r\nContent-Length: 0\r\n\r\n".encode())
                    return
                host, _, far_port = seen.target.rpartition(":")
                async with await trio.open_tcp_stream(host.strip("[]"), int(far_port)) as far:
                    await near.send_all(b"HTTP/1.1 200 Connection established\r\n\r\n")
                    async with trio.open_nursery() as pumps:
                        pumps.start_soon(pump, near, far, pumps.cancel_scope)
                        pumps.start_soon(pump, far, near, pumps.cancel_scope)

        async def counted(near: trio.SocketStream) -> None:
            try:
                await handle(near)
            finally:
                proxy.end()

        nursery.start_soon(trio.serve_listeners, counted, [listener])
        yield proxy
        nursery.cancel_scope.cancel()


async def pump(source, sink, scope):
    """Pass on what comes, and end both ways at its end."""
    try:
        async for data in source:
            await sink.send_all(data)
    except (trio.BrokenResourceError, trio.ClosedResourceError):
        pass
    scope.cancel()
