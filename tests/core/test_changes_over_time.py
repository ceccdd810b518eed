"""What a change does to an address that is held: one test for each kind of change.

Where others who wait are concerned, they are named; everybody else stays.
"""

import pytest
from core.ground import DUAL, HOLDER, ONE, PREFER, PUBLIC, REQUIRE
from proclaim.events import Why
from proclaim.manifests import parse_object
from proclaim.model import Authority, Problem, Selector, ServiceAllocation
from proclaim.testing import (
    assigned,
    change,
    given,
    gone,
    listing,
    namespace,
    pool,
    ref,
    refused,
    released,
    service,
    sharer,
)

OTHER = pool("spare", "198.51.100.0/30")
FULL = refused("w", Why.EXHAUSTED, pools=("public",), wanted="IPv4")
WAITING = (service("w"), FULL)
GOLD = ServiceAllocation(service_selectors=(Selector(labels=(("tier", "gold"),)),))
RICH = ServiceAllocation(namespace_selectors=(Selector(labels=(("tier", "gold"),)),))


# --- the Service --------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["ClusterIP", "NodePort", "ExternalName"])
def test_another_type_frees_the_address_for_who_waits(kind):
    given(ONE, *HOLDER, *WAITING).when(service("a", type=kind)).then_decides(
        released("a", "192.0.2.0", why=Why.NOT_LOAD_BALANCER, wanted=kind),
        assigned("w", "192.0.2.0", why=Why.LONGEST_RELEASED),
    )


def test_deletion_frees_the_address_for_who_waits():
    given(ONE, *HOLDER, *WAITING).when(gone(ref("a"))).then_decides(
        released("a", "192.0.2.0", why=Why.GONE),
        assigned("w", "192.0.2.0", why=Why.LONGEST_RELEASED),
    )


def test_another_requested_address_is_taken_and_the_old_one_is_free_for_who_waits():
    given(ONE, OTHER, *HOLDER, service("w", "192.0.2.0"), _in_use("w", "192.0.2.0")).when(
        service("a", "198.51.100.3")
    ).then_decides(
        released("a", "192.0.2.0", why=Why.REQUEST_CHANGED, wanted="198.51.100.3"),
        assigned("a", "198.51.100.3", why=Why.REQUESTED, pool="spare"),
        assigned("w", "192.0.2.0", why=Why.REQUESTED),
    )


def _in_use(name, address, holder="a"):
    return refused(
        name, Why.ADDRESS_IN_USE, addresses=(address,), services=(ref(holder),), wanted=address
    )


def test_another_requested_address_that_cannot_be_had_costs_the_old_one():
    given(PUBLIC, *HOLDER, service("b"), assigned("b", "192.0.2.1")).when(
        service("a", "192.0.2.1")
    ).then_decides(
        released("a", "192.0.2.0", why=Why.REQUEST_CHANGED, wanted="192.0.2.1"),
        _in_use("a", "192.0.2.1", holder="b"),
    )


@pytest.mark.parametrize("text", ["192.0.2", "192.0.2.010", "public", "192.0.2.1, 192.0.2.2"])
def test_a_requested_address_that_cannot_be_read_leaves_the_old_one(text):
    problem = _problem_with_request(text)
    given(PUBLIC, *HOLDER).when(listing(PUBLIC, problems=[problem])).then_decides().then_holds(
        "a", "192.0.2.0"
    )


def _problem_with_request(text):
    annotations = {"metallb.io/loadBalancerIPs": text}
    (problem,) = parse_object(
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {"name": "a", "namespace": "default", "annotations": annotations},
            "spec": {"type": "LoadBalancer"},
        }
    ).problems
    assert isinstance(problem, Problem)
    return problem


def test_a_requested_address_that_is_taken_back_leaves_the_address():
    asks = service("a", "192.0.2.2")
    given(PUBLIC, asks, assigned("a", "192.0.2.2", why=Why.REQUESTED)).when(
        service("a")
    ).then_decides()


