"""Which routes a cluster's advertisements make of a Service: attributes, nodes and lengths."""

from functools import partial

import pytest
from apiserver import objects
from integration.lab.cluster import SOON
from integration.lab.routes import (
    NEVER,
    PREFIX,
    SETS,
    V4,
    V6,
    carries,
    ground,
    heard,
    routed,
    selecting,
    told,
    web,
    with_second,
)
from integration.lab.running import via
from netlab.topology import NODE_V4, NODES

pytestmark = pytest.mark.integration
EDGE = [{"matchLabels": {"tier": "edge"}}]
OTHER = "203.0.113.91"
FAMILIES = pytest.mark.parametrize("family", ["ipv4", "ipv6"])
VARIANTS = pytest.mark.parametrize("family", sorted(SETS))


def advertise(name="some", **spec):
    return objects.bgp_advertisement(name, "routed", **spec)


def other(k8s, name="other", *nodes, address=OTHER, **service):
    """Another Service, of IPv4; returns its prefix."""
    k8s.web(name, *nodes, address=address, ipFamilies=["IPv4"], **service)
    return f"{address}/32"


# --- attributes ---------------------------------------------------------------------------------

ATTRIBUTES = {
    "community+localPref": ({"communities": ["64500:1"], "localPref": 120}, ("64500:1", "", 120)),
    "large+localPref": (
        {"communities": ["large:64500:1:2"], "localPref": 120},
        ("", "64500:1:2", 120),
    ),
    "localPref": ({"localPref": 321}, ("", "", 321)),
    "community": ({"communities": ["64500:1"]}, ("64500:1", "", 100)),
    "alias": ({"communities": ["blue"]}, ("64500:99", "", 100)),
    "poolSelector": (
        {"communities": ["64500:5"], "ipAddressPoolSelectors": [{"matchLabels": {"of": "it"}}]},
        ("64500:5", "", 100),
    ),
}


@FAMILIES
@pytest.mark.parametrize("what", sorted(ATTRIBUTES))
def test_a_route_carries_what_its_advertisement_says(k8s, second, what, family):
    spec, (community, large, preference) = ATTRIBUTES[what]
    ground(k8s, objects.bgp_advertisement("some", **spec))
    if what == "alias":
        k8s.kube.create(objects.community("colours", {"blue": "64500:99"}))
    if what == "poolSelector":
        k8s.kube.label("IPAddressPool", "routed", of="it")
    (prefix,) = web(k8s, family)
    with_second(k8s, second, dualStackAddressFamily=True)
    heard(second, prefix, *NODES)
    carries(second, prefix, (community, large, preference))
    carries(k8s.router, prefix, (community, large, None))


@FAMILIES
def test_advertisements_of_one_prefix_unite_their_communities(k8s, family):
    ground(k8s, advertise("a", communities=["64500:1"]), advertise("b", communities=["64500:2"]))
    (prefix,) = web(k8s, family)
    carries(k8s.router, prefix, ("64500:1 64500:2", "", None))
    k8s.kube.delete("BGPAdvertisement", "a")
    carries(k8s.router, prefix, ("64500:2", "", None))


def test_changes_of_attributes_and_lengths_reach_the_router(k8s, second, stopwatch):
    ground(k8s, advertise(communities=["64500:1"], localPref=100))
    (prefix,) = web(k8s)
    with_second(k8s, second)
    carries(second, prefix, ("64500:1", "", 100))
    k8s.kube.change("BGPAdvertisement", "some", communities=["64500:2", "64500:3"])
    carries(second, prefix, ("64500:2 64500:3", "", 100))
    k8s.kube.change("BGPAdvertisement", "some", localPref=200)
    carries(second, prefix, ("64500:2 64500:3", "", 200))
    stopwatch.start()
    k8s.kube.change("BGPAdvertisement", "some", aggregationLength=28)
    wide = partial(k8s.routed, "203.0.113.80/28", *NODES)
    stopwatch.lap("the wider prefix is routed", wide, within=SOON)
    routed(k8s, [prefix], *NEVER)
    heard(second, "203.0.113.80/28", *NODES)
    assert k8s.fetch(V4) in NODES
    k8s.kube.change("BGPAdvertisement", "some", aggregationLength=None, localPref=None)
    routed(k8s, [prefix], *NODES)
    heard(second, prefix, *NODES)
    assert k8s.routed("203.0.113.80/28", *NEVER)


