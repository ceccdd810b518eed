"""Two whole nodes on virtual time: the same seed gives the same ledgers, byte for byte."""

from __future__ import annotations

import os
import subprocess
import sys
from hashlib import sha256
from pathlib import Path

import pytest
import trio
from proclaim.builtin import KINDS
from proclaim.checkpoint import digest
from proclaim.codec import Codec
from proclaim.ledger import replay
from proclaim.verify import verify

from sim.clockwork import run
from sim.world import World, build, service

WEB, DB = service("web", "192.0.2.1"), service("db")
MACS = {"node1": "02:00:00:00:00:01", "node2": "02:00:00:00:00:02"}


async def scenario(seed: int) -> World:
    """A day in the life of two nodes: services come and go, nodes crash and come back."""
    async with trio.open_nursery() as nursery:
        world = await build(seed, nursery)
        await trio.sleep(5)
        world.book.put(WEB)
        world.book.put(DB)
        await trio.sleep(3)
        assert world.router.paths("192.0.2.1/32") == {"10.0.0.1", "10.0.0.2"}
        await elected_answers(world, "192.0.2.1", MACS["node2"])

        await world.nodes["node2"].crash()
        await trio.sleep(12)
        assert world.router.paths("192.0.2.1/32") == {"10.0.0.1"}
        await elected_answers(world, "192.0.2.1", MACS["node1"])

        await world.nodes["node2"].boot()
        await trio.sleep(20)
        assert world.router.paths("192.0.2.1/32") == {"10.0.0.1", "10.0.0.2"}
        await elected_answers(world, "192.0.2.1", MACS["node2"])

        await world.nodes["node2"].stop()
        await trio.sleep(1)
        assert world.router.paths("192.0.2.1/32") == {"10.0.0.1"}
        await elected_answers(world, "192.0.2.1", MACS["node1"])

        world.book.remove(DB)
        await trio.sleep(1)
        assert world.router.routes["10.0.0.1"] == {"192.0.2.1/32"}
        await world.nodes["node1"].stop()
        await trio.sleep(1)
        assert not world.router.paths("192.0.2.1/32")
        nursery.cancel_scope.cancel()
    return world


async def elected_answers(world: World, address: str, mac: str) -> None:
    """Exactly one node answers for the address, and it is the right one."""
    asked = trio.current_time()
    for _ in range(3):
        world.client.ask(address)
        await trio.sleep(0.1)
    assert world.client.answered_since(address, asked) == {mac}


def fingerprint(world: World) -> str:
    """Everything that happened in a world, shortened."""
    seen = [node.ledger_bytes() for _, node in sorted(world.nodes.items())]
    seen += [repr(world.router.trace).encode(), repr(world.client.answers).encode()]
    return sha256(b"\n".join(seen)).hexdigest()


@pytest.mark.parametrize("seed", range(5))
def test_the_same_seed_gives_the_same_ledgers(seed: int) -> None:
    worlds = [run(seed, lambda: scenario(seed)) for _ in range(2)]
    for name in MACS:
        one, other = (world.nodes[name].ledger_bytes() for world in worlds)
        assert one == other
    assert fingerprint(worlds[0]) == fingerprint(worlds[1])


def test_another_seed_gives_another_course_of_events() -> None:
    """Else the comparison above would prove nothing."""
    assert fingerprint(run(1, lambda: scenario(1))) != fingerprint(run(2, lambda: scenario(2)))


def test_the_order_of_hashes_has_no_say() -> None:
    program = "from sim.test_two_nodes import *; print(fingerprint(run(7, lambda: scenario(7))))"
    found = set()
    for hash_seed in ("0", "1", "4242"):
        environment = {
            **os.environ,
            "PYTHONHASHSEED": hash_seed,
            "PYTHONPATH": str(Path(__file__).parents[1]),
        }
        found.add(subprocess.check_output([sys.executable, "-c", program], env=environment))
    assert len(found) == 1


@pytest.mark.parametrize("seed", range(2))
def test_the_ledgers_are_clean_and_replay_to_the_live_state(seed: int) -> None:
    world = run(seed, lambda: scenario(seed))
    codec = Codec(KINDS)
    for node in world.nodes.values():
        verdict = verify(node.log, codec)
        assert verdict.problems == ()
        again = replay(node.log, codec, from_start=True)
        assert digest(again, codec) == digest(node.state, codec) == digest(verdict.state, codec)


def test_both_nodes_gave_the_same_addresses() -> None:
    world = run(3, lambda: scenario(3))
    one, other = (
        {ref: holding.addresses for ref, holding in node.state.holdings.items()}
        for node in world.nodes.values()
    )
    assert one[WEB.ref] == other[WEB.ref] == ("192.0.2.1",)