def test_another_requested_pool_gives_an_address_of_its_own():
    given(PUBLIC, OTHER, *HOLDER).when(service("a", requested_pool="spare")).then_holds(
        "a", "198.51.100.0"
    )


@pytest.mark.parametrize(
    ("there", "why"),
    [
        ([], Why.POOL_UNKNOWN),
        ([pool("spare", "2001:db8::/126")], Why.EXHAUSTED),
        ([pool("spare", "198.51.100.0/30", service_allocation=GOLD)], Why.NOT_PERMITTED),
        ([pool("spare", "198.51.100.0/30", notes={"allocation": "closed"})], Why.POOL_CLOSED),
    ],
    ids=["is not there", "has no such family", "is for others", "is closed"],
)
def test_another_requested_pool_costs_the_old_address_if_it(there, why):
    out = given(PUBLIC, *there, *HOLDER).when(service("a", requested_pool="spare"))
    out.then_holds("a")
    assert [fact.reason.code for fact in out.decisions] == [Why.POOL_REQUEST_CHANGED, why]
    out.when(service("a")).then_holds("a", "192.0.2.0")


def test_a_requested_pool_that_is_taken_back_leaves_the_address():
    asks = service("a", requested_pool="public")
    held = assigned("a", "192.0.2.0", why=Why.REQUESTED_POOL)
    given(pool("first", "203.0.113.0/30"), PUBLIC, asks, held).when(service("a")).then_decides()


TERMS = {
    "ports": sharer("a", ports="TCP/443"),
    "the sharing key": sharer("a", key="other", ports="TCP/80"),
    "the traffic policy": sharer("a", ports="TCP/80", external_traffic_policy="Local"),
    "the selector": sharer("a", ports="TCP/80", selector=(("app", "web"),)),
}


@pytest.mark.parametrize("now", TERMS.values(), ids=TERMS)
def test_the_address_stays_while_nobody_else_minds_another_value_of(now):
    given(PUBLIC, sharer("a", ports="TCP/80"), assigned("a", "192.0.2.0")).when(now).then_decides()


def test_a_port_that_another_sharer_has_moves_the_one_that_took_it():
    given(
        PUBLIC,
        *(sharer("a", ports="TCP/80"), assigned("a", "192.0.2.0")),
        *(sharer("b", ports="TCP/443"), assigned("b", "192.0.2.0")),
    ).when(sharer("a", ports="TCP/443")).then_holds("a", "192.0.2.1").then_holds("b", "192.0.2.0")


def test_labels_that_the_pool_is_not_for_any_more_move_the_service():
    gold = pool("gold", "203.0.113.0/30", service_allocation=GOLD)
    rich = service("a", labels={"tier": "gold"})
    given(gold, PUBLIC, rich, assigned("a", "203.0.113.0", pool="gold")).when(
        service("a", labels={"tier": "tin"})
    ).then_holds("a", "192.0.2.0")


def test_labels_that_a_better_pool_is_for_move_nobody():
    gold = pool("gold", "203.0.113.0/30", service_allocation=GOLD)
    given(gold, PUBLIC, *HOLDER).when(service("a", labels={"tier": "gold"})).then_decides()


def test_labels_of_the_namespace_that_the_pool_is_not_for_any_more_move_its_services():
    rich = pool("rich", "203.0.113.0/30", service_allocation=RICH)
    there = given(
        *(rich, PUBLIC, namespace("shop", {"tier": "gold"})),
        *(service("shop/a"), assigned("shop/a", "203.0.113.0", pool="rich")),
        *HOLDER,
    )
    for poorer in (namespace("shop", {"tier": "tin"}), gone(namespace("shop"))):
        out = there.when(poorer)
        out.then_holds("shop/a", "192.0.2.1").then_holds("a", "192.0.2.0")


