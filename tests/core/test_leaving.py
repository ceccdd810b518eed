"""When an address is released, to whom it goes then, and when it stays."""

import pytest
from core.ground import HOLDER, ONE, PUBLIC
from proclaim.events import AddressAssigned, Reason, RefusalWithdrawn, Why
from proclaim.model import Selector, ServiceAllocation
from proclaim.testing import (
    assigned,
    change,
    given,
    gone,
    listed,
    listing,
    node,
    observed,
    pool,
    ref,
    refused,
    released,
    removed,
    service,
)

FULL = {"pools": ("public",), "wanted": "IPv4"}


def test_a_freed_address_goes_to_the_service_that_was_refused():
    given(
        *(ONE, *HOLDER),
        *(service("b"), refused("b", Why.EXHAUSTED, **FULL)),
        *(service("c"), refused("c", Why.EXHAUSTED, **FULL)),
    ).when(gone(service("a"))).then(
        removed(service("a")),
        released("a", "192.0.2.0", why=Why.GONE),
        assigned("b", "192.0.2.0", why=Why.LONGEST_RELEASED),
    )


def test_a_deleted_service_leaves_a_gap_that_is_not_filled_while_others_were_never_given():
    (
        given(PUBLIC, *HOLDER, service("b"), assigned("b", "192.0.2.1"))
        .when(gone(service("a")), service("c"))
        .then_holds("c", "192.0.2.2")
        .then_holds("b", "192.0.2.1")
    )


def test_a_service_that_a_listing_does_not_name_is_gone():
    given(PUBLIC, *HOLDER).when(listing(PUBLIC)).then_decides(
        released("a", "192.0.2.0", why=Why.GONE)
    )


def test_a_service_of_another_type_gives_its_address_back():
    given(PUBLIC, *HOLDER).when(service("a", type="NodePort")).then_decides(
        released("a", "192.0.2.0", why=Why.NOT_LOAD_BALANCER, wanted="NodePort")
    )


def test_a_service_of_another_class_gives_its_address_back():
    given(PUBLIC, *HOLDER).when(service("a", load_balancer_class="cloud")).then_decides(
        released("a", "192.0.2.0", why=Why.OTHER_CLASS, wanted="cloud")
    )


@pytest.mark.parametrize(
    "other", [service("b", type="ClusterIP"), service("b", load_balancer_class="cloud")]
)
def test_a_refused_service_that_asks_no_more_is_not_refused_any_more(other):
    given(ONE, *HOLDER, service("b"), refused("b", Why.EXHAUSTED, **FULL)).when(other).then(
        observed(other), RefusalWithdrawn(ref("b"))
    )


def test_a_refused_service_that_is_deleted_is_forgotten():
    out = given(service("b"), refused("b", Why.NO_POOL)).when(gone(service("b")))
    out.then(removed(service("b")), RefusalWithdrawn(ref("b")))
    assert not out.state.refusals


def test_a_service_that_asks_for_another_address_moves_to_it():
    given(PUBLIC, *HOLDER).when(service("a", "192.0.2.3")).then_decides(
        released("a", "192.0.2.0", why=Why.REQUEST_CHANGED, wanted="192.0.2.3"),
        assigned("a", "192.0.2.3", why=Why.REQUESTED),
    )


def test_a_service_that_asks_for_what_it_has_keeps_it():
    given(PUBLIC, *HOLDER).when(service("a", "192.0.2.0")).then_decides()


def test_a_service_that_asks_for_nothing_any_more_keeps_what_it_has():
    asks = service("a", "192.0.2.2")
    given(PUBLIC, asks, assigned("a", "192.0.2.2", why=Why.REQUESTED)).when(
        service("a")
    ).then_decides()


def test_the_order_of_two_requested_addresses_is_no_matter():
    dual = pool("public", "192.0.2.0/30", "2001:db8::/126")
    asks = service("a", "192.0.2.2", "2001:db8::1")
    given(dual, asks, assigned("a", "192.0.2.2", "2001:db8::1", why=Why.REQUESTED)).when(
        service("a", "2001:db8::1", "192.0.2.2")
    ).then_decides()


