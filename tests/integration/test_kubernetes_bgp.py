"""Services of a cluster at its routers: next hops, peers, and what nodes say of them.

`tor` is FRR in an AS of its own; `second` is another one in the AS of the
nodes.

Not supported, and so not looked for here: BFD, sessions in a VRF, unnumbered
ones, the announcer frr-k8s and its FRRConfigurations, and
the ConfigMap bgpextras.
"""

from functools import partial

import pytest
from apiserver import objects
from integration.lab.cluster import ON_LINK_V4, SECOND_V4, SECOND_V6, SOON, START, peer, serving
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
from integration.lab.running import election_order
from netlab.topology import NODE_ASN, NODE_V4, NODES

pytestmark = pytest.mark.integration
FAMILIES = pytest.mark.parametrize("family", sorted(SETS))


# --- next hops ----------------------------------------------------------------------------------


@FAMILIES
def test_every_node_is_a_next_hop_and_says_so_until_the_service_goes(k8s, stopwatch, family):
    ground(k8s)
    stopwatch.start()
    prefixes = web(k8s, family)
    for prefix in prefixes:
        stopwatch.lap(f"{prefix} is routed", partial(k8s.routed, prefix, *NODES), within=SOON)
    for address in SETS[family]:
        assert k8s.fetch(address) in NODES
    peers = {"tor-v6" if ":" in address else "tor-v4" for address in SETS[family]}
    told(k8s, dict.fromkeys(NODES, peers))
    k8s.kube.change("BGPAdvertisement", "all", nodeSelectors=selecting("node2"))
    told(k8s, {"node2": peers})
    routed(k8s, prefixes, "node2")
    k8s.kube.change("BGPAdvertisement", "all", peers=["nobody"])
    told(k8s, {})
    routed(k8s, prefixes, *NEVER)
    k8s.kube.change("BGPAdvertisement", "all", peers=None, nodeSelectors=None)
    told(k8s, dict.fromkeys(NODES, peers))
    stopwatch.start()
    k8s.kube.delete("Service", "web")
    for prefix in prefixes:
        stopwatch.lap(f"{prefix} is withdrawn", partial(k8s.routed, prefix), within=SOON)
    told(k8s, {})


@FAMILIES
def test_with_the_local_policy_only_nodes_with_pods_are_next_hops(k8s, stopwatch, family):
    ground(k8s)
    prefixes = web(k8s, family, "node2", externalTrafficPolicy="Local")
    routed(k8s, prefixes, "node2")
    k8s.kube.create(serving("web", "node1", name="web-2"))
    routed(k8s, prefixes, *NODES)
    stopwatch.start()
    k8s.kube.delete("EndpointSlice", "web-1")
    for prefix in prefixes:
        stopwatch.lap("the last pod of a node went", partial(k8s.routed, prefix, "node1"), SOON)
    for address in SETS[family]:
        k8s.until("it is forwarded there", lambda at=address: k8s.fetch(at) == "node1")


def test_a_node_whose_network_is_unavailable_is_no_next_hop(k8s):
    ground(k8s)
    prefixes = web(k8s)
    routed(k8s, prefixes, *NODES)
    k8s.kube.network_unavailable("node1", True)
    routed(k8s, prefixes, "node2")
    k8s.kube.network_unavailable("node1", False)
    routed(k8s, prefixes, *NODES)


def test_two_services_on_one_address_are_one_route_while_either_is_there(k8s):
    ground(k8s)
    key = {"metallb.io/allow-shared-ip": "pair"}
    for at, name in enumerate(("one", "two")):
        web(k8s, name=name, ports=[80 + at], annotations=dict(key))
    routed(k8s, [PREFIX[V4]], *NODES)
    k8s.kube.delete("Service", "one")
    told(k8s, {}, name="one")
    assert k8s.routed(PREFIX[V4], *NODES)
    k8s.kube.delete("Service", "two")
    routed(k8s, [PREFIX[V4]], *NEVER)


def test_a_service_is_announced_on_the_lan_and_to_routers_at_once(k8s):
    address = "192.0.2.243"
    elected = election_order(address)[0]
    k8s.kube.create(
        objects.pool("lan", ON_LINK_V4),
        objects.l2_advertisement("l2", "lan"),
        objects.bgp_advertisement("bgp", "lan"),
    )
    k8s.web("both", address=address)
    routed(k8s, [f"{address}/32"], *NODES)
    k8s.until("one answers", k8s.answered_by, address, f"{elected}/eth0")
    announced = partial(k8s.nodes[elected].metric, "metallb_speaker_announced", ip=address)
    assert announced(protocol="bgp") == announced(protocol="layer2") == 1


