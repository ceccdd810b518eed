"""Services of a cluster on the LAN: which node answers, on which interface, and who says so."""

from functools import partial

import pytest
from apiserver import objects
from integration.lab.cluster import ON_LINK_V4, ON_LINK_V6, SOON, START, serving
from integration.lab.running import election_order
from netlab.topology import NODES
from netlab.waiting import eventually

pytestmark = pytest.mark.integration
V4, V6 = "192.0.2.242", "2001:db8:77::f2"
FAMILIES = pytest.mark.parametrize("address", [V4, V6], ids=["ipv4", "ipv6"])
FIRST, SECOND = election_order(V4)
BOTH_WAYS = pytest.mark.parametrize("node", NODES)
EXCLUDED = "node.kubernetes.io/exclude-from-external-load-balancers"
HOSTNAME = "kubernetes.io/hostname"


def selecting(*nodes):
    """Node selectors: one for each name."""
    return [{"matchLabels": {HOSTNAME: name}} for name in nodes]


def preferring(node, weight=10):
    return {"weight": weight, "preference": {"matchLabels": {HOSTNAME: node}}}


def ground(k8s, *advertisements):
    """One pool on the LAN, and these advertisements or a plain one."""
    plain = objects.l2_advertisement("all", "lan")
    k8s.kube.create(objects.pool("lan", ON_LINK_V4, ON_LINK_V6), *(advertisements or [plain]))


def door(k8s, name="door", address=V4, *nodes, **service):
    """A Service on the LAN, of one family."""
    family = "IPv6" if ":" in address else "IPv4"
    k8s.web(name, *nodes, address=address, ipFamilies=[family], **service)


def moved(k8s, to, address=V4, interface="eth0"):
    """Wait until a node alone answers on an interface; returns the seconds that it took."""
    answers = partial(k8s.answered_by, address, f"{to}/{interface}", interface=interface)
    return eventually(f"{to} answers for {address}", answers, within=SOON)


def told(k8s, *nodes, service="door"):
    """Wait until the ServiceL2Status names these nodes."""
    k8s.until(f"told: {nodes}", lambda: k8s.kube.announcer(service) == list(nodes))


# --- who answers --------------------------------------------------------------------------------


@FAMILIES
def test_a_service_is_reached_and_its_status_names_the_node_until_it_goes(k8s, stopwatch, address):
    elected = election_order(address)[0]
    name = "door4" if address == V4 else "door6"  # the same Event is not told twice
    ground(k8s)
    stopwatch.start()
    door(k8s, name, address)
    stopwatch.lap("somebody answers", partial(k8s.answering, address), within=SOON)
    moved(k8s, elected, address)
    k8s.lab.topology.local.ip("neighbour flush dev eth0")
    assert k8s.fetch(address, local=True) == elected
    assert k8s.fetch(address) == elected, "to a client behind the router"
    told(k8s, elected, service=name)
    (status,) = k8s.kube.list("ServiceL2Status")
    assert status["metadata"]["labels"] == {
        "metallb.io/node": elected,
        "metallb.io/service-name": name,
        "metallb.io/service-namespace": "default",
    }
    k8s.until("the Event", lambda: "nodeAssigned" in k8s.kube.events(name))
    assert sorted(set(k8s.kube.events(name))) == ["IPAllocated", "nodeAssigned"]
    stopwatch.start()
    k8s.kube.delete("Service", name)
    stopwatch.lap("nobody answers", lambda: k8s.answering(address) == set(), within=SOON)
    told(k8s, service=name)


def test_with_the_local_policy_the_node_with_the_pod_answers_and_another_when_it_moves(k8s):
    ground(k8s)
    door(k8s, "door", V4, SECOND, externalTrafficPolicy="Local")
    moved(k8s, SECOND)
    assert k8s.fetch(V4) == SECOND
    k8s.kube.patch("EndpointSlice", "door-1", {"endpoints": [objects.endpoint("10.1.1.1", FIRST)]})
    moved(k8s, FIRST)
    told(k8s, FIRST)
    k8s.kube.patch("EndpointSlice", "door-1", {"endpoints": None})
    k8s.until("nobody answers", k8s.answered_by, V4)
    told(k8s)


def test_a_service_with_ports_of_both_protocols_is_one_address(k8s):
    ground(k8s)
    door(k8s, ports=[("TCP", 80), ("UDP", 53)])
    moved(k8s, FIRST)
    assert k8s.kube.addresses("door") == [V4]
    assert k8s.fetch(V4) == FIRST


