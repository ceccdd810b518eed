"""Pools that give nothing new, namespaces that have had their share, and whom a pool is for."""

import pytest
from core.ground import HOLDER, PREFER, REQUIRE
from proclaim.events import AuthorityTaken, Why
from proclaim.model import Authority, Authorized, Requirement, Selector, ServiceAllocation
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

OPEN = pool("public", "192.0.2.0/30")
CLOSED = pool("public", "192.0.2.0/30", notes={"allocation": "closed"})
DUAL = ("192.0.2.0/30", "2001:db8::/126")
REST = pool("rest", "198.51.100.0/30")


def quota(text, *addresses, **more):
    return pool(
        "public", *(addresses or ("192.0.2.0/29",)), notes={"namespace-quota": text}, **more
    )


# --- closed pools -------------------------------------------------------------------------------


def test_a_pool_that_is_closed_keeps_everyone_who_is_there():
    given(OPEN, *HOLDER).when(CLOSED).then_decides().then_holds("a", "192.0.2.0")


WISHES = {
    "anything": service("b"),
    "this pool": service("b", requested_pool="public"),
    "one of its addresses": service("b", "192.0.2.3"),
    "what its status claims": service("b", status_addresses=("192.0.2.3",)),
    "an address that it could share": sharer("b", "192.0.2.1", ports="TCP/443"),
    "whatever it could share": sharer("b", ports="TCP/443"),
}


@pytest.mark.parametrize("wish", WISHES.values(), ids=WISHES)
def test_a_closed_pool_gives_nothing_to_who_wants(wish):
    there = (sharer("s", ports="TCP/80"), assigned("s", "192.0.2.1"))
    out = given(CLOSED, *HOLDER, *there).when(wish)
    out.then_holds("b")
    assert [fact.reason.code for fact in out.decisions] == [Why.POOL_CLOSED]


def test_a_closed_pool_leaves_it_to_the_next_one():
    given(CLOSED, REST).when(service("b")).then_holds("b", "198.51.100.0")


def test_a_closed_pool_gives_nothing_back_to_who_was_there():
    out = given(OPEN, *HOLDER).when(CLOSED, gone(ref("a")), service("a"))
    out.then_holds("a")
    out.when(OPEN).then_decides(assigned("a", "192.0.2.0", why=Why.RETURNED))


def test_who_was_in_a_closed_pool_and_comes_back_goes_to_another_pool():
    given(OPEN, REST, *HOLDER).when(CLOSED, gone(ref("a")), service("a")).then_holds(
        "a", "198.51.100.0"
    )


def test_a_closed_pool_completes_nobody_who_prefers_two_families():
    wide = pool("public", *DUAL, notes={"allocation": "closed"})
    given(OPEN, service("a", **PREFER), assigned("a", "192.0.2.0")).when(wide).then_decides()


def test_who_moves_inside_a_closed_pool_has_lost_what_it_had():
    given(CLOSED, *HOLDER).when(service("a", "192.0.2.1")).then_decides(
        released("a", "192.0.2.0", why=Why.REQUEST_CHANGED, wanted="192.0.2.1"),
        refused("a", Why.POOL_CLOSED, pool="public"),
    )


def test_before_the_first_listing_is_complete_a_closed_pool_takes_over_what_was_claimed():
    claims = service("a", status_addresses=("192.0.2.2",))
    given(Authority.ADOPT).when(
        listing(CLOSED, claims, service("b")), Authority.ALLOCATE
    ).then_holds("a", "192.0.2.2").then_holds("b")


def test_a_pool_is_opened_again_for_those_who_waited():
    closed = refused("b", Why.POOL_CLOSED, pools=("public",))
    given(CLOSED, *HOLDER, service("b"), closed).when(OPEN).then_decides(assigned("b", "192.0.2.1"))


