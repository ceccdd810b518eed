"""What the ledger of a real run is good for: nothing moves, and it can be read again from empty."""

import itertools
import json
import random
import sqlite3
from functools import partial

import pytest
from integration.lab.running import START, service, start_nodes, via, wait_established
from netlab.laboratory import laboratory
from netlab.processes import CommandFailed
from netlab.topology import NODE_V4
from netlab.waiting import eventually

pytestmark = pytest.mark.integration
ROUTERS = pytest.mark.parametrize("router", ["frr", "bird"])
FIRST = "203.0.113.0"


def held(lab, service_name, node="node1"):
    """The one address that a service holds, or None."""
    return next(iter(lab.nodes[node].addresses(service_name)), None)


def verified(node):
    """What `verify` says of a node's ledger; raises CommandFailed when it is not clean."""
    return node.ask_json("verify")


def replayed(node, *arguments):
    """The digest at the end of a replay from empty, and its position."""
    last = node.ask("replay", "-o", "json", *arguments).strip().splitlines()[-1]
    return json.loads(last)


def remembered(node):
    """The digest and the position of the state that the running service had when it ended."""
    with sqlite3.connect(f"file:{node.files.own / 'ledger.db'}?mode=ro", uri=True) as ledger:
        position, saved = ledger.execute("SELECT position, saved FROM checkpoint").fetchone()
    ledger.close()
    return {"digest": saved[:32].hex(), "position": position}


@ROUTERS
@pytest.mark.parametrize("end", ["terminate", "kill"])
def test_a_restarted_node_keeps_the_address_that_a_new_one_would_not_have_given(router, end):
    with laboratory(router) as (lab, stack):
        node = lab.nodes["node1"]
        lab.write("a.yaml", service("a"))
        start_nodes(lab, stack, ["node1"])
        wait_established(lab, ["node1"])
        eventually("a has the first address", lambda: held(lab, "a") == FIRST, within=START)
        lab.write("b.yaml", service("b"))
        eventually("b has an address", partial(held, lab, "b"), within=START)
        kept = held(lab, "b")
        assert kept != FIRST
        lab.remove("a.yaml")
        eventually("the first is free", lambda: held(lab, "a") is None, within=START)
        getattr(node.process, end)()
        eventually("the route is gone", partial(via, lab, f"{kept}/32"), within=START)
        start_nodes(lab, stack, ["node1"])
        routed = partial(via, lab, f"{kept}/32", NODE_V4["node1"])
        eventually("the same route is back", routed, within=START)
        assert held(lab, "b") == kept
        assert lab.fetch(kept, by=lab.topology.client) == "node1"
        assert verified(node)["clean"]


@ROUTERS
def test_the_ledgers_of_a_run_are_clean_and_replay_from_empty_to_the_same_bytes(router):
    with laboratory(router) as (lab, stack):
        start_nodes(lab, stack)
        wait_established(lab)
        for name in ("web", "door"):
            lab.add_service(name)
        web = partial(via, lab, "203.0.113.10/32", *NODE_V4.values())
        eventually("the service is routed", web, within=START)
        lab.nodes["node2"].process.kill()
        alone = partial(via, lab, "203.0.113.10/32", NODE_V4["node1"])
        eventually("one path is left", alone, within=START)
        start_nodes(lab, stack, ["node2"])
        eventually("both paths are back", web, within=START)
        lab.remove("web.yaml")
        eventually("the service is withdrawn", partial(via, lab, "203.0.113.10/32"), within=START)
        for node in lab.nodes.values():
            assert verified(node)["clean"], "beside the running service"
            assert node.process.terminate() == 0
            assert verified(node)["clean"]
            live = remembered(node)
            assert replayed(node, "--until", f"@{live['position']}") == live
            assert replayed(node)["digest"] == verified(node)["digest"]


def test_the_same_manifests_in_any_order_move_nothing():
    """Forty services, half of them with a history, and every listing in an order of its own."""
    with laboratory() as (lab, stack):
        node = lab.nodes["node1"]
        start_nodes(lab, stack, ["node1"])
        names = [f"s{number:02}" for number in range(40)]
        for name in names:
            lab.write(f"{name}.yaml", service(name))
        eventually("all have one", lambda: all(_holdings(node, names).values()), within=START)
        for name in names[:20]:
            lab.remove(f"{name}.yaml")
        eventually("half are gone", lambda: len(_holdings(node)) == 20, within=START)
        for name in reversed(names[:20]):
            lab.write(f"{name}.yaml", service(name))
        eventually("all have one", lambda: all(_holdings(node, names).values()), within=START)
        assert node.process.terminate() == 0
        before = _holdings(node)
        files = sorted(str(path) for path in lab.manifests.iterdir())
        shuffle = random.Random(7).sample
        for order in (files[::-1], *(shuffle(files, len(files)) for _ in range(2))):
            assert _unchanged(node, order)
            node.ask("apply", *order)
            assert _holdings(node) == before
        assert len(set(itertools.chain.from_iterable(before.values()))) == len(names)
        assert verified(node)["clean"]


def _holdings(node, names=()):
    """Addresses by service; the empty list for one that has none or is not known."""
    found = {each["name"]: each["addresses"] for each in node.ask_json("get", "services")}
    return {name: found.get(name, []) for name in names} if names else found


def _unchanged(node, files):
    """Whether `plan` says that nothing would change, by its status and in its answer."""
    try:
        planned = node.ask_json("plan", *files)
    except CommandFailed:
        return False
    return all(each["before"] == each["after"] for each in planned["services"])
