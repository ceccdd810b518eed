"""The status kinds of metallb.io: what each says, and what it leaves out."""

from __future__ import annotations

import pytest
from core.worlds import observations
from hypothesis import given as for_all
from hypothesis import strategies as st
from proclaim.addresses import buggy_count
from proclaim.decide import decide
from proclaim.events import ProblemsReported, SourceListed
from proclaim.model import (
    Authority,
    Authorized,
    BFDProfile,
    BGPAdvertisement,
    BGPPeer,
    Community,
    L2Advertisement,
    Problem,
    Selector,
    Spread,
)
from proclaim.project import project
from proclaim.state import State, ranges
from proclaim.statuses import (
    INT64_MAX,
    configuration_states,
    fills,
    pool_statuses,
    service_statuses,
    statuses,
)
from proclaim.testing import assigned, given, node, pool, rejected, service

BGP, L2 = Spread.EVERY_NODE, Spread.ONE_NODE
LISTED = SourceListed("files")


def counts(*known):
    (found,) = pool_statuses(given(*known).state)
    status = found["status"]
    return tuple(
        (status[f"assignedIPv{family}"], status[f"availableIPv{family}"]) for family in (4, 6)
    )


def of_kind(kind, state, *nodes):
    return [each for each in statuses(state, nodes) if each["kind"] == kind]


# --- IPAddressPool --------------------------------------------------------------------------------


def test_a_pool_counts_each_family():
    dual = pool("public", "192.0.2.0/30", "2001:db8::/126", "2001:db8::10-2001:db8::12")
    held = assigned("web", "192.0.2.0", "2001:db8::")
    assert counts(dual, service("web"), held) == ((1, 3), (1, 6))


def test_an_address_that_is_shared_counts_once():
    shared = (assigned("a", "192.0.2.1"), assigned("b", "192.0.2.1"))
    known = (pool("public", "192.0.2.0/30"), service("a"), service("b"), *shared)
    assert counts(*known) == ((1, 3), (0, 0))


@pytest.mark.parametrize(
    ("addresses", "expected"),
    [
        (("192.0.2.0/24",), (254, 0)),
        (("192.0.2.0/23",), (508, 0)),
        (("192.0.2.0/30",), (3, 0)),
        (("192.0.2.254-192.0.3.1",), (2, 0)),
        (("192.0.2.1-192.0.2.4", "2001:db8::/120"), (4, 256)),
        (("2001:db8::/112",), (0, 65536)),
    ],
)
def test_what_a_pool_avoids_is_not_available_and_ipv6_knows_nothing_to_avoid(addresses, expected):
    found = counts(pool("public", *addresses, avoid_buggy_ips=True))
    assert tuple(available for _, available in found) == expected


def test_an_address_that_is_avoided_and_yet_held_makes_nothing_negative():
    """It was held before the pool began to avoid it, and the sources are silent."""
    known = (pool("public", "192.0.2.0/31", avoid_buggy_ips=True), service("web"))
    assert counts(*known, assigned("web", "192.0.2.0")) == ((0, 1), (0, 0))


@pytest.mark.parametrize(
    ("addresses", "available"),
    [
        ("2001:db8::/67", 1 << 61),
        ("2001:db8::/66", INT64_MAX),
        ("2001:db8::/64", INT64_MAX),
        ("::/0", INT64_MAX),
    ],
)
def test_a_block_of_62_bits_counts_as_endless(addresses, available):
    assert counts(pool("public", addresses))[1] == (0, available)
    held = assigned("web", "2001:db8::")
    assert counts(pool("public", addresses), service("web"), held)[1] == (1, available - 1)


def test_ipv4_is_counted_exactly_beside_endless_ipv6():
    assert counts(pool("public", "2001:db8::/64", "192.0.2.0/30")) == ((0, 4), (0, INT64_MAX))


def test_the_object_is_the_pools_own():
    (found,) = pool_statuses(given(pool("public", "192.0.2.0/30")).state)
    assert found["apiVersion"] == "metallb.io/v1beta1"
    assert (found["kind"], found["metadata"]) == ("IPAddressPool", {"name": "public"})


@for_all(st.lists(observations, max_size=8))
def test_assigned_and_available_are_the_capacity(history):
    state = decide(State(), Authorized(Authority.ALLOCATE)).state
    for observation in history:
        state = decide(state, observation).state
    for (given_pool, fill), shown in zip(
        fills(state, state.pools()), pool_statuses(state), strict=True
    ):
        spans = ranges(given_pool)
        for family in (4, 6):
            capacity = sum(span.size for span in spans if span.family == family)
            if given_pool.avoid_buggy_ips:
                capacity -= sum(buggy_count(span) for span in spans if span.family == family)
            status = shown["status"]
            own, left = status[f"assignedIPv{family}"], status[f"availableIPv{family}"]
            assert own >= 0
            assert 0 <= left <= INT64_MAX
            assert own + left == (INT64_MAX if fill[family].endless else capacity)


