"""The wiring: a client behind a router, two nodes and a neighbour on a LAN, and a second LAN.

    client -- router -- [lan] -- node1, node2, local -- [backstage]

`router` has no routing daemon yet; `local` sits on the same segments as the
nodes and resolves addresses itself.  `eth0` is the LAN's interface and `eth1`
the backstage's.  Every address is from a documentation range.  Each node
accepts connections to all service addresses, as kube-proxy would arrange it,
but its kernel answers neither ARP nor Neighbor Discovery for any.
"""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass

from netlab import namespaces
from netlab.namespaces import Namespace

NODES = ("node1", "node2")
NODE_V4 = {"node1": "192.0.2.11", "node2": "192.0.2.12"}
NODE_V6 = {"node1": "2001:db8:77::11", "node2": "2001:db8:77::12"}
ROUTER_V4 = "192.0.2.1"
ROUTER_V6 = "2001:db8:77::1"
NODE_ASN = 64500
ROUTER_ASN = 64512

ROUTED_V4 = "203.0.113.0/24"
ROUTED_V6 = "2001:db8:f::/64"
"""The pool that is reached through the router by BGP."""
ON_LINK_V4 = "192.0.2.240/28"
ON_LINK_V6 = "2001:db8:77::f0/124"
"""The pool that lies in the LAN's own prefixes, reached by ARP and Neighbor Discovery."""

_NODE_SYSCTLS = {
    "net.ipv4.conf.all.arp_ignore": "1",  # only for addresses of the interface asked on
    "net.ipv4.conf.all.arp_announce": "2",  # never ask in the name of a service address
    "net.ipv6.conf.all.forwarding": "0",
}
_ROUTER_SYSCTLS = {
    "net.ipv4.ip_forward": "1",
    "net.ipv6.conf.all.forwarding": "1",
    "net.ipv4.fib_multipath_hash_policy": "1",  # by flow, so that both nodes get some
    "net.ipv6.fib_multipath_hash_policy": "1",
}


@dataclass(frozen=True, slots=True)
class Topology:
    """The namespaces of one run."""

    run: str
    client: Namespace
    router: Namespace
    switch: Namespace
    local: Namespace
    nodes: dict[str, Namespace]

    def cut(self, node: str) -> None:
        """Pull a node's cable to the LAN at the switch; the node's own end notices."""
        self.switch.ip(f"link set dev {node} down")

    def mute(self, node: str) -> None:
        """Let nothing pass between a node and the LAN, without either end noticing."""
        self.switch.ip(f"link set dev {node} nomaster")

    def unmute(self, node: str) -> None:
        """Undo `mute`."""
        self.switch.ip(f"link set dev {node} master lan")

    def mac(self, name: str, interface: str = "eth0") -> str:
        """The MAC address of a node's interface, as `aa:bb:cc:dd:ee:ff`."""
        found = self.nodes[name].ip_json("link", "show", "dev", interface)
        return str(found[0]["address"])


def prefix_of(run: str) -> str:
    """How the names of one run's namespaces begin."""
    return f"pl-{run}-"


def build(stack: ExitStack, run: str) -> Topology:
    """Build everything; it goes when `stack` is left.  Raises CommandFailed."""

    def add(name: str) -> Namespace:
        return namespaces.add(stack, prefix_of(run) + name)

    switch = _switch(add("switch"))
    topology = Topology(
        run=run,
        client=add("client"),
        router=add("router"),
        switch=switch,
        local=add("local"),
        nodes={name: add(name) for name in NODES},
    )
    _router_and_client(topology)
    _local(topology)
    for number, name in enumerate(NODES, start=1):
        _node(topology, name, number)
    return topology


def _switch(switch: Namespace) -> Namespace:
    for bridge in ("lan", "backstage"):
        switch.ip(
            f"link add {bridge} type bridge forward_delay 0 mcast_snooping 0",
            f"link set dev {bridge} up",
        )
    return switch


def _plug(topology: Topology, namespace: Namespace, port: str, number: int) -> None:
    """Give a namespace `eth0` on the LAN and `eth1` backstage, with plain MAC addresses."""
    for interface, bridge, lan in (("eth0", "lan", 0), ("eth1", "backstage", 1)):
        name = port if lan == 0 else f"{port}-back"
        mac = f"02:00:00:00:{lan:02x}:{number:02x}"
        namespaces.wire(namespace, interface, topology.switch, name, mac)
        topology.switch.ip(f"link set dev {name} master {bridge}")


def _router_and_client(topology: Topology) -> None:
    router, client = topology.router, topology.client
    router.sysctl(_ROUTER_SYSCTLS)
    namespaces.wire(router, "lan0", topology.switch, "router")
    topology.switch.ip("link set dev router master lan")
    namespaces.wire(router, "wan0", client, "eth0")
    router.ip(
        f"addr add {ROUTER_V4}/24 dev lan0",
        f"addr add {ROUTER_V6}/64 dev lan0 nodad",
        "addr add 198.51.100.1/24 dev wan0",
        "addr add 2001:db8:c::1/64 dev wan0 nodad",
    )
    client.ip(
        "addr add 198.51.100.100/24 dev eth0",
        "addr add 2001:db8:c::100/64 dev eth0 nodad",
        "route add default via 198.51.100.1",
        "route add default via 2001:db8:c::1",
    )


def _local(topology: Topology) -> None:
    _plug(topology, topology.local, "local", 0x99)
    topology.local.ip(
        "addr add 192.0.2.100/24 dev eth0",
        "addr add 2001:db8:77::100/64 dev eth0 nodad",
        "addr add 10.99.0.100/24 dev eth1",
    )


def _node(topology: Topology, name: str, number: int) -> None:
    node = topology.nodes[name]
    node.sysctl(_NODE_SYSCTLS)
    _plug(topology, node, name, number)
    node.ip(
        f"addr add {NODE_V4[name]}/24 dev eth0",
        f"addr add {NODE_V6[name]}/64 dev eth0 nodad",
        f"addr add 10.99.0.{10 + number}/24 dev eth1",
        f"route add default via {ROUTER_V4}",
        f"route add default via {ROUTER_V6}",
        *(f"route add local {pool} dev lo" for pool in (ROUTED_V4, ON_LINK_V4)),
        *(f"route add local {pool} dev lo" for pool in (ROUTED_V6, ON_LINK_V6)),
    )
