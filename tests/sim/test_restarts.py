"""Whatever happens to the processes of nodes, a router that helps never loses a steady route.

The seed draws what happens.  Services come from a source that lists later than
the one with the peers, so a process that begins with an empty ledger speaks
with the router before it knows what it has to announce.
"""

from __future__ import annotations

import os
from dataclasses import replace
from random import Random

import pytest
import trio
from proclaim import Observe
from proclaim.engine import Cast
from proclaim.log import MemoryLog
from proclaim.model import BGPPeer

from sim.client import Client
from sim.clockwork import run
from sim.helper import Helper
from sim.network import Network, SimHost
from sim.router import Router
from sim.switch import Switch
from sim.world import BASE, ROUTER, Book, Script, SimNode, World, service

SEEDS = int(os.environ.get("PROCLAIM_SIM_SEEDS", "12"))
STEPS = 25
STEADY = "192.0.2.9"
NODES = ("10.0.0.1", "10.0.0.2")
HELPER = BGPPeer(
    "router", 64512, peer_asn=64513, peer_address=ROUTER, hold_seconds=9, graceful_restart=True
)


class Late(Script):
    """A source that takes its time before it lists."""

    def __init__(self, book: Book, seconds: float) -> None:
        super().__init__(book)
        self._seconds = seconds

    async def run(self, observe: Observe) -> None:
        await trio.sleep(self._seconds)
        await super().run(observe)


class LateNode(SimNode):
    """A node with a second source, which is late."""

    late = 0.0

    def __init__(self, world: World, number: int, services: Book) -> None:
        mac = b"\x02\x00\x00\x00\x00" + bytes([number])
        super().__init__(world, f"node{number}", f"10.0.0.{number}", mac)
        self._services = services

    def cast(self, host: SimHost) -> Cast:
        cast = super().cast(host)
        return replace(cast, sources=(*cast.sources, Late(self._services, self.late)))

    def forget(self) -> None:
        """Lose the ledger, as a pod without a volume does."""
        self.log = MemoryLog(self.name)


class Play:
    """Two nodes, a helper, and the dice that act on them."""

    def __init__(self, seed: int, nursery: trio.Nursery) -> None:
        self.dice = Random(f"restarts {seed}")
        network, switch = Network(seed, nursery), Switch(seed, nursery)
        network.longest_delay = self.dice.choice((0.001, 0.05, 0.4))
        host = network.host("router", ROUTER)
        self.world = World(
            network,
            switch,
            nursery,
            Book([HELPER if isinstance(each, BGPPeer) else each for each in BASE]),
            Router(host, asn=64513),
            Client(switch, b"\x02\x00\x00\x00\x00\xfe"),
        )
        self.services = Book([service("steady", STEADY)], "services")
        self.helper = Helper(host, self.check)
        self.nodes = [LateNode(self.world, number, self.services) for number in (1, 2)]
        self.away: set[int] = set()
        self.checked = 0
        self._begun = False

    async def begin(self) -> None:
        self.world.nursery.start_soon(self.helper.listen, ROUTER)
        for node in self.nodes:
            await node.start()
        await trio.sleep(10)
        self._begun = True
        self.check()

    def check(self) -> None:
        """The steady route is there by way of both nodes."""
        if self._begun:
            self.checked += 1
            for address in NODES:
                assert f"{STEADY}/32" in self.helper.routes(address), trio.current_time()

    async def step(self) -> None:
        await self.dice.choice((self.put, self.remove, self.kill, self.stop, self.reset))()
        await trio.sleep(self.dice.uniform(0, 8))
        if self.dice.random() < 0.7:
            await self.return_all()
        self.check()

    async def put(self) -> None:
        at = self.dice.randrange(1, 5)
        self.services.put(service(f"other{at}", f"192.0.2.{at}"))
        await trio.lowlevel.checkpoint()

    async def remove(self) -> None:
        gone = service(f"other{self.dice.randrange(1, 5)}")
        if gone.ref in self.services.resources:
            self.services.remove(gone)
        await trio.lowlevel.checkpoint()

    async def kill(self) -> None:
        await self._take(SimNode.kill)

    async def stop(self) -> None:
        await self._take(SimNode.stop)

    async def _take(self, end) -> None:
        """End a process that has told all it knows; what an earlier one said is not kept twice."""
        at = self.dice.randrange(2)
        if at in self.away or not self._has_told_all(at):
            return
        self.away.add(at)
        await end(self.nodes[at])
        if self.dice.random() < 0.5:
            self.nodes[at].forget()

    def _has_told_all(self, at: int) -> bool:
        peer = self.helper.peers[NODES[at]]
        return peer.up and f"{STEADY}/32" in {str(prefix) for prefix in peer.fresh}

    async def return_all(self) -> None:
        for at in sorted(self.away):
            self.nodes[at].late = self.dice.choice((0.0, 1.0, 20.0))
            await self.nodes[at].start()
        self.away.clear()

    async def reset(self) -> None:
        at = self.dice.randrange(2)
        if at not in self.away and self._has_told_all(at):
            self.world.network.reset(NODES[at])
        await trio.lowlevel.checkpoint()


async def live(seed: int) -> None:
    async with trio.open_nursery() as nursery:
        play = Play(seed, nursery)
        await play.begin()
        for _ in range(STEPS):
            await play.step()
        await play.return_all()
        await trio.sleep(60)
        assert play.checked > STEPS
        for node in play.nodes:
            held = {f"{address}/32" for address in node.state.holders}
            assert play.helper.routes(node.address) == held, "nothing stale is left"
        nursery.cancel_scope.cancel()


@pytest.mark.parametrize("seed", range(SEEDS))
def test_a_steady_route_outlives_every_process(seed: int) -> None:
    run(seed, lambda: live(seed))
