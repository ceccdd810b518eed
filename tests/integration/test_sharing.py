"""Two Services on one address, and addresses that come back or never go out, on a real network."""

import sqlite3
from contextlib import closing
from functools import partial

import pytest
from integration.lab.running import (
    START,
    election_order,
    service,
    start_nodes,
    via,
    wait_established,
)
from integration.lab.sniffer import Sniffer
from netlab.laboratory import laboratory
from netlab.topology import NODE_V4, NODES
from netlab.waiting import eventually

pytestmark = pytest.mark.integration
ROUTERS = pytest.mark.parametrize("router", ["frr", "bird"])

PORTS = {"first": 80, "second": 8080}
ROUTED, ON_LINK = "203.0.113.30", "192.0.2.241"
SLICE = """
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata:
  name: {service}-pods
  namespace: default
  labels:
    kubernetes.io/service-name: {service}
addressType: IPv4
endpoints: {endpoints}
"""
GUARDED = """
apiVersion: metallb.io/v1beta1
kind: IPAddressPool
metadata:
  name: guarded
  namespace: metallb-system
spec:
  addresses:
    - 198.18.0.0/24
  serviceAllocation:
    namespaces:
      - shop
---
apiVersion: metallb.io/v1beta1
kind: BGPAdvertisement
metadata:
  name: guarded
  namespace: metallb-system
spec:
  ipAddressPools:
    - guarded
"""


def write_pair(lab, address, **spec):
    """Write two Services that share an address by their key, each with a port of its own."""
    for name, port in PORTS.items():
        text = service(name, address=address, port=port, key="pair")
        fields = "".join(f"\n  {field}: {value}" for field, value in spec.items())
        lab.write(f"{name}.yaml", text.replace("type: LoadBalancer", f"type: LoadBalancer{fields}"))


def write_endpoints(lab, *nodes):
    """Say where the pods of the two Services run: one node each, or "" for nowhere."""
    slices = [
        SLICE.format(
            service=name,
            endpoints=[{"addresses": ["10.1.0.1"], "nodeName": node}] if node else [],
        )
        for name, node in zip(PORTS, nodes, strict=True)
    ]
    lab.write("endpoints.yaml", "---".join(slices))


def answering(lab, address, by):
    """Who answers at both ports; raises CommandFailed when one is silent."""
    return [lab.fetch(address, by=by, port=port) for port in PORTS.values()]


@ROUTERS
def test_two_services_on_one_address_are_one_route_until_the_last_of_them_goes(router, stopwatch):
    prefix = f"{ROUTED}/32"
    with laboratory(router) as (lab, stack):
        lab.serve(stack, PORTS["second"])
        write_pair(lab, ROUTED)
        start_nodes(lab, stack)
        wait_established(lab)
        routed = partial(via, lab, prefix, *NODE_V4.values())
        eventually("both nodes are next hops", routed, within=START)
        assert lab.router.routes(4) == {prefix: frozenset(NODE_V4.values())}
        client = lab.topology.client
        eventually("both ports answer", partial(answering, lab, ROUTED, client), within=START)

        log = lab.directory / "monitor.log"
        monitor = lab.topology.router.start(stack, "monitor", ["ip", "monitor", "route"], log)
        lab.remove("first.yaml")
        for node in lab.nodes.values():
            gone = partial(lambda node: node.addresses("first") == [], node)
            eventually(f"{node.name} knows that the first is gone", gone, within=START)
            assert node.addresses("second") == [ROUTED]
        assert lab.fetch(ROUTED, by=client, port=PORTS["second"]) in NODES
        assert routed()

        assert ROUTED not in monitor.said(), "the kernel's route was never touched"

        stopwatch.start()
        lab.remove("second.yaml")
        stopwatch.lap("the route is withdrawn", partial(via, lab, prefix), within=2.0)
        assert lab.router.routes(4) == {}


CHURN = {
    "Cluster": [("node1", "node2"), ("node2", "node1"), ("", "node2"), ("node1", ""), NODES],
    "Local": [("node1", "node2"), ("node2", "node1")] * 3,
}
"""Where the pods run, one time after the other; under Local both nodes always have some."""


