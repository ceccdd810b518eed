"""A service in a manifest is reached through a real router, and no longer than it should be."""

from functools import partial

import pytest
from integration.lab.running import (
    START,
    service,
    start_nodes,
    via,
    wait_established,
)
from netlab.laboratory import laboratory
from netlab.topology import NODE_V4, NODE_V6
from netlab.waiting import eventually

pytestmark = pytest.mark.integration
ROUTERS = pytest.mark.parametrize("router", ["frr", "bird"])

V4, V6 = "203.0.113.10", "2001:db8:f::10"
WEB = {V4: f"{V4}/32", V6: f"{V6}/128"}
HOPS = {V4: NODE_V4, V6: NODE_V6}
DUAL_STACK_PEER = """
apiVersion: metallb.io/v1beta2
kind: BGPPeer
metadata:
  name: router-v4
  namespace: metallb-system
spec:
  myASN: 64500
  peerASN: 64512
  peerAddress: 192.0.2.1
  holdTime: 3s
  keepaliveTime: 1s
  connectTime: 1s
  dualStackAddressFamily: true
"""
CEASE = {"frr": "Cease/", "bird": "Received: "}
"""How the routers tell that they got a Cease; BIRD names its subcode alone (RFC 4486)."""


def reachable(lab, stopwatch, addresses, *nodes, within=2.0):
    """Wait until the router forwards addresses to these nodes alone and they all answer."""
    hops = {address: [HOPS[address][node] for node in nodes] for address in addresses}
    for address in addresses:
        routed = partial(via, lab, WEB[address], *hops[address])
        stopwatch.lap(f"{address}: next hops in the kernel: {len(nodes)}", routed, within)
    for address in addresses:
        fetch = partial(lab.fetch, address, by=lab.topology.client)
        stopwatch.lap(f"{address} answers", fetch, within)
    for address in addresses:
        version = 6 if ":" in address else 4
        assert lab.router.routes(version)[WEB[address]] == frozenset(hops[address])
        _all_answer(lab, address, nodes)


def _all_answer(lab, address, nodes):
    """Ask until every node has answered, and none but those."""
    heard = set()

    def ask():
        heard.add(lab.fetch(address, by=lab.topology.client))
        return heard >= set(nodes)

    eventually(f"{', '.join(nodes)} answer for {address}", ask, START)
    assert heard == set(nodes)


@ROUTERS
def test_a_written_service_is_reached_within_two_seconds_and_a_deleted_one_is_gone(
    router, stopwatch
):
    with laboratory(router) as (lab, stack):
        start_nodes(lab, stack)
        wait_established(lab)
        stopwatch.start()
        lab.add_service("web")
        reachable(lab, stopwatch, WEB, "node1", "node2")
        stopwatch.start()
        lab.remove("web.yaml")
        for address, prefix in WEB.items():
            stopwatch.lap(f"{address} is withdrawn", partial(via, lab, prefix), within=2.0)
        assert lab.router.routes(4) == lab.router.routes(6) == {}


@ROUTERS
def test_one_ipv4_session_carries_both_families_when_the_peer_is_dual_stack(router, stopwatch):
    with laboratory(router) as (lab, stack):
        lab.write("peers.yaml", DUAL_STACK_PEER)
        start_nodes(lab, stack)
        wait_established(lab, tables=(NODE_V4,))
        stopwatch.start()
        lab.add_service("web")
        reachable(lab, stopwatch, WEB, "node1", "node2")


@ROUTERS
def test_a_node_that_is_told_to_stop_says_cease_and_its_path_is_gone_at_once(router, stopwatch):
    with laboratory(router) as (lab, stack):
        lab.add_service("web")
        start_nodes(lab, stack)
        stopwatch.start()
        reachable(lab, stopwatch, [V4], "node1", "node2", within=START)
        stopwatch.start()
        lab.nodes["node1"].process.signal_end()
        reachable(lab, stopwatch, [V4], "node2")
        assert lab.nodes["node1"].process.wait() == 0
        assert lab.router.neighbors()[NODE_V4["node1"]].last_error.startswith(CEASE[router])
        assert via(lab, WEB[V6], NODE_V6["node2"])


@ROUTERS
def test_a_killed_node_leaves_the_path_of_the_other_and_comes_back(router, stopwatch):
    with laboratory(router) as (lab, stack):
        lab.add_service("web")
        start_nodes(lab, stack)
        stopwatch.start()
        reachable(lab, stopwatch, WEB, "node1", "node2", within=START)
        stopwatch.start()
        lab.nodes["node1"].process.kill()
        reachable(lab, stopwatch, WEB, "node2")
        stopwatch.start()
        lab.nodes["node1"].start(stack)
        reachable(lab, stopwatch, WEB, "node1", "node2", within=START)


@ROUTERS
def test_a_node_that_falls_silent_is_forgotten_after_the_hold_time_and_comes_back(
    router, stopwatch
):
    with laboratory(router) as (lab, stack):
        lab.add_service("web")
        start_nodes(lab, stack)
        stopwatch.start()
        reachable(lab, stopwatch, [V4], "node1", "node2", within=START)
        stopwatch.start()
        lab.topology.mute("node1")
        reachable(lab, stopwatch, [V4], "node2", within=5.0)
        lab.topology.unmute("node1")
        stopwatch.start()
        reachable(lab, stopwatch, [V4], "node1", "node2", within=START)


@ROUTERS
def test_a_router_that_restarts_is_told_everything_again(router, stopwatch):
    with laboratory(router) as (lab, stack):
        lab.add_service("web")
        start_nodes(lab, stack)
        stopwatch.start()
        reachable(lab, stopwatch, [V4], "node1", "node2", within=START)
        lab.stop_router()
        eventually("the route is gone", partial(via, lab, WEB[V4]), within=START)
        stopwatch.start()
        lab.start_router(stack, router)
        reachable(lab, stopwatch, WEB, "node1", "node2", within=START)


@ROUTERS
def test_a_manifest_that_breaks_keeps_its_service_announced(router, stopwatch):
    with laboratory(router) as (lab, stack):
        start_nodes(lab, stack)
        wait_established(lab)
        lab.write("one.yaml", service("one", address="203.0.113.21"))
        stopwatch.start()
        one = partial(via, lab, "203.0.113.21/32", *NODE_V4.values())
        stopwatch.lap("the first service is routed", one, within=2.0)
        lab.write("one.yaml", "kind: Service\nspec: [")
        lab.write("two.yaml", service("two", address="203.0.113.22"))
        stopwatch.start()
        two = partial(via, lab, "203.0.113.22/32", *NODE_V4.values())
        stopwatch.lap("the service of a later file is routed", two, within=2.0)
        assert one()
        assert "one.yaml:2" in lab.nodes["node1"].said()
