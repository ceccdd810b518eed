"""Addresses of a cluster's Services: who gets which from where, and who keeps it through what.

A Service that comes back gets the address that it had.  So tests that share a
cluster, and care which pool gives, call their Services by names of their own.
"""

import time
from functools import partial

import pytest
from apiserver import objects
from integration.lab.cluster import ROUTED_V4, ROUTED_V6, SOON
from netlab.waiting import eventually

pytestmark = pytest.mark.integration
ONE_ADDRESS = "203.0.113.40/32"
PREFER, REQUIRE = "PreferDualStack", "RequireDualStack"
DUAL = ["203.0.113.64/28", "2001:db8:f::40/124"]
A_WHILE = 0.5
"""Seconds after which nothing is expected to come any more."""


def ground(k8s, *pools):
    """These pools, announced by BGP."""
    k8s.kube.create(*pools, objects.bgp_advertisement("all"))


def claim(k8s, name, **service):
    """A Service without endpoints."""
    k8s.kube.create(objects.service(name, service.pop("namespace", "default"), **service))


def has(k8s, name, *addresses, namespace=None):
    """Wait until a Service has exactly these addresses."""
    seen = partial(k8s.kube.addresses, name, namespace)
    k8s.until(f"{name} has {addresses}", lambda: sorted(seen()) == sorted(addresses))


def from_pool(k8s, name, pool, namespace="default"):
    """Wait until a Service has an address of a pool, as its annotation says."""

    def given():
        notes = k8s.kube.get("Service", name, namespace)["metadata"].get("annotations", {})
        return notes.get("metallb.io/ip-allocated-from-pool") == pool

    k8s.until(f"{name} is served from {pool}", given)
    assert k8s.kube.addresses(name, namespace)


def waits(k8s, name, namespace=None):
    """Whether a Service still has nothing after a while."""
    time.sleep(A_WHILE)
    return k8s.kube.addresses(name, namespace) == []


# --- asking for an address or a pool ------------------------------------------------------------


@pytest.mark.parametrize("auto", [True, False])
@pytest.mark.parametrize("block", ["203.0.113.32/28", "203.0.113.32-203.0.113.47", ROUTED_V6])
def test_a_pool_that_is_asked_for_by_name_gives_and_is_named(k8s, block, auto):
    family = "IPv6" if ":" in block else "IPv4"
    ground(k8s, objects.pool("asked", block, autoAssign=auto))
    notes = {"metallb.io/address-pool": "asked"}
    k8s.web("web", annotations=notes, ipFamilies=[family])
    from_pool(k8s, "web", "asked")
    (address,) = k8s.kube.addresses("web")
    prefix = f"{address}/{128 if ':' in address else 32}"
    k8s.until("it is routed", k8s.routed, prefix, "node1", "node2")
    assert k8s.fetch(address) in ("node1", "node2")
    if not auto:
        claim(k8s, "other", ipFamilies=[family])
        assert waits(k8s, "other")


@pytest.mark.parametrize("asked", [["203.0.113.77"], ["203.0.113.78", "2001:db8:f::78"]])
def test_addresses_that_are_asked_for_are_given_and_routed(k8s, asked):
    ground(k8s, objects.pool("dual", ROUTED_V4, ROUTED_V6))
    policy = REQUIRE if len(asked) > 1 else "SingleStack"
    k8s.web("web", address=",".join(asked), ipFamilyPolicy=policy)
    has(k8s, "web", *asked)
    for address in asked:
        prefix = f"{address}/{128 if ':' in address else 32}"
        k8s.until("it is routed", k8s.routed, prefix, "node1", "node2")
        assert k8s.fetch(address) in ("node1", "node2")


def test_the_field_of_the_spec_is_an_address_asked_for_too(k8s):
    ground(k8s, objects.pool("routed", ROUTED_V4))
    claim(k8s, "web", loadBalancerIP="203.0.113.79")
    has(k8s, "web", "203.0.113.79")
    k8s.kube.change("Service", "web", loadBalancerIP="203.0.113.80")
    has(k8s, "web", "203.0.113.80")