def test_a_pool_that_is_renamed_and_closed_at_once_keeps_everyone():
    renamed = pool("old", "192.0.2.0/30", notes={"allocation": "closed"})
    given(OPEN, *HOLDER).when(listing(renamed, service("a"))).then_decides(
        assigned("a", "192.0.2.0", why=Why.POOL_RENAMED, pool="old")
    )


def test_a_closed_pool_that_shrinks_loses_those_outside_for_good():
    narrow = pool("public", "192.0.2.1-192.0.2.3", notes={"allocation": "closed"})
    given(CLOSED, *HOLDER, service("b"), assigned("b", "192.0.2.1")).when(narrow).then_holds(
        "a"
    ).then_holds("b", "192.0.2.1")


# --- quotas -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "held"),
    [
        ("0", {}),
        ("2", {"default": 2, "shop": 2, "bank": 2}),
        ("shop=1", {"default": 3, "shop": 1, "bank": 3}),
        ("shop=1, *=2", {"default": 2, "shop": 1, "bank": 2}),
        ("shop=1,bank=0", {"default": 3, "shop": 1}),
        ("*=0, shop=3", {"shop": 3}),
    ],
)
def test_a_namespace_holds_no_more_than_its_quota(text, held):
    wanting = [
        service(f"{where}/{name}") for where in ("default", "shop", "bank") for name in "abc"
    ]
    out = given(quota(text, "192.0.2.0/28")).when(change(*wanting))
    found = {}
    for each in out.state.holdings:
        found[each.namespace] = found.get(each.namespace, 0) + 1
    assert found == held
    reasons = {refusal.reason.code for refusal in out.state.refusals.values()}
    assert reasons <= {Why.QUOTA_REACHED}


def test_a_quota_is_of_one_pool_and_the_next_pool_has_its_own():
    out = given(quota("1"), REST).when(change(service("a"), service("b"), service("c")))
    out.then_holds("a", "192.0.2.0").then_holds("b", "198.51.100.0").then_holds("c", "198.51.100.1")


def test_a_quota_holds_for_requests_of_the_pool_and_of_an_address():
    there = given(quota("1"), *HOLDER)
    for wish in (service("b", requested_pool="public"), service("b", "192.0.2.3")):
        (reason,) = [fact.reason for fact in there.when(wish).decisions]
        assert (reason.code, reason.wanted, reason.found) == (Why.QUOTA_REACHED, "default", "1")


def test_an_address_that_is_shared_counts_once_for_a_namespace():
    given(quota("1")).when(
        sharer("a", ports="TCP/80"), sharer("b", ports="TCP/443"), sharer("c", ports="TCP/80")
    ).then_holds("a", "192.0.2.0").then_holds("b", "192.0.2.0").then_holds("c")


def test_an_address_that_is_shared_counts_for_each_namespace():
    there = given(quota("shop=0, bank=1"), sharer("a", ports="TCP/80"), assigned("a", "192.0.2.0"))
    there.when(sharer("shop/b", ports="TCP/443")).then_holds("shop/b")
    there.when(sharer("bank/b", ports="TCP/443"), service("bank/c")).then_holds(
        "bank/b", "192.0.2.0"
    ).then_holds("bank/c")


def test_a_namespace_that_may_have_no_more_shares_what_it_has_rather_than_what_others_have():
    there = given(
        quota("shop=1"),
        *(sharer("a", ports="TCP/80"), assigned("a", "192.0.2.0")),
        *(sharer("shop/b", ports="TCP/80"), assigned("shop/b", "192.0.2.1")),
    )
    there.when(sharer("shop/c", ports="TCP/443")).then_decides(
        assigned("shop/c", "192.0.2.1", why=Why.SHARED)
    )


def test_a_namespace_that_may_have_no_more_shares_rather_than_has_back_what_it_had():
    out = given(quota("1")).when(
        sharer("a", ports="TCP/80", key="x"),
        gone(ref("a")),
        sharer("b", ports="TCP/443"),
        sharer("a", ports="TCP/80"),
    )
    out.then_holds("b", "192.0.2.1").then_holds("a", "192.0.2.1")


