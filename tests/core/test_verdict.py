"""Where a Service is announced and where it is not: selection, silence and election."""

from __future__ import annotations

import pytest
from proclaim.decide import decide
from proclaim.explain import explain_announcement, explain_service
from proclaim.model import (
    Authority,
    Authorized,
    BGPAdvertisement,
    BGPPeer,
    Community,
    EndpointSlice,
    L2Advertisement,
    Node,
    NodeReachability,
    NodeWithdrawal,
    Selector,
    ServiceAllocation,
    Spread,
)
from proclaim.project import project
from proclaim.state import State
from proclaim.terrain import EXCLUDE_LABEL, digest, survey
from proclaim.testing import change, endpoints, gone, namespace, node, pool, ref, service
from proclaim.verdict import Quiet, Silence, verdict

BGP, L2 = Spread.EVERY_NODE, Spread.ONE_NODE
POOL = pool("public", "10.20.30.0/24", labels={"tier": "front"})
ROUTES, ANSWERS = BGPAdvertisement("routes"), L2Advertisement("answers")
WEB = service("web", "10.20.30.1", labels={"app": "web"})
PEER = BGPPeer("tor", my_asn=64512, peer_asn=64513, peer_address="192.0.2.254")
IRIS = (node("iris1"), node("iris2"))


def state_of(*resources):
    """A state in which everything was listed and allocated."""
    after = decide(State(), Authorized(Authority.ALLOCATE)).state
    return decide(after, change(*resources)).state


def silence(state, node_name="iris1", spread=BGP, name="web"):
    answer = verdict(survey(state, node_name, spread), state, ref(name))
    return answer.silence if isinstance(answer, Quiet) else None


def announcer(state, *names, name="web"):
    """The nodes that answer on layer 2."""
    return [n for n in names if silence(state, n, L2, name) is None]


def labelled(*pairs):
    return (Selector(labels=tuple(sorted(pairs))),)


# --- every reason for silence ---------------------------------------------------------------------

UNAVAILABLE = Node("iris1", network_unavailable=True)
EXCLUDED = node("iris1", {EXCLUDE_LABEL: ""})
WITHDRAWAL = NodeWithdrawal("iris1", "others announce")
LOCAL = service("web", "10.20.30.1", external_traffic_policy="Local")
OTHERS = BGPAdvertisement("routes", peers=("elsewhere",))
ALIAS = BGPAdvertisement("routes", communities=("no-export",))
LOUD = BGPAdvertisement("loud", local_pref=200, service_selectors=labelled(("app", "web")))
QUIET = BGPAdvertisement("quiet", local_pref=50)
SIX = service("web", "2001:db8::1")

