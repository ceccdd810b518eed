"""A small world: two whole nodes, a router, a switch and a client, from one seed.

Each node runs the real ledger, engine, announcers and detector; only its host,
its link and its source are simulated.  The ledgers outlive the nodes' crashes,
as files do.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import trio
from proclaim import Change, Listing, Node, Observe, Settings, Sourced
from proclaim.builtin import KINDS
from proclaim.codec import Codec
from proclaim.engine import Cast, run
from proclaim.ledger import Ledger
from proclaim.log import MemoryLog, rows
from proclaim.model import (
    Authority,
    Authorized,
    BGPAdvertisement,
    BGPPeer,
    L2Advertisement,
    Pool,
    Resource,
    Service,
)
from proclaim.state import State
from proclaim_bgp.plugin import proclaim_announcers as bgp_announcers
from proclaim_l2_arp.driver import L2Announcer
from proclaim_l2_arp.heartbeat.detector import Heartbeat
from proclaim_l2_arp.options import HeartbeatOptions, Options

from sim.client import Client
from sim.network import Network, SimDatagrams, SimHost
from sim.router import Router
from sim.switch import SimLink, Switch

ROUTER = "10.0.0.254"
POOL = Pool("public", addresses=("192.0.2.0/28", "2001:db8::/124"))
BASE: tuple[Resource, ...] = (
    POOL,
    BGPPeer("router", my_asn=64512, peer_asn=64513, peer_address=ROUTER, hold_seconds=9),
    BGPAdvertisement("routes", communities=("64512:7",)),
    L2Advertisement("answers"),
    Node("node1", addresses=("10.0.0.1",)),
    Node("node2", addresses=("10.0.0.2",)),
)


class Script:
    """A source that says what the scenario has said so far."""

    def __init__(self, book: Book) -> None:
        self.name = book.name
        self._book = book

    async def run(self, observe: Observe) -> None:
        resources = self._book.resources
        await observe(Listing(self.name, tuple(Sourced(r) for _, r in sorted(resources.items()))))
        seen = len(self._book.changes)
        while True:
            await self._book.wait_longer_than(seen)
            for change in self._book.changes[seen:]:
                await observe(change)
            seen = len(self._book.changes)


class Book:
    """What the manifests say; both nodes read it."""

    def __init__(self, resources: Sequence[Resource], name: str = "files") -> None:
        self.name = name
        self.resources = {resource.ref: resource for resource in resources}
        self.changes: list[Change] = []
        self._turned = trio.Event()

    def put(self, resource: Resource) -> None:
        self.resources[resource.ref] = resource
        self._turn(Change(self.name, (Sourced(resource),)))

    def remove(self, resource: Resource) -> None:
        del self.resources[resource.ref]
        self._turn(Change(self.name, gone=(resource.ref,)))

    def _turn(self, change: Change) -> None:
        self.changes.append(change)
        turned, self._turned = self._turned, trio.Event()
        turned.set()

    async def wait_longer_than(self, length: int) -> None:
        while len(self.changes) <= length:
            await self._turned.wait()


class SimNode:
    """One machine that runs the whole service, and may crash."""

    def __init__(self, world: World, name: str, address: str, mac: bytes) -> None:
        self.name, self.address, self.mac = name, address, mac
        self.log = MemoryLog(name)
        self._ledger: Ledger | None = None
        self._world = world
        self._scope: trio.CancelScope | None = None
        self._stop = trio.Event()
        self._ended = trio.Event()

    @property
    def state(self) -> State:
        """What the node knows, or last knew."""
        return self._ledger.state.value if self._ledger else State()

    async def start(self) -> None:
        """Begin to run, and return when the ledger was replayed."""
        await self._world.nursery.start(self._live)

    async def _live(self, task_status: trio.TaskStatus[None]) -> None:
        world = self._world
        host = world.network.host(self.name, self.address)
        ledger = Ledger(self.log, Codec(KINDS), host)
        await ledger.replay()
        self._ledger = ledger
        self._stop, self._ended = trio.Event(), trio.Event()
        task_status.started()
        try:
            with trio.CancelScope() as self._scope:
                await run(
                    ledger, self.cast(host), host, Authorized(Authority.ALLOCATE), self._stop.wait
                )
        finally:
            self._ended.set()

    def cast(self, host: SimHost) -> Cast:
        """Who takes part in its life."""
        world = self._world

        async def datagrams(port: int) -> SimDatagrams:
            await trio.lowlevel.checkpoint()
            return SimDatagrams(world.network, self.address, port)

        link = SimLink(world.switch, self.mac)
        return Cast(
            sources=(Script(world.book),),
            announcers=(
                *bgp_announcers(Settings(), host),
                L2Announcer(self.name, link, Options()),
            ),
            detectors=(Heartbeat(host, HeartbeatOptions(), datagrams),),
        )

    async def stop(self) -> None:
        """End in good order, as SIGTERM makes it."""
        self._stop.set()
        await self._ended.wait()

    async def crash(self) -> None:
        """Lose power: nobody is told, and only what is in the ledger stays."""
        self._world.network.kill(self.address)
        self._world.switch.kill(self.mac)
        assert self._scope is not None
        self._scope.cancel()
        await self._ended.wait()

    async def kill(self) -> None:
        """Lose the process, as `kill -9` does: its connections break, and the ledger stays."""
        self._world.network.reset(self.address)
        await self.crash()
        self._world.network.revive(self.address)
        self._world.switch.revive(self.mac)

    async def boot(self) -> None:
        """Come back after a crash."""
        self._world.network.revive(self.address)
        self._world.switch.revive(self.mac)
        await self.start()

    def ledger_bytes(self) -> bytes:
        """Everything in the ledger, as bytes to compare."""
        return b"\n".join(
            b"%d %b %b" % (row.position, row.topic.encode(), row.stored) for row in rows(self.log)
        )


@dataclass
class World:
    """Everything that a scenario acts on."""

    network: Network
    switch: Switch
    nursery: trio.Nursery
    book: Book
    router: Router
    client: Client
    nodes: dict[str, SimNode] = field(default_factory=dict)


async def build(seed: int, nursery: trio.Nursery) -> World:
    """Two nodes that run, a router and a client."""
    network, switch = Network(seed, nursery), Switch(seed, nursery)
    router = Router(network.host("router", ROUTER), asn=64513)
    client = Client(switch, b"\x02\x00\x00\x00\x00\xfe")
    world = World(network, switch, nursery, Book(BASE), router, client)
    nursery.start_soon(router.run)
    nursery.start_soon(client.run)
    for number in (1, 2):
        mac = b"\x02\x00\x00\x00\x00" + bytes([number])
        node = SimNode(world, f"node{number}", f"10.0.0.{number}", mac)
        world.nodes[node.name] = node
        await node.start()
    return world


def service(name: str, *requested: str) -> Service:
    """A Service of type LoadBalancer."""
    return Service("default", name, type="LoadBalancer", requested_addresses=requested)
