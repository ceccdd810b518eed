"""What a cluster's routes outlive: killed processes, a server that is away, other leaders, others.

No route goes that need not, and no address moves; how long recovery takes is
measured.
"""

import subprocess
import time
from contextlib import contextmanager
from functools import partial

import pytest
from apiserver import objects
from integration.lab.cluster import (
    ON_LINK_V4,
    ROUTED_V4,
    SOON,
    START,
    TOR,
    cluster,
    second_router,
)
from integration.lab.leftovers import children, leftovers
from integration.lab.needed import demand_all
from integration.lab.running import election_order, via
from netlab.node import PROCLAIM
from netlab.processes import CommandFailed
from netlab.topology import NODE_V4, NODES

pytestmark = pytest.mark.integration
ON_LAN = "192.0.2.244"
FIRST, SECOND = election_order(ON_LAN)
LEASE_SECONDS = 3
HAND_OVER = 5.0
"""Seconds that a leader's sudden death may cost with such a Lease."""


def ground(k8s):
    k8s.kube.create(
        objects.pool("routed", ROUTED_V4),
        objects.pool("lan", ON_LINK_V4, autoAssign=False),
        objects.bgp_advertisement("bgp", "routed"),
        objects.l2_advertisement("l2", "lan"),
    )


def stand(k8s):
    """A Service that is routed and one that is answered for; returns the prefix of the first."""
    ground(k8s)
    k8s.web("web")
    k8s.web("door", address=ON_LAN)
    (address,) = k8s.addressed("web")
    k8s.until("it is routed", k8s.routed, f"{address}/32", *NODES)
    k8s.until("it is answered for", k8s.answered_by, ON_LAN, f"{FIRST}/eth0")
    k8s.until("all is told", lambda: len(k8s.kube.statuses("ServiceBGPStatus", "web")) == 2)
    return f"{address}/32"


@contextmanager
def untouched(k8s, prefix):
    """Meanwhile the router changes nothing of a prefix, and one node answers on the LAN."""
    k8s.until("the kernel has both", via, k8s.lab, prefix, *NODE_V4.values())
    before = k8s.touched(prefix)
    yield
    assert k8s.touched(prefix) == before
    assert k8s.answered_by(ON_LAN, f"{FIRST}/eth0")


def new_service(k8s, stopwatch, name):
    """A Service created now is routed soon; notes how soon, for those who wait for it."""
    stopwatch.start()
    k8s.web(name)
    stopwatch.lap("a new Service has an address", partial(k8s.kube.addresses, name), START)
    (address,) = k8s.kube.addresses(name)
    stopwatch.lap("and is routed", partial(k8s.routed, f"{address}/32", *NODES), START)


@pytest.fixture
def fresh(k8s):
    """The same with processes that have not failed before, as each failure makes them slower."""
    for member in k8s.members:
        member.process.terminate()
    k8s.start()
    return k8s


# --- killed processes ---------------------------------------------------------------------------


def test_a_killed_controller_costs_no_route_and_is_back_at_once(k8s, stopwatch):
    prefix = stand(k8s)
    with untouched(k8s, prefix):
        k8s.controller.process.kill()
        k8s.web("waits")
        stopwatch.start()
        k8s.start(k8s.controller)
        stopwatch.lap("who waited has an address", partial(k8s.kube.addresses, "waits"), SOON)
        (address,) = k8s.kube.addresses("waits")
        stopwatch.lap("and is routed", partial(k8s.routed, f"{address}/32", *NODES), SOON)


def test_a_killed_node_costs_its_own_routes_alone_and_they_come_back(k8s, stopwatch):
    prefix = stand(k8s)
    stopwatch.start()
    k8s.nodes[FIRST].process.kill()
    stopwatch.lap("the other is the only next hop", partial(k8s.routed, prefix, SECOND), SOON)
    stopwatch.lap("the other answers", partial(k8s.answered_by, ON_LAN, f"{SECOND}/eth0"), SOON)
    assert k8s.fetch(prefix.partition("/")[0]) == SECOND
    assert k8s.fetch(ON_LAN, local=True) == SECOND
    stopwatch.start()
    k8s.nodes[FIRST].start(k8s.stack)
    stopwatch.lap("both are next hops", partial(k8s.routed, prefix, *NODES), SOON)
    stopwatch.lap("the first answers", partial(k8s.answered_by, ON_LAN, f"{FIRST}/eth0"), SOON)
    k8s.until("one status is left", lambda: k8s.kube.announcer("door") == [FIRST])