@pytest.mark.parametrize("policy", sorted(CHURN))
def test_one_mac_answers_for_a_shared_address_wherever_the_pods_of_its_services_run(policy):
    """With an election for each Service, two nodes would claim the address."""
    elected = election_order(ON_LINK)[0]
    with laboratory() as (lab, stack):
        local = lab.topology.local
        sniffer = Sniffer(stack, local, "eth0", lab.directory / "sniffer.log")
        lab.serve(stack, PORTS["second"])
        write_endpoints(lab, *CHURN[policy][0])
        write_pair(lab, ON_LINK, externalTrafficPolicy=policy, selector="{app: door}")
        start_nodes(lab, stack)
        both = partial(answering, lab, ON_LINK, local)
        eventually("the elected node answers", lambda: both() == [elected] * 2, within=START)
        for placed in CHURN[policy][1:]:
            before = {name: heard_of_pods(node) for name, node in lab.nodes.items()}
            write_endpoints(lab, *placed)
            for name, node in lab.nodes.items():
                news = partial(lambda node, seen: heard_of_pods(node) > seen, node, before[name])
                eventually(f"{name} knows where the pods are", news, within=START)
            local.run("arping", "-f", "-c", "3", "-w", "1", "-I", "eth0", ON_LINK)
            assert both() == [elected] * 2
        assert sniffer.claimants(ON_LINK) == {lab.topology.mac(elected)}


def heard_of_pods(node):
    """How often a node has noted where pods run."""
    with closing(sqlite3.connect(f"file:{node.files.own / 'ledger.db'}?mode=ro", uri=True)) as db:
        (count,) = db.execute(
            "SELECT count(*) FROM stored_events WHERE topic LIKE 'EndpointSliceObserved/%'"
        ).fetchone()
    return count


def held(node, name):
    """The one address that a Service holds, or None."""
    return next(iter(node.addresses(name)), None)


def test_a_service_that_is_written_again_has_the_address_and_the_route_that_it_had():
    with laboratory("bird") as (lab, stack):
        node = lab.nodes["node1"]
        for name in ("a", "b"):
            lab.write(f"{name}.yaml", service(name))
        start_nodes(lab, stack, ["node1"])
        wait_established(lab, ["node1"])
        eventually("both have one", lambda: held(node, "a") and held(node, "b"), within=START)
        had = held(node, "a")
        routed = partial(via, lab, f"{had}/32", NODE_V4["node1"])
        eventually("it is routed", routed, within=START)
        lab.remove("a.yaml")
        eventually("it is withdrawn", partial(via, lab, f"{had}/32"), within=START)
        lab.write("c.yaml", service("c"))
        eventually("another has one", partial(held, node, "c"), within=START)
        assert held(node, "c") != had
        lab.write("a.yaml", service("a"))
        eventually("it is routed again", routed, within=START)
        assert held(node, "a") == had
        assert lab.fetch(had, by=lab.topology.client) == "node1"


@pytest.mark.parametrize("authority", ["allocate", "follow"])
def test_what_a_status_claims_of_a_pool_that_does_not_admit_its_service_is_never_announced(
    authority,
):
    outside, inside = "198.18.0.7", "198.18.0.8"
    with laboratory("bird") as (lab, stack):
        settings = lab.directory / "settings.toml"
        settings.write_text(f'authority = "{authority}"\n{settings.read_text("utf-8")}', "utf-8")
        log = lab.directory / "monitor.log"
        monitor = lab.topology.router.start(stack, "monitor", ["ip", "monitor", "route"], log)
        lab.write("guarded.yaml", GUARDED)
        lab.write("outsider.yaml", claiming("outsider", "default", outside))
        lab.write("insider.yaml", claiming("insider", "shop", inside))
        start_nodes(lab, stack, ["node1"])
        wait_established(lab, ["node1"])
        admitted = partial(via, lab, f"{inside}/32", NODE_V4["node1"])
        eventually("who is admitted is routed", admitted, within=START)
        lab.remove("insider.yaml")
        eventually("who is admitted is gone", partial(via, lab, f"{inside}/32"), within=START)
        assert held(lab.nodes["node1"], "outsider") != outside
        assert f"{outside} " not in monitor.said()


def claiming(name, namespace, address):
    """A Service whose status says that it has an address."""
    text = service(name).replace("namespace: default", f"namespace: {namespace}")
    return f"{text}status:\n  loadBalancer:\n    ingress:\n      - ip: {address}\n"