# --- ServiceL2Status and ServiceBGPStatus ---------------------------------------------------------

GROUND = (pool("public", "10.20.30.0/24", "1000::/64"), node("iris1"), node("iris2"))
WEB = (service("web"), assigned("web", "10.20.30.1"))
"""iris2 is elected for it."""
TOR = BGPPeer("tor", my_asn=64512, peer_asn=64513, peer_address="192.0.2.254")
EDGE = BGPPeer("edge", my_asn=64512, peer_asn=64514, peer_address="192.0.2.253")


def test_the_elected_node_tells_its_interfaces_sorted():
    ads = L2Advertisement("b", interfaces=("eth1",)), L2Advertisement("a", interfaces=("eth0",))
    state = given(*GROUND, *WEB, *ads).state
    assert of_kind("ServiceL2Status", state, "iris1", "iris2") == [
        {
            "apiVersion": "metallb.io/v1beta1",
            "kind": "ServiceL2Status",
            "metadata": {
                "labels": {
                    "metallb.io/node": "iris2",
                    "metallb.io/service-name": "web",
                    "metallb.io/service-namespace": "default",
                }
            },
            "status": {
                "node": "iris2",
                "serviceName": "web",
                "serviceNamespace": "default",
                "interfaces": [{"name": "eth0"}, {"name": "eth1"}],
            },
        }
    ]


def test_every_interface_is_told_as_none():
    state = given(*GROUND, *WEB, L2Advertisement("a")).state
    (found,) = of_kind("ServiceL2Status", state, "iris2")
    assert found["status"]["interfaces"] == []


def test_each_node_tells_the_peers_that_are_told_of_a_service():
    state = given(*GROUND, *WEB, BGPAdvertisement("a"), TOR, EDGE).state
    found = of_kind("ServiceBGPStatus", state, "iris1", "iris2")
    assert [each["status"]["node"] for each in found] == ["iris1", "iris2"]
    assert {tuple(each["status"]["peers"]) for each in found} == {("edge", "tor")}
    assert found[0]["metadata"]["labels"]["metallb.io/node"] == "iris1"


def test_peers_belong_to_all_that_need_the_prefix():
    selects = (Selector(labels=(("app", "mail"),)),)
    state = given(
        *(*GROUND, *WEB, TOR, EDGE),
        *(service("mail", labels={"app": "mail"}), assigned("mail", "10.20.30.2")),
        BGPAdvertisement("a", aggregation_length=24, peers=("tor",)),
        BGPAdvertisement("b", aggregation_length=24, peers=("edge",), service_selectors=selects),
    ).state
    found = service_statuses(project(state, "iris1", BGP))
    assert [each["status"]["peers"] for each in found] == [["edge", "tor"], ["edge", "tor"]]


def test_a_service_that_no_peer_is_told_of_has_no_status():
    assert not of_kind(
        "ServiceBGPStatus", given(*GROUND, *WEB, BGPAdvertisement("a")).state, "iris1"
    )


# --- ConfigurationState ---------------------------------------------------------------------------


def results(*known):
    state = given(*known).state
    return {
        each["metadata"]["name"]: each["status"]["result"]
        for each in configuration_states(state, ("iris1",))
    }


def problem(kind, field="spec", text="is wrong"):
    return ProblemsReported("files", (Problem("a.yaml", 3, kind, "", "x", field, text),))


def test_nothing_is_known_before_the_sources_were_heard():
    assert results() == {"controller": "Unknown", "speaker-iris1": "Unknown"}
    assert results(LISTED, Authority.ADOPT) == {"controller": "Unknown", "speaker-iris1": "Unknown"}
    (controller, _) = configuration_states(given().state, ("iris1",))
    assert controller["status"]["conditions"] == []


def test_what_has_no_problem_is_valid():
    assert results(LISTED) == {"controller": "Valid", "speaker-iris1": "Valid"}
    controller, speaker = configuration_states(given(LISTED).state, ("iris1",))
    assert controller["metadata"] == {
        "name": "controller",
        "labels": {"metallb.io/component-type": "controller"},
    }
    assert speaker["metadata"]["labels"] == {
        "metallb.io/component-type": "speaker",
        "metallb.io/node-name": "iris1",
    }
    assert speaker["status"] == {
        "result": "Valid",
        "errorSummary": "",
        "conditions": [
            {
                "type": "configReconcilerValid",
                "status": "True",
                "reason": "Reconciled",
                "message": "",
            }
        ],
    }


@pytest.mark.parametrize(
    ("kind", "controller", "speaker"),
    [
        ("IPAddressPool", "Invalid", "Invalid"),
        ("BGPPeer", "Valid", "Invalid"),
        ("", "Invalid", "Invalid"),
        ("Service", "Valid", "Valid"),
    ],
)
def test_a_problem_concerns_who_reads_the_kind(kind, controller, speaker):
    expected = {"controller": controller, "speaker-iris1": speaker}
    assert results(LISTED, problem(kind)) == expected