def test_killing_all_nodes_and_the_controller_moves_no_address(k8s, stopwatch):
    prefix = stand(k8s)
    before = {name: k8s.kube.addresses(name) for name in ("web", "door")}
    for member in k8s.members:
        member.process.kill()
    k8s.until("nothing is routed", k8s.routed, prefix)
    stopwatch.start()
    for member in k8s.members:
        member.start(k8s.stack)
    stopwatch.lap("all routes are back", partial(k8s.routed, prefix, *NODES), SOON)
    stopwatch.lap("the LAN is answered", partial(k8s.answered_by, ON_LAN, f"{FIRST}/eth0"), SOON)
    assert {name: k8s.kube.addresses(name) for name in before} == before


def forget(*members):
    """Take the ledgers of processes that do not run away, as before an installation."""
    for member in members:
        for path in member.directory.glob("ledger.db*"):
            path.unlink()


@pytest.fixture
def waiting(k8s):
    """The cluster with a router that was asked to wait for its nodes."""
    names = [each["metadata"]["name"] for each in TOR]
    k8s.kube.delete("BGPPeer", *names)
    k8s.until("no session is left", lambda: not k8s.established(), within=START)
    for each in TOR:
        k8s.kube.create({**each, "spec": {**each["spec"], "enableGracefulRestart": True}})
    k8s.until("all sessions stand", k8s.established, within=START)
    return k8s


def test_with_graceful_restart_killed_nodes_cost_no_route(waiting, stopwatch):
    k8s, prefix = waiting, stand(waiting)
    k8s.web("goes")
    (gone,) = (f"{address}/32" for address in k8s.addressed("goes"))
    k8s.until("it is routed", k8s.routed, gone, *NODES)
    with untouched(k8s, prefix):
        for victims in ([k8s.nodes[FIRST]], k8s.members):
            for member in victims:
                member.process.kill()
            k8s.until("the router has noticed", lambda: not k8s.established())
            assert via(k8s.lab, prefix, *NODE_V4.values())
            if len(victims) > 1:
                forget(*k8s.nodes.values())
                k8s.kube.delete("Service", "goes", namespace="default")
            stopwatch.start()
            k8s.start(*victims)
            stopwatch.lap("all sessions stand", k8s.established, START)
        stopwatch.lap("what went meanwhile is gone", partial(k8s.routed, gone), START)
        new_service(k8s, stopwatch, "after")
        first = partial(k8s.answered_by, ON_LAN, f"{FIRST}/eth0")
        k8s.until("the LAN is answered", first, within=START)


# --- the API server -----------------------------------------------------------------------------


def test_a_server_that_refuses_for_a_while_costs_nothing(fresh, stopwatch):
    prefix = stand(fresh)
    with untouched(fresh, prefix):
        fresh.kube.control("outage", seconds=6)
        time.sleep(5)
        fresh.until("it is back", lambda: fresh.kube.list("Node"), within=START)
        new_service(fresh, stopwatch, "after")


def test_a_server_that_hangs_costs_nothing(fresh, stopwatch):
    prefix = stand(fresh)
    with untouched(fresh, prefix):
        fresh.api.suspend()
        try:
            time.sleep(3)
        finally:
            fresh.api.resume()
        new_service(fresh, stopwatch, "after")


def test_a_server_that_restarts_and_has_forgotten_history_is_listed_again(fresh, stopwatch):
    prefix = stand(fresh)
    with untouched(fresh, prefix):
        fresh.kube.control("restart")
        fresh.until("it answers", lambda: fresh.kube.list("Node"))
        new_service(fresh, stopwatch, "after")


def test_a_node_that_starts_while_the_server_is_away_announces_what_it_knows(fresh, stopwatch):
    prefix = stand(fresh)
    fresh.nodes[FIRST].process.kill()
    fresh.until("the other is the only next hop", fresh.routed, prefix, SECOND)
    fresh.kube.control("outage", seconds=5)
    stopwatch.start()
    fresh.nodes[FIRST].start(fresh.stack)
    stopwatch.lap("its route is back", partial(fresh.routed, prefix, *NODES), SOON)
    stopwatch.lap("it answers", partial(fresh.answered_by, ON_LAN, f"{FIRST}/eth0"), SOON)
    assert fresh.nodes[FIRST].ready(), "it is of use without the server"
    with pytest.raises(CommandFailed):
        fresh.kube.list("Node")
    with untouched(fresh, prefix):
        fresh.until("the server is back", lambda: fresh.kube.list("Node"), within=START)
        new_service(fresh, stopwatch, "after")


