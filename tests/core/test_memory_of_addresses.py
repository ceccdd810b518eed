"""What is remembered of addresses that were held: who had one, and which was left longest ago."""

import pytest
from core.ground import DUAL, PREFER, PUBLIC, REQUIRE
from proclaim.events import AuthorityTaken, Reason, Why
from proclaim.fold import fold, number
from proclaim.model import Authority, ServiceAllocation
from proclaim.state import Holding, State
from proclaim.tenure import Tenure
from proclaim.testing import (
    assigned,
    change,
    given,
    gone,
    listing,
    pool,
    ref,
    released,
    removed,
    service,
    sharer,
)

TWO = pool("public", "192.0.2.0/31")


def left(name, *addresses):
    """A Service that held addresses and is gone."""
    return (
        service(name),
        assigned(name, *addresses),
        removed(ref(name)),
        released(name, *addresses, why=Why.GONE),
    )


# --- who comes back -----------------------------------------------------------------------------

DEPARTURES = {
    "was deleted": (gone(ref("b")), service("b")),
    "was no LoadBalancer for a while": (service("b", type="ClusterIP"), service("b")),
    "was of another class for a while": (service("b", load_balancer_class="x"), service("b")),
    "asked for an address that no pool has": (service("b", "203.0.113.9"), service("b")),
    "asked for a pool that there is not": (service("b", requested_pool="x"), service("b")),
    "was headless for a while": (service("b", cluster_ips=("None",)), service("b")),
}


@pytest.mark.parametrize(("out", "back"), DEPARTURES.values(), ids=DEPARTURES)
def test_an_address_comes_back_to_a_service_that(out, back):
    there = given(PUBLIC, service("a"), assigned("a", "192.0.2.0"), service("b"), at("b"))
    there.when(out, back).then_holds("b", "192.0.2.1")
    there.when(gone(ref("a")), out, service("c"), back).then_holds("b", "192.0.2.1").then_holds(
        "c", "192.0.2.2"
    )


def at(name, *addresses):
    return assigned(name, *(addresses or ("192.0.2.1",)))


def test_an_address_comes_back_to_a_service_whose_pool_was_away():
    out = given(PUBLIC, service("a"), assigned("a", "192.0.2.2")).when(gone(PUBLIC))
    out.then_holds("a")
    out.when(PUBLIC).then_decides(assigned("a", "192.0.2.2", why=Why.RETURNED))


def test_an_address_comes_back_to_a_service_that_its_pool_admits_again():
    shop = ServiceAllocation(namespaces=("shop",))
    closed_to_us = pool("public", "192.0.2.0/30", service_allocation=shop)
    given(PUBLIC, service("a"), assigned("a", "192.0.2.2")).when(closed_to_us, PUBLIC).then_holds(
        "a", "192.0.2.2"
    )


def test_who_comes_back_is_asked_before_who_waits():
    there = given(TWO, service("a"), assigned("a", "192.0.2.0"), service("z"), at("z"))
    there.when(gone(ref("z")), change(service("m"), service("z"))).then_holds(
        "z", "192.0.2.1"
    ).then_holds("m")


def test_who_comes_back_takes_what_is_left_when_its_address_was_given_to_another():
    given(TWO, service("a"), assigned("a", "192.0.2.0"), service("b"), at("b")).when(
        gone(ref("a")), service("c"), gone(ref("b")), service("a")
    ).then_holds("c", "192.0.2.0").then_holds("a", "192.0.2.1")


def test_who_comes_back_shares_its_address_with_the_sharer_that_has_it_now():
    one = pool("public", "192.0.2.0/32")
    given(one, sharer("a", ports="TCP/80"), assigned("a", "192.0.2.0")).when(
        gone(ref("a")), sharer("b", ports="TCP/443"), sharer("a", ports="TCP/80")
    ).then_holds("a", "192.0.2.0").then_holds("b", "192.0.2.0")


def test_who_comes_back_returns_to_its_old_pool_though_a_better_one_is_there_now():
    better = pool("better", "198.51.100.0/30", service_allocation=ServiceAllocation())
    given(PUBLIC, service("a"), assigned("a", "192.0.2.2")).when(
        gone(ref("a")), better, service("a")
    ).then_decides(
        released("a", "192.0.2.2", why=Why.GONE), assigned("a", "192.0.2.2", why=Why.RETURNED)
    )


def test_a_pool_that_does_not_give_by_itself_gives_nothing_back_but_on_request():
    manual = pool("public", "192.0.2.0/30", auto_assign=False)
    away = given(manual, service("a", "192.0.2.2"), assigned("a", "192.0.2.2")).when(gone(ref("a")))
    away.when(service("a")).then_holds("a")
    away.when(service("a", requested_pool="public")).then_holds("a", "192.0.2.2")


def test_who_asks_for_an_address_is_not_sent_to_the_one_it_had():
    given(PUBLIC, service("a"), assigned("a", "192.0.2.1")).when(
        gone(ref("a")), service("a", "192.0.2.3")
    ).then_holds("a", "192.0.2.3")