def test_what_the_router_announces_is_not_taken(k8s):
    k8s.router.configure("router bgp", "address-family ipv4 unicast", "network 198.18.0.0/16")
    try:
        ground(k8s)
        routed(k8s, web(k8s), *NODES)
        for node in NODES:
            member = k8s.nodes[node]
            k8s.until(
                "it was heard",
                lambda member=member: member.metric("metallb_bgp_updates_total_received") > 0,
            )
            found = k8s.lab.topology.nodes[node].ip_json("route", "show", "198.18.0.0/16")
            assert found == []
    finally:
        k8s.router.configure(
            "router bgp", "address-family ipv4 unicast", "no network 198.18.0.0/16"
        )


def test_the_metrics_of_a_node_tell_of_its_peers_and_services(k8s):
    ground(k8s)
    routed(k8s, web(k8s, "dual"), *NODES)
    for name, member in k8s.nodes.items():
        for address in SETS["dual"]:
            announced = partial(member.metric, "metallb_speaker_announced", node=name, ip=address)
            assert announced(protocol="bgp", service="default/web") == 1
        for end in ("192.0.2.1:179", "[2001:db8:77::1]:179"):
            assert member.metric("metallb_bgp_session_up", peer=end) == 1
            assert member.metric("metallb_bgp_announced_prefixes_total", peer=end) == 1
            assert member.metric("metallb_bgp_updates_total", peer=end) >= 1
    assert k8s.controller.metric("metallb_allocator_services_allocated_total", pool="routed") == 1


# --- peers --------------------------------------------------------------------------------------


def test_peers_that_come_one_by_one_all_get_sessions_and_routes(k8s, second):
    k8s.kube.delete("BGPPeer", "tor-v4", "tor-v6")
    ground(k8s)
    web(k8s, "dual")
    k8s.until("the first is gone", lambda: not k8s.established(*NODE_V4.values()))
    k8s.kube.create(peer("tor-v4", "192.0.2.1"))
    heard(k8s.router, PREFIX[V4], *NODES, within=START)
    with_second(k8s, second)
    heard(second, PREFIX[V4], *NODES)
    with_second(k8s, second, name="second-v6", address=SECOND_V6)
    heard(second, PREFIX[V6], *NODES)
    told(k8s, {node: {"tor-v4", "second-v4", "second-v6"} for node in NODES})


def test_a_password_comes_from_a_secret_and_may_change(k8s):
    def protect(password):
        for address in NODE_V4.values():
            k8s.router.configure("router bgp", f"neighbor {address} password {password}")

    ground(k8s)
    prefixes = web(k8s)
    routed(k8s, prefixes, *NODES)
    try:
        protect("first-password")
        k8s.until("no session is left", lambda: not _any_session(k8s), within=START)
        k8s.kube.create(objects.secret("tor", "first-password"))
        k8s.kube.change("BGPPeer", "tor-v4", passwordSecret={"name": "tor"})
        k8s.until("sessions stand", k8s.established, *NODE_V4.values(), within=START)
        routed(k8s, prefixes, *NODES)
        protect("second-password")
        k8s.until("no session is left", lambda: not _any_session(k8s), within=START)
        k8s.kube.delete("Secret", "tor")
        k8s.kube.create(objects.secret("tor", "second-password"))
        k8s.until("sessions stand", k8s.established, *NODE_V4.values(), within=START)
        routed(k8s, prefixes, *NODES)
        for member in k8s.members:
            spoken = member.said() + member.ask("log")
            assert "first-password" not in spoken
            assert "second-password" not in spoken
    finally:
        for address in NODE_V4.values():
            k8s.router.configure("router bgp", f"no neighbor {address} password")


def _any_session(k8s):
    found = k8s.router.neighbors()
    return any(found[address].state == "Established" for address in NODE_V4.values())


def test_a_session_that_is_reset_comes_back_within_the_time_to_connect(k8s, stopwatch):
    ground(k8s)
    prefixes = web(k8s)
    routed(k8s, prefixes, *NODES)
    before = {node: k8s.router.ask("show bgp neighbors json")[NODE_V4[node]] for node in NODES}
    stopwatch.start()
    for address in NODE_V4.values():
        k8s.router.reset(address)

    def again():
        now = k8s.router.ask("show bgp neighbors json")
        return all(
            now[NODE_V4[node]]["connectionsEstablished"] > before[node]["connectionsEstablished"]
            for node in NODES
        )

    stopwatch.lap("all sessions stand again", again, within=SOON)
    stopwatch.lap("the route is back", partial(k8s.routed, prefixes[0], *NODES), within=SOON)


