"""What pools answer to a Service is what they would give it."""

import pytest
from hypothesis import given as given_any
from hypothesis import settings
from hypothesis import strategies as st
from msgspec.structs import replace
from proclaim.allocation import families_of, no_business
from proclaim.answers import (
    AVAILABLE,
    GAVE,
    NO_RANGE,
    NOT_ASKED_FOR,
    NOT_AUTOMATIC,
    pool_answers,
)
from proclaim.decide import decide
from proclaim.events import Reason, Why
from proclaim.model import Authority, Authorized, ServiceAllocation
from proclaim.offers import Offers
from proclaim.state import State
from proclaim.testing import given, gone, pool, ref, service, sharer

from core import worlds


def answers(outcome, name):
    return {each.pool: (each.code, each.message) for each in pool_answers(outcome.state, ref(name))}


PUBLIC = pool("public", "192.0.2.0/31")
ONE = pool("one", "198.51.100.1/32")
SIX = pool("six", "2001:db8::/127")


def test_the_pool_that_gave_says_what_and_others_that_they_could():
    outcome = given(PUBLIC, ONE).when(service("a"))
    assert answers(outcome, "a") == {
        "one": (GAVE, "gave 198.51.100.1"),
        "public": (AVAILABLE, "could serve it, and it keeps what it has"),
    }


@pytest.mark.parametrize(
    ("asks", "code", "message"),
    [
        (service("z", "192.0.2.0"), Why.ADDRESS_IN_USE, "192.0.2.0 is held by default/a"),
        (
            service("z", "203.0.113.1"),
            NOT_ASKED_FOR,
            "does not give 203.0.113.1, which it asks for",
        ),
        (service("z", requested_pool="one"), NOT_ASKED_FOR, "the Service asks for pool one"),
        (
            sharer("z", "192.0.2.1", key="l"),
            Why.SHARING_KEY_DIFFERS,
            "192.0.2.1 is held by default/b, with the sharing key k, not l",
        ),
        (
            sharer("z", "192.0.2.1", ports="TCP/80"),
            Why.PORT_IN_USE,
            "192.0.2.1 is held by default/b, which has the port TCP 80 too",
        ),
        (
            service("z", "192.0.2.1", ip_families=(6,)),
            Why.FAMILY_CONTRADICTS_ADDRESS,
            "the Service asks for 192.0.2.1, and needs IPv6",
        ),
        (service("z", ip_families=(6,)), NO_RANGE, "has no IPv6 range"),
        (service("z"), Why.EXHAUSTED, "has no free IPv4 address"),
    ],
)
def test_the_first_rule_that_excludes_a_pool_is_told(asks, code, message):
    outcome = given(PUBLIC).when(
        service("a", "192.0.2.0"), sharer("b", "192.0.2.1", ports="TCP/80"), asks
    )
    assert answers(outcome, "z")["public"] == (code, message)


@pytest.mark.parametrize(
    ("ground", "code"),
    [
        (pool("public", "192.0.2.0/30", notes={"allocation": "closed"}), Why.POOL_CLOSED),
        (pool("public", "192.0.2.0/30", notes={"namespace-quota": "0"}), Why.QUOTA_REACHED),
        (pool("public", "192.0.2.0/30", auto_assign=False), NOT_AUTOMATIC),
        (
            pool("public", "192.0.2.0/30", service_allocation=ServiceAllocation(0, ("shop",))),
            Why.NOT_PERMITTED,
        ),
    ],
)
def test_a_pool_that_holds_back_says_so(ground, code):
    outcome = given(ground).when(service("z"))
    assert answers(outcome, "z")["public"][0] == code
    (answer,) = pool_answers(outcome.state, ref("z"))
    assert (answer.reason is None) == (code == NOT_AUTOMATIC)


def test_an_address_that_is_kept_back_is_told_as_that():
    careful = pool("public", "192.0.2.0/30", avoid_buggy_ips=True)
    outcome = given(careful).when(service("z", "192.0.2.0"))
    assert answers(outcome, "z")["public"][0] == Why.ADDRESS_AVOIDED