def test_a_service_goes_on_through_later_changes_of_the_configuration(k8s):
    ground(k8s)
    (prefix,) = web(k8s)
    routed(k8s, [prefix], *NODES)
    k8s.until("the kernel has both", via, k8s.lab, prefix, *NODE_V4.values())
    since = k8s.touched(prefix)
    k8s.kube.create(objects.pool("more", "198.18.1.0/24"), advertise("more"))
    k8s.kube.change("IPAddressPool", "more", addresses=["198.18.2.0/24"])
    later = other(k8s, "later", address="198.18.2.1")
    k8s.kube.create(objects.bgp_advertisement("last", "more"))
    routed(k8s, [later], *NODES)
    k8s.kube.delete("BGPAdvertisement", "more", "last")
    routed(k8s, [later], *NEVER)
    k8s.kube.change("IPAddressPool", "routed", addresses=["203.0.113.0/25", "2001:db8:f::/64"])
    k8s.until("it is heard", lambda: _available(k8s, "routed") == 127)
    assert k8s.touched(prefix) == since
    assert k8s.routed(prefix, *NODES)
    assert k8s.fetch(V4) in NODES


def _available(k8s, pool):
    return k8s.kube.get("IPAddressPool", pool).get("status", {}).get("availableIPv4")


# --- families -----------------------------------------------------------------------------------


@pytest.mark.parametrize("only", ["tor-v4", "tor-v6"])
def test_a_session_carries_its_own_family_or_both(k8s, only):
    ends = {"tor-v4": ("tor-v6", V4, V6), "tor-v6": ("tor-v4", V6, V4)}
    gone, own, foreign = ends[only]
    k8s.kube.delete("BGPPeer", gone)
    ground(k8s)
    web(k8s, "dual")
    routed(k8s, [PREFIX[own]], *NODES)
    routed(k8s, [PREFIX[foreign]], *NEVER)
    told(k8s, {node: {only} for node in NODES})
    if only == "tor-v4":  # FRR here takes IPv6 over the session of IPv4, not the other way round
        k8s.kube.change("BGPPeer", only, dualStackAddressFamily=True)
        routed(k8s, PREFIX.values(), *NODES)


# --- nodes --------------------------------------------------------------------------------------


@VARIANTS
def test_services_of_different_advertisements_come_from_different_nodes(k8s, family):
    chosen = {name: [{"matchLabels": {"app": name}}] for name in ("web", "other")}
    ground(
        k8s,
        advertise("a", nodeSelectors=selecting("node1"), serviceSelectors=chosen["web"]),
        advertise("b", nodeSelectors=selecting("node2"), serviceSelectors=chosen["other"]),
    )
    prefixes = web(k8s, family, labels={"app": "web"})
    elsewhere = other(k8s, labels={"app": "other"})
    routed(k8s, prefixes, "node1")
    routed(k8s, [elsewhere], "node2")
    k8s.kube.change("BGPAdvertisement", "b", nodeSelectors=selecting("nobody"))
    routed(k8s, [elsewhere], *NEVER)
    routed(k8s, prefixes, "node1")


@VARIANTS
def test_the_nodes_of_several_advertisements_unite(k8s, family):
    ads = [advertise(node, nodeSelectors=selecting(node)) for node in NODES]
    ground(k8s, *ads)
    prefixes = web(k8s, family)
    routed(k8s, prefixes, *NODES)
    k8s.kube.delete("BGPAdvertisement", "node1")
    routed(k8s, prefixes, "node2")


