"""Routers with graceful restart forward to a node whose process is away, and forget in time.

FRR and BIRD help whoever asks for it by default.
"""

import time
from functools import partial

import pytest
from integration.lab.running import START, service, start_nodes, via, wait_established
from netlab.laboratory import EXAMPLE, laboratory
from netlab.topology import NODE_V4, NODE_V6
from netlab.waiting import eventually

pytestmark = pytest.mark.integration
ROUTERS = pytest.mark.parametrize("router", ["frr", "bird"])

V4, V6 = "203.0.113.10", "2001:db8:f::10"
FIRST, SECOND = "203.0.113.21", "203.0.113.22"
_UNDER_WAY = 0.3
"""Seconds that a router may take to bring what it knows into its kernel."""
ONE_NODE = ("node1",)


def ask_for_it(lab, restart_seconds=120):
    """Let both peers have graceful restart; nodes that start from now on do so."""
    peers = (EXAMPLE / "manifests" / "peers.yaml").read_text(encoding="utf-8")
    lab.write("peers.yaml", peers.replace("spec:\n", "spec:\n  enableGracefulRestart: true\n"))
    with (lab.directory / "settings.toml").open("a", encoding="utf-8") as settings:
        settings.write(f"\n[bgp]\nrestart_seconds = {restart_seconds}\n")


def routed(lab, *nodes):
    """Whether the kernel forwards the example's Service to these nodes, in both families."""
    four, six = ([table[node] for node in nodes] for table in (NODE_V4, NODE_V6))
    return via(lab, f"{V4}/32", *four) and via(lab, f"{V6}/128", *six)


class Kernel:
    """How often the router's kernel has changed a route."""

    def __init__(self, lab, stack):
        log = lab.directory / "routes.log"
        self._monitor = lab.topology.router.start(stack, "ip", ["ip", "monitor", "route"], log)

    def touched(self, *addresses):
        time.sleep(_UNDER_WAY)
        lines = self._monitor.said().splitlines()
        return sum(f"{address} " in line for address in addresses for line in lines)


def away(lab, node="node1"):
    """Wait until the router has noticed that a node's sessions are over."""

    def noticed():
        found = lab.router.neighbors()
        ends = (NODE_V4[node], NODE_V6[node])
        return all(found[end].state != "Established" for end in ends)

    eventually("the router has noticed", noticed, within=START)


def back(lab, stack):
    """Start the first node and wait for its sessions."""
    start_nodes(lab, stack, ONE_NODE)
    wait_established(lab, ONE_NODE)


def forget(lab):
    """Take away the ledger of the first node."""
    for path in lab.nodes["node1"].files.own.glob("ledger.db*"):
        path.unlink()


@ROUTERS
def test_no_route_is_touched_while_a_node_is_killed_stopped_cut_off_and_started_from_nothing(
    router, stopwatch
):
    with laboratory(router) as (lab, stack):
        ask_for_it(lab)
        lab.add_service("web")
        for name, address in (("first", FIRST), ("second", SECOND)):
            lab.write(f"{name}.yaml", service(name, address=address))
        start_nodes(lab, stack)
        wait_established(lab)
        eventually("both are next hops", partial(routed, lab, *NODE_V4), within=START)
        node = lab.nodes["node1"]
        peers = node.ask_json("get", "peers")
        assert [each["graceful_restart"] for each in peers] == [True, True]
        kernel = Kernel(lab, stack)
        before = kernel.touched(V4, V6)

        node.process.kill()
        away(lab)
        lab.remove("first.yaml")
        mine = partial(via, lab, f"{FIRST}/32", NODE_V4["node1"])
        eventually("the path of the first node alone is left", mine, within=START)
        assert lab.fetch(V4, by=lab.topology.client) in NODE_V4
        stopwatch.start()
        back(lab, stack)
        gone = partial(via, lab, f"{FIRST}/32")
        stopwatch.lap("killed and back: what went meanwhile is gone", gone, within=START)

        node.namespace.run("ss", "-K", "state", "established", "dport", "=", "179")
        away(lab)
        wait_established(lab)

        assert node.process.terminate() == 0
        away(lab)
        back(lab, stack)

        node.process.kill()
        away(lab)
        forget(lab)
        lab.remove("second.yaml")
        stopwatch.start()
        back(lab, stack)
        gone = partial(via, lab, f"{SECOND}/32")
        stopwatch.lap("back from nothing: what went meanwhile is gone", gone, within=START)

        assert kernel.touched(V4, V6) == before
        assert kernel.touched(FIRST, SECOND) >= 4, "the monitor sees what changes"
        stopwatch.start()
        lab.remove("peers.yaml")
        stopwatch.lap("peers are deleted: no route", partial(routed, lab), within=3.0)


@ROUTERS
def test_a_silent_node_is_forgotten_after_the_hold_time_and_a_stopped_one_after_the_restart_time(
    router, stopwatch
):
    with laboratory(router) as (lab, stack):
        ask_for_it(lab, restart_seconds=3)
        lab.add_service("web")
        start_nodes(lab, stack)
        wait_established(lab)
        eventually("both are next hops", partial(routed, lab, *NODE_V4), within=START)
        stopwatch.start()
        lab.topology.mute("node1")
        stopwatch.lap("silent: its path is gone", partial(routed, lab, "node2"), within=4.5)
        stopwatch.start()
        assert lab.nodes["node2"].process.terminate() == 0
        away(lab, "node2")
        assert routed(lab, "node2")
        stopwatch.lap("stopped: its path is gone", partial(routed, lab), within=8.0)
        assert time.monotonic() - stopwatch.started > 3