# --- leaders ------------------------------------------------------------------------------------


def leader(k8s):
    """Who holds the Lease; empty when nobody does."""
    return (k8s.kube.get("Lease", "proclaim-controller")["spec"].get("holderIdentity") or "")[:2]


@pytest.fixture
def pair(k8s):
    """Two controllers with a short Lease, the usual one leading; yields the other."""
    other = k8s.controller_named("c2", 9122)
    k8s.controller.process.terminate()
    for member in (k8s.controller, other):
        member.configure(f"lease_seconds = {LEASE_SECONDS}")
    k8s.start(k8s.controller)
    k8s.until("the first leads", lambda: leader(k8s) == "c1", within=START)
    k8s.start(other)
    yield other
    if other.running:
        other.process.terminate()
    k8s.controller.process.terminate()
    k8s.controller.configure()
    k8s.start(k8s.controller)
    k8s.until("the first leads", lambda: leader(k8s) == "c1", within=START)


@pytest.mark.parametrize(("end", "within"), [("kill", HAND_OVER), ("terminate", 2.0)])
def test_another_controller_takes_over_and_moves_nothing(k8s, pair, stopwatch, end, within):
    prefix = stand(k8s)
    before = {name: k8s.kube.addresses(name) for name in ("web", "door")}
    with untouched(k8s, prefix):
        stopwatch.start()
        getattr(k8s.controller.process, end)()
        k8s.web("waits")
        gone = stopwatch.started
        stopwatch.lap("the other leads", lambda: leader(k8s) == "c2", within=within)
        stopwatch.lap("who waited has an address", partial(k8s.kube.addresses, "waits"), within)
        assert time.monotonic() - gone < within
        k8s.start(k8s.controller)
        time.sleep(LEASE_SECONDS)
        assert leader(k8s) == "c2", "who comes back follows"
        authority = partial(k8s.controller.metric, "proclaim_authority")
        assert (authority(authority="follow"), authority(authority="allocate")) == (1, 0)
        assert {name: k8s.kube.addresses(name) for name in before} == before


# --- taking over from MetalLB -------------------------------------------------------------------


def stop_and_forget(k8s, *members):
    """End processes and take their ledgers away, as before an installation."""
    for member in members:
        member.process.terminate()
    forget(*members)


def plan(k8s):
    """`proclaim k8s plan` against the server: its status, and all that it says."""
    kubeconfig = str(k8s.lab.directory / "kubeconfig")
    command = [*PROCLAIM, "k8s", "plan", "--kubeconfig", kubeconfig, "-n", "metallb-system"]
    done = subprocess.run(
        k8s.hall.argv(*command), capture_output=True, text=True, timeout=60, check=False
    )
    return done.returncode, done.stdout + done.stderr


def test_an_installation_keeps_what_another_allocator_gave_and_the_plan_says_so(k8s, stopwatch):
    stop_and_forget(k8s, *k8s.members)
    ground(k8s)
    given = {f"old{at}": f"203.0.113.{200 - 7 * at}" for at in range(6)}
    notes = {"metallb.io/ip-allocated-from-pool": "routed"}
    for name, address in given.items():
        k8s.web(name, annotations=notes, ingress=[address])
    versions = {name: _version(k8s, name) for name in given}
    status, said = plan(k8s)
    assert status == 0, said
    k8s.web("waits")
    status, said = plan(k8s)
    assert status == 2, said
    assert "waits" in said
    stopwatch.start()
    for member in k8s.members:
        member.start(k8s.stack)
    stopwatch.lap("all are routed", partial(_all_routed, k8s, given.values()), START)
    k8s.addressed("waits")
    assert {name: k8s.kube.addresses(name)[0] for name in given} == given
    assert {name: _version(k8s, name) for name in given} == versions, "nothing was written"
    told = {reason for name in given for reason in k8s.kube.events(name)}
    assert told <= {"nodeAssigned"}, "nodes begin to announce; nobody allocates"


def _all_routed(k8s, addresses):
    return all(k8s.routed(f"{each}/32", *NODES) for each in addresses)


def _version(k8s, name):
    return k8s.kube.get("Service", name)["metadata"]["resourceVersion"]


_WOULD_ANNOUNCE = 4.0
"""Seconds in which a node that starts has its sessions and routes, had it any to announce."""