def test_a_label_adds_a_node_and_takes_it_away(k8s):
    ground(k8s, advertise(nodeSelectors=[{"matchLabels": {"bgp": "yes"}}]))
    prefixes = web(k8s)
    k8s.addressed("web")
    routed(k8s, prefixes, *NEVER)
    k8s.kube.label("Node", "node1", bgp="yes")
    routed(k8s, prefixes, "node1")
    k8s.kube.label("Node", "node2", bgp="yes")
    routed(k8s, prefixes, *NODES)
    k8s.kube.label("Node", "node1", bgp=None)
    routed(k8s, prefixes, "node2")


# --- services -----------------------------------------------------------------------------------


def test_pool_and_service_selector_both_have_to_match(k8s):
    ground(k8s, advertise(serviceSelectors=EDGE))
    k8s.kube.create(objects.pool("elsewhere", "198.18.1.0/24"))
    chosen = web(k8s, labels={"tier": "edge"})
    plain = other(k8s)
    foreign = other(k8s, "foreign", address="198.18.1.1", labels={"tier": "edge"})
    routed(k8s, chosen, *NODES)
    for name in ("other", "foreign"):
        k8s.addressed(name)
    routed(k8s, [plain, foreign], *NEVER)
    k8s.kube.label("Service", "other", tier="edge")
    routed(k8s, [plain], *NODES)
    k8s.kube.label("Service", "web", tier=None)
    routed(k8s, chosen, *NEVER)
    both = [*EDGE, {"matchExpressions": [{"key": "tier", "operator": "DoesNotExist"}]}]
    k8s.kube.change("BGPAdvertisement", "some", serviceSelectors=both)
    routed(k8s, [*chosen, plain], *NODES)
    k8s.kube.change("BGPAdvertisement", "some", serviceSelectors=both[1:])
    routed(k8s, [plain], *NEVER)
    routed(k8s, chosen, *NODES)


def test_some_services_have_a_route_of_their_own_beside_the_aggregate_of_all(k8s):
    ground(k8s, advertise("each", serviceSelectors=EDGE), advertise("all", aggregationLength=26))
    chosen = web(k8s, labels={"tier": "edge"})
    plain = other(k8s)
    routed(k8s, [*chosen, "203.0.113.64/26"], *NODES)
    routed(k8s, [plain], *NEVER)
    assert k8s.fetch(OTHER) in NODES
    k8s.kube.delete("Service", "other")
    told(k8s, {}, name="other")
    assert k8s.routed("203.0.113.64/26", *NODES)
    k8s.kube.delete("Service", "web")
    routed(k8s, [*chosen, "203.0.113.64/26"], *NEVER)


def test_a_selected_service_has_the_communities_of_all_that_match(k8s):
    ground(
        k8s,
        advertise("all", communities=["64500:1"]),
        advertise("edge", communities=["64500:2"], serviceSelectors=EDGE),
    )
    (chosen,) = web(k8s, labels={"tier": "edge"})
    plain = other(k8s)
    carries(k8s.router, chosen, ("64500:1 64500:2", "", None))
    carries(k8s.router, plain, ("64500:1", "", None))


def test_selectors_that_do_not_meet_give_each_service_its_own_communities(k8s):
    def for_tier(tier, community):
        chosen = [{"matchLabels": {"tier": tier}}]
        return advertise(tier, communities=[community], serviceSelectors=chosen)

    ground(k8s, for_tier("edge", "64500:1"), for_tier("core", "64500:2"))
    (edge,) = web(k8s, labels={"tier": "edge"})
    core = other(k8s, labels={"tier": "core"})
    carries(k8s.router, edge, ("64500:1", "", None))
    carries(k8s.router, core, ("64500:2", "", None))
    k8s.kube.label("Service", "other", tier="edge")
    carries(k8s.router, core, ("64500:1", "", None))