def test_a_service_that_asks_for_another_pool_moves_there():
    given(PUBLIC, pool("other", "198.51.100.0/32"), *HOLDER).when(
        service("a", requested_pool="other")
    ).then_decides(
        released("a", "192.0.2.0", why=Why.POOL_REQUEST_CHANGED, wanted="other", found="public"),
        assigned("a", "198.51.100.0", why=Why.REQUESTED_POOL, pool="other"),
    )


def test_a_service_of_another_family_moves():
    given(PUBLIC, pool("six", "2001:db8::/127"), *HOLDER).when(
        service("a", ip_families=(6,))
    ).then_decides(
        released("a", "192.0.2.0", why=Why.FAMILY_CHANGED, wanted="IPv6"),
        assigned("a", "2001:db8::", pool="six"),
    )


def test_a_service_whose_labels_the_pool_does_not_admit_any_more_moves():
    gold = ServiceAllocation(service_selectors=(Selector(labels=(("tier", "gold"),)),))
    held = service("a", labels={"tier": "gold"})
    not_admitted = {
        "why": Why.NOT_PERMITTED,
        "wanted": "a Service without labels",
        "found": "serviceSelectors",
    }
    given(
        pool("gold", "192.0.2.0/32", service_allocation=gold),
        pool("rest", "192.0.2.1/32"),
        *(held, assigned("a", "192.0.2.0", pool="gold")),
    ).when(service("a")).then_decides(
        released("a", "192.0.2.0", pool="gold", **not_admitted),
        assigned("a", "192.0.2.1", pool="rest"),
    )


# --- pools that change --------------------------------------------------------------------------


def test_a_removed_pool_takes_its_addresses_along():
    given(PUBLIC, pool("spare", "198.51.100.0/32"), *HOLDER).when(gone(PUBLIC)).then(
        removed(PUBLIC),
        released("a", "192.0.2.0", why=Why.NOT_COVERED),
        assigned("a", "198.51.100.0", pool="spare"),
    )


def test_the_last_pool_removed_leaves_everyone_refused():
    given(PUBLIC, *HOLDER).when(gone(PUBLIC)).then_decides(
        released("a", "192.0.2.0", why=Why.NOT_COVERED), refused("a", Why.NO_POOL)
    )


def test_a_pool_that_shrinks_moves_only_those_outside():
    given(PUBLIC, *HOLDER, service("b"), assigned("b", "192.0.2.1")).when(
        pool("public", "192.0.2.1-192.0.2.3")
    ).then_decides(released("a", "192.0.2.0", why=Why.NOT_COVERED), assigned("a", "192.0.2.2"))


def test_a_pool_that_begins_to_avoid_buggy_addresses_moves_those_who_have_one():
    given(PUBLIC, *HOLDER).when(pool("public", "192.0.2.0/30", avoid_buggy_ips=True)).then_decides(
        released("a", "192.0.2.0", why=Why.NOT_COVERED), assigned("a", "192.0.2.1")
    )


def test_a_pool_that_stops_assigning_by_itself_keeps_who_is_there():
    given(PUBLIC, *HOLDER).when(pool("public", "192.0.2.0/30", auto_assign=False)).then_decides()


def test_a_pool_that_grows_moves_nobody():
    given(PUBLIC, *HOLDER).when(pool("public", "192.0.2.0/24")).then_decides()


def test_a_renamed_pool_keeps_the_addresses():
    renamed = pool("internet", "192.0.2.0/30")
    out = given(PUBLIC, *HOLDER).when(listing(renamed, service("a")))
    out.then(
        removed(PUBLIC),
        observed(renamed),
        listed(),
        assigned("a", "192.0.2.0", why=Why.POOL_RENAMED, pool="internet"),
    )
    assert out.state.holdings[ref("a")].pool == "internet"


def test_a_split_pool_keeps_the_addresses():
    low, high = pool("low", "192.0.2.0/31"), pool("high", "192.0.2.2/31")
    (
        given(PUBLIC, *HOLDER, service("b", "192.0.2.3"), assigned("b", "192.0.2.3"))
        .when(listing(low, high, service("a"), service("b", "192.0.2.3")))
        .then_decides(
            assigned("a", "192.0.2.0", why=Why.POOL_RENAMED, pool="low"),
            assigned("b", "192.0.2.3", why=Why.POOL_RENAMED, pool="high"),
        )
    )


