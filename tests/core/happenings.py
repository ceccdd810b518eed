"""What can happen to an allocator of few Services and few addresses, drawn by whoever chooses."""

from proclaim.model import (
    Change,
    Namespace,
    Pool,
    Port,
    Selector,
    Service,
    ServiceAllocation,
    Sourced,
)
from proclaim.testing import pairs

SOURCE = "files"
NAMES = [(namespace, name) for namespace in ("default", "shop") for name in "abcd"]
RANGES = {
    "p": [
        ("192.0.2.0/30", "2001:db8::/127"),
        ("192.0.2.1-192.0.2.2",),
        ("192.0.2.0/31", "2001:db8::/126"),
        ("192.0.2.3/32", "192.0.2.0/31"),
        ("198.51.100.0/31",),
    ],
    "q": [
        ("198.51.100.0/30",),
        ("198.51.100.254-198.51.101.1", "2001:db8:1::/127"),
        ("198.51.100.2/31", "2001:db8:1::1/128"),
        ("192.0.2.2/31",),
    ],
    "r": [("2001:db8:2::/127",), ("203.0.113.7/32",), ("203.0.113.7/32", "2001:db8:2::/128")],
}
ADDRESSES = ["192.0.2.0", "192.0.2.1", "192.0.2.3", "198.51.100.2", "203.0.113.7"]
ADDRESSES6 = ["2001:db8::", "2001:db8::1", "2001:db8:1::1", "2001:db8:2::"]
PORTS = [(), (Port("TCP", 80),), (Port("UDP", 80),), (Port("TCP", 80), Port("TCP", 443))]
GOLD = Selector(labels=(("tier", "gold"),))
LABELS = [(), (("tier", "gold"),), (("tier", "tin"),)]
NOTES = [
    *[{}] * 4,
    {"allocation": "closed"},
    {"namespace-quota": "1"},
    {"namespace-quota": "2"},
    {"namespace-quota": "shop=0, *=2"},
    {"namespace-quota": "shop=1"},
]
POLICIES = ["SingleStack", "SingleStack", "SingleStack", "PreferDualStack", "RequireDualStack"]
FIELDS = {
    "cluster_ips": [*[()] * 9, ("None",), ("10.0.0.1",), ("fd00::1", "10.0.0.1")],
    "ip_families": [*[()] * 6, (4,), (6,), (6, 4)],
    "ip_family_policy": POLICIES,
    "external_traffic_policy": ["Cluster", "Cluster", "Local"],
    "selector": [(), (("app", "x"),)],
    "ports": PORTS,
    "labels": LABELS,
    "requested_pool": [*[""] * 9, "p", "q"],
    "type": [*["LoadBalancer"] * 9, "ClusterIP"],
    "load_balancer_class": [*[None] * 9, "other"],
}
KEYS = ["", "", "k", "k", "other"]


# --- what can happen, drawn by whoever chooses --------------------------------------------------


def some_service(choose):
    """A plain one that may share, or one with a wish for everything."""
    namespace, name = choose(NAMES)
    fields = {"type": "LoadBalancer", "ports": choose(FIELDS["ports"])}
    if choose([True, False]):
        fields = {field: choose(options) for field, options in FIELDS.items()}
    asks = choose([*["nothing"] * 9, "one", "two"])
    requested = () if asks == "nothing" else (choose(ADDRESSES + ADDRESSES6),)
    if asks == "two":
        requested = (choose(ADDRESSES), choose(ADDRESSES6))
    claimed = (choose(ADDRESSES + ADDRESSES6),) if choose([*[False] * 9, True]) else ()
    return Service(
        namespace,
        name,
        annotations=pairs({"metallb.io/allow-shared-ip": choose(KEYS)}),
        requested_addresses=requested,
        status_addresses=claimed,
        **fields,
    )


def some_pool(choose):
    name = choose(sorted(RANGES))
    allocation = None
    if choose([False, False, True]):
        allocation = ServiceAllocation(
            priority=choose([0, 1, 2]),
            namespaces=choose([(), ("shop",)]),
            namespace_selectors=choose([(), (GOLD,)]),
            service_selectors=choose([(), (), (GOLD,)]),
        )
    return Pool(
        name,
        addresses=choose(RANGES[name]),
        annotations=pairs({f"proclaim.io/{key}": said for key, said in choose(NOTES).items()}),
        auto_assign=choose([True, True, True, False]),
        avoid_buggy_ips=choose([False, False, False, True]),
        service_allocation=allocation,
    )


def some_namespace(choose):
    return Namespace(choose(["default", "shop"]), labels=choose(LABELS))


def what_changes(choose, resources):
    """One to three resources that are new or different, or one that is gone."""
    kind = choose([*["services"] * 5, "gone", "gone", "pool", "pool", "namespace"])
    if kind == "gone" and resources:
        return Change(SOURCE, gone=(choose(sorted(each.ref for each in resources)),))
    make = {"pool": some_pool, "namespace": some_namespace}.get(kind, some_service)
    found = [make(choose) for _ in range(choose([1, 1, 2, 3]))]
    return Change(SOURCE, tuple(Sourced(each) for each in found))
