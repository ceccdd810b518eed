"""What tests of BGP in a cluster have in common: Services with usual addresses, and waiting."""

from functools import partial

from apiserver import objects
from integration.lab.cluster import ROUTED_V4, ROUTED_V6, SECOND_V4, SOON, START, peer
from netlab.topology import NODE_ASN, NODE_V4, NODE_V6, NODES
from netlab.waiting import eventually

V4, V6 = "203.0.113.90", "2001:db8:f::90"
PREFIX = {V4: f"{V4}/32", V6: f"{V6}/128"}
SETS = {"ipv4": [V4], "ipv6": [V6], "dual": [V4, V6]}
NEVER = ()
"""By way of no node."""
HOSTNAME = "kubernetes.io/hostname"


def selecting(*nodes):
    """Node selectors: one for each name."""
    return [{"matchLabels": {HOSTNAME: name}} for name in nodes]


def ground(k8s, *advertisements):
    """One pool, and these advertisements or a plain one."""
    plain = objects.bgp_advertisement("all", "routed")
    k8s.kube.create(objects.pool("routed", ROUTED_V4, ROUTED_V6), *(advertisements or [plain]))


def web(k8s, family="ipv4", *nodes, name="web", **service):
    """A Service of one family or two, with its usual addresses; returns their prefixes."""
    addresses = SETS[family]
    policy = "RequireDualStack" if len(addresses) > 1 else "SingleStack"
    service.setdefault("ipFamilies", ["IPv6" if ":" in each else "IPv4" for each in addresses])
    k8s.web(name, *nodes, address=",".join(addresses), ipFamilyPolicy=policy, **service)
    return [PREFIX[address] for address in addresses]


def routed(k8s, prefixes, *nodes):
    """Wait until the first router has prefixes by way of exactly these nodes."""
    for prefix in prefixes:
        k8s.until(f"{prefix} by way of {nodes}", k8s.routed, prefix, *nodes)


def heard(router, prefix, *nodes, within=SOON):
    """Wait until a router has a prefix by way of exactly these nodes."""
    hops = NODE_V6 if ":" in prefix else NODE_V4
    wanted = {hops[node] for node in nodes}
    version = 6 if ":" in prefix else 4
    seen = partial(lambda: router.routes(version).get(prefix, frozenset()) == wanted)
    eventually(f"{prefix} by way of {nodes}", seen, within=within)


def told(k8s, wanted, name="web"):
    """Wait until the ServiceBGPStatuses name these peers by node."""

    def seen():
        found = k8s.kube.statuses("ServiceBGPStatus", name)
        return {node: set(status["peers"]) for node, status in found.items()} == wanted

    k8s.until(f"told {wanted}", seen)


def with_second(k8s, second, *nodes, name="second-v4", address=SECOND_V4, **spec):
    """Have nodes speak to the second router, by default both."""
    selectors = {"nodeSelectors": selecting(*nodes)} if nodes else {}
    k8s.kube.create(peer(name, address, peer_asn=NODE_ASN, **selectors, **spec))
    table = NODE_V6 if ":" in address else NODE_V4
    ends = [table[node] for node in nodes or NODES]
    k8s.until("sessions stand", partial(k8s.established, *ends, router=second), within=START)


def attributes(router, prefix):
    """(communities, large communities, local preference) of all paths of a prefix, once each."""
    return {
        (
            path.get("community", {}).get("string", ""),
            path.get("largeCommunity", {}).get("string", ""),
            path.get("locPrf"),
        )
        for path in router.paths(prefix)
    }


def carries(router, prefix, *wanted):
    """Wait until the paths of a prefix have exactly these attributes."""
    eventually(
        f"{prefix} carries {wanted}",
        lambda: attributes(router, prefix) == set(wanted),
        within=SOON,
    )