def test_who_asks_for_another_pool_gets_nothing_back_from_the_old_one():
    other = pool("other", "198.51.100.0/30")
    given(PUBLIC, other, service("a"), assigned("a", "192.0.2.1")).when(
        gone(ref("a")), service("a", requested_pool="other")
    ).then_holds("a", "198.51.100.0")


def test_what_the_status_claims_goes_before_what_the_service_had():
    given(PUBLIC, service("a"), assigned("a", "192.0.2.1")).when(
        gone(ref("a")), service("a", status_addresses=("192.0.2.3",))
    ).then_holds("a", "192.0.2.3")


def test_a_namesake_in_another_namespace_has_no_claim():
    given(PUBLIC, service("a"), assigned("a", "192.0.2.0")).when(
        gone(ref("a")), service("shop/a")
    ).then_holds("shop/a", "192.0.2.1")


def test_only_the_last_address_is_remembered():
    given(PUBLIC, service("a"), assigned("a", "192.0.2.1")).when(
        service("a", "192.0.2.3"), gone(ref("a")), service("a")
    ).then_holds("a", "192.0.2.3")


# --- who comes back, in two families ------------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "addresses"),
    [
        (REQUIRE, ["192.0.2.2", "2001:db8::2"]),
        (PREFER, ["192.0.2.2", "2001:db8::2"]),
        ({}, ["192.0.2.2"]),
        ({"ip_families": (4,)}, ["192.0.2.2"]),
        ({"ip_families": (6,)}, ["2001:db8::2"]),
    ],
)
def test_of_two_addresses_those_come_back_that_the_service_wants_now(fields, addresses):
    both = service("a", "192.0.2.2", "2001:db8::2", **REQUIRE)
    given(DUAL, both, assigned("a", "192.0.2.2", "2001:db8::2")).when(
        gone(ref("a")), service("a", **fields)
    ).then_holds("a", *addresses)


def test_of_two_addresses_the_one_comes_back_that_nobody_took_and_the_other_is_new():
    both = service("a", **REQUIRE)
    given(DUAL, both, assigned("a", "192.0.2.0", "2001:db8::")).when(
        gone(ref("a")), service("b", "192.0.2.0"), both
    ).then_holds("a", "192.0.2.1", "2001:db8::")


def test_a_family_that_a_pool_loses_for_a_while_comes_back_with_the_address_it_had():
    both = service("a", "192.0.2.2", "2001:db8::2", **PREFER)
    narrow, now = pool("public", "192.0.2.0/30"), service("a", **PREFER)
    out = given(DUAL, both, assigned("a", "192.0.2.2", "2001:db8::2")).when(now, narrow)
    out.then_holds("a", "192.0.2.2")
    out.when(DUAL).then_holds("a", "192.0.2.2", "2001:db8::2")


def test_a_service_that_wants_one_family_for_a_while_has_both_addresses_back_later():
    both = service("a", "192.0.2.2", "2001:db8::2", **REQUIRE)
    out = given(DUAL, both, assigned("a", "192.0.2.2", "2001:db8::2")).when(service("a"))
    out.then_holds("a", "192.0.2.2")
    for policy in (PREFER, REQUIRE):
        out.when(service("a", **policy)).then_holds("a", "192.0.2.2", "2001:db8::2")


def test_a_service_that_goes_from_one_family_to_the_other_and_back_has_its_address_back():
    out = given(DUAL, service("a"), assigned("a", "192.0.2.2")).when(service("a", ip_families=(6,)))
    out.when(service("a")).then_holds("a", "192.0.2.2")


# --- which address ------------------------------------------------------------------------------


def test_a_stranger_gets_what_nobody_ever_held_before_what_was_released():
    given(PUBLIC, *left("a", "192.0.2.0"), *left("b", "192.0.2.1")).when(service("c")).then_decides(
        assigned("c", "192.0.2.2")
    )


def test_unlike_in_metallb_a_freed_address_is_not_the_next_to_be_given():
    out = given(PUBLIC, service("a"), assigned("a", "192.0.2.0")).when(gone(ref("a")))
    out.when(service("b")).then_holds("b", "192.0.2.1")


def test_when_all_were_held_the_one_released_longest_ago_is_given():
    order = (*left("d", "192.0.2.3"), *left("a", "192.0.2.0"), *left("c", "192.0.2.2"))
    out = given(PUBLIC, *order, *left("b", "192.0.2.1"))
    names = ("w", "x", "y", "z")
    out = out.when(*map(service, names))
    for name, last in zip(names, (3, 0, 2, 1), strict=True):
        out.then_holds(name, f"192.0.2.{last}")
    assert {fact.reason.code for fact in out.decisions} == {Why.LONGEST_RELEASED}


def test_of_those_released_together_the_lowest_is_given_first():
    there = given(TWO, service("a"), assigned("a", "192.0.2.0"), service("b"), at("b"))
    there.when(gone(ref("b"), ref("a")), change(service("y"), service("x"))).then_holds(
        "x", "192.0.2.0"
    ).then_holds("y", "192.0.2.1")


