"""A cluster in the laboratory: an API server, a controller, two nodes, and a router beside.

The API server and the controllers live in a namespace of their own, which the
nodes reach over the backstage segment; what they announce is looked for on the
LAN.  One cluster serves many tests: `reset` puts it back to its ground.
"""

import contextlib
import time
from functools import partial

from apiserver import objects
from integration.lab.kube import Kube
from integration.lab.member import Member, emulator
from integration.lab.prober import Prober
from netlab import frr, namespaces
from netlab.laboratory import laboratory
from netlab.topology import NODE_ASN, NODE_V4, NODE_V6, NODES, ROUTER_ASN, prefix_of
from netlab.waiting import eventually

START = 20.0
"""Seconds that anything may take that is not measured."""
SOON = 8.0
"""Seconds in which what a user changes must be visible; mostly it takes some hundredths."""
ROUTED_V4, ROUTED_V6 = "203.0.113.0/24", "2001:db8:f::/64"
ON_LINK_V4, ON_LINK_V6 = "192.0.2.240/28", "2001:db8:77::f0/124"
SECOND_V4, SECOND_V6 = "192.0.2.2", "2001:db8:77::2"
"""A second router on the LAN, in the nodes' own AS, so that it sees the local preference."""
_UNDER_WAY = 0.3
"""Seconds that FRR may take to bring what it knows into its kernel; mostly it takes 0.07."""
_API, _PORT, _TOKEN = "10.99.0.1", 6443, "the-token-of-a-test"
_ASIDE = ("default", "kube-node-lease", "kube-public", "kube-system", objects.METALLB)


def peer(name, address, **spec):
    """A BGPPeer for the router, whose sessions are quick to come back."""
    quick = {"connectTime": "1s", "holdTime": "9s", "keepaliveTime": "3s"}
    given = {"peer_asn": ROUTER_ASN, **quick, **spec}
    return objects.bgp_peer(name, address, asn=given.pop("asn", NODE_ASN), **given)


TOR = (peer("tor-v4", "192.0.2.1"), peer("tor-v6", "2001:db8:77::1"))
"""The peers that are always there."""


def ground():
    """The objects that every test begins with."""
    nodes = [objects.node(name, NODE_V4[name], NODE_V6[name]) for name in NODES]
    return [*nodes, *TOR]