def test_the_as_of_the_router_is_checked_by_its_kind(k8s):
    ground(k8s)
    prefixes = web(k8s)
    routed(k8s, prefixes, *NODES)
    k8s.kube.change("BGPPeer", "tor-v4", peerASN=None, dynamicASN="internal")
    routed(k8s, prefixes, *NEVER)
    k8s.kube.change("BGPPeer", "tor-v4", dynamicASN="external")
    k8s.until("the route is back", k8s.routed, prefixes[0], *NODES, within=START)


@pytest.mark.parametrize("node", NODES)
def test_peers_and_their_as_may_differ_by_node(k8s, second, node):
    other = next(name for name in NODES if name != node)
    ground(k8s)
    web(k8s)
    with_second(k8s, second, node)
    heard(second, PREFIX[V4], node)
    told(k8s, {node: {"tor-v4", "second-v4"}, other: {"tor-v4"}})
    k8s.kube.change("BGPPeer", "second-v4", nodeSelectors=selecting(other))
    heard(second, PREFIX[V4], other, within=START)
    told(k8s, {other: {"tor-v4", "second-v4"}, node: {"tor-v4"}})


def test_a_router_id_that_is_given_is_seen_by_the_router(k8s):
    def seen():
        found = k8s.router.ask("show bgp neighbors json")
        return {found[address].get("remoteRouterId") for address in NODE_V4.values()}

    k8s.until("each has its own", lambda: seen() == set(NODE_V4.values()))
    k8s.kube.change("BGPPeer", "tor-v4", routerID="198.18.7.7")
    k8s.until("it is seen", lambda: seen() == {"198.18.7.7"}, within=START)


def test_an_own_as_may_stand_for_each_node(k8s, second):
    """The second router is told another AS for one node, and that node is told the same."""
    second.configure("router bgp", f"neighbor {NODE_V4['node2']} remote-as 64777")
    try:
        ground(k8s)
        web(k8s)
        with_second(k8s, second, "node1")
        k8s.kube.create(
            peer(
                "second-own",
                SECOND_V4,
                asn=64777,
                peer_asn=NODE_ASN,
                nodeSelectors=selecting("node2"),
            )
        )
        heard(second, PREFIX[V4], *NODES, within=START)
        paths = {path["aspath"]["string"] for path in second.paths(PREFIX[V4])}
        assert paths == {"Local", "64777"}
    finally:
        second.configure("router bgp", f"neighbor {NODE_V4['node2']} remote-as {NODE_ASN}")


def test_both_families_go_over_one_session_where_the_peer_says_so(k8s, second):
    ground(k8s, objects.bgp_advertisement("all", communities=["64500:7"], localPref=150))
    web(k8s, "dual")
    with_second(k8s, second, dualStackAddressFamily=True)
    for prefix in PREFIX.values():
        heard(second, prefix, *NODES)
        carries(second, prefix, ("64500:7", "", 150))
    k8s.kube.change("BGPPeer", "second-v4", dualStackAddressFamily=None)
    heard(second, PREFIX[V6], *NEVER, within=START)
    heard(second, PREFIX[V4], *NODES, within=START)
    told(k8s, {node: {"tor-v4", "tor-v6", "second-v4"} for node in NODES})


@FAMILIES
def test_an_advertisement_for_some_peers_is_for_no_others(k8s, second, family):
    peers = ["second-v4", "second-v6"]
    ground(k8s, objects.bgp_advertisement("some", peers=peers))
    prefixes = web(k8s, family)
    with_second(k8s, second)
    with_second(k8s, second, name="second-v6", address=SECOND_V6)
    for prefix in prefixes:
        heard(second, prefix, *NODES)
        assert k8s.routed(prefix, *NEVER)
    k8s.kube.create(objects.bgp_advertisement("more", peers=["tor-v4", "tor-v6"]))
    routed(k8s, prefixes, *NODES)
    k8s.kube.delete("BGPAdvertisement", "some")
    for prefix in prefixes:
        heard(second, prefix, *NEVER)
        assert k8s.routed(prefix, *NODES)
