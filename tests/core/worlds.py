"""Small worlds, dense in trouble: few names, few addresses, everything overlaps."""

from hypothesis import strategies as st
from proclaim.model import (
    Authority,
    Authorized,
    BGPAdvertisement,
    BGPPeer,
    Change,
    Community,
    EndpointSlice,
    Listing,
    Namespace,
    Node,
    PluginFailed,
    Pool,
    Port,
    Problem,
    Ref,
    Requirement,
    Selector,
    Service,
    ServiceAllocation,
    Sourced,
)


def named(name, strategy):
    """The same strategy with a short name, so that a failure can be read."""

    def drawn(draw):
        return draw(strategy)

    drawn.__name__ = name
    return st.composite(drawn)()


SOURCES = ("files", "files", "files", "k8s")
ORIGINS = ("a.yaml", "a/b.yaml", "c.yaml")
NAMESPACES = ("default", "shop")
POOLS = ("p", "q", "r")
RANGES = (
    ("192.0.2.0/31",),
    ("192.0.2.1-192.0.2.3",),
    ("192.0.2.2/31", "2001:db8::2/127"),
    ("192.0.2.255-192.0.3.1", "2001:db8::/127"),
    ("2001:db8::1-2001:db8::2",),
    ("192.0.2.0/30", "2001:db8::/126"),
    ("198.51.100.7/32",),
)
V4 = ("192.0.2.0", "192.0.2.1", "192.0.2.2", "192.0.2.3", "192.0.3.0")
V6 = ("2001:db8::", "2001:db8::1", "2001:db8::2")
BOTH = Pool(name="p", addresses=("192.0.2.0/30", "2001:db8::/127"))
LABELS = ((), (("tier", "gold"),), (("tier", "lead"),))
KEYS = ((), (("metallb.io/allow-shared-ip", "k"),), (("metallb.io/allow-shared-ip", "other"),))
PORTS = ((), (Port("TCP", 80),), (Port("UDP", 80),), (Port("TCP", 80), Port("TCP", 443)))
POOL_NOTES = (
    (),
    (),
    (("proclaim.io/allocation", "closed"),),
    (("proclaim.io/namespace-quota", "1"),),
    (("proclaim.io/namespace-quota", "shop=0, *=2"),),
)
SELECTORS = (
    Selector(),
    Selector(labels=(("tier", "gold"),)),
    Selector(expressions=(Requirement("tier", "DoesNotExist"),)),
)

addresses = st.one_of(
    st.sampled_from(V4).map(lambda text: (text,)),
    st.sampled_from(V4).map(lambda text: (text,)),
    st.sampled_from(V4).map(lambda text: (text,)),
    st.sampled_from(V6).map(lambda text: (text,)),
    st.tuples(st.sampled_from(V4), st.sampled_from(V6)),
    st.tuples(st.sampled_from(V6), st.sampled_from(V4)),
)

plain_services = named(
    "plain_services",
    st.builds(
        Service,
        namespace=st.just("default"),
        name=st.sampled_from("abcd"),
        type=st.just("LoadBalancer"),
        requested_addresses=st.one_of(st.just(()), st.just(()), addresses),
        status_addresses=st.one_of(st.just(()), addresses, addresses),
    ),
)

dual_services = named(
    "dual_services",
    st.builds(
        Service,
        namespace=st.just("default"),
        name=st.sampled_from("abcd"),
        type=st.just("LoadBalancer"),
        requested_addresses=st.one_of(st.just(()), st.just(()), st.just(()), addresses),
        ip_families=st.sampled_from(((), (4,), (6,), (6, 4))),
        ip_family_policy=st.sampled_from(
            ("PreferDualStack", "PreferDualStack", "RequireDualStack")
        ),
        status_addresses=st.one_of(st.just(()), addresses),
    ),
)