def test_the_second_family_is_shared_inside_the_namespace_where_its_quota_admits_no_other():
    there = given(
        quota("default=2", *DUAL),
        sharer("shop/s", ports="TCP/22", ip_families=(6,)),
        assigned("shop/s", "2001:db8::"),
        sharer("z", ports="TCP/443", ip_families=(6,)),
        assigned("z", "2001:db8::1"),
        *(sharer("a", ports="TCP/443", **PREFER), assigned("a", "192.0.2.0")),
    )
    there.when(sharer("a", ports="TCP/80", **PREFER)).then_decides(
        assigned("a", "192.0.2.0", "2001:db8::1", why=Why.SECOND_FAMILY)
    )


def test_two_families_count_as_two_addresses():
    out = given(quota("3", *DUAL)).when(change(service("a", **REQUIRE), service("b", **REQUIRE)))
    out.then_holds("a", "192.0.2.0", "2001:db8::").then_holds("b")
    out.when(service("b", **PREFER, ip_families=(6, 4))).then_holds("b", "2001:db8::1")


def test_a_quota_that_is_lowered_takes_nothing_away():
    there = given(quota("2"), *HOLDER, service("b"), assigned("b", "192.0.2.1"))
    lowered = there.when(quota("1"))
    lowered.then_decides()
    back = lowered.when(gone(ref("b")), service("b"))
    back.then_holds("b").then_holds("a", "192.0.2.0")


def test_a_quota_that_is_raised_serves_those_who_waited():
    waits = refused("b", Why.QUOTA_REACHED, pools=("public",), wanted="default", found="1")
    given(quota("1"), *HOLDER, service("b"), waits).when(quota("2")).then_decides(
        assigned("b", "192.0.2.1")
    )


def test_who_leaves_makes_room_in_the_quota_of_its_own_namespace_only():
    waits = refused("shop/b", Why.QUOTA_REACHED, pools=("public",), wanted="shop", found="1")
    there = given(
        quota("1"),
        *HOLDER,
        *(service("shop/a"), assigned("shop/a", "192.0.2.1")),
        *(service("shop/b"), waits),
    )
    there.when(gone(ref("a"))).then_decides(released("a", "192.0.2.0", why=Why.GONE))
    there.when(gone(ref("shop/a"))).then_holds("shop/b", "192.0.2.2")


def test_before_the_first_listing_is_complete_a_quota_takes_over_what_was_claimed():
    claims = [service(name, status_addresses=(f"192.0.2.{at}",)) for at, name in enumerate("abc")]
    out = given(Authority.ADOPT).when(
        listing(quota("1"), *claims, service("d")), Authority.ALLOCATE
    )
    for at, name in enumerate("abc"):
        out.then_holds(name, f"192.0.2.{at}")
    out.then_holds("d")


def test_the_claim_of_a_status_does_not_get_round_a_quota():
    given(quota("1"), *HOLDER).when(service("b", status_addresses=("192.0.2.3",))).then_holds("b")


@pytest.mark.parametrize(
    "text", ["many", "-1", "shop=", "1, 2", "shop=1 shop=2", "9" * 5000, "1_0"]
)
def test_a_quota_that_cannot_be_read_lets_nobody_have_more_and_takes_nothing_away(text):
    out = given(OPEN, *HOLDER).when(quota(text), service("b"))
    out.then_holds("a", "192.0.2.0").then_holds("b")


# --- whom a pool is for -------------------------------------------------------------------------

GOLD = Selector(labels=(("tier", "gold"),))
NOBODY = {
    "selectors that no namespace matches": {"namespace_selectors": (GOLD,)},
    "the name of a namespace that there is not": {"namespaces": ("nowhere",)},
    "labels of a namespace of which none are known": {
        "namespace_selectors": (Selector(expressions=(Requirement("tier", "Exists"),)),)
    },
    "selectors that no namespace matches beside one that the Service does": {
        "namespace_selectors": (GOLD,),
        "service_selectors": (Selector(),),
    },
}


