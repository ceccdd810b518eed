"""Random worlds: first nothing bad under faults, then everything good after healing.

The seed draws which faults there are and how hard they hit.  A failure prints
its seed, and the seed is the whole of what is needed to see it again.
"""

from __future__ import annotations

import os
from random import Random

import pytest
import trio
from proclaim.builtin import KINDS
from proclaim.checkpoint import digest
from proclaim.codec import Codec
from proclaim.ledger import replay
from proclaim.verify import verify

from sim.clockwork import run
from sim.world import POOL, SimNode, World, build, service

SEEDS = int(os.environ.get("PROCLAIM_SIM_SEEDS", "12"))
STEPS = 30
NAMES = ("a", "b", "c", "d")


class Swarm:
    """A world, and the dice that act on it."""

    def __init__(self, seed: int, world: World) -> None:
        self.world = world
        self.dice = Random(f"swarm {seed}")
        self.down: set[str] = set()
        world.switch.loss = self.dice.choice((0.0, 0.1, 0.3))
        world.network.datagram_loss = self.dice.choice((0.0, 0.1, 0.3))
        world.network.longest_delay = self.dice.choice((0.001, 0.05, 0.4))
        acts = (self.put, self.remove, self.crash, self.boot, self.reset, self.restart)
        self.acts = [*self.dice.sample(acts, self.dice.randint(2, len(acts))), self.put]

    async def step(self) -> None:
        await self.dice.choice(self.acts)()
        await trio.sleep(self.dice.uniform(0, 4))
        for node in self.world.nodes.values():
            assert_no_address_is_shared(node)

    async def put(self) -> None:
        name = self.dice.choice(NAMES)
        pinned = (f"192.0.2.{NAMES.index(name) + 1}",) if self.dice.random() < 0.7 else ()
        self.world.book.put(service(name, *pinned))
        await trio.lowlevel.checkpoint()

    async def remove(self) -> None:
        name = self.dice.choice(NAMES)
        if service(name).ref in self.world.book.resources:
            self.world.book.remove(service(name))
        await trio.lowlevel.checkpoint()

    async def crash(self) -> None:
        name = self.dice.choice(sorted(self.world.nodes))
        if name not in self.down:
            self.down.add(name)
            await self.world.nodes[name].crash()

    async def boot(self) -> None:
        for name in sorted(self.down):
            self.down.discard(name)
            await self.world.nodes[name].boot()

    async def reset(self) -> None:
        self.world.network.reset("10.0.0.254")
        await trio.lowlevel.checkpoint()

    async def restart(self) -> None:
        name = self.dice.choice(sorted(self.world.nodes))
        if name not in self.down:
            await self.world.nodes[name].stop()
            await self.world.nodes[name].start()

    async def heal(self) -> None:
        self.world.switch.loss = self.world.network.datagram_loss = 0.0
        self.world.network.longest_delay = 0.01
        await self.boot()
        await trio.sleep(60)


def assert_no_address_is_shared(node: SimNode) -> None:
    state = node.state
    assert all(len(holders) == 1 for holders in state.holders.values())
    assert all(holding.pool == POOL.name for holding in state.holdings.values())


async def live(seed: int) -> World:
    async with trio.open_nursery() as nursery:
        world = await build(seed, nursery)
        swarm = Swarm(seed, world)
        for _ in range(STEPS):
            await swarm.step()
        await swarm.heal()
        await assert_all_is_well(world)
        for node in world.nodes.values():
            await node.stop()
        nursery.cancel_scope.cancel()
    return world


async def assert_all_is_well(world: World) -> None:
    """The router has what each node holds; of what both hold, one node answers."""
    held = {name: set(node.state.holders) for name, node in world.nodes.items()}
    for name, node in world.nodes.items():
        expected = {f"{address}/{128 if ':' in address else 32}" for address in held[name]}
        assert world.router.routes.get(node.address, set()) == expected
        wanted = {ref for ref in world.book.resources if ref.kind == "Service"}
        # A pinned address may be another's by then, and then the refusal says so.
        assert set(node.state.holdings) | set(node.state.refusals) == wanted
    for address in sorted(held["node1"] & held["node2"]):
        owners = {node.state.holders[address] for node in world.nodes.values()}
        if ":" in address or len(owners) > 1:
            continue  # ledgers of their own may differ about an address that is not pinned
        asked = trio.current_time()
        world.client.ask(address)
        await trio.sleep(0.5)
        assert len(world.client.answered_since(address, asked)) == 1, address


@pytest.mark.parametrize("seed", range(SEEDS))
def test_a_world_survives_its_faults_and_heals(seed: int) -> None:
    world = run(seed, lambda: live(seed))
    codec = Codec(KINDS)
    for node in world.nodes.values():
        assert verify(node.log, codec).problems == ()
        again = replay(node.log, codec, from_start=True)
        assert digest(again, codec) == digest(node.state, codec)