def test_a_service_of_another_class_gets_nothing(k8s):
    ground(k8s, objects.pool("routed", ROUTED_V4))
    claim(k8s, "theirs", loadBalancerClass="example.org/other")
    claim(k8s, "ours")
    k8s.addressed("ours")
    assert waits(k8s, "theirs")
    assert k8s.kube.events("theirs") == []


# --- an address that becomes free ---------------------------------------------------------------


@pytest.mark.parametrize("how", ["type", "deletion"])
def test_a_freed_address_goes_to_who_waits_for_it(k8s, stopwatch, how):
    ground(k8s, objects.pool("one", ONE_ADDRESS))
    claim(k8s, f"first-{how}")
    has(k8s, f"first-{how}", "203.0.113.40")
    claim(k8s, f"waits-{how}")
    k8s.until("it is refused", lambda: "AllocationFailed" in k8s.kube.events(f"waits-{how}"))
    stopwatch.start()
    if how == "type":
        k8s.kube.change("Service", f"first-{how}", type="ClusterIP")
    else:
        k8s.kube.delete("Service", f"first-{how}")
    freed = partial(k8s.kube.addresses, f"waits-{how}")
    stopwatch.lap("the waiting one has it", lambda: freed() == ["203.0.113.40"], within=SOON)
    if how == "type":
        found = k8s.kube.get("Service", f"first-{how}")
        assert "annotations" not in found["metadata"]
        assert "ingress" not in found["status"]["loadBalancer"]


def test_services_keep_their_addresses_over_five_restarts_of_the_controller(k8s, stopwatch):
    ground(k8s, objects.pool("routed", ROUTED_V4))
    names = [f"s{at}" for at in range(8)]
    for name in names:
        k8s.web(name)
    before = {name: k8s.addressed(name) for name in names}
    k8s.kube.delete("Service", "s0")  # so that who comes next could be given its address
    k8s.kube.create(objects.service("s0"))
    has(k8s, "s0", *before["s0"])
    for at in range(5):
        k8s.controller.process.kill()
        new = f"new{at}"
        claim(k8s, new)
        stopwatch.start()
        k8s.start(k8s.controller)
        stopwatch.lap("a new Service has an address", partial(k8s.kube.addresses, new), SOON)
        before[new] = k8s.kube.addresses(new)
        assert {name: k8s.kube.addresses(name) for name in before} == before
    assert len({address for (address,) in before.values()}) == len(before)


# --- sharing ------------------------------------------------------------------------------------


@pytest.mark.parametrize("change", ["policy", "selector"])
def test_who_may_share_after_a_change_gets_the_address(k8s, change):
    ground(k8s, objects.pool("one", ONE_ADDRESS))
    notes = {"metallb.io/allow-shared-ip": "pair"}
    local = {"externalTrafficPolicy": "Local", "annotations": notes}
    claim(k8s, "first", ports=[80], selector={"app": "a"}, **local)
    has(k8s, "first", "203.0.113.40")
    claim(k8s, "second", ports=[81], selector={"app": "b"}, **local)
    assert waits(k8s, "second")
    if change == "policy":
        for name in ("first", "second"):
            k8s.kube.change("Service", name, externalTrafficPolicy="Cluster")
    else:
        k8s.kube.change("Service", "second", selector={"app": "a"})
    has(k8s, "second", "203.0.113.40")
    assert k8s.kube.addresses("first") == ["203.0.113.40"]


# --- pools that go ------------------------------------------------------------------------------


def test_without_pools_nobody_has_an_address(k8s):
    ground(k8s, objects.pool("a", "203.0.113.0/28"), objects.pool("b", "203.0.113.16/28"))
    for name in ("one", "two"):
        k8s.web(name)
        k8s.addressed(name)
    k8s.kube.delete("IPAddressPool", "a", "b")
    for name in ("one", "two"):
        has(k8s, name)
        assert k8s.kube.pool_of(name) is None
    k8s.until("nothing is routed", lambda: k8s.router.routes(4) == {})
    k8s.kube.create(objects.pool("a", "203.0.113.0/28"))
    for name in ("one", "two"):
        from_pool(k8s, name, "a")


