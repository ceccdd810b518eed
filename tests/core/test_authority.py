"""What an allocator does before its sources have listed, and what a follower does."""

from proclaim.events import AuthorityTaken, RefusalWithdrawn, TaskFailed, Why
from proclaim.model import Authority, PluginFailed
from proclaim.testing import (
    assigned,
    change,
    given,
    gone,
    listed,
    listing,
    observed,
    pool,
    ref,
    refused,
    released,
    removed,
    service,
)

ADOPT, ALLOCATE, FOLLOW = Authority.ADOPT, Authority.ALLOCATE, Authority.FOLLOW
PUBLIC = pool("public", "192.0.2.0/30", "2001:db8::/126")


def claims(name, *addresses, **more):
    return service(name, status_addresses=addresses, **more)


# --- before the first listings ------------------------------------------------------------------


def test_before_the_first_listings_nothing_is_given_and_nobody_refused():
    given(ADOPT, PUBLIC).when(service("a"), service("b", "203.0.113.1")).then_decides()


def test_before_the_first_listings_what_the_status_claims_is_adopted():
    given(ADOPT).when(listing(PUBLIC, claims("z", "192.0.2.1"))).then(
        observed(claims("z", "192.0.2.1")),
        observed(PUBLIC),
        listed(),
        assigned("z", "192.0.2.1", why=Why.ADOPTED),
    )


def test_before_the_first_listings_an_address_survives_a_pool_that_is_not_there_yet():
    held = assigned("a", "192.0.2.0")
    (
        given(ADOPT, PUBLIC, service("a"), held)
        .when(gone(PUBLIC), PUBLIC, ALLOCATE)
        .then(
            removed(PUBLIC),
            observed(PUBLIC),
            AuthorityTaken(ALLOCATE),
        )
        .then_holds("a", "192.0.2.0")
    )


def test_before_the_first_listings_a_service_that_is_gone_gives_its_address_to_who_claims_it():
    given(ADOPT, PUBLIC, service("a"), assigned("a", "192.0.2.0"), claims("b", "192.0.2.0")).when(
        gone(service("a"))
    ).then_decides(
        released("a", "192.0.2.0", why=Why.GONE), assigned("b", "192.0.2.0", why=Why.ADOPTED)
    )


def test_the_first_listings_complete_who_waits_is_served_after_who_claims():
    given(ADOPT).when(listing(service("a"), claims("z", "192.0.2.0")), PUBLIC, ALLOCATE).then_holds(
        "z", "192.0.2.0"
    ).then_holds("a", "192.0.2.1")


def test_after_a_restart_a_refusal_stays_known_until_it_is_served():
    waiting = refused("b", Why.EXHAUSTED, pools=("public",), wanted="IPv4")
    one = pool("public", "192.0.2.0/32")
    (
        given(one, service("a"), assigned("a", "192.0.2.0"), service("b"), waiting)
        .when(ADOPT, gone(service("a")), ALLOCATE)
        .then(
            AuthorityTaken(ADOPT),
            removed(service("a")),
            released("a", "192.0.2.0", why=Why.GONE),
            AuthorityTaken(ALLOCATE),
            assigned("b", "192.0.2.0", why=Why.LONGEST_RELEASED),
        )
    )


# --- an allocator that adopts -------------------------------------------------------------------


def test_what_the_status_claims_is_given_before_what_is_free_or_requested():
    given(PUBLIC).when(
        change(service("a"), service("b", "192.0.2.0"), claims("z", "192.0.2.0"))
    ).then_decides(
        assigned("z", "192.0.2.0", why=Why.ADOPTED),
        assigned("a", "192.0.2.1"),
        refused(
            "b",
            Why.ADDRESS_IN_USE,
            addresses=("192.0.2.0",),
            services=(ref("z"),),
            wanted="192.0.2.0",
        ),
    )


def test_of_two_who_claim_one_address_the_first_by_name_has_it():
    given(PUBLIC).when(change(claims("b", "192.0.2.2"), claims("a", "192.0.2.2"))).then_holds(
        "a", "192.0.2.2"
    ).then_holds("b", "192.0.2.0")


def test_a_claim_that_no_pool_covers_or_that_contradicts_the_request_is_not_adopted():
    (
        given(PUBLIC)
        .when(
            claims("a", "203.0.113.1"),
            claims("b", "192.0.2.3", requested_pool="public"),
            service("c", "192.0.2.1", status_addresses=("192.0.2.2",)),
            claims("d", "192.0.2.2", "192.0.2.2"),
        )
        .then_holds("a", "192.0.2.0")
        .then_holds("b", "192.0.2.3")
        .then_holds("c", "192.0.2.1")
        .then_holds("d", "192.0.2.2")
    )


def test_one_family_of_two_is_adopted_and_then_completed_where_it_is_preferred():
    prefers = claims("a", "2001:db8::3", ip_family_policy="PreferDualStack")
    given(PUBLIC).when(prefers).then_decides(
        assigned("a", "2001:db8::3", why=Why.ADOPTED),
        assigned("a", "2001:db8::3", "192.0.2.0", why=Why.SECOND_FAMILY),
    )