def test_a_node_whose_network_is_unavailable_gives_way_and_comes_back(k8s, stopwatch):
    ground(k8s)
    door(k8s)
    moved(k8s, FIRST)
    stopwatch.start()
    k8s.kube.network_unavailable(FIRST, True)
    stopwatch.lap("the other answers", partial(k8s.answered_by, V4, f"{SECOND}/eth0"), SOON)
    told(k8s, SECOND)
    k8s.kube.network_unavailable(FIRST, False)
    moved(k8s, FIRST)
    told(k8s, FIRST)


def test_a_node_that_is_excluded_by_its_label_gives_way_and_comes_back(k8s):
    ground(k8s)
    door(k8s)
    moved(k8s, FIRST)
    k8s.kube.patch("Node", FIRST, {"metadata": {"labels": {EXCLUDED: "true"}}})
    moved(k8s, SECOND)
    told(k8s, SECOND)
    k8s.kube.patch("Node", FIRST, {"metadata": {"labels": {EXCLUDED: None}}})
    moved(k8s, FIRST)


@FAMILIES
def test_services_that_share_an_address_are_announced_by_one_node(k8s, address):
    elected = election_order(address)[0]
    ground(k8s)
    key = {"metallb.io/allow-shared-ip": "pair"}
    for at, name in enumerate(("one", "two", "three")):
        door(k8s, name, address, NODES[at % 2], ports=[8000 + at], annotations=dict(key))
    for name in ("one", "two", "three"):
        assert k8s.addressed(name) == [address]
        told(k8s, elected, service=name)
    moved(k8s, elected, address)
    k8s.kube.delete("Service", "two")
    told(k8s, service="two")
    moved(k8s, elected, address)


def test_when_the_process_of_the_announcing_node_leaves_another_takes_over(k8s, stopwatch):
    ground(k8s)
    door(k8s)
    moved(k8s, FIRST)
    stopwatch.start()
    k8s.nodes[FIRST].process.terminate()
    stopwatch.lap("the other answers", partial(k8s.answered_by, V4, f"{SECOND}/eth0"), SOON)
    assert k8s.fetch(V4) == SECOND
    k8s.until("the other says so", lambda: SECOND in k8s.kube.announcer("door"))
    stopwatch.lap(
        "the status that was left behind is gone",
        lambda: k8s.kube.announcer("door") == [SECOND],
        within=START,
    )
    k8s.start(k8s.nodes[FIRST])
    moved(k8s, FIRST)
    told(k8s, FIRST)


# --- metrics ------------------------------------------------------------------------------------


@FAMILIES
def test_the_metrics_of_controller_and_nodes_follow_a_service(k8s, address):
    elected, other = election_order(address)
    family = "6" if ":" in address else "4"
    ground(k8s)
    door(k8s, address=address)
    moved(k8s, elected, address)
    controller = k8s.controller
    prefix = "metallb_allocator"
    in_use = f"{prefix}_ipv{family}_addresses_in_use_total"
    k8s.until("in use", lambda: controller.metric(in_use, pool="lan") == 1)
    assert controller.metric(f"{prefix}_ipv{family}_addresses_total", pool="lan") == 16
    assert controller.metric(f"{prefix}_addresses_total", pool="lan") == 32
    assert controller.metric(f"{prefix}_addresses_in_use_total", pool="lan") == 1
    announced = partial(
        k8s.nodes[elected].metric,
        "metallb_speaker_announced",
        ip=address,
        node=elected,
        protocol="layer2",
        service="default/door",
    )
    assert announced() == 1
    assert k8s.nodes[other].metric("metallb_speaker_announced") is None
    frames = ("requests_received", "responses_sent", "gratuitous_sent")
    for name in frames:
        assert k8s.nodes[elected].metric(f"metallb_layer2_{name}", ip=address) >= 1
    for member in k8s.members:
        assert member.metric("metallb_k8s_client_config_loaded_bool") == 1
        assert member.metric("metallb_k8s_client_config_stale_bool") == 0
    k8s.kube.delete("Service", "door")
    k8s.until("no longer announced", lambda: announced() is None)
    k8s.until("no longer in use", lambda: controller.metric(in_use, pool="lan") == 0)
    for name in frames:
        assert k8s.nodes[elected].metric(f"metallb_layer2_{name}", ip=address) is None