SILENT = {
    "no address": ((ROUTES, WEB), BGP, Silence.NO_ADDRESS),
    "no advertisement at all": ((POOL, WEB), BGP, Silence.POOL_NOT_ADVERTISED),
    "no advertisement of that sort": ((POOL, ROUTES, WEB), L2, Silence.POOL_NOT_ADVERTISED),
    "an advertisement of other pools": (
        (POOL, BGPAdvertisement("routes", pools=("private",)), WEB),
        BGP,
        Silence.POOL_NOT_ADVERTISED,
    ),
    "selectors that match no pool": (
        (POOL, L2Advertisement("a", pool_selectors=labelled(("tier", "back"))), WEB),
        L2,
        Silence.POOL_NOT_ADVERTISED,
    ),
    "other services": (
        (POOL, BGPAdvertisement("routes", service_selectors=labelled(("app", "db"))), WEB),
        BGP,
        Silence.SERVICE_NOT_SELECTED,
    ),
    "a node that nobody described": ((POOL, ROUTES, WEB, node("x")), BGP, Silence.NODE_UNKNOWN),
    "other nodes": (
        (POOL, BGPAdvertisement("routes", node_selectors=labelled(("rack", "b"))), WEB, *IRIS),
        BGP,
        Silence.NODE_NOT_SELECTED,
    ),
    "no network": ((POOL, ROUTES, WEB, UNAVAILABLE), BGP, Silence.NODE_NETWORK_UNAVAILABLE),
    "the label that excludes": ((POOL, ANSWERS, WEB, EXCLUDED), L2, Silence.NODE_EXCLUDED),
    "no sign of life": (
        (POOL, ROUTES, WEB, *IRIS, NodeReachability("iris1", False)),
        BGP,
        Silence.NODE_UNREACHABLE,
    ),
    "a node that is withdrawn": (
        (POOL, ROUTES, WEB, EndpointSlice("default", "web-1", "web"), WITHDRAWAL, *IRIS),
        BGP,
        Silence.NODE_WITHDRAWN,
    ),
    "a node that is withdrawn, layer 2": (
        (POOL, ANSWERS, WEB, EndpointSlice("default", "web-1", "web"), WITHDRAWAL),
        L2,
        Silence.NODE_WITHDRAWN,
    ),
    "no endpoint serving": (
        (POOL, ROUTES, WEB, EndpointSlice("default", "web-1", "web")),
        BGP,
        Silence.NO_ENDPOINTS,
    ),
    "no endpoint serving, layer 2": (
        (POOL, ANSWERS, WEB, EndpointSlice("default", "web-1", "web")),
        L2,
        Silence.NO_ENDPOINTS,
    ),
    "Local without a local endpoint": (
        (POOL, ROUTES, LOCAL, endpoints("web", "iris2"), *IRIS),
        BGP,
        Silence.NO_LOCAL_ENDPOINTS,
    ),
    "an alias that nobody defines": ((POOL, ALIAS, WEB), BGP, Silence.UNKNOWN_COMMUNITY),
    "an alias of three parts that nobody defines": (
        (POOL, BGPAdvertisement("routes", communities=("1:2:3",)), WEB),
        BGP,
        Silence.UNKNOWN_COMMUNITY,
    ),
    "peers that are not here": ((POOL, OTHERS, PEER, WEB), BGP, Silence.NO_PEER),
    "peers of the other family": (
        (pool("six", "2001:db8::/64"), ROUTES, PEER, SIX),
        BGP,
        Silence.NO_PEER_FOR_FAMILY,
    ),
    "two values of localPref": ((POOL, LOUD, QUIET, WEB), BGP, Silence.CONFLICTING_LOCAL_PREF),
    "nobody to elect": (
        (POOL, ANSWERS, LOCAL, EndpointSlice("default", "web-1", "web", (), True), *IRIS),
        L2,
        Silence.NO_CANDIDATE,
    ),
    "another node is elected": ((POOL, ANSWERS, WEB, *IRIS), L2, Silence.NOT_ELECTED),
}


@pytest.mark.parametrize("case", SILENT)
def test_a_silence_has_its_reason(case):
    resources, spread, expected = SILENT[case]
    state = state_of(*resources)
    assert silence(state, "iris1", spread) is expected
    said = explain_announcement(survey(state, "iris1", spread), state, ref("web"))
    assert not said.announced
    assert said.code == expected
    assert "{" not in said.message


def test_a_pool_that_is_not_in_force_is_a_reason_too():
    """An allocator keeps such a holding while its pools are not listed yet."""
    state = state_of(POOL, ROUTES, WEB)
    waiting = decide(state, Authorized(Authority.ADOPT)).state
    without = decide(waiting, gone(POOL)).state
    assert silence(without) is Silence.POOL_NOT_IN_FORCE


def test_a_route_keeps_its_communities_when_their_community_goes():
    ad = BGPAdvertisement("routes", communities=("no-export",))
    aliases = Community("all", (("no-export", "65535:65281"),))
    state = state_of(POOL, ad, aliases, PEER, WEB)
    before = project(state, "iris1", BGP).announcements
    left = decide(state, gone(aliases)).state
    assert project(left, "iris1", BGP).announcements == before
    (told,) = before.values()
    assert told.attributes.communities == ("65535:65281",)


