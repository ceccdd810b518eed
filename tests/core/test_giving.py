"""Who gets which address: pools, families, requests, and whom a pool admits."""

import pytest
from core.ground import DUAL, PREFER, REQUIRE
from proclaim.events import Why
from proclaim.model import Requirement, Selector, ServiceAllocation
from proclaim.testing import (
    assigned,
    change,
    given,
    gone,
    listing,
    namespace,
    observed,
    pool,
    refused,
    released,
    removed,
    service,
)

V4 = pool("public", "192.0.2.0/30")
V6 = pool("public", "2001:db8::/126")


# --- pools --------------------------------------------------------------------------------------


def test_a_service_gets_the_lowest_free_address_of_a_cidr():
    given(V4, service("a"), assigned("a", "192.0.2.0")).when(service("b")).then(
        observed(service("b")), assigned("b", "192.0.2.1")
    )


def test_a_service_gets_the_lowest_free_address_of_a_range():
    given(pool("public", "192.0.2.7-192.0.2.9")).when(service("a")).then_holds("a", "192.0.2.7")


def test_the_ranges_of_a_pool_are_used_in_the_order_declared():
    declared = pool("public", "192.0.2.200/32", "192.0.2.1-192.0.2.2")
    given(declared).when(change(service("a"), service("b"))).then_holds(
        "a", "192.0.2.200"
    ).then_holds("b", "192.0.2.1")


def test_of_two_pools_the_first_by_name_gives():
    given(pool("z", "192.0.2.0/32"), pool("b", "192.0.2.1/32")).when(service("a")).then_decides(
        assigned("a", "192.0.2.1", pool="b")
    )


def test_a_full_pool_leaves_it_to_the_next():
    given(pool("b", "192.0.2.1/32"), pool("c", "192.0.2.9/32")).when(
        service("x"), service("y")
    ).then_decides(assigned("x", "192.0.2.1", pool="b"), assigned("y", "192.0.2.9", pool="c"))


def test_a_pool_without_auto_assign_gives_only_to_who_asks_for_it():
    kept = pool("kept", "192.0.2.0/31", auto_assign=False)
    given(kept).when(
        service("a"), service("b", requested_pool="kept"), service("c", "192.0.2.1")
    ).then_decides(
        refused("a", Why.NO_POOL_FOR_SERVICE, pools=("kept",)),
        assigned("b", "192.0.2.0", why=Why.REQUESTED_POOL, pool="kept"),
        assigned("c", "192.0.2.1", why=Why.REQUESTED, pool="kept"),
    )


def test_buggy_addresses_are_passed_over_where_a_pool_says_so():
    cautious = pool("public", "192.0.2.254-192.0.3.1", "2001:db8::ff/128", avoid_buggy_ips=True)
    (
        given(cautious)
        .when(change(service("a"), service("b"), service("c"), service("d", ip_families=(6,))))
        .then_holds("a", "192.0.2.254")
        .then_holds("b", "192.0.3.1")
        .then_holds("c")
        .then_holds("d", "2001:db8::ff")
    )


def test_a_buggy_address_cannot_be_requested_from_a_pool_that_avoids_them():
    given(pool("public", "192.0.2.0/24", avoid_buggy_ips=True)).when(
        service("a", "192.0.2.255")
    ).then_decides(refused("a", Why.ADDRESS_AVOIDED, pool="public", wanted="192.0.2.255"))


def test_a_new_pool_serves_those_who_were_refused_and_moves_nobody():
    given(
        pool("m", "192.0.2.0/32"),
        *(service("a"), assigned("a", "192.0.2.0", pool="m")),
        *(service("b"), refused("b", Why.EXHAUSTED, pools=("m",), wanted="IPv4")),
    ).when(pool("better", "192.0.2.9/32")).then(
        observed(pool("better", "192.0.2.9/32")), assigned("b", "192.0.2.9", pool="better")
    )


# --- families -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "held"),
    [
        ({}, ["192.0.2.0"]),
        ({"ip_families": (6,)}, ["2001:db8::"]),
        ({"ip_families": (4,)}, ["192.0.2.0"]),
        ({"ip_families": (4, 6), **REQUIRE}, ["192.0.2.0", "2001:db8::"]),
        ({"ip_families": (6,), **REQUIRE}, ["192.0.2.0", "2001:db8::"]),
        ({"ip_families": (6, 4), **PREFER}, ["192.0.2.0", "2001:db8::"]),
        (PREFER, ["192.0.2.0", "2001:db8::"]),
        (REQUIRE, ["192.0.2.0", "2001:db8::"]),
        ({"cluster_ips": ("10.0.0.1",)}, ["192.0.2.0"]),
        ({"cluster_ips": ("fd00::1",)}, ["2001:db8::"]),
        ({"cluster_ips": ("fd00::1",), "ip_families": (4,)}, ["2001:db8::"]),
        ({"cluster_ips": ("10.0.0.1",), **PREFER}, ["192.0.2.0"]),
        ({"cluster_ips": ("10.0.0.1", "fd00::1"), **PREFER}, ["192.0.2.0", "2001:db8::"]),
        ({"cluster_ips": ("10.0.0.1", "fd00::1"), **REQUIRE}, ["192.0.2.0", "2001:db8::"]),
        ({"cluster_ips": ("10.0.0.1",), **REQUIRE}, []),
        ({"cluster_ips": ("None",)}, []),
    ],
)
def test_the_families_come_from_cluster_ips_else_from_what_the_service_declares(fields, held):
    given(DUAL).when(service("a", **fields)).then_holds("a", *held)