def test_who_requires_two_families_and_has_one_waits_for_both_and_keeps_its_name_on_the_first():
    single = pool("public", "192.0.2.0/30")
    out = given(single, service("a", **PREFER), assigned("a", "192.0.2.0")).when(
        service("a", **REQUIRE)
    )
    out.then_decides(
        released("a", "192.0.2.0", why=Why.FAMILY_CHANGED, wanted="IPv4 and IPv6"),
        refused("a", Why.EXHAUSTED, pools=("public",), wanted="IPv4 and IPv6"),
    )
    out.when(service("a", **PREFER)).then_holds("a", "192.0.2.0")
    out.when(DUAL).then_holds("a", "192.0.2.0", "2001:db8::")


def test_require_instead_of_prefer_is_nothing_new_for_who_has_both():
    both = service("a", **PREFER), assigned("a", "192.0.2.0", "2001:db8::")
    given(DUAL, *both).when(service("a", **REQUIRE), service("a", **PREFER)).then_decides()


# --- pools --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "better",
    [
        pool("better", "203.0.113.0/30", service_allocation=ServiceAllocation(priority=1)),
        pool("a-first", "203.0.113.0/30"),
        pool("better", "203.0.113.0/30", "2001:db8:1::/126"),
    ],
    ids=["of a better priority", "of an earlier name", "of both families"],
)
def test_nobody_moves_to_a_new_pool(better):
    there = given(PUBLIC, service("a", **PREFER), assigned("a", "192.0.2.0"))
    there.when(better).then_decides().then_holds("a", "192.0.2.0")


def test_a_pool_under_another_name_keeps_its_addresses():
    given(PUBLIC, *HOLDER).when(listing(pool("new", "192.0.2.0/30"), service("a"))).then_decides(
        assigned("a", "192.0.2.0", why=Why.POOL_RENAMED, pool="new")
    )


def test_a_pool_in_two_pieces_keeps_its_addresses():
    low, high = pool("low", "192.0.2.0/31"), pool("public", "192.0.2.2/31")
    there = given(PUBLIC, *HOLDER, service("b", "192.0.2.2"), assigned("b", "192.0.2.2"))
    there.when(change(low, high)).then_decides(
        assigned("a", "192.0.2.0", why=Why.POOL_RENAMED, pool="low")
    )


def test_a_pool_in_two_pieces_parts_the_families_of_who_needs_one_pool_for_both():
    both = service("a", **REQUIRE), assigned("a", "192.0.2.0", "2001:db8::")
    given(DUAL, *both).when(listing(PUBLIC, pool("six", "2001:db8::/126"), both[0])).then_decides(
        released("a", "192.0.2.0", "2001:db8::", why=Why.NOT_COVERED),
        refused("a", Why.EXHAUSTED, pools=("public", "six"), wanted="IPv4 and IPv6"),
    )


LOSSES = {
    "shrinks": change(pool("public", "192.0.2.1-192.0.2.3")),
    "is removed": gone(PUBLIC),
    "begins to avoid the address": change(pool("public", "192.0.2.0/30", avoid_buggy_ips=True)),
    "has other addresses": change(pool("public", "203.0.113.0/30")),
    "is for others": change(pool("public", "192.0.2.0/30", service_allocation=GOLD)),
}


@pytest.mark.parametrize("loss", LOSSES.values(), ids=LOSSES)
def test_who_is_left_outside_gets_another_address_when_the_pool(loss):
    out = given(PUBLIC, OTHER, *HOLDER).when(loss)
    assert [type(fact).__name__ for fact in out.decisions] == ["AddressReleased", "AddressAssigned"]
    alone = given(PUBLIC, *HOLDER).when(loss)
    assert {*alone.state.holdings, *alone.state.refusals} == {ref("a")}


def test_a_pool_that_loses_a_family_takes_both_addresses_of_who_requires_two():
    both = service("a", **REQUIRE), assigned("a", "192.0.2.0", "2001:db8::")
    elsewhere = pool("spare", "198.51.100.0/30", "2001:db8:1::/126")
    given(DUAL, elsewhere, *both).when(PUBLIC).then_decides(
        released("a", "192.0.2.0", "2001:db8::", why=Why.NOT_COVERED),
        assigned("a", "198.51.100.0", "2001:db8:1::", pool="spare"),
    )


