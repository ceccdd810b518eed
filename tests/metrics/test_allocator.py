import pytest
from metrics.worlds import labelled, values
from proclaim import Authority
from proclaim.events import Why
from proclaim.testing import assigned, given, pool, released, removed, service, sharer
from proclaim_metrics.allocator import INT64_MAX, allocator

PREFIX = "metallb_allocator_"


def of(state, name):
    return labelled(allocator(state), PREFIX + name)


def test_each_pool_says_how_many_addresses_it_has_and_gave():
    state = given(
        pool("public", "192.0.2.0/28", "2001:db8::/120"),
        pool("empty", "198.51.100.0/30"),
        service("a"),
        assigned("a", "192.0.2.0", "2001:db8::1"),
        service("b"),
        assigned("b", "192.0.2.1"),
    ).state
    assert of(state, "addresses_total") == {"public": 16 + 256, "empty": 4}
    assert of(state, "addresses_in_use_total") == {"public": 3, "empty": 0}
    assert of(state, "ipv4_addresses_total") == {"public": 16, "empty": 4}
    assert of(state, "ipv6_addresses_total") == {"public": 256, "empty": 0}
    assert of(state, "ipv4_addresses_in_use_total") == {"public": 2, "empty": 0}
    assert of(state, "ipv6_addresses_in_use_total") == {"public": 1, "empty": 0}
    assert of(state, "services_allocated_total") == {"public": 2, "empty": 0}


def test_a_shared_address_is_in_use_once_and_has_each_of_its_services():
    state = given(
        pool("public", "192.0.2.0/28"),
        sharer("a", ports="TCP/80"),
        assigned("a", "192.0.2.0"),
        sharer("b", ports="TCP/81"),
        assigned("b", "192.0.2.0"),
    ).state
    assert of(state, "addresses_in_use_total") == {"public": 1}
    assert of(state, "services_allocated_total") == {"public": 2}


def test_addresses_that_old_equipment_mistakes_are_not_counted_where_they_are_avoided():
    state = given(
        pool("public", "192.0.2.0/24", avoid_buggy_ips=True),
        service("a"),
        assigned("a", "192.0.2.0"),
        service("b"),
        assigned("b", "192.0.2.1"),
    ).state
    assert of(state, "addresses_total") == {"public": 254}
    assert of(state, "addresses_in_use_total") == {"public": 1}


@pytest.mark.parametrize("spans", [("2001:db8::/64",), ("192.0.2.0/24", "2001:db8::/32")])
def test_what_64_bits_cannot_count_is_as_much_as_they_can(spans):
    state = given(pool("public", *spans)).state
    assert of(state, "ipv6_addresses_total") == {"public": float(INT64_MAX)}
    assert of(state, "addresses_total") == {"public": float(INT64_MAX)}


def test_a_pool_that_is_gone_has_no_series():
    before = given(pool("public", "192.0.2.0/28"), pool("other", "198.51.100.0/28"))
    after = given(removed(pool("other")), state=before.state)
    assert of(after.state, "addresses_total") == {"public": 16}


def test_an_address_that_was_released_is_not_in_use():
    before = given(pool("public", "192.0.2.0/28"), service("a"), assigned("a", "192.0.2.0"))
    after = given(
        removed(service("a")), released("a", "192.0.2.0", why=Why.GONE), state=before.state
    )
    assert of(after.state, "addresses_in_use_total") == {"public": 0}
    assert of(after.state, "services_allocated_total") == {"public": 0}


def test_who_follows_says_nothing_of_pools_so_that_sums_over_all_processes_are_right():
    assert values(allocator(given(Authority.FOLLOW, pool("public", "192.0.2.0/28")).state)) == {}
    adopting = given(Authority.ADOPT, pool("public", "192.0.2.0/28")).state
    assert of(adopting, "addresses_total") == {"public": 16}