@pytest.mark.parametrize(
    "requested", [["192.0.2.3"], ["2001:db8::3"], ["192.0.2.3", "2001:db8::3"]]
)
def test_without_other_word_the_families_are_those_of_the_requested_addresses(requested):
    given(DUAL).when(service("a", *requested)).then_holds("a", *requested)


def test_who_prefers_dual_stack_takes_a_single_family_of_its_first_choice():
    four, six = pool("a", "192.0.2.0/32"), pool("b", "2001:db8::/128")
    given(four, six).when(service("x", ip_families=(6, 4), **PREFER)).then_holds("x", "2001:db8::")
    given(four, six).when(service("x", **PREFER)).then_holds("x", "192.0.2.0")
    given(four).when(service("x", ip_families=(6, 4), **PREFER)).then_holds("x", "192.0.2.0")


def test_who_prefers_dual_stack_takes_a_later_pool_that_has_both():
    given(pool("a", "192.0.2.0/32"), pool("b", "198.51.100.0/32", "2001:db8::/128")).when(
        service("x", **PREFER)
    ).then_holds("x", "198.51.100.0", "2001:db8::")


def test_who_requires_dual_stack_takes_both_from_one_pool_or_none():
    given(pool("a", "192.0.2.0/32"), pool("b", "2001:db8::/128")).when(
        service("x", **REQUIRE)
    ).then_decides(refused("x", Why.EXHAUSTED, pools=("a", "b"), wanted="IPv4 and IPv6"))


def test_who_prefers_dual_stack_gains_the_second_family_when_its_pool_does():
    fitting = service("a", **PREFER)
    given(V4, fitting, assigned("a", "192.0.2.0")).when(DUAL).then_decides(
        assigned("a", "192.0.2.0", "2001:db8::", why=Why.SECOND_FAMILY)
    )


def test_a_freed_second_family_goes_to_who_has_one_before_who_has_none():
    tight = pool("public", "192.0.2.0/31", "2001:db8::/128")
    first = service("a", **REQUIRE)
    given(
        tight,
        *(first, assigned("a", "192.0.2.0", "2001:db8::")),
        *(service("z", **PREFER), assigned("z", "192.0.2.1")),
        service("c", ip_families=(6,)),
        refused("c", Why.EXHAUSTED, pools=("public",), wanted="IPv6"),
    ).when(gone(first)).then(
        removed(first),
        released("a", "192.0.2.0", "2001:db8::", why=Why.GONE),
        assigned("z", "192.0.2.1", "2001:db8::", why=Why.SECOND_FAMILY),
    )


def test_single_stack_with_one_cluster_ip_never_gains_a_family():
    steady = service("a", cluster_ips=("10.0.0.1",), **PREFER)
    given(V4, steady, assigned("a", "192.0.2.0")).when(DUAL).then_decides()


# --- requests -----------------------------------------------------------------------------------


def test_a_requested_address_is_given_before_free_ones():
    given(V4).when(change(service("a"), service("z", "192.0.2.0"))).then_decides(
        assigned("z", "192.0.2.0", why=Why.REQUESTED), assigned("a", "192.0.2.1")
    )


def test_two_who_request_one_address_are_served_by_name():
    given(V4).when(change(service("b", "192.0.2.1"), service("a", "192.0.2.1"))).then_decides(
        assigned("a", "192.0.2.1", why=Why.REQUESTED),
        refused(
            "b",
            Why.ADDRESS_IN_USE,
            addresses=("192.0.2.1",),
            services=(service("a").ref,),
            wanted="192.0.2.1",
        ),
    )


def test_a_requested_pool_gives_though_another_comes_first():
    given(pool("a", "192.0.2.0/32"), pool("b", "192.0.2.1/32")).when(
        service("x", requested_pool="b")
    ).then_decides(assigned("x", "192.0.2.1", why=Why.REQUESTED_POOL, pool="b"))


def test_a_full_requested_pool_is_not_replaced_by_another():
    given(
        pool("a", "192.0.2.0/32"),
        pool("b", "192.0.2.1/32"),
        *(service("x", requested_pool="b"), assigned("x", "192.0.2.1", pool="b")),
    ).when(service("y", requested_pool="b")).then_decides(
        refused("y", Why.EXHAUSTED, pools=("b",), wanted="IPv4")
    )


def test_a_requested_address_in_the_requested_pool_is_given():
    given(V4).when(service("a", "192.0.2.2", requested_pool="public")).then_holds("a", "192.0.2.2")


