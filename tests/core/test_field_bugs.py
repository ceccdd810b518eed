"""What went wrong for others in the field, tried here as experiments."""

import random
from itertools import permutations

import pytest
from core.ground import DUAL, ONE, PREFER, PUBLIC
from proclaim.decide import decide
from proclaim.events import AddressAssigned, Why
from proclaim.fold import fold, number
from proclaim.model import Authority, Authorized, Change, Listing, ServiceAllocation, Sourced
from proclaim.settle import settle
from proclaim.state import State
from proclaim.testing import (
    assigned,
    change,
    given,
    gone,
    listing,
    namespace,
    node,
    pool,
    ref,
    refused,
    released,
    service,
    sharer,
)

ADOPT, ALLOCATE = Authorized(Authority.ADOPT), Authorized(Authority.ALLOCATE)
RESTARTS = 200


class Process:
    """An allocator that may be killed between any two transactions."""

    def __init__(self):
        self.ledger = []
        self.state = State()

    def hears(self, *observations):
        for observation in observations:
            decided = decide(self.state, observation)
            if decided.facts:
                self.ledger.append(number(self.state, decided.facts, 0.0))
            self.state = decided.state

    def is_killed(self, lost=0):
        """Kill it; the last transactions may not have reached the disk."""
        del self.ledger[len(self.ledger) - lost :]
        self.state = fold(State(), [fact for group in self.ledger for fact in group])

    def holds(self, name):
        holding = self.state.holdings.get(ref(name))
        return holding.addresses if holding else ()


def sourced(*resources):
    return tuple(Sourced(each) for each in resources)


def assignments(process):
    return [
        (fact.fact.service.name, fact.fact.addresses)
        for group in process.ledger
        for fact in group
        if isinstance(fact.fact, AddressAssigned)
    ]


# --- addresses that change hands ----------------------------------------------------------------


@pytest.mark.parametrize("holder", ["a", "z"])
def test_two_hundred_restarts_in_any_order_leave_the_only_address_where_it_is(holder):
    chance = random.Random(1774)
    waiting = [service(name) for name in ("m", "n")]
    process = Process()
    process.hears(ALLOCATE, Change("test", sourced(ONE, service(holder))))
    process.hears(Change("test", sourced(*waiting)))
    for _ in range(RESTARTS):
        process.is_killed(lost=chance.choice([0, 0, 1]) if len(process.ledger) > 3 else 0)
        everything = [ONE, service(holder), *waiting]
        chance.shuffle(everything)
        cut = chance.randrange(len(everything))
        process.hears(ADOPT, Change("test", sourced(*everything[:cut])))
        if chance.random() < 0.3:
            process.is_killed()
            process.hears(ADOPT)
        process.hears(Listing("test", sourced(*everything)), ALLOCATE)
        assert process.holds(holder) == ("192.0.2.0",)
        assert process.holds("m") == process.holds("n") == ()
    assert assignments(process) == [(holder, ("192.0.2.0",))]


@pytest.mark.parametrize("holder", ["a", "z"])
def test_two_hundred_restarts_without_a_ledger_leave_the_only_address_where_it_is(holder):
    chance = random.Random(2443)
    everything = [ONE, service(holder, status_addresses=("192.0.2.0",)), service("m"), service("n")]
    for _ in range(RESTARTS):
        chance.shuffle(everything)
        process = Process()
        cut = chance.randrange(len(everything))
        process.hears(ADOPT, Change("test", sourced(*everything[:cut])))
        process.hears(Listing("test", sourced(*everything)), ALLOCATE)
        assert assignments(process) == [(holder, ("192.0.2.0",))]


def test_two_hundred_restarts_leave_those_who_share_together():
    chance = random.Random(2479)
    crowd = [sharer(name, ports=f"TCP/{80 + at}") for at, name in enumerate("abcd")]
    process = Process()
    process.hears(ALLOCATE, Change("test", sourced(PUBLIC, *crowd, service("x"))))
    before = {name: process.holds(name) for name in "abcdx"}
    for _ in range(RESTARTS):
        process.is_killed()
        everything = [PUBLIC, *crowd, service("x")]
        chance.shuffle(everything)
        process.hears(ADOPT, Listing("test", sourced(*everything)), ALLOCATE)
        assert {name: process.holds(name) for name in "abcdx"} == before


def test_the_deletion_of_one_service_moves_no_other():
    names = [f"s{at}" for at in range(8)]
    out = given(pool("public", "192.0.2.0/29")).when(*map(service, names))
    for at in range(0, 8, 2):
        out = out.when(gone(ref(f"s{at}")))
        assert {fact.service for fact in out.decisions} == {ref(f"s{at}")}
    for at in range(1, 8, 2):
        out.then_holds(f"s{at}", f"192.0.2.{at}")


