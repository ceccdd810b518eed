"""The outside world as an argument: clock, randomness, network, node name, secrets.

Everything that touches the world asks a `Host`, so that a simulation can run
the same code in a world of its own.  `SystemHost` is the real one.
"""

from __future__ import annotations

import os
import random
import socket
import time
from collections.abc import Awaitable, Callable
from functools import cached_property
from ipaddress import ip_address
from typing import TYPE_CHECKING, Protocol

import trio

from proclaim.latest import Latest

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry


class Host(Protocol):
    """What a source, an announcer or the engine may ask of the world."""

    node: str
    """This node's name, as in `Node.metadata.name`."""
    random: random.Random
    """Jitter and the like; never a decision."""
    secrets: Latest[dict[str, str]]
    """BGP passwords by the name of their BGPPeer, given by `Passwords`; never stored or shown."""

    @property
    def metrics(self) -> CollectorRegistry:
        """Where collectors are registered that somebody may ask about this process."""

    def wall_time(self) -> float:
        """Seconds since the Unix epoch; for people to read, never to count on."""

    async def connect_tcp(
        self, address: str, port: int, prepare: Callable[[socket.socket], None], source: str = ""
    ) -> trio.abc.Stream:
        """Open a TCP connection; `prepare` sets options on the socket before it connects.

        Raises OSError when that fails.
        """

    async def serve_tcp(
        self,
        address: str,
        port: int,
        prepare: Callable[[socket.socket], None],
        handler: Callable[[trio.abc.Stream], Awaitable[None]],
    ) -> None:
        """Accept connections until cancelled, each handled in a task of its own.

        Raises OSError when the address cannot be bound.
        """


class SystemHost:
    """The machine that this process runs on."""

    def __init__(self, node: str = "") -> None:
        self.node = node or socket.gethostname()
        self.random = random.Random(os.urandom(16))
        self.secrets: Latest[dict[str, str]] = Latest({})

    @cached_property
    def metrics(self) -> CollectorRegistry:
        from prometheus_client import CollectorRegistry  # no other command wants to load it

        return CollectorRegistry()

    def wall_time(self) -> float:
        return time.time()

    async def connect_tcp(
        self, address: str, port: int, prepare: Callable[[socket.socket], None], source: str = ""
    ) -> trio.abc.Stream:
        made = _tcp_socket(address)
        try:
            prepare(made)
            wrapped = trio.socket.from_stdlib_socket(made)
            if source:
                await wrapped.bind((source, 0))
            await wrapped.connect((address, port))
        except BaseException:  # cancelled as well: the socket is not ours to leak
            made.close()
            raise
        return trio.SocketStream(wrapped)

    async def serve_tcp(
        self,
        address: str,
        port: int,
        prepare: Callable[[socket.socket], None],
        handler: Callable[[trio.abc.Stream], Awaitable[None]],
    ) -> None:
        made = _tcp_socket(address)
        try:
            made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if made.family == socket.AF_INET6:
                made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            prepare(made)
            wrapped = trio.socket.from_stdlib_socket(made)
            await wrapped.bind((address, port))
            wrapped.listen(64)
        except BaseException:  # as above
            made.close()
            raise
        await trio.serve_listeners(handler, [trio.SocketListener(wrapped)])


def _tcp_socket(address: str) -> socket.socket:
    family = socket.AF_INET if ip_address(address).version == 4 else socket.AF_INET6
    made = socket.socket(family, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
    made.setblocking(False)
    return made