def test_an_advertisement_that_was_rejected_is_named_where_it_is_missed():
    state = state_of(POOL, BGPAdvertisement("wide", aggregation_length=16), WEB)
    said = explain_announcement(survey(state, "iris1", BGP), state, ref("web"))
    assert said.message == (
        "no BGPAdvertisement covers its pool public; BGPAdvertisement wide would, but was "
        "rejected: aggregationLength 16 would announce more than 10.20.30.0/24 of IPAddressPool "
        "public; 24 to 32 is accepted"
    )
    other = explain_announcement(survey(state, "iris1", L2), state, ref("web"))
    assert other.message == "no L2Advertisement covers its pool public"


def adopting(*changed):
    """A state in which the sources have not been heard again, and then something changes."""
    state = state_of(POOL, ROUTES, WEB)
    waiting = decide(state, Authorized(Authority.ADOPT)).state
    return decide(waiting, change(*changed)).state


def test_an_address_that_its_pool_covers_no_longer_is_not_announced_though_it_is_held():
    state = adopting(pool("public", "198.51.100.0/24"))
    assert state.holdings[ref("web")].addresses == ("10.20.30.1",)
    assert silence(state) is Silence.ADDRESS_OUTSIDE_POOL


def test_an_address_that_its_pool_still_covers_is_announced_while_sources_are_silent():
    assert silence(adopting(pool("public", "10.20.30.0/25"))) is None


def test_an_address_stays_announced_when_its_pool_gets_another_name():
    """The holding names the old pool until the allocator may decide again."""
    state = decide(state_of(POOL, ROUTES, WEB), Authorized(Authority.ADOPT)).state
    state = decide(decide(state, gone(POOL)).state, change(pool("new", "10.20.30.0/24"))).state
    assert state.holdings[ref("web")].pool == "public"
    assert silence(state) is None


@pytest.mark.parametrize(
    ("allocation", "expected"),
    [
        (ServiceAllocation(namespaces=("shop",)), Silence.NOT_PERMITTED),
        (ServiceAllocation(namespaces=("default",)), None),
        (ServiceAllocation(service_selectors=labelled(("app", "db"))), Silence.NOT_PERMITTED),
        (ServiceAllocation(service_selectors=labelled(("app", "web"))), None),
        (ServiceAllocation(namespace_selectors=labelled(("team", "a"))), Silence.NOT_PERMITTED),
    ],
)
def test_an_address_is_announced_only_for_whom_its_pool_admits(allocation, expected):
    pinned = pool("public", "10.20.30.0/24", service_allocation=allocation)
    assert silence(adopting(pinned)) is expected


def test_a_namespace_that_changes_its_labels_may_lose_what_a_pool_gives_it():
    team_a = ServiceAllocation(namespace_selectors=labelled(("team", "a")))
    pinned = pool("public", "10.20.30.0/24", service_allocation=team_a)
    state = adopting(pinned, namespace("default", {"team": "a"}))
    assert silence(state) is None
    projection = project(state, "iris1", BGP)
    then = decide(state, change(namespace("default", {"team": "b"}))).state
    assert not projection.terrain.fits(then)
    assert silence(then) is Silence.NOT_PERMITTED


SHOWN_ELSEWHERE = {
    Silence.POOL_NOT_IN_FORCE,
    Silence.ADDRESS_OUTSIDE_POOL,
    Silence.NOT_PERMITTED,
    Silence.ELECTED_FOR_OTHERS,
}


def test_every_silence_is_shown_above_or_among_the_elections():
    shown = {expected for _, _, expected in SILENT.values()} | SHOWN_ELSEWHERE
    assert shown == set(Silence)


# --- routes ---------------------------------------------------------------------------------------


def routes(state, node_name="iris1"):
    found = project(state, node_name, BGP).announcements
    return [route for _, route in sorted(found.items())]


def test_every_eligible_node_announces_a_route():
    state = state_of(POOL, ROUTES, PEER, WEB, *IRIS)
    for name in ("iris1", "iris2"):
        (route,) = routes(state, name)
        assert (route.prefix, route.to) == ("10.20.30.1/32", ("tor",))