def test_a_range_that_a_pool_gains_is_given_before_what_was_released():
    wider = pool("public", "192.0.2.0/31", "198.51.100.0/32")
    given(TWO, *left("a", "192.0.2.0"), *left("b", "192.0.2.1")).when(
        wider, service("c")
    ).then_holds("c", "198.51.100.0")


def test_an_address_was_held_whichever_pool_it_was_held_in():
    renamed = pool("renamed", "192.0.2.0/31")
    given(TWO, *left("a", "192.0.2.0")).when(listing(renamed), service("b")).then_decides(
        assigned("b", "192.0.2.1", pool="renamed")
    )


def test_one_family_is_never_short_of_new_addresses_for_what_the_other_gave():
    given(DUAL, *left("a", "192.0.2.0")).when(service("b", **REQUIRE)).then_decides(
        assigned("b", "192.0.2.1", "2001:db8::")
    )


def test_a_released_address_that_ends_in_zero_is_passed_over_where_the_pool_says_so():
    careful = pool("public", "192.0.2.0/31", avoid_buggy_ips=True)
    given(TWO, *left("a", "192.0.2.0"), *left("b", "192.0.2.1")).when(
        careful, service("c"), service("d")
    ).then_holds("c", "192.0.2.1").then_holds("d")


def test_an_address_that_is_shared_is_released_when_the_last_of_the_sharers_leaves():
    both = sharer("a", ports="TCP/80"), sharer("b", ports="TCP/443")
    out = given(TWO).when(*both, *(service("c"), gone(ref("c"))), gone(ref("a")), gone(ref("b")))
    out.when(service("x")).then_holds("x", "192.0.2.1")


# --- the memory survives, and has an end --------------------------------------------------------


def test_a_restart_forgets_neither_who_had_what_nor_what_was_never_held():
    away = given(PUBLIC, service("a"), assigned("a", "192.0.2.0")).when(gone(ref("a")))
    back = away.when(Authority.ADOPT, listing(PUBLIC), Authority.ALLOCATE)
    back.when(service("b")).then_holds("b", "192.0.2.1")
    back.when(service("b"), service("a")).then_holds("a", "192.0.2.0")


def remembering(limit, *events):
    """The state after Services took an address (a name and one) or left (a name alone)."""
    state = State(pool_index=given(PUBLIC).state.pool_index)
    for position, (name, *addresses) in enumerate(events, start=1):
        tenure = Tenure(state, remembered=limit)
        if addresses:
            reason = Reason(Why.FREE, pool="public")
            tenure.assign(ref(name), Holding(tuple(addresses), "public", reason, position, 0.0))
        else:
            tenure.release(ref(name), position)
        fields = {"position": position, **tenure.result()}
        state = State(**{name: getattr(state, name) for name in State.__slots__} | fields)
    return state


def test_when_too_much_is_remembered_what_was_released_first_is_forgotten():
    taken = [(name, f"192.0.2.{at}") for at, name in enumerate("abcd")]
    state = remembering(3, *taken, ("c",), ("a",), ("d",), ("b",))
    assert [str(address) for address, _ in state.vacated] == [
        "192.0.2.0",
        "192.0.2.1",
        "192.0.2.3",
    ]
    assert sorted(each.name for each in state.former) == ["a", "b", "d"]


def test_what_is_forgotten_is_as_if_nobody_ever_held_it():
    taken = [(name, f"192.0.2.{at}") for at, name in enumerate("abcd")]
    state = remembering(3, *taken, ("c",), ("a",), ("d",), ("b",))
    given(PUBLIC, state=_with_authority(state)).when(service("x")).then_decides(
        assigned("x", "192.0.2.2")
    )


def _with_authority(state):
    return fold(state, number(state, [AuthorityTaken(Authority.ALLOCATE)], 0.0))


def test_a_service_that_is_forgotten_has_no_claim_on_what_it_had():
    state = remembering(1, ("a", "192.0.2.0"), ("b", "192.0.2.1"), ("a",), ("b",))
    there = given(PUBLIC, state=_with_authority(state))
    there.when(service("b")).then_holds("b", "192.0.2.1")
    there.when(service("c"), service("a")).then_holds("c", "192.0.2.0").then_holds("a", "192.0.2.2")


def test_however_many_come_and_go_no_more_is_remembered_than_the_limit():
    state = State()
    tenure = Tenure(state, remembered=16)
    for position in range(1, 400):
        name = ref(f"s{position}")
        address = f"198.51.{position // 256}.{position % 256}"
        reason = Reason(Why.FREE, pool="public")
        tenure.assign(name, Holding((address,), "public", reason, position, 0.0))
        tenure.release(name, position)
    result = tenure.result()
    assert len(result["former"]) <= 16
    assert len(result["vacated"]) <= 16
    assert ref("s399") in result["former"]
    assert not result["holdings"]
    assert not result["holders"]


def test_no_memory_is_no_obstacle():
    state = remembering(0, ("a", "192.0.2.0"), ("a",), ("b", "192.0.2.0"))
    assert not state.former
    assert len(state.vacated) == 0
    assert state.holdings[ref("b")].addresses == ("192.0.2.0",)