def test_when_a_pool_is_deleted_its_services_are_served_from_another(k8s):
    ground(k8s, objects.pool("a", "203.0.113.0/28"), objects.pool("b", "203.0.113.16/28"))
    for name in ("one", "two"):
        k8s.web(name)
        from_pool(k8s, name, "a")
    k8s.kube.delete("IPAddressPool", "a")
    for name in ("one", "two"):
        from_pool(k8s, name, "b")
        (address,) = k8s.kube.addresses(name)
        k8s.until("it is routed", k8s.routed, f"{address}/32", "node1", "node2")
    assert len(k8s.router.routes(4)) == 2


# --- serviceAllocation --------------------------------------------------------------------------

SHOP = {"matchLabels": {"team": "shop"}}
EDGE = {"matchLabels": {"tier": "edge"}}
ALLOCATIONS = {
    "namespace": {"namespaces": ["shop"]},
    "namespace-labels": {"namespaceSelectors": [SHOP]},
    "namespace-or-labels": {"namespaces": ["elsewhere"], "namespaceSelectors": [SHOP]},
    "service-label": {"serviceSelectors": [EDGE]},
    "namespace-and-service-label": {"namespaces": ["shop"], "serviceSelectors": [EDGE]},
}


@pytest.mark.parametrize("by", sorted(ALLOCATIONS))
def test_a_pool_serves_those_that_it_is_for(k8s, by):
    k8s.kube.create(objects.namespace("shop", {"team": "shop"}), objects.namespace("plain"))
    allocation = {"priority": 10, **ALLOCATIONS[by]}
    own = objects.pool("own", "203.0.113.0/28", serviceAllocation=allocation)
    ground(k8s, own, objects.pool("common", "203.0.113.128/28"))
    edge = {"tier": "edge"}
    claim(k8s, f"in-{by}", namespace="shop", labels=edge)
    claim(k8s, f"unlabelled-{by}", namespace="shop")
    claim(k8s, f"outside-{by}", namespace="plain", labels=edge)
    from_pool(k8s, f"in-{by}", "own", "shop")
    services, namespaces = "service" in by, "namespace" in by
    from_pool(k8s, f"unlabelled-{by}", "common" if services else "own", "shop")
    from_pool(k8s, f"outside-{by}", "common" if namespaces else "own", "plain")


def test_of_pools_for_everyone_the_one_with_the_best_priority_serves(k8s):
    pools = [
        objects.pool(name, block, serviceAllocation={"priority": priority})
        for name, block, priority in (
            ("late", "203.0.113.0/28", 30),
            ("soon", "203.0.113.16/32", 10),
            ("next", "203.0.113.32/28", 20),
        )
    ]
    ground(k8s, *pools)
    for name, pool in (("one", "soon"), ("two", "next")):
        claim(k8s, name)
        from_pool(k8s, name, pool)


def test_the_labels_of_a_namespace_may_change_at_run_time(k8s):
    k8s.kube.create(objects.namespace("shop"))
    ground(
        k8s,
        objects.pool("own", "203.0.113.0/28", serviceAllocation={"namespaceSelectors": [SHOP]}),
    )
    claim(k8s, "web", namespace="shop")
    assert waits(k8s, "web", "shop")
    k8s.kube.label("Namespace", "shop", team="shop")
    from_pool(k8s, "web", "own", "shop")
    k8s.kube.label("Namespace", "shop", team=None)
    has(k8s, "web", namespace="shop")


# --- two families -------------------------------------------------------------------------------


def test_who_prefers_two_families_gets_both_from_a_pool_that_has_them(k8s):
    singles = (objects.pool("a4", "203.0.113.0/28"), objects.pool("a6", "2001:db8:f::/124"))
    ground(k8s, *singles, objects.pool("z-dual", *DUAL))
    claim(k8s, "web", ipFamilyPolicy=PREFER)
    from_pool(k8s, "web", "z-dual")
    assert len(k8s.kube.addresses("web")) == 2