def test_a_request_that_names_one_family_of_two_is_refused():
    given(DUAL).when(service("a", "192.0.2.1", **REQUIRE)).then_decides(
        refused(
            "a",
            Why.FAMILY_CONTRADICTS_ADDRESS,
            addresses=("192.0.2.1",),
            wanted="IPv4 and IPv6",
        )
    )


def test_what_is_requested_comes_from_one_pool():
    given(pool("a", "192.0.2.0/32"), pool("b", "2001:db8::/128")).when(
        service("x", "192.0.2.0", "2001:db8::")
    ).then_decides(refused("x", Why.ADDRESS_OUTSIDE_POOLS, wanted="192.0.2.0 and 2001:db8::"))


def test_a_refusal_stays_as_it_is_while_what_it_names_is_true():
    both = service("x", "192.0.2.0", "2001:db8::")
    waiting = refused(
        "x",
        Why.ADDRESS_IN_USE,
        addresses=("192.0.2.0",),
        services=(service("a").ref,),
        wanted="192.0.2.0 and 2001:db8::",
    )
    given(DUAL, service("a"), assigned("a", "192.0.2.0"), both, waiting).when(
        service("b", ip_families=(6,))
    ).then_decides(assigned("b", "2001:db8::"))


# --- whom a pool admits -------------------------------------------------------------------------

GOLD = Selector(labels=(("tier", "gold"),))


def pinned(name, address, priority=0, **limits):
    return pool(name, address, service_allocation=ServiceAllocation(priority=priority, **limits))


def test_a_pinned_pool_comes_before_one_for_everybody():
    given(pool("a", "192.0.2.0/32"), pinned("b", "192.0.2.1/32")).when(service("x")).then_holds(
        "x", "192.0.2.1"
    )


def test_a_lower_priority_number_comes_first_and_zero_last():
    given(
        pinned("a", "192.0.2.0/32"),
        pinned("b", "192.0.2.1/32", priority=20),
        pinned("c", "192.0.2.2/32", priority=10),
    ).when(service("x"), service("y"), service("z")).then_decides(
        assigned("x", "192.0.2.2", pool="c"),
        assigned("y", "192.0.2.1", pool="b"),
        assigned("z", "192.0.2.0", pool="a"),
    )


def test_a_pool_for_a_namespace_serves_nobody_else_not_even_on_request():
    shop = pinned("shop", "192.0.2.0/31", namespaces=("shop",))
    given(shop).when(
        service("shop/web"), service("web"), service("asks", "192.0.2.1")
    ).then_decides(
        assigned("shop/web", "192.0.2.0", pool="shop"),
        refused("web", Why.NO_POOL_FOR_SERVICE, pools=("shop",)),
        refused("asks", Why.NOT_PERMITTED, pool="shop", wanted="default", found="namespaces"),
    )


def test_a_namespace_selector_admits_by_the_labels_of_the_namespace():
    gold = pinned("gold", "192.0.2.0/31", namespace_selectors=(GOLD,))
    waiting = refused("shop/web", Why.NO_POOL_FOR_SERVICE, pools=("gold",))
    not_admitted = {"why": Why.NOT_PERMITTED, "wanted": "shop", "found": "namespaces"}
    (
        given(gold, service("shop/web"), waiting)
        .when(namespace("shop", {"tier": "gold"}))
        .then_holds("shop/web", "192.0.2.0")
        .when(namespace("shop", {"tier": "tin"}))
        .then_decides(
            released("shop/web", "192.0.2.0", pool="gold", **not_admitted),
            waiting,
        )
    )


def test_a_name_and_a_selector_of_namespaces_admit_either():
    either = pinned("p", "192.0.2.0/30", namespaces=("shop",), namespace_selectors=(GOLD,))
    given(either, namespace("bank", {"tier": "gold"})).when(
        service("shop/a"), service("bank/b"), service("c")
    ).then_holds("shop/a", "192.0.2.0").then_holds("bank/b", "192.0.2.1").then_holds("c")


def test_a_service_selector_admits_by_the_labels_of_the_service():
    untiered = Selector(expressions=(Requirement("tier", "DoesNotExist"),))
    chosen = pinned("p", "192.0.2.0/30", service_selectors=(GOLD, untiered))
    given(chosen).when(
        service("a", labels={"tier": "gold"}), service("b", labels={"tier": "tin"}), service("c")
    ).then_holds("a", "192.0.2.0").then_holds("b").then_holds("c", "192.0.2.1")


def test_a_namespace_and_a_service_selector_must_both_admit():
    strict = pinned("p", "192.0.2.0/30", namespaces=("shop",), service_selectors=(GOLD,))
    gold = {"tier": "gold"}
    given(strict).when(
        service("shop/a", labels=gold), service("shop/b"), service("c", labels=gold)
    ).then_holds("shop/a", "192.0.2.0").then_holds("shop/b").then_holds("c")


def test_one_listing_of_everything_is_decided_at_once():
    everything = listing(service("b"), V4, service("a"), service("off", type="ClusterIP"))
    given().when(everything).then_decides(assigned("a", "192.0.2.0"), assigned("b", "192.0.2.1"))