def test_within_a_quota_that_is_reached_an_address_may_still_be_shared():
    small = pool("public", "192.0.2.0/30", notes={"namespace-quota": "1"})
    outcome = given(small, ONE).when(
        sharer("a", "192.0.2.0", ports="TCP/80"), service("b", "198.51.100.1")
    )
    other = outcome.when(sharer("c", "203.0.113.9", ports="TCP/443"))
    assert answers(other, "c")["public"][0] == NOT_ASKED_FOR
    free = outcome.when(sharer("c", ports="TCP/443", requested_pool="public"))
    assert answers(free, "c")["public"] == (GAVE, "gave 192.0.2.0")
    kept = given(small, pool("also", "198.51.100.0/24")).when(
        sharer("a", "192.0.2.0", ports="TCP/80"),
        sharer("c", "198.51.100.9", ports="TCP/443"),
        sharer("c", ports="TCP/443"),
    )
    assert answers(kept, "c")["public"][0] == AVAILABLE


@pytest.mark.parametrize(
    ("ground", "message"),
    [
        (PUBLIC, "gave 192.0.2.0; has no IPv6 range"),
        (
            pool("public", "192.0.2.0/31", "2001:db8::/127", notes={"namespace-quota": "1"}),
            "gave 192.0.2.0; the quota of namespace default in public (1) leaves no room for what"
            " it needs",
        ),
    ],
)
def test_who_prefers_two_families_is_told_why_it_has_one(ground, message):
    outcome = given(ground).when(service("a", ip_family_policy="PreferDualStack"))
    assert answers(outcome, "a")["public"] == (GAVE, message)


def test_who_follows_an_allocator_hears_only_the_pool_that_its_address_is_from():
    followed = given(Authority.FOLLOW, PUBLIC, ONE)
    claiming = followed.when(service("a", status_addresses=("192.0.2.0",)), service("b"))
    assert answers(claiming, "a") == {"public": (GAVE, "gave 192.0.2.0")}
    assert answers(claiming, "b") == {}


def test_what_was_released_is_available_again():
    outcome = given(ONE).when(service("a"), gone(service("a")), service("b", "203.0.113.1"))
    free = outcome.when(service("b", "203.0.113.1", requested_pool="one"))
    assert answers(free, "b")["one"][0] == NOT_ASKED_FOR


@settings(max_examples=200)
@given_any(st.lists(st.one_of(worlds.changes, worlds.changes, worlds.listings), max_size=8))
def test_an_answer_is_what_the_pool_alone_would_give(history):
    state = decide(State(), Authorized(Authority.ALLOCATE)).state
    for observation in history:
        state = decide(state, observation).state
    for name, entry in state.of_kind("Service").items():
        one = entry.resource
        if no_business(one) or isinstance(families_of(one), Reason):
            continue
        for answer in pool_answers(state, name):
            agrees(state, one, answer)


def agrees(state, one, answer):
    holding = state.holdings.get(one.ref)
    if answer.code == GAVE:
        assert (holding.pool, holding.addresses) == (answer.pool, answer.addresses)
        return
    assert holding is None or holding.pool != answer.pool
    if answer.code == AVAILABLE:
        assert holding is not None, "who waits could have it"
    if one.requested_addresses:
        offer = Offers(state).requested(one)
    else:
        offer = Offers(state).free(replace(one, requested_pool=answer.pool))
    if answer.code == NOT_AUTOMATIC:
        assert not state.pool(answer.pool).auto_assign
        assert not one.requested_pool
    elif answer.code == NOT_ASKED_FOR:
        assert isinstance(offer, Reason) or one.requested_pool or offer.pool.name != answer.pool
    elif answer.code == AVAILABLE:
        assert not isinstance(offer, Reason)
        assert offer.pool.name == answer.pool
    else:
        assert offer.code == (Why.EXHAUSTED if answer.code == NO_RANGE else answer.code)