@pytest.mark.parametrize(
    "edited",
    [
        pool("public", "192.0.2.0/24"),
        pool("public", "192.0.2.0/29"),
        pool("public", "192.0.2.0-192.0.2.9", "203.0.113.0/24"),
        pool("public", "203.0.113.0/24", "192.0.2.0/28"),
        pool("public", "192.0.2.0-192.0.2.5"),
        pool("public", "192.0.2.4-192.0.2.5", "192.0.2.0-192.0.2.3"),
    ],
    ids=["widened", "cut", "lengthened", "put first", "cut to fit", "in another order"],
)
def test_a_pool_that_still_covers_what_it_gave_moves_nobody_when_it_is(edited):
    held = [
        item for at in range(6) for item in (service(f"s{at}"), assigned(f"s{at}", f"192.0.2.{at}"))
    ]
    given(pool("public", "192.0.2.0/28"), *held).when(edited).then_decides()


# --- addresses that are not used again ----------------------------------------------------------


def test_of_many_who_wait_each_is_served_by_the_deletion_of_one_holder_and_nothing_else():
    holders, waiting = [f"h{at}" for at in range(4)], [f"w{at}" for at in range(4)]
    out = given(PUBLIC).when(*map(service, (*holders, *waiting)))
    for at in range(4):
        out = out.when(gone(ref(f"h{at}")))
        out.then_decides(
            released(f"h{at}", f"192.0.2.{at}", why=Why.GONE),
            assigned(f"w{at}", f"192.0.2.{at}", why=Why.LONGEST_RELEASED),
        )


def test_a_pool_can_be_filled_and_emptied_for_ever():
    names = [f"s{at}" for at in range(4)]
    process = Process()
    process.hears(ALLOCATE, Change("test", sourced(PUBLIC)))
    for turn in range(25):
        crowd = [service(f"{name}-{turn}") for name in names]
        process.hears(Change("test", sourced(*crowd)))
        assert len(process.state.holdings) == 4
        process.hears(Change("test", gone=tuple(each.ref for each in crowd)))
        assert not process.state.holdings
        assert not process.state.holders


def test_a_service_that_was_deleted_while_nobody_looked_gives_its_address_up_at_the_first_listing():
    there = given(ONE, service("a"), assigned("a", "192.0.2.0"))
    there.when(Authority.ADOPT, listing(ONE), service("b"), Authority.ALLOCATE).then_decides(
        released("a", "192.0.2.0", why=Why.GONE),
        assigned("b", "192.0.2.0", why=Why.LONGEST_RELEASED),
    )


# --- a start without a configuration ------------------------------------------------------------


def test_services_that_have_an_address_keep_it_while_no_pool_was_read():
    claims = service("a", status_addresses=("192.0.2.2",))
    began = given(Authority.ADOPT, claims, assigned("a", "192.0.2.2")).when(
        listing(claims, source="k8s"), node("n")
    )
    began.then_decides().then_holds("a", "192.0.2.2")
    began.when(PUBLIC, Authority.ALLOCATE).then_decides()


def test_without_a_pool_nothing_is_held_and_the_pool_that_comes_later_restores_all():
    claims = [service(name, status_addresses=(f"192.0.2.{at}",)) for at, name in enumerate("zy")]
    began = given(Authority.ADOPT).when(listing(*claims), Authority.ALLOCATE)
    began.then_holds("z").then_holds("y")
    began.when(PUBLIC).then_holds("z", "192.0.2.0").then_holds("y", "192.0.2.1")


# --- answers that repeat themselves -------------------------------------------------------------


def test_who_cannot_share_is_told_once_and_not_again_for_what_others_do():
    asks = sharer("b", "192.0.2.0", ports="TCP/80")
    there = given(PUBLIC, sharer("a", "192.0.2.0", ports="TCP/80"), assigned("a", "192.0.2.0"))
    told = there.when(asks)
    assert [fact.reason.code for fact in told.decisions] == [Why.PORT_IN_USE]
    told.when(
        *(asks, node("n"), namespace("shop"), service("c"), gone(ref("c"))),
        sharer("a", "192.0.2.0", ports="TCP/80 TCP/443"),
        sharer("d", ports="UDP/53"),
        pool("public", "192.0.2.0/29"),
    ).then_holds("b")
    again = told.when(sharer("a", "192.0.2.0", ports="TCP/80 TCP/443"), sharer("d", ports="UDP/53"))
    assert ref("b") not in {fact.service for fact in again.decisions}


def test_who_waits_for_room_is_told_once_whatever_comes_and_goes():
    waiting = refused("w", Why.EXHAUSTED, pools=("public",), wanted="IPv4")
    there = given(ONE, service("a"), assigned("a", "192.0.2.0"), service("w"), waiting)
    there.when(
        service("w", labels={"tier": "gold"}),
        service("a", labels={"tier": "gold"}),
        *(service("off", type="ClusterIP"), gone(ref("off"))),
        node("n"),
    ).then_decides()