def test_beside_metallb_nothing_begins_until_it_is_gone(k8s, stopwatch):
    prefix = stand(k8s)
    remembering = k8s.nodes[FIRST]
    for member in k8s.members:
        member.process.terminate()
    known = len(_history(remembering))
    forget(*(member for member in k8s.members if member is not remembering))
    k8s.until("the router is empty", lambda: k8s.router.routes(4) == {})
    labels = {"app": "metallb", "component": "controller"}
    k8s.kube.create(objects.pod("controller-abc", labels=labels))
    k8s.kube.create(objects.pod("speaker-x", labels={**labels, "component": "speaker"}))
    k8s.web("waits")
    before = [len(member.said()) for member in k8s.members]
    for member in k8s.members:
        member.start(k8s.stack)
    for member, at in zip(k8s.members, before, strict=True):
        k8s.until(f"{member.name} says who", _says, member, at, "controller-abc", within=START)
        assert "scale deployment controller --replicas=0" in member.said()[at:]
    _, said = plan(k8s)
    assert "controller-abc" in said
    for node in k8s.nodes.values():
        k8s.until(f"{node.name} is told", lambda node=node: "speaker-x" in _problems(node))
    assert "[NodeWithdrawn]" in remembering.ask("explain", "default/web")
    k8s.until("what was remembered is taken back", lambda: k8s.router.routes(4) == {})
    flaps = k8s.touched(prefix)
    remembering.process.kill()
    remembering.start(k8s.stack)
    time.sleep(_WOULD_ANNOUNCE)
    assert k8s.touched(prefix) == flaps, "a second start announces nothing at any instant"
    assert k8s.kube.addresses("waits") == []
    assert k8s.router.routes(4) == {}
    stopwatch.start()
    k8s.kube.delete("Pod", "controller-abc", "speaker-x")
    stopwatch.lap("what was remembered is routed", partial(_has, k8s, prefix), within=10)
    stopwatch.lap("it has an address", partial(k8s.kube.addresses, "waits"), within=10)
    (address,) = k8s.kube.addresses("waits")
    stopwatch.lap("it is routed", partial(k8s.routed, f"{address}/32", *NODES), within=10)
    since = _history(remembering)[known:]
    assert any("NodeWithdrawalObserved" in line for line in since)
    assert not any("AddressReleased" in line for line in since)
    assert not any("ResourceRemoved/1 Service/" in line for line in since)


def _has(k8s, prefix):
    return prefix in k8s.router.routes(4)


def _history(member):
    return member.ask("log", "--oneline").splitlines()


def _problems(member):
    return member.ask("get", "problems")


def _says(member, since, words):
    return words in member.said()[since:]


# --- others who write ---------------------------------------------------------------------------


def test_who_rewrites_a_status_is_named_and_left_alone_and_the_route_stays(k8s):
    prefix = stand(k8s)
    ours = k8s.kube.addresses("web")
    theirs = {"status": {"loadBalancer": {"ingress": [{"ip": "198.18.0.9"}]}}}
    with untouched(k8s, prefix):
        rewrites, quiet = 0, time.monotonic()
        while time.monotonic() - quiet < 3:
            if k8s.kube.addresses("web") == ours:
                assert rewrites < 6, "it insists for ever"
                k8s.kube.patch("Service", "web", theirs, status=True)
                rewrites, quiet = rewrites + 1, time.monotonic()
            time.sleep(0.02)
        assert k8s.kube.addresses("web") == ["198.18.0.9"]
        notes = k8s.kube.get("Service", "web")["metadata"]["annotations"]
        assert notes["proclaim.io/agreed-addresses"] == ours[0]
        assert "is rewritten by kubectl again and again" in k8s.controller.said()
        assert ours[0] in k8s.controller.ask("get", "services")
    assert k8s.routed(prefix, *NODES)


def test_a_status_that_is_cleared_once_is_put_right_and_no_route_flickers(k8s, stopwatch):
    prefix = stand(k8s)
    with untouched(k8s, prefix):
        gone = {"status": {"loadBalancer": {"ingress": None}}}
        stopwatch.start()
        k8s.kube.patch("Service", "web", gone, status=True)
        stopwatch.lap("the status is right again", partial(k8s.kube.addresses, "web"), SOON)
        time.sleep(1.5)


# --- the tests themselves -----------------------------------------------------------------------


def _break_a_cluster():
    with cluster() as made:
        made.start()
        second_router(made, made.stack)
        raise RuntimeError(made.lab.topology.run, made.lab.directory)


def test_a_cluster_that_breaks_leaves_nothing_behind():
    demand_all("frr")
    before = children()
    with pytest.raises(RuntimeError) as caught:
        _break_a_cluster()
    assert leftovers(*caught.value.args) == []
    assert children() == before
