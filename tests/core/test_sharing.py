"""Who shares an address, who does not, and what happens when those who share change."""

import pytest
from core.ground import DUAL, ONE, PREFER, PUBLIC, REQUIRE
from proclaim.events import Why
from proclaim.model import ServiceAllocation, Sourced
from proclaim.testing import (
    assigned,
    change,
    given,
    gone,
    observed,
    pool,
    ref,
    refused,
    released,
    removed,
    service,
    sharer,
)

LOCAL = {"external_traffic_policy": "Local"}
WEB, API = (("app", "web"),), (("app", "api"),)
LEGACY = {"annotations": (("metallb.universe.tf/allow-shared-ip", "k"),)}
BOTH_PREFIXES = {
    "annotations": (
        ("metallb.io/allow-shared-ip", ""),
        ("metallb.universe.tf/allow-shared-ip", "k"),
    )
}


def holds(name, *addresses, **terms):
    """A sharer, and that it holds an address."""
    return sharer(name, **terms), assigned(name, *(addresses or ("192.0.2.0",)))


def full(name):
    return refused(name, Why.EXHAUSTED, pools=("public",), wanted="IPv4")


# --- two Services -------------------------------------------------------------------------------

TOGETHER = {
    "one key and no port in common": (
        sharer("a", ports="TCP/80"),
        sharer("b", ports="TCP/443"),
    ),
    "TCP 53 beside UDP 53": (sharer("a", ports="TCP/53"), sharer("b", ports="UDP/53")),
    "SCTP 53 beside TCP 53 and UDP 53": (
        sharer("a", ports="TCP/53 UDP/53"),
        sharer("b", ports="SCTP/53"),
    ),
    "no ports at all": (sharer("a"), sharer("b")),
    "two namespaces under Cluster": (
        sharer("a", ports="TCP/80"),
        sharer("shop/a", ports="TCP/443"),
    ),
    "two selectors under Cluster": (sharer("a", selector=WEB), sharer("b", selector=API)),
    "a selector and none under Cluster": (sharer("a", selector=WEB), sharer("b")),
    "one selector under Local": (
        sharer("a", selector=WEB, **LOCAL),
        sharer("b", selector=WEB, **LOCAL),
    ),
    "one selector under Local in two namespaces": (
        sharer("a", selector=WEB, **LOCAL),
        sharer("shop/a", selector=WEB, **LOCAL),
    ),
    "no selector under Local on either side": (sharer("a", **LOCAL), sharer("b", **LOCAL)),
    "the key under the old prefix": (sharer("a"), service("b", **LEGACY)),
}

APART = {
    "no key at all": (service("a"), service("b"), Why.ADDRESS_IN_USE),
    "a key on one side": (service("a"), sharer("b"), Why.ADDRESS_IN_USE),
    "a key on the other side": (sharer("a"), service("b"), Why.ADDRESS_IN_USE),
    "an empty key on both sides": (sharer("a", key=""), sharer("b", key=""), Why.ADDRESS_IN_USE),
    "an empty key that goes before the one of the old prefix": (
        service("a", **LEGACY),
        service("b", **BOTH_PREFIXES),
        Why.ADDRESS_IN_USE,
    ),
    "two keys": (sharer("a"), sharer("b", key="other"), Why.SHARING_KEY_DIFFERS),
    "two keys that differ in capitals": (
        sharer("a"),
        sharer("b", key="K"),
        Why.SHARING_KEY_DIFFERS,
    ),
    "one port in common": (
        sharer("a", ports="TCP/80 TCP/443"),
        sharer("b", ports="TCP/443 TCP/8443"),
        Why.PORT_IN_USE,
    ),
    "Cluster beside Local": (
        sharer("a", selector=WEB),
        sharer("b", selector=WEB, **LOCAL),
        Why.TRAFFIC_POLICY_DIFFERS,
    ),
    "two selectors under Local": (
        sharer("a", selector=WEB, **LOCAL),
        sharer("b", selector=API, **LOCAL),
        Why.TRAFFIC_POLICY_DIFFERS,
    ),
    "a selector of which the other is a part": (
        sharer("a", selector=WEB, **LOCAL),
        sharer("b", selector=(("app", "web"), ("tier", "gold")), **LOCAL),
        Why.TRAFFIC_POLICY_DIFFERS,
    ),
}


@pytest.mark.parametrize("both", TOGETHER.values(), ids=TOGETHER)
def test_one_address_is_enough_for_two_services_with(both):
    for first, second in (both, both[::-1]):
        out = given(PUBLIC).when(first, second)
        names = [each.ref.short for each in both]
        out.then_holds(names[0], "192.0.2.0").then_holds(names[1], "192.0.2.0")
        assert out.decisions[1].reason.code is Why.SHARED


