"""The Events: MetalLB's reasons, told when something really changed."""

from __future__ import annotations

import pytest
from proclaim.events import AddressAssigned, ProblemsReported, Reason, Why
from proclaim.fold import number
from proclaim.model import (
    BGPAdvertisement,
    InterfaceStatus,
    L2Advertisement,
    Problem,
    Spread,
)
from proclaim.project import project
from proclaim.state import State
from proclaim.testing import (
    assigned,
    change,
    given,
    gone,
    node,
    pool,
    refused,
    released,
    service,
)
from proclaim_k8s_source.reporter.complaints import Complaints
from proclaim_k8s_source.reporter.events import Event, of_announcements, of_facts, of_problems

WEB = service("web").ref
PUBLIC = pool("public", "192.0.2.0/30")
V4 = "192.0.2.0"


def told(state, *facts):
    return [
        (each.type, each.reason, each.message)
        for each in of_facts(number(State(), facts, 0.0), state)
    ]


def reasons(state, *facts):
    return [reason for _, reason, _ in told(state, *facts)]


def held(*addresses, **more):
    return given(PUBLIC, service("web", **more), assigned("web", *(addresses or (V4,)))).state


def test_a_new_address_is_told_with_the_rule_that_chose_it():
    assert told(held(), assigned("web", V4)) == [
        (
            "Normal",
            "IPAllocated",
            f'Assigned IP ["{V4}"]: lowest address of pool public that was never given before',
        )
    ]


@pytest.mark.parametrize("why", [Why.ADOPTED, Why.POOL_RENAMED])
def test_an_address_that_stays_is_no_news(why):
    assert told(held(), assigned("web", V4, why=why)) == []


def test_a_second_family_is_told_as_an_additional_address():
    fact = assigned("web", V4, "2001:db8::", why=Why.SECOND_FAMILY)
    ((_, reason, said),) = told(held(), fact)
    assert reason == "IPAllocated"
    assert said.startswith(f'Assigned additional IP ["{V4}", "2001:db8::"]')


def test_a_family_that_is_lost_is_told_as_something_taken_away():
    reason = Reason(Why.FAMILY_LOST, pool="public", addresses=("2001:db8::",))
    said = "The other address stays; its pool does not cover 2001:db8:: any more"
    fact = AddressAssigned(WEB, (V4,), "public", reason)
    assert told(held(), fact) == [("Normal", "ClearAssignment", said)]


def test_a_family_that_is_lacking_is_told_once():
    dual = {"cluster_ips": ("10.0.0.1", "fd00::1"), "ip_family_policy": "PreferDualStack"}
    assert reasons(held(**dual), assigned("web", V4)) == ["IPAllocated", "AdditionalAssignFailed"]
    single = {**dual, "cluster_ips": ("10.0.0.1",)}
    assert reasons(held(**single), assigned("web", V4)) == ["IPAllocated"]


def test_an_address_that_is_taken_away_is_told():
    ((kind, reason, said),) = told(held(), released("web", V4, why=Why.NOT_COVERED))
    assert (kind, reason) == ("Normal", "ClearAssignment")
    assert said == f"No pool covers {V4} any more; it came from pool public"


@pytest.mark.parametrize("why", [Why.GONE, Why.NOT_LOAD_BALANCER, Why.OTHER_CLASS])
def test_an_address_that_its_owner_gave_up_is_no_news(why):
    assert told(held(), released("web", V4, why=why)) == []


def test_a_refusal_is_a_warning_with_the_reason():
    state = given(service("web"), refused("web", Why.NO_POOL)).state
    assert told(state, refused("web", Why.NO_POOL)) == [
        ("Warning", "AllocationFailed", "No IPAddressPool is in force")
    ]


def test_too_few_cluster_ips_have_the_reason_that_metallb_gives_them():
    fact = refused("web", Why.NEEDS_TWO_CLUSTER_IPS, wanted="1")
    assert reasons(given(service("web"), fact).state, fact) == ["not enough clusterips"]


def test_a_status_that_makes_no_sense_is_told_before_it_is_replaced():
    state = held(status_addresses=("192.0.2.1", "192.0.2.2"))
    assert reasons(state, assigned("web", V4)) == ["nolbIPsIPFamily", "IPAllocated"]


def test_an_old_annotation_is_told_when_something_changes():
    old = {"annotations": (("metallb.universe.tf/address-pool", "public"),)}
    assert told(held(**old), assigned("web", V4))[1] == (
        "Warning",
        "deprecatedAnnotation",
        "The annotation metallb.universe.tf/address-pool is deprecated; "
        "use metallb.io/address-pool",
    )


def test_nothing_is_told_of_a_service_that_is_gone():
    assert told(given().state, assigned("web", V4)) == []


# --- what is wrong with a Service -----------------------------------------------------------------