def test_a_shared_aggregate_stays_while_one_service_needs_it():
    wide = BGPAdvertisement("wide", aggregation_length=24)
    two = (WEB, service("db", "10.20.30.2"))
    (route,) = routes(state_of(POOL, wide, PEER, *two))
    assert (route.prefix, route.addresses) == ("10.20.30.0/24", ("10.20.30.1", "10.20.30.2"))
    (route,) = routes(state_of(POOL, wide, PEER, WEB))
    assert (route.prefix, route.services) == ("10.20.30.0/24", (ref("web"),))


def test_communities_of_several_advertisements_are_united_and_sorted_by_value():
    state = state_of(
        POOL,
        PEER,
        WEB,
        BGPAdvertisement("one", communities=("64512:100", "large:1:2:3")),
        BGPAdvertisement("two", communities=("no-export", "64512:9")),
        Community("names", communities=(("no-export", "65535:65281"),)),
    )
    (route,) = routes(state)
    expected = ("64512:9", "64512:100", "65535:65281", "large:1:2:3")
    assert route.attributes.communities == expected


def test_peers_that_are_told_different_things_get_announcements_of_their_own():
    other = BGPPeer("edge", my_asn=64512, peer_asn=64514, peer_address="192.0.2.253")
    state = state_of(
        POOL,
        PEER,
        other,
        WEB,
        ROUTES,
        BGPAdvertisement("more", peers=("edge",), communities=("64512:1",)),
    )
    assert [(route.to, route.attributes.communities) for route in routes(state)] == [
        (("edge",), ("64512:1",)),
        (("tor",), ()),
    ]


def test_a_route_goes_only_to_peers_that_carry_its_family():
    six = BGPPeer("tor6", my_asn=64512, peer_asn=64513, peer_address="2001:db8:1::1")
    both = BGPPeer(
        "both",
        my_asn=64512,
        peer_asn=64513,
        peer_address="192.0.2.9",
        dual_stack_address_family=True,
    )
    dual = pool("dual", "10.20.30.0/24", "2001:db8::/64")
    web = service("web", "10.20.30.1", "2001:db8::1", ip_family_policy="RequireDualStack")
    state = state_of(dual, ROUTES, PEER, six, both, web)
    assert {route.prefix: route.to for route in routes(state)} == {
        "10.20.30.1/32": ("both", "tor"),
        "2001:db8::1/128": ("both", "tor6"),
    }


def test_an_address_that_no_session_carries_is_named_beside_the_one_that_is():
    dual = pool("dual", "10.20.30.0/24", "2001:db8::/64")
    web = service("web", "10.20.30.1", "2001:db8::1", ip_family_policy="RequireDualStack")
    state = state_of(dual, ROUTES, PEER, web)
    said = explain_service(state, ref("web"), ["iris1"]).announced[0]
    assert said.prefixes == ("10.20.30.1/32",)
    assert "2001:db8::1 is not" in said.message


# --- election -------------------------------------------------------------------------------------

ORDERS = {
    "10.0.0.1": ("node-b", "node-a", "node-c"),
    "10.0.0.2": ("node-b", "node-c", "node-a"),
    "192.168.1.240": ("node5", "node3", "node4", "node1", "node2"),
    "172.18.255.200": ("kind-worker2", "kind-worker", "kind-control-plane"),
}


@pytest.mark.parametrize("address", ORDERS)
def test_nodes_are_ordered_as_metallb_orders_them(address):
    order = ORDERS[address]
    assert tuple(sorted(order, key=lambda name: digest(name, address))) == order


WINNERS = {
    "10.20.30.1": "iris2",
    "10.20.30.2": "iris1",
    "10.20.30.3": "iris1",
    "10.20.30.4": "iris2",
    "1000::1": "iris1",
    "fc00::1": "iris2",
}