class Cluster:
    """A running cluster and what a test asks of it."""

    def __init__(self, lab, stack):
        self.lab, self.stack = lab, stack
        self.hall = _hall(lab, stack)
        self.router = lab.router
        log = lab.directory / "routes.log"
        monitor = ["ip", "monitor", "route"]
        self._monitor = lab.topology.router.start(stack, "monitor", monitor, log)
        self.api = self.hall.start(
            stack,
            "apiserver",
            emulator(lab.directory, f"{_API}:{_PORT}", _TOKEN),
            lab.directory / "apiserver.log",
        )
        eventually("the API server serves", lambda: "https://" in self.api.said(), within=START)
        certificate = lab.directory / "tls" / "ca.crt"
        self.kube = Kube(self.hall, f"{_API}:{_PORT}", certificate, _TOKEN)
        stack.callback(self.kube.close)
        self.kube.create(*ground())
        self.controller = self.controller_named("c1", 9121)
        self.nodes = {
            name: Member(name, "node", lab.topology.nodes[name], lab.directory, "127.0.0.1:9120")
            for name in NODES
        }
        self.members = [self.controller, *self.nodes.values()]
        self._probers = {}
        topology = lab.topology
        self._owners = {
            topology.mac(node, interface): f"{node}/{interface}"
            for node in NODES
            for interface in ("eth0", "eth1")
        }

    def controller_named(self, name, port):
        """A controller beside the API server, not started."""
        return Member(name, "controller", self.hall, self.lab.directory, f"127.0.0.1:{port}")

    def start(self, *members):
        """Start processes, by default all, and wait until they are of use."""
        for member in members or self.members:
            member.start(self.stack)
        for member in members or self.members:
            eventually(f"{member.name} is ready", member.ready, within=START)

    def until(self, what, check, *given, within=SOON):
        """Wait until something is true; returns the seconds that it took."""
        return eventually(what, partial(check, *given), within=within)

    # --- what a user does ----------------------------------------------------------------------

    def web(self, name, *nodes, namespace="default", address="", **service):
        """Create a Service whose pods serve on nodes, by default on all."""
        notes = dict(service.pop("annotations", {}))
        if address:
            notes["metallb.io/loadBalancerIPs"] = address
        made = objects.service(name, namespace, annotations=notes, **service)
        self.kube.create(made, serving(name, *nodes or NODES, namespace=namespace))

    def addressed(self, name, namespace=None):
        """Wait until a Service has an address; returns all of them."""
        self.until(f"{name} has an address", self.kube.addresses, name, namespace)
        return self.kube.addresses(name, namespace)

    # --- what is visible -----------------------------------------------------------------------

    def routed(self, prefix, *nodes):
        """Whether the router has a prefix by way of exactly these nodes."""
        version, hops = (6, NODE_V6) if ":" in prefix else (4, NODE_V4)
        found = self.router.routes(version).get(prefix, frozenset())
        return found == {hops[node] for node in nodes}

    def touched(self, prefix):
        """How often the router's kernel has changed its route of a prefix by now."""
        time.sleep(_UNDER_WAY)
        address = prefix.removesuffix("/32").removesuffix("/128")
        return sum(f"{address} " in line for line in self._monitor.said().splitlines())

    def established(self, *ends, router=None):
        """Whether the router has its sessions with these addresses, by default with all nodes'."""
        found = (router or self.router).neighbors()
        wanted = ends or (*NODE_V4.values(), *NODE_V6.values())
        return all(end in found and found[end].state == "Established" for end in wanted)

    def answering(self, address, interface="eth0"):
        """Who answers for an address on the LAN (`eth0`) or backstage, as `node/interface`."""
        if interface not in self._probers:
            local = self.lab.topology.local
            self._probers[interface] = Prober(self.stack, local, interface)
        heard = self._probers[interface].answers(address)
        return {self._owners.get(mac, mac) for mac in heard}

    def answered_by(self, address, *whom, interface="eth0"):
        """Whether exactly these answer for an address."""
        return self.answering(address, interface) == set(whom)

    def fetch(self, address, port=80, *, local=False):
        """Who answers HTTP at an address, to the client behind the router or on the LAN itself.

        FRR tells of a route some moments before its kernel has it.
        """
        topology = self.lab.topology
        by = topology.local if local else topology.client
        ask = partial(self.lab.fetch, address, by=by, port=port)
        self.until(f"{address} answers", ask)
        return ask()

    # --- back to the ground --------------------------------------------------------------------

    def reset(self):
        """Undo what a test did, and wait until nothing of it is visible."""
        for member in self.members:
            if not member.running:
                self.start(member)
        self._take_away()
        self._restore()
        self.until("the router is empty", self._silent, within=START)
        self.until("all sessions stand", self.established, within=START)
        self.until("no status is left", self._told_nothing, within=START)
        self.until("all is valid", self._valid, within=START)
        self._delete_all("Event")

    def _take_away(self):
        for kind in ("Service", "EndpointSlice", "Pod", "BGPAdvertisement", "L2Advertisement"):
            self._delete_all(kind)
        self._delete_all("BGPPeer", [each["metadata"]["name"] for each in TOR])
        for kind in ("IPAddressPool", "Community", "BFDProfile", "Secret"):
            self._delete_all(kind)
        self._delete_all("Namespace", _ASIDE)

    def _delete_all(self, kind, keep=()):
        for each in self.kube.list(kind):
            named = each["metadata"]
            if named["name"] not in keep:
                self.kube.delete(kind, named["name"], namespace=named.get("namespace"))

    def _restore(self):
        for wanted in ground():
            kind, name = wanted["kind"], wanted["metadata"]["name"]
            found = self.kube.get(kind, name)
            if found is None:
                self.kube.create(wanted)
            elif kind == "BGPPeer":
                gone = {key: None for key in found["spec"] if key not in wanted["spec"]}
                self.kube.change(kind, name, **{**gone, **wanted["spec"]})
            else:
                labels = wanted["metadata"]["labels"]
                gone = {key: None for key in found["metadata"]["labels"] if key not in labels}
                self.kube.patch(kind, name, {"metadata": {"labels": {**gone, **labels}}})
                if found["status"].get("conditions"):
                    self.kube.network_unavailable(name, False)

    def _silent(self):
        return not self.router.routes(4) and not self.router.routes(6)

    def _told_nothing(self):
        return not self.kube.list("ServiceBGPStatus") and not self.kube.list("ServiceL2Status")

    def _valid(self):
        names = ("controller", *(f"speaker-{name}" for name in NODES))
        return self.kube.results() == dict.fromkeys(names, "Valid")


def serving(service, *nodes, namespace="default", **more):
    """The EndpointSlice of a Service with a pod on each of these nodes."""
    pods = [objects.endpoint(f"10.244.0.{at}", node) for at, node in enumerate(nodes, 1)]
    return objects.endpoint_slice(service, pods, namespace, **more)


def second_router(cluster, stack):
    """Another FRR on the LAN, in the AS of the nodes; its peers are the caller's to make."""
    lab = cluster.lab
    namespace = namespaces.add(stack, prefix_of(lab.topology.run) + "second")
    namespaces.wire(namespace, "eth0", lab.topology.switch, "second")
    lab.topology.switch.ip("link set dev second master lan")
    namespace.ip(
        f"addr add {SECOND_V4}/24 dev eth0",
        f"addr add {SECOND_V6}/64 dev eth0 nodad",
    )
    directory = lab.directory / "second"
    directory.mkdir()
    told = frr.configuration(NODE_ASN, SECOND_V4)
    return frr.start_in(stack, namespace, directory / "frr", told)


@contextlib.contextmanager
def cluster():
    """A cluster with FRR as the router, not started; an exception that passes carries the logs."""
    with laboratory("frr") as (lab, stack):
        yield Cluster(lab, stack)


def _hall(lab, stack):
    hall = namespaces.add(stack, prefix_of(lab.topology.run) + "hall")
    namespaces.wire(hall, "eth0", lab.topology.switch, "hall")
    lab.topology.switch.ip("link set dev hall master backstage")
    hall.ip(f"addr add {_API}/24 dev eth0")
    return hall