@pytest.mark.parametrize("both", TOGETHER.values(), ids=TOGETHER)
def test_a_requested_address_is_shared_with(both):
    first, second = (asking(each) for each in both)
    out = given(PUBLIC).when(first, second)
    assert [fact.reason.code for fact in out.decisions] == [Why.REQUESTED] * 2
    out.then_holds(second.ref.short, "192.0.2.3")


@pytest.mark.parametrize(("first", "second", "why"), APART.values(), ids=APART)
def test_two_services_have_an_address_each_with(first, second, why):
    out = given(PUBLIC).when(first, second)
    out.then_holds("a", "192.0.2.0").then_holds("b", "192.0.2.1")


@pytest.mark.parametrize(("first", "second", "why"), APART.values(), ids=APART)
def test_a_requested_address_is_refused_by_the_rule_that_is_broken_with(first, second, why):
    out = given(PUBLIC).when(asking(first), asking(second))
    (reason,) = [fact.reason for fact in out.decisions if fact.service == second.ref][-1:]
    assert (reason.code, reason.services) == (why, (first.ref,))


def test_unlike_in_metallb_local_without_a_selector_never_shares_with_cluster():
    without = sharer("b", ports="TCP/443", **LOCAL)
    given(PUBLIC, *holds("a", ports="TCP/80")).when(without).then_holds("b", "192.0.2.1")


def asking(one, address="192.0.2.3"):
    fields = {name: getattr(one, name) for name in one.__struct_fields__}
    return type(one)(**{**fields, "requested_addresses": (address,)})


# --- more than two ------------------------------------------------------------------------------


def test_who_comes_must_get_on_with_everyone_who_is_there():
    there = given(PUBLIC, *holds("a", ports="TCP/80"), *holds("b", ports="TCP/443"))
    there.when(sharer("c", ports="TCP/22")).then_holds("c", "192.0.2.0")
    there.when(sharer("c", ports="TCP/443")).then_holds("c", "192.0.2.1")


def test_who_is_turned_away_by_one_group_founds_another_that_the_next_may_join():
    (
        given(PUBLIC, *holds("a", ports="TCP/80"))
        .when(sharer("b", ports="TCP/80"), sharer("c", ports="TCP/80"), sharer("d", ports="UDP/80"))
        .then_holds("b", "192.0.2.1")
        .then_holds("c", "192.0.2.2")
        .then_holds("d", "192.0.2.0")
    )


def test_twenty_services_share_one_address_and_the_twenty_first_has_a_port_of_one():
    crowd = [sharer(f"s{port}", ports=f"TCP/{port}") for port in range(80, 100)]
    out = given(PUBLIC).when(change(*crowd), sharer("late", ports="TCP/91 UDP/91"))
    for each in crowd:
        out.then_holds(each.name, "192.0.2.0")
    out.then_holds("late", "192.0.2.1")


def test_a_refusal_names_everyone_who_has_the_port():
    there = given(
        PUBLIC, *holds("a", ports="TCP/80"), *holds("b", ports="UDP/80"), *holds("c", ports="TCP/1")
    )
    asks = sharer("d", "192.0.2.0", ports="TCP/80 UDP/80")
    (reason,) = [fact.reason for fact in there.when(asks).decisions]
    assert (reason.code, reason.services) == (Why.PORT_IN_USE, (ref("a"), ref("b")))
    assert reason.wanted == "TCP 80"


def test_sharers_need_only_one_address_of_a_pool_that_has_only_one():
    given(ONE).when(
        change(sharer("a", ports="TCP/80"), sharer("b", ports="TCP/443"), service("c"))
    ).then_holds("a", "192.0.2.0").then_holds("b", "192.0.2.0").then_holds("c")


def test_sharing_stays_inside_the_pools_that_are_for_the_service():
    shop = pool(
        "shop", "198.51.100.0/30", service_allocation=ServiceAllocation(namespaces=("shop",))
    )
    out = given(PUBLIC, shop).when(sharer("shop/a", ports="TCP/80"), sharer("b", ports="TCP/443"))
    out.then_holds("shop/a", "198.51.100.0").then_holds("b", "192.0.2.0")


def test_who_asks_for_an_address_of_a_pool_for_others_is_refused_though_it_could_share():
    shop = pool(
        "shop", "198.51.100.0/30", service_allocation=ServiceAllocation(namespaces=("shop",))
    )
    given(PUBLIC, shop, sharer("shop/a"), assigned("shop/a", "198.51.100.0", pool="shop")).when(
        sharer("b", "198.51.100.0")
    ).then_decides(
        refused("b", Why.NOT_PERMITTED, pool="shop", wanted="default", found="namespaces")
    )