def test_unlike_in_metallb_who_prefers_two_families_keeps_the_one_that_its_pool_still_has():
    both = service("a", **PREFER), assigned("a", "192.0.2.0", "2001:db8::")
    elsewhere = pool("spare", "198.51.100.0/30", "2001:db8:1::/126")
    given(DUAL, elsewhere, *both).when(PUBLIC).then_holds("a", "192.0.2.0")


def test_a_pool_that_gains_a_family_completes_who_prefers_two_and_leaves_the_first():
    given(PUBLIC, service("a", "192.0.2.3"), assigned("a", "192.0.2.3")).when(
        service("a", **PREFER), DUAL
    ).then_decides(assigned("a", "192.0.2.3", "2001:db8::", why=Why.SECOND_FAMILY))


def test_a_pool_that_gives_nothing_by_itself_completes_who_has_one_of_its_addresses():
    manual = pool("public", "192.0.2.0/30", "2001:db8::/126", auto_assign=False)
    given(PUBLIC, service("a", **PREFER), assigned("a", "192.0.2.0")).when(manual).then_holds(
        "a", "192.0.2.0", "2001:db8::"
    )


def test_who_asks_for_one_address_gains_no_second_though_it_prefers_two():
    given(DUAL).when(
        service("a", "192.0.2.3", **PREFER), service("b", "192.0.2.2", ip_families=(4,))
    ).then_holds("a").then_holds("b", "192.0.2.2")


def test_a_pool_that_stops_giving_by_itself_keeps_those_who_are_there():
    given(PUBLIC, *HOLDER).when(
        pool("public", "192.0.2.0/30", auto_assign=False), service("b")
    ).then_holds("a", "192.0.2.0").then_holds("b")


def test_without_any_pool_everybody_waits_and_with_the_same_pools_all_is_as_it_was():
    there = given(
        *(PUBLIC, OTHER, *HOLDER),
        *(service("b", "198.51.100.3"), assigned("b", "198.51.100.3", pool="spare")),
    )
    out = there.when(gone(PUBLIC, OTHER))
    out.then_holds("a").then_holds("b")
    out.when(change(PUBLIC, OTHER)).then_holds("a", "192.0.2.0").then_holds("b", "198.51.100.3")


# --- restarts -----------------------------------------------------------------------------------


def test_a_restart_changes_nothing():
    there = given(ONE, *HOLDER, *WAITING)
    everything = listing(service("w"), ONE, service("a"))
    there.when(Authority.ADOPT, everything, Authority.ALLOCATE).then_decides()


def test_a_restart_without_a_ledger_takes_over_all_that_was_claimed_before_it_gives():
    claimed = [service(f"z{at}", status_addresses=(f"192.0.2.{at}",)) for at in range(4)]
    out = given(Authority.ADOPT).when(listing(PUBLIC, *claimed, service("a")), Authority.ALLOCATE)
    for at in range(4):
        out.then_holds(f"z{at}", f"192.0.2.{at}")
    out.then_holds("a")


def test_of_two_that_claim_one_address_the_first_by_name_keeps_it_and_the_other_gets_its_own():
    claims = [service(name, status_addresses=("192.0.2.2",)) for name in ("b", "a")]
    out = given(Authority.ADOPT).when(listing(PUBLIC, *claims), Authority.ALLOCATE)
    out.then_holds("a", "192.0.2.2").then_holds("b", "192.0.2.0")


def test_two_that_claim_one_address_and_share_it_both_keep_it():
    claims = [
        sharer("a", ports="TCP/80", status_addresses=("192.0.2.2",)),
        sharer("b", ports="TCP/443", status_addresses=("192.0.2.2",)),
    ]
    out = given(Authority.ADOPT).when(listing(PUBLIC, *claims), Authority.ALLOCATE)
    out.then_holds("a", "192.0.2.2").then_holds("b", "192.0.2.2")


def test_unlike_in_metallb_a_status_that_somebody_else_wrote_moves_nobody():
    given(PUBLIC, *HOLDER).when(
        service("a", status_addresses=("192.0.2.3",)), service("a", status_addresses=())
    ).then_decides()