# --- node selectors -----------------------------------------------------------------------------


@BOTH_WAYS
def test_only_nodes_that_the_selectors_name_announce(k8s, node):
    ground(k8s, objects.l2_advertisement("some", "lan", nodeSelectors=selecting(node)))
    door(k8s)
    moved(k8s, node)
    k8s.kube.change("L2Advertisement", "some", nodeSelectors=selecting(*NODES))
    moved(k8s, FIRST)
    k8s.kube.change("L2Advertisement", "some", nodeSelectors=selecting(SECOND))
    moved(k8s, SECOND)
    told(k8s, SECOND)
    k8s.kube.change("L2Advertisement", "some", nodeSelectors=selecting("nobody"))
    k8s.until("nobody answers", k8s.answered_by, V4)
    told(k8s)


@pytest.mark.parametrize("preferred", NODES)
def test_a_preferred_node_wins_until_it_is_preferred_no_longer(k8s, preferred):
    other = next(name for name in NODES if name != preferred)
    k8s.kube.label("Node", preferred, edge="yes")
    preference = [{"weight": 5, "preference": {"matchLabels": {"edge": "yes"}}}]
    ground(k8s, objects.l2_advertisement("some", "lan", preferredNodeSelectors=preference))
    door(k8s)
    moved(k8s, preferred)
    k8s.kube.label("Node", preferred, edge=None)
    moved(k8s, FIRST)
    k8s.kube.label("Node", preferred, edge="yes")
    moved(k8s, preferred)
    k8s.kube.patch("Node", preferred, {"metadata": {"labels": {EXCLUDED: ""}}})
    moved(k8s, other)
    k8s.kube.patch("Node", preferred, {"metadata": {"labels": {EXCLUDED: None}}})
    moved(k8s, preferred)
    k8s.kube.change("L2Advertisement", "some", preferredNodeSelectors=[preferring(other)])
    moved(k8s, other)
    k8s.kube.change("L2Advertisement", "some", preferredNodeSelectors=[preferring("nobody")])
    moved(k8s, FIRST)


def test_a_preference_orders_only_those_whom_the_selectors_admit(k8s):
    some = objects.l2_advertisement(
        "some", "lan", nodeSelectors=selecting(FIRST), preferredNodeSelectors=[preferring(SECOND)]
    )
    ground(k8s, some)
    door(k8s)
    moved(k8s, FIRST)
    k8s.kube.change("L2Advertisement", "some", nodeSelectors=selecting(*NODES))
    moved(k8s, SECOND)


def test_weights_of_several_advertisements_add_up(k8s):
    ads = [
        objects.l2_advertisement(name, "lan", preferredNodeSelectors=[preferring(node, weight)])
        for name, node, weight in (("a", FIRST, 15), ("b", SECOND, 10), ("c", SECOND, 10))
    ]
    ground(k8s, *ads)
    door(k8s)
    moved(k8s, SECOND)
    k8s.kube.delete("L2Advertisement", "c")
    moved(k8s, FIRST)


def test_a_preference_counts_for_the_services_of_its_advertisement_alone(k8s):
    chosen = [{"matchLabels": {"tier": "edge"}}]
    special = objects.l2_advertisement(
        "special", "lan", serviceSelectors=chosen, preferredNodeSelectors=[preferring(SECOND)]
    )
    ground(k8s, special, objects.l2_advertisement("all", "lan"))
    door(k8s)
    moved(k8s, FIRST)
    k8s.kube.label("Service", "door", tier="edge")
    moved(k8s, SECOND)


# --- interfaces ---------------------------------------------------------------------------------


def test_only_the_interfaces_of_the_advertisement_answer_and_the_status_lists_them(k8s):
    ground(k8s, objects.l2_advertisement("some", "lan", interfaces=["eth1"]))
    door(k8s)
    moved(k8s, FIRST, interface="eth1")
    assert k8s.answering(V4) == set()

    def listed(*names):
        status = k8s.kube.statuses("ServiceL2Status", "door").get(FIRST, {})
        return status.get("interfaces") == [{"name": name} for name in names]

    k8s.until("eth1 is listed", listed, "eth1")
    k8s.kube.change("L2Advertisement", "some", interfaces=["eth0"])
    moved(k8s, FIRST)
    k8s.until("eth1 is silent", lambda: k8s.answering(V4, "eth1") == set())
    k8s.until("eth0 is listed", listed, "eth0")
    k8s.kube.create(objects.l2_advertisement("more", "lan", interfaces=["eth1"]))
    moved(k8s, FIRST, interface="eth1")
    moved(k8s, FIRST, interface="eth0")
    k8s.until("both are listed", listed, "eth0", "eth1")