def test_a_status_that_another_writes_a_hundred_times_changes_no_decision():
    out = given(PUBLIC, service("a"), assigned("a", "192.0.2.0"))
    for turn in range(100):
        written = ("192.0.2.3",) if turn % 2 else ()
        out = out.when(service("a", status_addresses=written))
        out.then_decides().then_holds("a", "192.0.2.0")


SETTLED = {
    "one cluster IP": ({"cluster_ips": ("10.0.0.1",)}, ("192.0.2.0",)),
    "one IPv6 cluster IP": ({"cluster_ips": ("fd00::1",)}, ("2001:db8::",)),
    "two cluster IPs": (
        {"cluster_ips": ("10.0.0.1", "fd00::1")},
        ("192.0.2.0", "2001:db8::"),
    ),
    "no cluster IP": ({}, ("192.0.2.0", "2001:db8::")),
}


@pytest.mark.parametrize(("fields", "held"), SETTLED.values(), ids=SETTLED)
def test_unlike_in_metallb_who_prefers_two_families_never_flaps_with(fields, held):
    out = given(DUAL).when(service("a", **PREFER, **fields))
    for _ in range(10):
        out.then_holds("a", *held)
        assert settle(out.state) == []
        out = out.when(service("a", **PREFER, **fields, status_addresses=held))
        out.then_decides()
        out = out.when(service("a", **PREFER, **fields))


# --- answers that depend on luck ----------------------------------------------------------------


def test_whatever_the_order_of_what_is_said_at_once_the_answer_is_one():
    said = (
        pool("p", "192.0.2.0/32", "2001:db8::/127"),
        pool("q", "192.0.2.1/32"),
        service("a", **PREFER),
        sharer("b", ports="TCP/80"),
        sharer("shop/c", ports="TCP/443"),
    )
    answers = {
        tuple((name, held.addresses) for name, held in sorted(out.state.holdings.items()))
        for order in permutations(said)
        for out in [given().when(change(*order))]
    }
    assert len(answers) == 1


def test_unlike_in_metallb_pools_of_one_rank_are_asked_in_the_order_of_their_names():
    limits = ServiceAllocation(priority=5)
    for kind in ({}, {"service_allocation": limits}):
        pools = [pool(name, f"192.0.2.{at}/32", **kind) for at, name in enumerate("cab")]
        for order in permutations(pools):
            out = given(*order).when(service("x"), service("y"), service("z"))
            out.then_holds("x", "192.0.2.1").then_holds("y", "192.0.2.2").then_holds(
                "z", "192.0.2.0"
            )


# --- a tenant who would have what is not his ----------------------------------------------------

SHOP = pool("shop", "198.51.100.0/30", service_allocation=ServiceAllocation(namespaces=("shop",)))
MANUAL = pool("manual", "203.0.113.0/30", auto_assign=False)
THEFTS = {
    "an address of nobody": ("203.0.114.1",),
    "an address of another namespace's pool": ("198.51.100.1",),
    "an address that another holds": ("192.0.2.0",),
    "a loopback address": ("127.0.0.1",),
    "an address of nobody beside a good one": ("192.0.2.2", "2001:db8:bad::1"),
}


@pytest.mark.parametrize("authority", Authority)
@pytest.mark.parametrize("addresses", THEFTS.values(), ids=THEFTS)
def test_a_status_that_a_tenant_wrote_gives_him_nothing_of(addresses, authority):
    victim = service("shop/v", status_addresses=("192.0.2.0",))
    there = given(authority, DUAL, SHOP, victim, assigned("shop/v", "192.0.2.0", why=Why.ADOPTED))
    thief = service("thief", status_addresses=addresses, ip_family_policy="PreferDualStack")
    out = there.when(thief)
    holding = out.state.holdings.get(ref("thief"))
    assert holding is None or not set(holding.addresses) & {*addresses}
    out.then_holds("shop/v", "192.0.2.0")


@pytest.mark.parametrize("addresses", THEFTS.values(), ids=THEFTS)
def test_a_request_of_a_tenant_gives_him_nothing_of(addresses):
    there = given(DUAL, SHOP, service("shop/v"), assigned("shop/v", "192.0.2.0"))
    there.when(service("thief", *addresses)).then_holds("thief").then_holds("shop/v", "192.0.2.0")


def test_a_key_that_a_tenant_guessed_shares_an_address_and_takes_no_port_of_it():
    there = given(PUBLIC, sharer("shop/v", ports="TCP/443"), assigned("shop/v", "192.0.2.0"))
    there.when(sharer("thief", "192.0.2.0", ports="TCP/443")).then_holds("thief")
    there.when(sharer("thief", "192.0.2.0", ports="TCP/80")).then_holds("thief", "192.0.2.0")


def test_a_pool_that_gives_nothing_by_itself_gives_to_whoever_knows_its_addresses():
    given(MANUAL).when(service("a", "203.0.113.1")).then_holds("a", "203.0.113.1")