odd_services = named(
    "odd_services",
    st.builds(
        Service,
        namespace=st.sampled_from(NAMESPACES),
        name=st.sampled_from("abcd"),
        labels=st.sampled_from(LABELS),
        type=st.sampled_from(("LoadBalancer", "LoadBalancer", "LoadBalancer", "ClusterIP")),
        load_balancer_class=st.sampled_from((None, None, None, "other")),
        requested_addresses=st.one_of(st.just(()), addresses),
        requested_pool=st.sampled_from(("", *POOLS)),
        cluster_ips=st.sampled_from(
            ((), ("10.0.0.1",), ("fd00::1",), ("10.0.0.1", "fd00::1"), ("None",))
        ),
        ip_families=st.sampled_from(((), (4,), (6,), (6, 4))),
        ip_family_policy=st.sampled_from(("SingleStack", "PreferDualStack", "RequireDualStack")),
        status_addresses=st.one_of(st.just(()), addresses),
    ),
)

sharers = named(
    "sharers",
    st.builds(
        Service,
        namespace=st.sampled_from(NAMESPACES),
        name=st.sampled_from("abcd"),
        annotations=st.sampled_from(KEYS),
        type=st.just("LoadBalancer"),
        requested_addresses=st.one_of(st.just(()), st.just(()), addresses),
        requested_pool=st.sampled_from(("", "", "p")),
        ip_families=st.sampled_from(((), (), (6, 4))),
        ip_family_policy=st.sampled_from(("SingleStack", "PreferDualStack")),
        external_traffic_policy=st.sampled_from(("Cluster", "Cluster", "Local")),
        selector=st.sampled_from(((), (("app", "x"),))),
        ports=st.sampled_from(PORTS),
        status_addresses=st.one_of(st.just(()), st.just(()), addresses),
    ),
)

services = named(
    "services",
    st.one_of(plain_services, plain_services, dual_services, sharers, sharers, odd_services),
)

allocations = named(
    "allocations",
    st.builds(
        ServiceAllocation,
        priority=st.integers(0, 2),
        namespaces=st.sampled_from(((), ("shop",))),
        namespace_selectors=st.sampled_from(((), SELECTORS[1:2])),
        service_selectors=st.sampled_from(((), SELECTORS[1:2], SELECTORS[2:])),
    ),
)

pools = named(
    "pools",
    st.builds(
        Pool,
        name=st.sampled_from(POOLS),
        annotations=st.sampled_from(POOL_NOTES),
        labels=st.sampled_from(LABELS),
        addresses=st.sampled_from(RANGES),
        auto_assign=st.sampled_from((True, True, True, False)),
        avoid_buggy_ips=st.sampled_from((False, False, True)),
        service_allocation=st.one_of(st.none(), st.none(), allocations),
    ),
)

others = named(
    "others",
    st.one_of(
        st.builds(Namespace, name=st.sampled_from(NAMESPACES), labels=st.sampled_from(LABELS)),
        st.builds(
            Node,
            name=st.sampled_from("xy"),
            labels=st.sampled_from(LABELS),
            network_unavailable=st.booleans(),
        ),
        st.builds(
            EndpointSlice,
            namespace=st.sampled_from(NAMESPACES),
            name=st.sampled_from("st"),
            service=st.sampled_from("ab"),
            serving_nodes=st.sampled_from(((), ("x",))),
        ),
    ),
)

