"""A laboratory with both nodes up, and what the tests ask of it."""

import hashlib
from ipaddress import ip_address

from netlab.routers import kernel_next_hops
from netlab.topology import NODE_V4, NODE_V6, NODES
from netlab.waiting import eventually

START = 15.0
"""Seconds that everything may take to come up; nothing is measured by it."""

SERVICE = """
apiVersion: v1
kind: Service
metadata:
  name: {name}
  namespace: default
  annotations: {annotations}
spec:
  type: LoadBalancer
  {families}
  ports:
    - port: {port}
"""


def service(name, *, address="", pool="", port=80, key=""):
    """The manifest of a Service, with a requested address, a requested pool, or neither.

    With a `key` it shares its address.
    """
    annotations = {"metallb.io/allow-shared-ip": key} if key else {}
    if address:
        annotations["metallb.io/loadBalancerIPs"] = address
    if pool:
        annotations["metallb.io/address-pool"] = pool
    families = "ipFamilies: [IPv6]" if ":" in address else "ipFamilies: [IPv4]"
    return SERVICE.format(name=name, annotations=annotations, families=families, port=port)


def start_nodes(lab, stack, nodes=NODES):
    """Start the service on nodes and wait until each says that it runs."""
    for name in nodes:
        lab.nodes[name].start(stack)
    for name in nodes:
        eventually(f"{name} runs", lab.nodes[name].is_ready, within=START)


def wait_established(lab, nodes=NODES, tables=(NODE_V4, NODE_V6)):
    """Wait until the router has its sessions with these nodes."""
    ends = {table[node] for node in nodes for table in tables}

    def established():
        found = lab.router.neighbors()
        states = {address: found[address].state for address in ends}
        return all(state == "Established" for state in states.values()) and states

    eventually(f"sessions with {', '.join(sorted(ends))}", established, within=START)


def via(lab, prefix, *hops):
    """Whether the router forwards a prefix to exactly these next hops."""
    return kernel_next_hops(lab.topology.router, prefix) == frozenset(hops)


def election_order(address, nodes=NODES):
    """The nodes in the order in which MetalLB would let them answer for an address."""
    text = str(ip_address(address))
    return sorted(nodes, key=lambda node: hashlib.sha256(f"{node}#{text}".encode()).digest())
