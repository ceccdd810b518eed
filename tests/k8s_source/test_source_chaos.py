"""Whatever goes wrong for minutes: in the end the source has told what the server holds."""

from __future__ import annotations

import random

import pytest
import trio
from apiserver import ApiServer, Faults
from apiserver.objects import service
from k8s_source.scene import slice_on
from k8s_source.watched import Cluster
from proclaim import Listing

SEEDS = range(12)
NAMES = [f"s{at}" for at in range(12)]
TYPES = ["LoadBalancer", "ClusterIP"]


def faults(seed, dice):
    """Each run has its own: some servers are slow, some forget, some say nothing any more."""
    return Faults(
        seed=seed,
        refused=0.1 * dice.random(),
        lost=0.1 * dice.random(),
        throttled=0.1 * dice.random(),
        failed=0.1 * dice.random(),
        latency=(0, 0.2),
        expired=0.3 * dice.random(),
        watch_seconds=dice.choice([0, 5, 60]),
        silent=0.5 * dice.random(),
        watch_delay=(0, dice.random()),
    )


def happen(server, dice):
    """Somebody writes, and sometimes the server forgets or restarts."""
    name = dice.choice(NAMES)
    if server.get("Service", name, "default") is None:
        server.create_all([service(name, type=dice.choice(TYPES)), slice_on(name, "n1")])
    elif dice.random() < 0.3:
        server.delete("Service", name, "default")
        server.delete("EndpointSlice", f"{name}-1", "default")
    else:
        server.patch("Service", name, {"spec": {"type": dice.choice(TYPES)}}, "default")
    if dice.random() < 0.03:
        server.compact()
    if dice.random() < 0.02:
        server.restart()


@pytest.mark.parametrize("seed", SEEDS)
async def test_what_was_told_is_what_the_server_holds_once_it_answers(seed, autojump_clock):
    dice = random.Random(seed)
    server = ApiServer(seed=seed)
    cluster = Cluster(server, page_size=dice.choice([1, 3, 500]))
    cluster.api.faults = faults(seed, dice)
    async with cluster.watched(settle=5):
        for _ in range(200):
            happen(server, dice)
            await trio.sleep(3 * dice.random())
        cluster.api.faults = Faults()
        await trio.sleep(400)
    there = {
        each["metadata"]["name"]: each["spec"]["type"] for each in server.list("Service", "default")
    }
    balanced = {name for name, kind in there.items() if kind == "LoadBalancer"}
    told = {ref.name: one.type for ref, one in cluster.ledger.items() if ref.kind == "Service"}
    assert {name for name, kind in told.items() if kind == "LoadBalancer"} == balanced
    assert told.keys() <= there.keys()
    assert set(cluster.refs("EndpointSlice")) == {f"{name}-1" for name in told}
    assert sum(isinstance(each, Listing) for each in cluster.told) == 1
    assert sum(cluster.api.requests.values()) < 1000
