"""A router that keeps the routes it is told, made of our own passive sessions."""

from __future__ import annotations

from typing import Any

import trio
from proclaim_bgp.looking_glass import Glass, look

from sim.network import SimHost


class Router:
    """Listens for peers, and remembers which prefixes each has announced."""

    def __init__(self, host: SimHost, asn: int) -> None:
        self._host = host
        self._glass = Glass(host.address, 179, asn)
        self.routes: dict[str, set[str]] = {}
        """By peer address; a peer whose session is down has none."""
        self.trace: list[tuple[float, str, str, str]] = []

    async def run(self) -> None:
        await look(self._glass, self._host, self._hear)

    def _hear(self, said: dict[str, Any]) -> None:
        peer, event, prefix = said["peer"], said["event"], said.get("prefix", "")
        self.trace.append((round(trio.current_time(), 6), peer, event, prefix))
        match event:
            case "established" | "closed":
                self.routes[peer] = set()
            case "announce":
                self.routes[peer].add(prefix)
            case "withdraw":
                self.routes[peer].discard(prefix)

    def paths(self, prefix: str) -> set[str]:
        """The peers that announce a prefix."""
        return {peer for peer, prefixes in self.routes.items() if prefix in prefixes}