# --- those who share change ---------------------------------------------------------------------

CHANGES_OF_WHO_IS_ALONE = {
    "another key": sharer("a", key="other", ports="TCP/80"),
    "no key": service("a"),
    "other ports": sharer("a", ports="TCP/443"),
    "another traffic policy": sharer("a", ports="TCP/80", selector=WEB, **LOCAL),
}


@pytest.mark.parametrize("now", CHANGES_OF_WHO_IS_ALONE.values(), ids=CHANGES_OF_WHO_IS_ALONE)
def test_the_sole_user_of_an_address_keeps_it_with(now):
    given(PUBLIC, *holds("a", ports="TCP/80")).when(now).then(observed(now))


CHANGES_BESIDE_OTHERS = {
    "another key": (sharer("b", key="other", ports="TCP/443"), Why.SHARING_KEY_DIFFERS),
    "no key": (service("b"), Why.ADDRESS_IN_USE),
    "a port of another": (sharer("b", ports="TCP/80"), Why.PORT_IN_USE),
    "another traffic policy": (sharer("b", ports="TCP/443", **LOCAL), Why.TRAFFIC_POLICY_DIFFERS),
}


@pytest.mark.parametrize(("now", "why"), CHANGES_BESIDE_OTHERS.values(), ids=CHANGES_BESIDE_OTHERS)
def test_beside_others_who_changes_has_to_go_and_nobody_else_with(now, why):
    out = given(PUBLIC, *holds("a", ports="TCP/80"), *holds("b", ports="TCP/443")).when(now)
    left, new = out.decisions
    assert (left.service, left.addresses, left.reason.code) == (ref("b"), ("192.0.2.0",), why)
    assert (new.service, new.addresses) == (ref("b"), ("192.0.2.1",))
    out.then_holds("a", "192.0.2.0")


def test_the_one_that_changed_goes_though_it_was_there_first_and_is_first_by_name():
    out = given(PUBLIC, *holds("a", ports="TCP/80"), *holds("b", ports="TCP/443"))
    moved = out.when(sharer("a", key="other", ports="TCP/80"))
    moved.then_holds("a", "192.0.2.1").then_holds("b", "192.0.2.0")


def test_of_two_that_take_one_port_in_the_same_moment_the_later_by_name_goes():
    there = given(PUBLIC, *holds("a", ports="TCP/1"), *holds("b", ports="TCP/2"))
    for order in ("ab", "ba"):
        out = there.when(change(*(sharer(name, ports="TCP/80") for name in order)))
        out.then_holds("a", "192.0.2.0").then_holds("b", "192.0.2.1")


def test_a_whole_group_that_changes_its_policy_at_once_stays_together():
    there = given(PUBLIC, *holds("a", ports="TCP/1"), *holds("b", ports="TCP/2"))
    now = [
        sharer(name, ports=f"TCP/{at}", selector=WEB, **LOCAL) for at, name in ((1, "a"), (2, "b"))
    ]
    there.when(change(*now)).then_decides()


def test_a_change_that_leaves_the_terms_as_they_are_moves_nobody():
    there = given(PUBLIC, *holds("a", ports="TCP/80"), *holds("b", ports="TCP/443"))
    there.when(
        sharer("b", ports="TCP/443 UDP/443"),
        sharer("b", ports="TCP/443", labels={"tier": "gold"}),
        sharer("a", ports="TCP/80", selector=API),
    ).then_decides()


# --- who waits ----------------------------------------------------------------------------------

ROOM = {
    "frees the port": sharer("a", ports="TCP/8080"),
    "lets go of the key and of the address": service("a", type="ClusterIP"),
}


@pytest.mark.parametrize("now", ROOM.values(), ids=ROOM)
def test_a_sharer_that_waits_is_served_when_the_other_one(now):
    waits = sharer("b", ports="TCP/80")
    out = given(ONE, *holds("a", ports="TCP/80"), waits, full("b")).when(now)
    out.then_holds("b", "192.0.2.0")


@pytest.mark.parametrize(
    ("waits", "now"),
    [
        (sharer("b", "192.0.2.0", ports="TCP/80"), sharer("a", ports="TCP/443")),
        (sharer("b", "192.0.2.0", key="other"), sharer("a", key="other")),
        (sharer("b", "192.0.2.0", **LOCAL), sharer("a", **LOCAL)),
        (sharer("b", "192.0.2.0", selector=WEB, **LOCAL), sharer("a", selector=WEB, **LOCAL)),
    ],
    ids=["port", "key", "traffic policy", "selector"],
)
def test_who_asks_for_a_held_address_gets_it_when_its_holder_makes_room_by_its(waits, now):
    first = sharer("a", ports="TCP/80")
    out = given(PUBLIC).when(first, waits)
    out.then_holds("b")
    out.when(now).then_decides(assigned("b", "192.0.2.0", why=Why.REQUESTED))