def test_an_interface_that_is_not_there_is_said_and_put_right_by_one_that_is(k8s):
    ground(k8s, objects.l2_advertisement("some", "lan", interfaces=["eth7"]))
    door(k8s, "shut")
    k8s.until("it is said", lambda: "announceFailed" in k8s.kube.events("shut"))
    assert k8s.answering(V4) == k8s.answering(V4, "eth1") == set()
    k8s.kube.change("L2Advertisement", "some", interfaces=["eth0"])
    moved(k8s, FIRST)


def test_interfaces_and_nodes_are_selected_together(k8s):
    ads = [
        objects.l2_advertisement(
            "some", "lan", interfaces=["eth1"], nodeSelectors=selecting(SECOND)
        )
    ]
    ground(k8s, *ads)
    door(k8s)
    moved(k8s, SECOND, interface="eth1")
    assert k8s.answering(V4) == set()


# --- service selectors --------------------------------------------------------------------------


def test_only_services_that_pool_and_service_selector_both_match_are_announced(k8s):
    chosen = [{"matchLabels": {"tier": "edge"}}]
    ground(k8s, objects.l2_advertisement("some", "lan", serviceSelectors=chosen))
    k8s.kube.create(objects.pool("other", "192.0.2.224/28"))
    door(k8s, "in", V4, labels={"tier": "edge"})
    door(k8s, "unlabelled", "192.0.2.243")
    door(k8s, "elsewhere", "192.0.2.225", labels={"tier": "edge"})
    moved(k8s, FIRST)
    for name in ("unlabelled", "elsewhere"):
        (address,) = k8s.addressed(name)
        assert k8s.answering(address) == set()
        assert k8s.kube.announcer(name) == []
    k8s.kube.label("Service", "unlabelled", tier="edge")
    k8s.until("it answers", k8s.answering, "192.0.2.243")
    k8s.kube.label("Service", "in", tier=None)
    k8s.until("it answers no longer", k8s.answered_by, V4)


def test_several_service_selectors_are_alternatives(k8s):
    chosen = [{"matchLabels": {"app": "a"}}, {"matchLabels": {"app": "b"}}]
    ground(k8s, objects.l2_advertisement("some", "lan", serviceSelectors=chosen))
    for at, app in enumerate("abc"):
        door(k8s, app, f"192.0.2.{244 + at}", labels={"app": app})
    for at in range(2):
        k8s.until("it answers", k8s.answering, f"192.0.2.{244 + at}")
    k8s.addressed("c")
    assert k8s.answering("192.0.2.246") == set()


def test_a_service_that_advertisements_give_to_different_nodes_is_announced_by_one(k8s):
    chosen = [{"matchLabels": {"tier": "edge"}}]
    ads = [
        objects.l2_advertisement(
            node, "lan", nodeSelectors=selecting(node), serviceSelectors=chosen
        )
        for node in NODES
    ]
    ground(k8s, *ads)
    door(k8s, labels={"tier": "edge"})
    moved(k8s, FIRST)
    told(k8s, FIRST)


def test_a_node_counts_only_with_an_advertisement_that_matches_the_service_too(k8s):
    def only(node, tier):
        chosen = [{"matchLabels": {"tier": tier}}]
        return objects.l2_advertisement(
            node, "lan", nodeSelectors=selecting(node), serviceSelectors=chosen
        )

    ground(k8s, only(FIRST, "inside"), only(SECOND, "edge"))
    door(k8s, labels={"tier": "edge"})
    moved(k8s, SECOND)
    door(k8s, "nowhere", "192.0.2.243", labels={"tier": "none"})
    k8s.addressed("nowhere")
    assert k8s.answering("192.0.2.243") == set()


def test_a_node_comes_back_to_what_it_announced_when_pods_come_back(k8s):
    ground(k8s)
    door(k8s)
    moved(k8s, FIRST)
    k8s.kube.delete("EndpointSlice", "door-1")
    k8s.until("nobody answers", k8s.answered_by, V4)
    k8s.kube.create(serving("door", SECOND))
    moved(k8s, FIRST)