@pytest.mark.parametrize(("families", "pool"), [(None, "a4"), (["IPv6", "IPv4"], "a6")])
def test_who_prefers_two_families_gets_the_first_of_them_where_no_pool_has_both(
    k8s, families, pool
):
    ground(k8s, objects.pool("a4", "203.0.113.0/28"), objects.pool("a6", "2001:db8:f::/124"))
    spec = {"ipFamilies": families} if families else {}
    claim(k8s, pool, ipFamilyPolicy=PREFER, **spec)
    from_pool(k8s, pool, pool)
    assert len(k8s.kube.addresses(pool)) == 1


def test_the_second_address_comes_when_the_pool_gets_the_family(k8s):
    ground(k8s, objects.pool("grows", DUAL[0]))
    claim(k8s, "web", ipFamilyPolicy=PREFER)
    (first,) = k8s.addressed("web")
    k8s.kube.change("IPAddressPool", "grows", addresses=DUAL)
    k8s.until("it has two", lambda: len(k8s.kube.addresses("web")) == 2)
    assert first in k8s.kube.addresses("web")


def test_who_begins_to_require_two_families_has_nothing_until_it_only_prefers_them(k8s):
    ground(k8s, objects.pool("single", DUAL[0]))
    claim(k8s, "web", ipFamilyPolicy=PREFER)
    had = k8s.addressed("web")
    k8s.kube.change("Service", "web", ipFamilyPolicy=REQUIRE)
    has(k8s, "web")
    k8s.kube.change("Service", "web", ipFamilyPolicy=PREFER)
    has(k8s, "web", *had)


def test_nobody_jumps_to_a_pool_of_two_families_that_comes_later(k8s):
    ground(k8s, objects.pool("single", "203.0.113.0/28"))
    claim(k8s, "web", ipFamilyPolicy=PREFER)
    had = k8s.addressed("web")
    k8s.kube.create(objects.pool("dual", *DUAL))
    claim(k8s, "later", ipFamilyPolicy=PREFER)
    from_pool(k8s, "later", "dual")
    assert k8s.kube.addresses("web") == had


def test_who_requires_two_families_moves_when_its_pool_loses_one(k8s):
    ground(k8s, objects.pool("a", *DUAL), objects.pool("b", "203.0.113.0/28", "2001:db8:f::/124"))
    for name, policy in (("must", REQUIRE), ("may", PREFER)):
        claim(k8s, name, ipFamilyPolicy=policy)
        from_pool(k8s, name, "a")
    kept = next(one for one in k8s.kube.addresses("may") if "." in one)
    k8s.kube.change("IPAddressPool", "a", addresses=DUAL[:1])
    from_pool(k8s, "must", "b")
    assert len(k8s.kube.addresses("must")) == 2
    has(k8s, "may", kept)


# --- the status of a pool -----------------------------------------------------------------------


def counters(k8s, name, **wanted):
    """Wait until the status of a pool says this; what is not said is 0."""
    fields = {f"{what}IPv{family}": 0 for what in ("assigned", "available") for family in (4, 6)}
    said = {**fields, **wanted}
    eventually(
        f"{name} counts {wanted}",
        lambda: k8s.kube.get("IPAddressPool", name).get("status") == said,
        within=SOON,
    )


def test_the_status_of_a_pool_counts_and_is_put_right(k8s):
    ground(k8s, objects.pool("dual", "203.0.113.0/28", "2001:db8:f::/124"))
    counters(k8s, "dual", availableIPv4=16, availableIPv6=16)
    claim(k8s, "web", ipFamilyPolicy=REQUIRE)
    one_each = {"assignedIPv4": 1, "assignedIPv6": 1}
    counters(k8s, "dual", **one_each, availableIPv4=15, availableIPv6=15)
    blocks = ["203.0.113.0/28", "203.0.113.32/28", "2001:db8:f::/124"]
    k8s.kube.change("IPAddressPool", "dual", addresses=blocks)
    counters(k8s, "dual", **one_each, availableIPv4=31, availableIPv6=15)
    k8s.kube.patch("IPAddressPool", "dual", {"status": {"assignedIPv4": 9}}, status=True)
    counters(k8s, "dual", **one_each, availableIPv4=31, availableIPv6=15)
    k8s.kube.delete("Service", "web")
    counters(k8s, "dual", availableIPv4=32, availableIPv6=16)