def wrong(name="web", kind="Service"):
    return Problem(
        kind=kind,
        namespace="default",
        name=name,
        field="metadata.annotations[metallb.io/loadBalancerIPs]",
        problem="x is no IP address",
    )


def with_problems(*found):
    return given(PUBLIC, service("web"), ProblemsReported("kubernetes", found)).state


def test_a_request_that_makes_no_sense_is_told_by_whether_it_costs_anything():
    said = "metadata.annotations[metallb.io/loadBalancerIPs]: x is no IP address; it "
    assert list(of_problems([wrong()], given().state)) == [
        Event(WEB, "Warning", "AllocationFailed", said + "gets no address")
    ]
    holds = given(PUBLIC, service("web"), assigned("web", V4)).state
    assert list(of_problems([wrong()], holds)) == [
        Event(WEB, "Warning", "LoadBalancerFailed", said + "keeps the address that it has")
    ]


def test_a_problem_is_told_once_and_only_at_services():
    complaints = Complaints(with_problems(wrong()))
    state = with_problems(wrong(), wrong("tor", "BGPPeer"), wrong("shop"))
    assert complaints.news(state, True, 0.0) == [wrong("shop")]
    assert complaints.news(state, True, 1.0) == []
    assert complaints.news(with_problems(wrong()), True, 2.0) == []
    assert complaints.news(with_problems(wrong(), wrong("shop")), True, 3.0) == [wrong("shop")]


def test_a_problem_that_came_while_another_led_was_told_by_them():
    complaints = Complaints(with_problems())
    old, both = with_problems(wrong("old")), with_problems(wrong("old"), wrong("new"))
    assert complaints.news(old, False, 0.0) == []
    assert complaints.news(both, False, 90.0) == []
    assert complaints.news(both, True, 100.0) == [wrong("new")]


def test_a_problem_that_is_gone_before_anybody_leads_is_never_told():
    complaints = Complaints(with_problems())
    assert complaints.news(with_problems(wrong()), False, 0.0) == []
    assert complaints.news(with_problems(), True, 1.0) == []


# --- what a node announces ------------------------------------------------------------------------


def announcing(before, after, spread, *refs):
    one, other = (project(state, "n1", spread) for state in (before, after))
    return [(e.type, e.reason, e.message) for e in of_announcements(refs or [WEB], one, other)]


GROUND = (PUBLIC, L2Advertisement("l2"), BGPAdvertisement("bgp"), node("n1"))
BEFORE = given(*GROUND).state
AFTER = given(*GROUND, service("web"), assigned("web", V4)).state


@pytest.mark.parametrize(
    ("spread", "protocol"), [(Spread.ONE_NODE, "layer2"), (Spread.EVERY_NODE, "bgp")]
)
def test_a_node_tells_when_it_begins_to_announce(spread, protocol):
    said = f'announcing from node "n1" with protocol "{protocol}"'
    assert announcing(BEFORE, AFTER, spread) == [("Normal", "nodeAssigned", said)]


def test_a_node_that_goes_on_or_stops_tells_nothing():
    assert announcing(AFTER, AFTER, Spread.ONE_NODE) == []
    assert announcing(AFTER, BEFORE, Spread.ONE_NODE) == []


def test_an_interface_that_is_not_there_is_told():
    ground = (PUBLIC, L2Advertisement("l2", interfaces=("eth9",)), node("n1"))
    here = InterfaceStatus("n1", "eth0", usable=True)
    state = given(*ground, here, service("web"), assigned("web", V4)).state
    assert announcing(given(*ground).state, state, Spread.ONE_NODE)[-1] == (
        "Warning",
        "announceFailed",
        f"node n1 has no interface eth9, so it does not answer for {V4}",
    )


def test_the_steps_of_a_real_decision_are_told_in_their_order():
    before = given(PUBLIC, service("web"), assigned("web", V4))
    moved = before.when(gone(PUBLIC), change(pool("other", "198.51.100.0/30")))
    facts = number(before.state, moved.facts, 0.0)
    assert [each.reason for each in of_facts(facts, moved.state)] == [
        "ClearAssignment",
        "AllocationFailed",
        "IPAllocated",
    ]


def test_a_status_that_showed_what_nobody_here_gave_is_told_as_it_goes():
    state = held(status_addresses=("203.0.113.9",))
    clear, allocated = told(state, assigned("web", V4))
    assert clear == (
        "Normal",
        "ClearAssignment",
        "Its status says 203.0.113.9, but no IPAddressPool contains 203.0.113.9",
    )
    assert allocated[1] == "IPAllocated"


def test_a_status_that_still_shows_what_was_taken_away_is_told_once():
    state = held(status_addresses=("192.0.2.3",))
    facts = (released("web", "192.0.2.3", why=Why.REQUEST_CHANGED), assigned("web", V4))
    assert reasons(state, *facts) == ["ClearAssignment", "IPAllocated"]