@pytest.mark.parametrize("limits", NOBODY.values(), ids=NOBODY)
def test_unlike_in_metallb_a_pool_is_for_nobody_not_even_on_request_with(limits):
    strict = pool("public", "192.0.2.0/30", service_allocation=ServiceAllocation(**limits))
    there = given(strict, namespace("default", {"tier": "tin"}))
    for wish in (
        service("bank/b"),
        service("bank/b", "192.0.2.1"),
        service("bank/b", requested_pool="public"),
        service("bank/b", status_addresses=("192.0.2.1",)),
    ):
        there.when(wish).then_holds("bank/b")


def test_an_empty_namespace_selector_is_for_every_namespace_that_is_known():
    everyone = pool(
        "public",
        "192.0.2.0/30",
        service_allocation=ServiceAllocation(namespace_selectors=(Selector(),)),
    )
    out = given(everyone, namespace("shop")).when(service("shop/a"), service("b"))
    out.then_holds("shop/a", "192.0.2.0").then_holds("b")


def test_a_pool_with_only_a_priority_is_for_everybody_and_comes_first():
    first = pool("z", "203.0.113.0/30", service_allocation=ServiceAllocation(priority=7))
    given(OPEN, first).when(service("a"), service("shop/b")).then_holds(
        "a", "203.0.113.0"
    ).then_holds("shop/b", "203.0.113.1")


def test_a_pool_for_others_is_no_last_resort_and_one_for_everybody_is():
    shop = pool("a", "203.0.113.0/32", service_allocation=ServiceAllocation(namespaces=("shop",)))
    last = pool("z", "192.0.2.0/32")
    given(shop, last).when(service("shop/a"), service("shop/b"), service("c")).then_holds(
        "shop/a", "203.0.113.0"
    ).then_holds("shop/b", "192.0.2.0").then_holds("c")


def test_a_pool_that_has_both_families_comes_before_better_ones_that_have_one():
    best = pool("a", "203.0.113.0/30", service_allocation=ServiceAllocation(priority=1))
    given(best, pool("z", *DUAL)).when(service("a", **PREFER)).then_holds(
        "a", "192.0.2.0", "2001:db8::"
    )


# --- whose Services are ours --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("asked", "ours", "handled"),
    [
        (None, "", True),
        (None, "x", False),
        ("x", "", False),
        ("x", "x", True),
        ("x", "y", False),
        ("x", "X", False),
    ],
)
def test_a_service_is_ours_when_its_class_is_the_one_of_the_setting(asked, ours, handled):
    out = given(OPEN).when(
        Authorized(Authority.ALLOCATE, ours), service("a", load_balancer_class=asked)
    )
    out.then_holds("a", *(["192.0.2.0"] if handled else []))
    assert not out.state.refusals


def test_a_service_that_gets_our_class_is_served():
    out = given(AuthorityTaken(Authority.ALLOCATE, "x"), OPEN, service("a")).when(
        service("a", load_balancer_class="x")
    )
    out.then_holds("a", "192.0.2.0")


def test_unlike_in_metallb_a_service_that_loses_our_class_with_its_type_frees_its_address():
    ours = service("a", load_balancer_class="x")
    given(AuthorityTaken(Authority.ALLOCATE, "x"), OPEN, ours, assigned("a", "192.0.2.0")).when(
        service("a", type="ClusterIP")
    ).then_decides(released("a", "192.0.2.0", why=Why.NOT_LOAD_BALANCER, wanted="ClusterIP"))


def test_a_setting_of_another_class_lets_go_of_the_services_of_the_old_one():
    other = service("b", load_balancer_class="x")
    out = given(OPEN, *HOLDER, other).when(Authorized(Authority.ALLOCATE, "x"))
    out.then_holds("a").then_holds("b", "192.0.2.1")
    out.when(Authorized(Authority.ALLOCATE)).then_holds("a", "192.0.2.0").then_holds("b")