def test_who_holds_an_address_does_not_mind_what_its_status_says():
    given(PUBLIC, service("a"), assigned("a", "192.0.2.0")).when(
        claims("a", "192.0.2.3")
    ).then_decides()


# --- a follower ---------------------------------------------------------------------------------


def test_a_follower_waits_for_the_status_and_takes_it_over():
    (
        given(FOLLOW, PUBLIC)
        .when(service("a", "192.0.2.1"))
        .then_decides()
        .when(claims("a", "192.0.2.1"))
        .then_decides(assigned("a", "192.0.2.1", why=Why.ADOPTED))
    )


def test_a_follower_moves_when_the_status_does():
    given(FOLLOW, PUBLIC, claims("a", "192.0.2.0"), assigned("a", "192.0.2.0")).when(
        claims("a", "192.0.2.0", "2001:db8::", ip_family_policy="RequireDualStack"),
        service("a"),
    ).then_decides(
        released("a", "192.0.2.0", why=Why.FAMILY_CHANGED, wanted="IPv4 and IPv6"),
        assigned("a", "192.0.2.0", "2001:db8::", why=Why.ADOPTED),
        released("a", "192.0.2.0", "2001:db8::", why=Why.FAMILY_CHANGED, wanted="IPv4"),
    )


def test_a_follower_gives_up_what_the_status_does_not_say_any_more():
    given(FOLLOW, PUBLIC, claims("a", "192.0.2.0"), assigned("a", "192.0.2.0")).when(
        service("a")
    ).then_decides(released("a", "192.0.2.0", why=Why.STATUS_CHANGED, wanted="nothing"))


def test_a_follower_sees_two_services_swap_their_addresses_one_after_the_other():
    given(
        FOLLOW,
        PUBLIC,
        *(claims("a", "192.0.2.0"), assigned("a", "192.0.2.0")),
        *(claims("b", "192.0.2.1"), assigned("b", "192.0.2.1")),
    ).when(claims("a", "192.0.2.1"), claims("b", "192.0.2.0")).then_holds(
        "a", "192.0.2.1"
    ).then_holds("b", "192.0.2.0")


def test_a_follower_does_not_mind_which_address_or_pool_was_asked_for():
    held = assigned("a", "192.0.2.0")
    given(FOLLOW, PUBLIC, claims("a", "192.0.2.0"), held).when(
        service("a", "192.0.2.3", requested_pool="other", status_addresses=("192.0.2.0",))
    ).then_decides()


def test_a_follower_holds_nothing_that_its_pools_do_not_permit():
    given(FOLLOW, PUBLIC, claims("a", "192.0.2.0"), assigned("a", "192.0.2.0")).when(
        gone(PUBLIC), PUBLIC
    ).then_decides(
        released("a", "192.0.2.0", why=Why.NOT_COVERED),
        assigned("a", "192.0.2.0", why=Why.ADOPTED),
    )


def test_an_allocator_that_becomes_a_follower_refuses_nobody_any_more():
    given(
        pool("public", "192.0.2.0/32"),
        *(claims("a", "192.0.2.0"), assigned("a", "192.0.2.0")),
        *(service("b"), refused("b", Why.EXHAUSTED, pools=("public",), wanted="IPv4")),
    ).when(FOLLOW).then(AuthorityTaken(FOLLOW), RefusalWithdrawn(ref("b")))


def test_a_follower_that_becomes_the_allocator_keeps_what_it_has_and_serves_who_waits():
    given(FOLLOW, PUBLIC, claims("z", "192.0.2.0"), assigned("z", "192.0.2.0"), service("a")).when(
        ALLOCATE
    ).then(AuthorityTaken(ALLOCATE), assigned("a", "192.0.2.1"))


def test_a_task_that_fails_is_noted_once_for_each_error():
    given().when(
        PluginFailed("bgp", "boom"), PluginFailed("bgp", "boom"), PluginFailed("bgp", "bang")
    ).then(TaskFailed("bgp", "boom"), TaskFailed("bgp", "bang"))


def test_a_status_in_another_order_takes_nothing_from_who_follows_it():
    dual = pool("public", "192.0.2.0/31", "2001:db8::/127")
    both = {"ip_family_policy": "PreferDualStack"}
    b = service("b", status_addresses=("192.0.2.0", "2001:db8::"), **both)
    turned = service("b", status_addresses=("2001:db8::", "192.0.2.0"), **both)
    a = service("a", status_addresses=("192.0.2.0",))
    given(FOLLOW).when(dual, b, a, turned).then_holds("b", "2001:db8::", "192.0.2.0").then_holds(
        "a"
    )


def test_a_status_opens_no_pool_that_gives_nothing_by_itself_once_allocating():
    manual = pool("manual", "198.51.100.0/28", auto_assign=False)
    claim = service("b", status_addresses=("198.51.100.5",))
    given(manual).when(claim).then_holds("b")
    given(ADOPT).when(listing(manual, claim)).then_holds("b", "198.51.100.5")