def test_of_two_addresses_the_one_stays_that_the_pool_still_covers():
    dual = pool("public", "192.0.2.0/30", "2001:db8::/126")
    both = service("a", ip_family_policy="PreferDualStack")
    given(dual, both, assigned("a", "192.0.2.0", "2001:db8::")).when(PUBLIC).then_decides(
        AddressAssigned(
            ref("a"),
            ("192.0.2.0",),
            "public",
            Reason(Why.FAMILY_LOST, "public", addresses=("2001:db8::",), found="NotCovered"),
        )
    )


def test_who_no_longer_wants_both_families_keeps_the_address_of_the_one_it_wants():
    dual = pool("public", "192.0.2.0/30", "2001:db8::/126")
    both = service("a", ip_family_policy="RequireDualStack")
    given(dual, both, assigned("a", "192.0.2.0", "2001:db8::")).when(
        service("a", ip_families=(6,))
    ).then_decides(
        AddressAssigned(
            ref("a"),
            ("2001:db8::",),
            "public",
            Reason(Why.FAMILY_LOST, "public", addresses=("192.0.2.0",), found="FamilyChanged"),
        )
    ).when(both).then_holds("a", "2001:db8::", "192.0.2.0")


def test_who_wants_a_second_family_keeps_the_first_where_the_pool_has_both():
    dual = pool("public", "192.0.2.0/30", "2001:db8::/126")
    one = service("a", ip_families=(6,))
    outcome = given(dual, one, assigned("a", "2001:db8::3")).when(
        service("a", ip_family_policy="RequireDualStack")
    )
    outcome.then_holds("a", "2001:db8::3", "192.0.2.0")
    assert outcome.decisions[-1].reason == Reason(Why.SECOND_FAMILY, "public")


DUAL = pool("public", "192.0.2.0/31", "2001:db8::/127")
PREFERS = service("b", ip_family_policy="PreferDualStack")
REQUIRES = service("b", ip_family_policy="RequireDualStack")
HOLDS_BOTH = assigned("b", "192.0.2.0", "2001:db8::")
WAITS = (
    service("a", "192.0.2.0"),
    refused("a", Why.ADDRESS_IN_USE, addresses=("192.0.2.0",), services=(ref("b"),),
            wanted="192.0.2.0"),
)  # fmt: skip


@pytest.mark.parametrize("notes", [{}, {"allocation": "closed"}, {"namespace-quota": "0"}])
@pytest.mark.parametrize("auto_assign", [True, False])
def test_nobody_gets_the_address_that_stays_when_its_pool_loses_the_other_family(
    notes, auto_assign
):
    smaller = pool("public", "192.0.2.0/31", notes=notes, auto_assign=auto_assign)
    given(DUAL, PREFERS, HOLDS_BOTH, *WAITS).when(smaller).then_holds("b", "192.0.2.0")


@pytest.mark.parametrize("notes", [{}, {"allocation": "closed"}, {"namespace-quota": "0"}])
def test_nobody_gets_the_address_of_the_family_that_is_still_wanted(notes):
    limited = pool("public", "192.0.2.0/31", "2001:db8::/127", notes=notes)
    given(limited, REQUIRES, HOLDS_BOTH, *WAITS).when(service("b")).then_holds("b", "192.0.2.0")


def test_nobody_gets_the_address_beside_which_a_second_family_is_wanted():
    given(DUAL, service("b"), assigned("b", "192.0.2.0"), *WAITS).when(REQUIRES).then_holds(
        "b", "192.0.2.0", "2001:db8::"
    ).then_holds("a")


def test_who_cannot_have_the_second_family_that_it_requires_makes_room():
    four = pool("public", "192.0.2.0/31")
    given(four, service("b"), assigned("b", "192.0.2.0"), *WAITS).when(REQUIRES).then_holds(
        "b"
    ).then_holds("a", "192.0.2.0")


# --- what concerns nobody -----------------------------------------------------------------------


def test_what_is_said_twice_is_recorded_once():
    given(PUBLIC, *HOLDER).when(service("a"), change(PUBLIC), gone(service("x"))).then()


def test_a_node_or_an_unrelated_service_moves_nobody():
    given(PUBLIC, *HOLDER).when(node("one"), service("b"), gone(service("b"))).then(
        observed(node("one")),
        observed(service("b")),
        assigned("b", "192.0.2.1"),
        removed(service("b")),
        released("b", "192.0.2.1", why=Why.GONE),
    )
