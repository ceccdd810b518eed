"""The server: sockets, TLS, and how it ends.

Written on h11, which has no opinion about tasks: nothing that a client does may
hold the end of this process, take its file descriptors, or cost the loop much.
"""

from __future__ import annotations

import logging
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

import trio

from proclaim_metrics.application import Application
from proclaim_metrics.certificate import Certificate
from proclaim_metrics.conversation import converse
from proclaim_metrics.options import Endpoint, Options

_LOG = logging.getLogger("proclaim.metrics")

GOODBYE_SECONDS = 0.5
"""How long answers that are on their way may take at the end."""
MOST_CONNECTIONS = 64
"""At once; more are closed at once, since announcers need file descriptors too."""
_HANDSHAKE_SECONDS = 10.0


class Door(NamedTuple):
    """Where to listen, who answers there, and whether encrypted."""

    endpoint: Endpoint
    application: Application
    certificate: Certificate | None


class Server:
    """Listens at some doors while `run` runs."""

    def __init__(self, options: Options, application: Application, health: Application) -> None:
        self._options = options
        self._certificate = Certificate(options) if options.certificate else None
        self._doors = [Door(options.listen, application, self._certificate)]
        if options.health_listen is not None:
            self._doors.append(Door(options.health_listen, health, None))
        self._leaving = trio.Event()
        self._idle: set[trio.CancelScope] = set()
        self._connections = 0

    async def run(self) -> None:
        """Serve until cancelled, and then let answers end that are on their way.

        Raises SettingsError, naming the key, when an address or a file is of no use.
        """
        if self._certificate:
            await self._certificate.load()
        listeners = self._listen()
        async with trio.open_nursery() as nursery:
            if self._certificate:
                nursery.start_soon(self._certificate.follow)
            nursery.start_soon(self._serve, listeners)
            for door in self._doors:
                scheme = "https" if door.certificate else "http"
                _LOG.info("listening at %s://%s", scheme, door.endpoint)
            try:
                await trio.sleep_forever()
            finally:
                self._leaving.set()

    async def _serve(self, listeners: list[trio.SocketListener]) -> None:
        with trio.CancelScope(shield=True) as shield:  # bounded when `run` is cancelled
            async with trio.open_nursery() as connections:
                async with trio.open_nursery() as accepting:
                    for door, listener in zip(self._doors, listeners, strict=True):
                        accepting.start_soon(self._accept, door, listener, connections)
                    await self._leaving.wait()
                    accepting.cancel_scope.cancel()
                shield.deadline = trio.current_time() + GOODBYE_SECONDS
                for scope in self._idle:
                    scope.cancel()

    async def _accept(
        self, door: Door, listener: trio.SocketListener, connections: trio.Nursery
    ) -> None:
        async def handle(stream: trio.SocketStream) -> None:
            await self._handle(door, stream)

        await trio.serve_listeners(handle, [listener], handler_nursery=connections)

    async def _handle(self, door: Door, stream: trio.SocketStream) -> None:
        if self._connections >= MOST_CONNECTIONS:
            await trio.aclose_forcefully(stream)
            return
        self._connections += 1
        try:
            spoken = await _encrypted(stream, door.certificate)
            if spoken is not None:
                await converse(spoken, door.application, self._waiting)
        finally:
            self._connections -= 1

    @contextmanager
    def _waiting(self) -> Iterator[None]:
        """A connection on which nothing is asked; it ends at once when the server does."""
        with trio.CancelScope() as scope:
            if self._leaving.is_set():
                scope.cancel()
            self._idle.add(scope)
            try:
                yield
            finally:
                self._idle.discard(scope)

    def _listen(self) -> list[trio.SocketListener]:
        """Listen at all doors or at none."""
        made: list[socket.socket] = []
        for door in self._doors:
            try:
                made.append(_bound(door.endpoint))
            except OSError as error:
                for each in made:
                    each.close()
                problem = f"cannot listen at {door.endpoint}: {error.strerror}"
                raise self._options.error(door.endpoint.key, problem) from None
        return [trio.SocketListener(trio.socket.from_stdlib_socket(each)) for each in made]


def _bound(endpoint: Endpoint) -> socket.socket:
    """A listening socket; at `::` it accepts connections of both families."""
    family = socket.AF_INET6 if ":" in endpoint.address else socket.AF_INET
    made = socket.socket(family, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
    try:
        made.setblocking(False)
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, endpoint.address != "::")
        made.bind((endpoint.address, endpoint.port))
        made.listen(MOST_CONNECTIONS)
    except BaseException:
        made.close()
        raise
    return made


async def _encrypted(
    stream: trio.SocketStream, certificate: Certificate | None
) -> trio.abc.Stream | None:
    """The stream to speak over; None when the client does not manage to encrypt it."""
    if certificate is None:
        return stream
    wrapped = trio.SSLStream(stream, certificate.context, server_side=True, https_compatible=True)
    with trio.move_on_after(_HANDSHAKE_SECONDS) as shaking:
        try:
            await wrapped.do_handshake()
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            shaking.cancel()
    if shaking.cancel_called:
        await trio.aclose_forcefully(stream)
        return None
    return wrapped
