"""A node with the announcer, a router that is our looking glass, and memory between them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import trio
from bgp.fake_host import FakeHost, Network
from proclaim import (
    Announcement,
    Attributes,
    BGPPeer,
    Change,
    Latest,
    Listing,
    Observation,
    PeerStatus,
    Wanted,
)
from proclaim_bgp.driver import BGPAnnouncer
from proclaim_bgp.looking_glass import Glass, look
from proclaim_bgp.options import Options
from trio.testing import wait_all_tasks_blocked

ROUTER, NODE = "192.0.2.2", "192.0.2.1"


def peer(name: str = "p", **fields: Any) -> BGPPeer:
    given: dict[str, Any] = {
        "my_asn": 64512,
        "peer_asn": 64513,
        "peer_address": ROUTER,
        "hold_seconds": 9,
    }
    return BGPPeer(name, **(given | fields))


def routes(*texts: str, to: tuple[str, ...] = (), **attributes: Any) -> dict[Any, Announcement]:
    return {(text, ""): Announcement(text, (), (), to, Attributes(**attributes)) for text in texts}


class Ledger:
    """Remembers what was observed."""

    def __init__(self) -> None:
        self.observed: list[Observation] = []
        self.peers: dict[str, PeerStatus] = {}
        self.slow = trio.Event()
        self.slow.set()

    async def observe(self, observation: Observation) -> None:
        await self.slow.wait()
        self.observed.append(observation)
        assert isinstance(observation, Listing | Change)
        if isinstance(observation, Listing):
            self.peers.clear()
        for each in observation.resources:
            assert isinstance(each.resource, PeerStatus)
            self.peers[each.resource.peer] = each.resource
        if isinstance(observation, Change):
            for ref in observation.gone:
                self.peers.pop(ref.name)


class Scene:
    """A node, a router that can be switched on and off, and what they see."""

    def __init__(self, nursery: trio.Nursery, options: Options | None = None) -> None:
        self.network = Network()
        self.host = FakeHost(self.network, NODE)
        self.router = FakeHost(self.network, ROUTER, "router")
        self.ledger = Ledger()
        self.wanted = Latest(Wanted())
        self.said: list[dict[str, Any]] = []
        self._nursery = nursery
        self._options = options
        self._scope = trio.CancelScope()
        self._announcing = trio.CancelScope()
        self.left = trio.Event()

    async def router_on(self, **fields: Any) -> None:
        self._scope = trio.CancelScope()
        glass = Glass(ROUTER, 179, 64513, **fields)
        self._nursery.start_soon(
            self._scoped, self._scope, look, glass, self.router, self.said.append
        )
        await wait_all_tasks_blocked()

    def router_off(self) -> None:
        self._scope.cancel()

    async def announce(self) -> None:
        announcer = BGPAnnouncer(self.host, self._options)
        self._nursery.start_soon(self._announce, announcer)
        await wait_all_tasks_blocked()

    async def _announce(self, announcer: BGPAnnouncer) -> None:
        with self._announcing:
            await announcer.run(self.wanted, self.ledger.observe)
        self.left.set()

    def shut_down(self) -> None:
        self._announcing.cancel()

    async def _scoped(
        self, scope: trio.CancelScope, run: Callable[..., Awaitable[None]], *arguments: Any
    ) -> None:
        with scope:
            await run(*arguments)

    def want(self, announcements: dict[Any, Announcement], *peers: BGPPeer) -> None:
        self.wanted.set(Wanted(announcements, peers))

    def events(self, *kinds: str) -> list[str]:
        """What the router said, as `event prefix`."""
        return [
            f"{said['event']} {said.get('prefix', '')}".strip()
            for said in self.said
            if said["event"] in (kinds or ("announce", "withdraw", "established", "closed"))
        ]


@asynccontextmanager
async def scene(options: Options | None = None) -> AsyncIterator[Scene]:
    async with trio.open_nursery() as nursery:
        yield Scene(nursery, options)
        nursery.cancel_scope.cancel()


class Deaf(trio.abc.Stream):
    """A stream whose peer stops reading when told to."""

    def __init__(self, inner: trio.abc.Stream, local: str) -> None:
        self._inner = inner
        self.local_address = local
        self.blocked = False

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        if self.blocked:
            await trio.sleep_forever()
        await self._inner.send_all(data)

    async def wait_send_all_might_not_block(self) -> None:
        await trio.lowlevel.checkpoint()

    async def receive_some(self, max_bytes: int | None = None) -> bytes | bytearray:
        return await self._inner.receive_some(max_bytes)

    async def aclose(self) -> None:
        await self._inner.aclose()


class DeafHost(FakeHost):
    """Connects with streams that can be blocked."""

    def __init__(self, network: Network, address: str) -> None:
        super().__init__(network, address)
        self.streams: list[Deaf] = []

    async def connect_tcp(
        self, address: str, port: int, prepare: Callable[[Any], None], source: str = ""
    ) -> trio.abc.Stream:
        inner = await super().connect_tcp(address, port, prepare, source)
        self.streams.append(Deaf(inner, NODE))
        return self.streams[-1]
