"""Small worlds, dense in trouble: few names, few addresses, everything overlaps."""

from hypothesis import strategies as st
from proclaim.model import (
    Authority,
    Authorized,
    Change,
    EndpointSlice,
    Listing,
    Namespace,
    Node,
    PluginFailed,
    Pool,
    Problem,
    Ref,
    Requirement,
    Selector,
    Service,
    ServiceAllocation,
    Sourced,
)

SOURCES = ("files", "k8s")
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
V4 = ("192.0.2.0", "192.0.2.1", "192.0.2.2", "192.0.3.0", "203.0.113.9")
V6 = ("2001:db8::", "2001:db8::1", "2001:db8::2")
LABELS = ((), (("tier", "gold"),), (("tier", "lead"),))
SELECTORS = (
    Selector(),
    Selector(labels=(("tier", "gold"),)),
    Selector(expressions=(Requirement("tier", "DoesNotExist"),)),
)

addresses = st.one_of(
    st.just(()),
    st.sampled_from(V4).map(lambda text: (text,)),
    st.sampled_from(V6).map(lambda text: (text,)),
    st.tuples(st.sampled_from(V4), st.sampled_from(V6)),
    st.tuples(st.sampled_from(V6), st.sampled_from(V4)),
)

services = st.builds(
    Service,
    namespace=st.sampled_from(NAMESPACES),
    name=st.sampled_from("abcd"),
    labels=st.sampled_from(LABELS),
    type=st.sampled_from(("LoadBalancer",) * 6 + ("ClusterIP",)),
    load_balancer_class=st.sampled_from((None,) * 6 + ("other",)),
    requested_addresses=st.one_of(st.just(()), addresses),
    requested_pool=st.sampled_from(("",) * 4 + POOLS),
    cluster_ips=st.sampled_from(
        ((), (), ("10.0.0.1",), ("fd00::1",), ("10.0.0.1", "fd00::1"), ("None",))
    ),
    ip_families=st.sampled_from(((), (), (4,), (6,), (6, 4))),
    ip_family_policy=st.sampled_from(("SingleStack", "PreferDualStack", "RequireDualStack")),
    status_addresses=st.one_of(st.just(()), addresses),
)

allocations = st.builds(
    ServiceAllocation,
    priority=st.integers(0, 2),
    namespaces=st.sampled_from(((), ("shop",))),
    namespace_selectors=st.sampled_from(((), SELECTORS[1:2])),
    service_selectors=st.sampled_from(((), SELECTORS[1:2], SELECTORS[2:])),
)

pools = st.builds(
    Pool,
    name=st.sampled_from(POOLS),
    addresses=st.sampled_from(RANGES),
    auto_assign=st.sampled_from((True, True, True, False)),
    avoid_buggy_ips=st.sampled_from((False, False, True)),
    service_allocation=st.one_of(st.none(), st.none(), allocations),
)

others = st.one_of(
    st.builds(Namespace, name=st.sampled_from(NAMESPACES), labels=st.sampled_from(LABELS)),
    st.builds(Node, name=st.sampled_from("xy"), network_unavailable=st.booleans()),
    st.builds(
        EndpointSlice,
        namespace=st.sampled_from(NAMESPACES),
        name=st.sampled_from("st"),
        service=st.sampled_from("ab"),
        serving_nodes=st.sampled_from(((), ("x",))),
    ),
)

resources = st.one_of(services, services, services, pools, pools, others)
sourced = st.builds(Sourced, resources, st.sampled_from(ORIGINS))
refs = resources.map(lambda resource: resource.ref)


def problem_about(ref: Ref, origin: str = "a.yaml") -> Problem:
    return Problem(origin, 3, ref.kind, ref.namespace, ref.name, "spec", "is not what it should be")


problems = st.lists(refs.map(problem_about), max_size=2).map(tuple)
sources = st.sampled_from(SOURCES)
listings = st.builds(
    Listing,
    sources,
    st.lists(sourced, max_size=10).map(tuple),
    st.sampled_from(((), (), ("a.yaml",), ("a",))),
    problems,
)
changes = st.builds(
    Change,
    sources,
    st.lists(sourced, max_size=3).map(tuple),
    st.lists(refs, max_size=2).map(tuple),
)
authorities = st.sampled_from(Authority).map(Authorized)
failures = st.builds(PluginFailed, st.just("bgp"), st.sampled_from(("x", "y")))
observations = st.one_of(changes, changes, changes, listings, listings, authorities, failures)