@pytest.mark.parametrize("address", WINNERS)
def test_exactly_one_node_is_elected_and_it_is_metallbs(address):
    everything = pool("public", "10.20.30.0/24", "1000::/64", "fc00::/64")
    state = state_of(everything, ANSWERS, service("web", address), *IRIS)
    assert announcer(state, "iris1", "iris2") == [WINNERS[address]]


@pytest.mark.parametrize(
    ("serving", "elected"),
    [(("iris1",), "iris1"), (("iris1", "iris2"), "iris2"), (("iris2",), "iris2")],
)
def test_a_local_service_is_answered_where_it_is_served(serving, elected):
    state = state_of(POOL, ANSWERS, LOCAL, endpoints("web", *serving), *IRIS)
    assert announcer(state, "iris1", "iris2") == [elected]


def test_a_cluster_service_is_answered_by_the_winner_wherever_it_is_served():
    state = state_of(POOL, ANSWERS, WEB, endpoints("web", "iris1"), *IRIS)
    assert announcer(state, "iris1", "iris2") == ["iris2"]


def test_a_fellow_that_is_lost_is_not_elected_and_wins_again_when_it_is_back():
    base = (POOL, ANSWERS, WEB, *IRIS)
    lost = state_of(*base, NodeReachability("iris2", False))
    assert silence(lost, "iris1", L2) is None
    back = state_of(*base, NodeReachability("iris2", True))
    assert silence(back, "iris1", L2) is Silence.NOT_ELECTED


def test_a_node_that_is_withdrawn_is_not_elected_and_holds_no_session_until_it_is_back():
    base = (POOL, ANSWERS, ROUTES, PEER, WEB, *IRIS)
    withdrawn = state_of(*base, NodeWithdrawal("iris2", "others announce"))
    assert announcer(withdrawn, "iris1", "iris2") == ["iris1"]
    said = explain_announcement(survey(withdrawn, "iris2", BGP), withdrawn, ref("web"))
    assert (said.code, said.announced) == ("NodeWithdrawn", False)
    assert said.message == "the node announces nothing for now: others announce"
    here = survey(withdrawn, "iris1", BGP)
    assert here.peers == (PEER,)
    assert here.elsewhere(withdrawn, "iris2").peers == ()
    assert survey(withdrawn, "iris2", BGP).peers == ()
    back = decide(withdrawn, gone(NodeWithdrawal("iris2", "").ref)).state
    assert announcer(back, "iris1", "iris2") == ["iris2"]
    assert survey(back, "iris2", BGP).peers == (PEER,)


def test_the_node_with_the_higher_score_wins_whatever_the_digests_say():
    prefer = L2Advertisement("answers", preferred_nodes=((10, labelled(("rack", "a"))[0]),))
    state = state_of(POOL, prefer, WEB, node("iris1", {"rack": "a"}), node("iris2"))
    assert announcer(state, "iris1", "iris2") == ["iris1"]


def test_the_dual_stack_pair_is_answered_by_the_node_of_its_first_address():
    dual = pool("dual", "10.20.30.0/24", "1000::/64")
    web = service("web", "10.20.30.1", "1000::1", ip_family_policy="RequireDualStack")
    state = state_of(dual, ANSWERS, web, *IRIS)
    found = project(state, "iris2", L2).announcements
    assert sorted(each.prefix for each in found.values()) == ["10.20.30.1/32", "1000::1/128"]
    assert not project(state, "iris1", L2).announcements


def test_interfaces_of_several_advertisements_are_united_and_none_means_all():
    one, two = (L2Advertisement(name, interfaces=(name,)) for name in ("eth0", "eth1"))
    state = state_of(POOL, one, two, WEB)
    (answer,) = project(state, "iris1", L2).announcements.values()
    assert answer.to == ("eth0", "eth1")
    (answer,) = project(state_of(POOL, one, ANSWERS, WEB), "iris1", L2).announcements.values()
    assert answer.to == ()


def test_without_described_nodes_this_node_stands_alone():
    state = state_of(POOL, ANSWERS, WEB)
    assert announcer(state, "whatever") == ["whatever"]
