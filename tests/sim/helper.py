"""A router that helps nodes to restart gracefully (RFC 4724 section 4.2), made of plain messages.

What it makes of them is its own, so that it does not share our mistakes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import trio
from bgp.waiting import WaitingRouter
from proclaim_bgp.wire import (
    GracefulRestart,
    Keepalive,
    Message,
    Notification,
    Open,
    Prefix,
    Update,
)

from sim.network import SimHost


@dataclass
class Peer:
    """What one node has said."""

    fresh: set[Prefix] = field(default_factory=set)
    """In the present session."""
    stale: set[Prefix] = field(default_factory=set)
    """In the one before, and not again."""
    up: bool = False
    asked: GracefulRestart | None = None
    until: float = 0.0
    """When what is stale is forgotten unless a session begins."""

    def hear(self, message: Message) -> None:
        """Take a message as section 4.2 says."""
        match message:
            case Open():
                self.asked = message.graceful_restart
            case Keepalive():
                self.up = True
            case Update():
                said = {prefix for reach in message.reach for prefix in reach.prefixes}
                self.fresh = (self.fresh | said) - set(message.withdrawn)
                self.stale -= self.fresh | set(message.withdrawn)
                if message.end_of_rib is not None:
                    self.stale.clear()
            case Notification():
                self.asked = None

    def lose(self, now: float) -> None:
        """The connection is over."""
        if self.asked is None or not self.asked.families:
            self.stale = set()
        elif self.up:
            self.stale = self.fresh
            self.until = now + self.asked.seconds
        self.fresh, self.up, self.asked = set(), False, None

    def routes(self, now: float) -> set[str]:
        """What is forwarded to the node."""
        stale = self.stale if self.up or now < self.until else set()
        return {str(prefix) for prefix in self.fresh | stale}


class Helper(WaitingRouter):
    """Keeps what nodes have said while they are away."""

    def __init__(self, host: SimHost, changed: Callable[[], None]) -> None:
        super().__init__(host, GracefulRestart(0))
        self.peers: dict[str, Peer] = {}
        self._changed = changed

    async def converse(self, stream: trio.abc.Stream) -> None:
        address = str(getattr(stream, "remote_address", ""))
        self.peers[address] = peer = self.peers.get(address, Peer())
        assert peer.asked is None, f"{address} is here already"
        try:
            await super().converse(stream)
        finally:
            peer.lose(trio.current_time())
            self._changed()

    def heard(self, stream: trio.abc.Stream, message: Message) -> None:
        self.peers[str(getattr(stream, "remote_address", ""))].hear(message)
        self._changed()

    def routes(self, address: str) -> set[str]:
        """What is forwarded to a node."""
        peer = self.peers.get(address)
        return peer.routes(trio.current_time()) if peer else set()