def test_a_resource_that_contradicts_others_is_a_problem_as_well():
    other = pool("other", "10.20.30.0/25")
    state = given(LISTED, *GROUND, rejected(other, "overlaps", "b.yaml")).state
    controller, _ = configuration_states(state, ("iris1",))
    status = controller["status"]
    assert status["result"] == "Invalid"
    assert status["errorSummary"] == "configuration error: b.yaml: IPAddressPool/other: overlaps"
    (condition,) = status["conditions"]
    assert condition == {
        "type": "poolReconcilerValid",
        "status": "False",
        "reason": "ConfigurationError",
        "message": status["errorSummary"],
    }


def test_a_problem_of_an_earlier_run_is_told_while_sources_are_silent():
    assert results(LISTED, problem("BGPPeer"), Authority.ADOPT) == {
        "controller": "Unknown",
        "speaker-iris1": "Invalid",
    }


def test_a_state_says_the_same_whatever_way_it_was_reached():
    """The order of what was learnt has no say in the order of the objects."""
    known = (*GROUND, *WEB, L2Advertisement("a"), BGPAdvertisement("a"), TOR, EDGE)
    one, other = given(*known).state, given(*reversed(known[:-4]), *known[-4:]).state
    assert statuses(one, ("iris1", "iris2")) == statuses(other, ("iris1", "iris2"))


# --- what concerns some nodes only, and what may come yet -----------------------------------------


def of_each(state, *nodes):
    found = configuration_states(state, nodes)
    return {each["metadata"]["name"]: each["status"]["result"] for each in found}


RACK = Selector(labels=(("rack", "1"),))


def test_what_concerns_other_nodes_is_none_of_a_nodes_business():
    peer = BGPPeer("tor", 64512, peer_asn=64513, node_selectors=(RACK,))
    wrong = Problem(kind="BGPPeer", name="tor", field="spec.passwordSecret", problem="no Secret")
    state = given(
        LISTED,
        node("n1", {"rack": "1"}),
        node("n2", {"rack": "2"}),
        peer,
        ProblemsReported("kubernetes", (wrong,)),
    ).state
    assert of_each(state, "n1", "n2", "n3") == {
        "controller": "Valid",
        "speaker-n1": "Invalid",
        "speaker-n2": "Valid",
        "speaker-n3": "Invalid",  # nobody knows where it is
    }


def test_a_resource_that_was_never_in_force_is_the_matter_of_the_nodes_that_it_selects():
    twin = BGPPeer("twin", 64512, peer_asn=64513, node_selectors=(RACK,))
    known = (node("n1", {"rack": "1"}), node("n2", {"rack": "2"}))
    state = given(LISTED, *known, rejected(twin, "would run the session of another")).state
    assert of_each(state, "n1", "n2")["speaker-n1"] == "Invalid"
    assert of_each(state, "n1", "n2")["speaker-n2"] == "Valid"


def test_peers_whom_labels_bring_together_for_one_session_are_the_matter_of_that_node():
    def tor(name, rack):
        selectors = (Selector(labels=((rack, "yes"),)),)
        address = "10.0.0.254"
        return BGPPeer(name, 64512, peer_asn=64513, peer_address=address, node_selectors=selectors)

    both, one = {"a": "yes", "b": "yes"}, {"b": "yes"}
    peers = (tor("first", "a"), tor("second", "b"))
    state = given(LISTED, node("n1", both), node("n2", one), *peers).state
    assert of_each(state, "n1", "n2", "n3") == {
        "controller": "Valid",
        "speaker-n1": "Invalid",
        "speaker-n2": "Valid",
        "speaker-n3": "Valid",
    }
    (_, speaker) = configuration_states(state, ["n1"])
    assert speaker["status"]["errorSummary"] == (
        "configuration error: BGPPeer/second: spec.nodeSelectors: has no session on node n1: "
        "BGPPeer first has it already (10.0.0.254 port 179)"
    )


def test_a_profile_that_is_not_there_is_waited_for():
    peer = BGPPeer("tor", 64512, peer_asn=64513, bfd_profile="fast")
    state = given(LISTED, peer).state
    assert of_each(state, "n1") == {"controller": "Valid", "speaker-n1": "Invalid"}
    (_, speaker) = configuration_states(state, ["n1"])
    assert speaker["status"]["errorSummary"] == (
        "configuration error: BGPPeer/tor: spec.bfdProfile: there is no BFDProfile fast"
    )
    assert of_each(given(LISTED, peer, BFDProfile("fast")).state, "n1")["speaker-n1"] == "Valid"


def test_an_alias_that_nobody_defines_is_waited_for():
    ad = BGPAdvertisement("bgp", communities=("vpn", "64512:1"))
    assert of_each(given(LISTED, ad).state, "n1")["speaker-n1"] == "Invalid"
    vpn = Community("first", (("vpn", "64512:2"),))
    assert of_each(given(LISTED, ad, vpn).state, "n1")["speaker-n1"] == "Valid"