_selected = st.sampled_from(((), (), SELECTORS[1:2], SELECTORS[2:]))
advertisements = named(
    "advertisements",
    st.builds(
        BGPAdvertisement,
        name=st.sampled_from("fgh"),
        pools=st.sampled_from(((), (), ("p",), ("q", "r"))),
        pool_selectors=_selected,
        node_selectors=_selected,
        service_selectors=st.sampled_from(((), (), (), SELECTORS[1:2])),
        peers=st.sampled_from(((), ("t",), ("u",))),
        aggregation_length=st.sampled_from((32, 32, 31, 30)),
        aggregation_length_v6=st.sampled_from((128, 128, 127)),
        local_pref=st.sampled_from((0, 0, 100, 200)),
        communities=st.sampled_from(((), ("64512:1",), ("blue",), ("green", "64512:1"))),
    ),
)
communities = named(
    "communities",
    st.builds(
        Community,
        name=st.sampled_from("jk"),
        communities=st.sampled_from(
            (
                (),
                (("blue", "64512:2"),),
                (("blue", "64512:3"), ("green", "64512:4")),
                (("green", "64512:4"),),
            )
        ),
    ),
)
peers = named(
    "peers",
    st.builds(
        BGPPeer,
        name=st.sampled_from("tuv"),
        my_asn=st.just(64512),
        peer_asn=st.sampled_from((64513, 64514)),
        peer_address=st.sampled_from(("203.0.113.1", "203.0.113.1", "203.0.113.2")),
        source_address=st.sampled_from(("", "", "203.0.113.9")),
        node_selectors=_selected,
    ),
)
routing = named(
    "routing", st.one_of(advertisements, advertisements, advertisements, communities, peers, peers)
)
contested = named("contested", st.one_of(pools, routing, routing))

resources = named("resources", st.one_of(services, services, services, pools, others, routing))
sourced = st.builds(Sourced, resources, st.sampled_from(ORIGINS))
refs = named(
    "refs", st.one_of(plain_services, plain_services, resources).map(lambda resource: resource.ref)
)


def problem_about(ref: Ref, origin: str = "a.yaml") -> Problem:
    return Problem(origin, 3, ref.kind, ref.namespace, ref.name, "spec", "is not what it should be")


problems = named("problems", st.lists(refs.map(problem_about), max_size=2).map(tuple))
sources = st.sampled_from(SOURCES)
listings = named(
    "listings",
    st.builds(
        Listing,
        sources,
        st.lists(sourced, max_size=10).map(tuple),
        st.sampled_from(((), (), ("a.yaml",), ("a",))),
        problems,
    ),
)
changes = named(
    "changes",
    st.builds(
        Change,
        sources,
        st.lists(sourced, min_size=1, max_size=3).map(tuple),
        st.lists(refs, max_size=2).map(tuple),
    ),
)
_authorities = (Authority.ALLOCATE,) * 3 + (Authority.FOLLOW,) * 2 + (Authority.ADOPT,)
authorities = st.sampled_from(_authorities).map(Authorized)
failures = st.builds(PluginFailed, st.just("bgp"), st.sampled_from(("x", "y")))
observations = st.one_of(changes, changes, changes, listings, listings, authorities, failures)


# --- a fight over four addresses -----------------------------------------------------------------

TIGHT = Pool(name="p", addresses=("192.0.2.0/31", "2001:db8::/127"))
_scarce = st.sampled_from(
    (
        ("192.0.2.0",),
        ("192.0.2.1",),
        ("2001:db8::",),
        ("192.0.2.0", "2001:db8::"),
        ("2001:db8::1", "192.0.2.1"),
        ("192.0.2.1", "2001:db8::"),
    )
)
rivals = named(
    "rivals",
    st.builds(
        Service,
        namespace=st.just("default"),
        name=st.sampled_from("abcd"),
        type=st.just("LoadBalancer"),
        requested_addresses=st.one_of(st.just(()), _scarce),
        ip_families=st.sampled_from(((), (4,), (6, 4))),
        ip_family_policy=st.sampled_from(("SingleStack", "PreferDualStack", "PreferDualStack")),
        status_addresses=st.one_of(st.just(()), _scarce),
    ),
)
rivalry = named(
    "rivalry",
    st.lists(
        st.one_of(
            rivals.map(lambda service: Change("files", (Sourced(service),))),
            rivals.map(lambda service: Change("files", (Sourced(service),))),
            rivals.map(lambda service: Change("files", gone=(service.ref,))),
        ),
        min_size=4,
        max_size=14,
    ),
)