def test_of_several_sharers_that_wait_those_are_served_who_get_on_with_each_other():
    out = given(
        ONE,
        *holds("a", ports="TCP/80"),
        *(sharer("b", ports="TCP/80"), full("b")),
        *(sharer("c", ports="TCP/80"), full("c")),
        *(sharer("d", ports="TCP/80 TCP/22"), full("d")),
    ).when(sharer("a", ports="TCP/443"))
    out.then_decides(assigned("b", "192.0.2.0", why=Why.SHARED))


def test_a_sharer_that_leaves_frees_nothing_for_strangers():
    there = given(
        ONE,
        *holds("a", ports="TCP/80"),
        *holds("b", ports="TCP/443"),
        *(service("x"), full("x")),
    )
    one_left = there.when(gone(ref("b")))
    one_left.then(removed(ref("b")), released("b", "192.0.2.0", why=Why.GONE))
    one_left.when(gone(ref("a"))).then_decides(
        released("a", "192.0.2.0", why=Why.GONE),
        assigned("x", "192.0.2.0", why=Why.LONGEST_RELEASED),
    )


def test_a_sharer_that_leaves_frees_its_ports_for_a_sharer_that_waits():
    given(
        ONE,
        *holds("a", ports="TCP/80"),
        *holds("b", ports="TCP/443"),
        *(sharer("c", ports="TCP/443"), full("c")),
    ).when(gone(ref("b"))).then_decides(
        released("b", "192.0.2.0", why=Why.GONE), assigned("c", "192.0.2.0", why=Why.SHARED)
    )


# --- two families -------------------------------------------------------------------------------


def test_two_of_both_families_share_both_addresses():
    given(DUAL).when(
        sharer("a", ports="TCP/80", **REQUIRE), sharer("b", ports="TCP/443", **PREFER)
    ).then_holds("a", "192.0.2.0", "2001:db8::").then_holds("b", "192.0.2.0", "2001:db8::")


def test_a_sharer_of_both_families_shares_the_one_and_takes_the_other_for_itself():
    given(DUAL, *holds("a", ports="TCP/80")).when(
        sharer("b", ports="TCP/443", **REQUIRE)
    ).then_decides(assigned("b", "192.0.2.0", "2001:db8::", why=Why.SHARED))


def test_a_port_that_is_taken_in_one_family_is_no_matter_in_the_other():
    given(DUAL, *holds("a", ports="TCP/80")).when(
        sharer("b", ports="TCP/80", ip_families=(6,)), sharer("c", ports="TCP/443", **REQUIRE)
    ).then_holds("b", "2001:db8::").then_holds("c", "192.0.2.0", "2001:db8::")


def test_both_requested_addresses_must_let_one_share():
    there = given(
        DUAL,
        *holds("a", "192.0.2.0", ports="TCP/80"),
        *holds("b", "2001:db8::", ports="TCP/443", ip_families=(6,)),
    )
    there.when(sharer("c", "192.0.2.0", "2001:db8::", ports="TCP/22")).then_holds(
        "c", "192.0.2.0", "2001:db8::"
    )
    there.when(sharer("c", "192.0.2.0", "2001:db8::", ports="TCP/443")).then_decides(
        refused(
            "c",
            Why.PORT_IN_USE,
            addresses=("2001:db8::",),
            services=(ref("b"),),
            wanted="TCP 443",
        )
    )


def test_who_prefers_both_families_gains_the_second_by_sharing_it():
    tight = pool("public", "192.0.2.0/31", "2001:db8::/128")
    there = given(
        tight,
        *holds("a", "192.0.2.0", "2001:db8::", ports="TCP/80", **REQUIRE),
        *holds("b", "192.0.2.1", ports="TCP/80", **PREFER),
    )
    there.when(sharer("a", ports="TCP/443", **REQUIRE)).then_decides(
        assigned("b", "192.0.2.1", "2001:db8::", why=Why.SECOND_FAMILY)
    )


def test_moving_a_file_does_not_make_its_service_the_last_to_change():
    a, b = sharer("a", ports="TCP/80"), sharer("b", ports="TCP/443")
    start = given(pool("public", "192.0.2.0/30")).when(
        change(Sourced(a, "a.yaml")), change(Sourced(b, "b.yaml"))
    )
    changed = sharer("a", ports="TCP/443")
    start.when(change(Sourced(changed, "a.yaml"), Sourced(b, "moved.yaml"))).then_holds(
        "b", "192.0.2.0"
    ).then_holds("a", "192.0.2.1")
