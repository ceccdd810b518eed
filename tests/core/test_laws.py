"""The laws of the decisions that one ledger's life does not show by itself."""

from hypothesis import given
from hypothesis import strategies as st
from proclaim.decide import decide
from proclaim.model import (
    Authority,
    Authorized,
    Change,
    Listing,
    Namespace,
    Pool,
    Ref,
    Service,
    Sourced,
)
from proclaim.state import State
from proclaim.testing import lawful

from core import worlds


def after(*observations, state=None):
    """The state after these observations, each decided lawfully."""
    state = State() if state is None else state
    for observation in observations:
        state = lawful(state, observation).state
    return state


def holdings(state):
    return {ref: holding.addresses for ref, holding in state.holdings.items()}


ALLOCATE, FOLLOW, ADOPT = (Authorized(authority) for authority in
                           (Authority.ALLOCATE, Authority.FOLLOW, Authority.ADOPT))  # fmt: skip

pools = st.lists(worlds.pools, max_size=3).map(lambda drawn: [worlds.BOTH, *drawn])
services = st.lists(worlds.services, min_size=1, max_size=7)
unique = st.builds(
    lambda pools, services, others: list(
        {resource.ref: resource for resource in (*pools, *services, *others)}.values()
    ),
    pools,
    services,
    st.lists(worlds.others, max_size=3),
)


def listing(resources):
    return Listing("files", tuple(Sourced(resource, "c.yaml") for resource in resources))


def without_status(resource):
    return with_status(resource, ())


def with_status(resource, addresses):
    if not isinstance(resource, Service):
        return resource
    fields = {name: getattr(resource, name) for name in resource.__struct_fields__}
    return Service(**{**fields, "status_addresses": addresses})


def claimed(state):
    """Everything in force, with the status that a reporter would have written by now."""
    held = holdings(state)
    return [
        with_status(entry.resource, held.get(ref, ()))
        for entries in state.resources.values()
        for ref, entry in entries.items()
    ]


@given(worlds.rivalry, st.sampled_from(Authority))
def test_whoever_is_concerned_by_a_change_is_asked_and_nobody_else_need_be(rivalry, authority):
    after(Authorized(authority), listing([worlds.TIGHT]), *rivalry)


@given(unique, st.randoms(use_true_random=False))
def test_the_order_of_a_first_listing_decides_nothing(resources, random):
    shuffled = random.sample(resources, len(resources))
    assert holdings(after(ALLOCATE, listing(resources))) == holdings(
        after(ALLOCATE, listing(shuffled))
    )


@given(unique, st.randoms(use_true_random=False))
def test_a_restart_with_the_listing_in_another_order_moves_nothing(resources, random):
    before = after(ADOPT, listing(resources), ALLOCATE)
    shuffled = listing(random.sample(resources, len(resources)))
    assert holdings(after(ADOPT, shuffled, ALLOCATE, state=before)) == holdings(before)


@given(unique, worlds.rivalry, st.data())
def test_a_lost_ledger_moves_nothing_that_the_status_still_says(resources, rivalry, data):
    before = after(ALLOCATE, listing([without_status(one) for one in resources]), *rivalry)
    known = data.draw(st.permutations(sorted(claimed(before), key=lambda one: one.ref)))
    cut = data.draw(st.integers(0, len(known)))
    first = Change("files", tuple(Sourced(one, "c.yaml") for one in known[:cut]))
    anew = after(ADOPT, first, listing(known), ALLOCATE)
    assert holdings(anew).items() >= holdings(before).items()


@given(unique, worlds.rivalry)
def test_a_follower_holds_what_the_status_says_and_nothing_else(resources, rivalry):
    state = after(FOLLOW, listing(resources), *rivalry)
    for ref, held in holdings(state).items():
        assert held == state.service(ref).status_addresses
    assert not state.refusals


@given(unique, worlds.rivalry)
def test_a_follower_of_an_allocator_holds_what_the_allocator_gave(resources, rivalry):
    leader = after(ALLOCATE, listing([without_status(one) for one in resources]), *rivalry)
    assert holdings(after(FOLLOW, listing(claimed(leader)))) == holdings(leader)


@given(unique, worlds.rivalry)
def test_nothing_is_given_or_refused_before_every_source_has_listed(resources, rivalry):
    state = after(ADOPT, listing(resources), *rivalry)
    for ref, held in holdings(state).items():
        assert held == state.holdings[ref].reason.addresses, "adopted, and adopted only"
    assert not state.refusals


@given(unique, worlds.plain_services)
def test_deleting_what_was_added_frees_exactly_what_it_took(resources, extra):
    stranger = with_status(extra, ())
    rest = [without_status(one) for one in resources if one.ref != stranger.ref]
    before = after(ALLOCATE, listing(rest))
    added = after(Change("files", (Sourced(stranger, "c.yaml"),)), state=before)
    assert holdings(added).items() >= holdings(before).items()
    gone = after(Change("files", gone=(stranger.ref,)), state=added)
    assert holdings(gone) == holdings(before)
    assert gone.occupied == before.occupied
    assert gone.holders == before.holders


@given(unique, worlds.others, st.sampled_from(Authority))
def test_no_address_moves_because_of_a_resource_that_has_no_say(resources, other, authority):
    before = after(Authorized(authority), listing(resources))
    if isinstance(other, Namespace):
        other = Namespace(name="elsewhere", labels=other.labels)
    assert decide(before, Change("files", (Sourced(other),))).decisions == ()


@given(unique)
def test_a_new_pool_takes_nothing_from_those_who_have_an_address(resources):
    before = after(ALLOCATE, listing(resources))
    pool = Pool(name="a-first", addresses=("198.51.100.0/24", "2001:db8:1::/64"))
    state = after(Change("files", (Sourced(pool, "new.yaml"),)), state=before)
    for ref, held in holdings(before).items():
        assert holdings(state)[ref][: len(held)] == held


@given(unique)
def test_a_pool_under_another_name_keeps_everyone_who_did_not_ask_for_it_by_name(resources):
    before = after(ALLOCATE, listing(resources))
    renamed = [
        one if one.ref != worlds.BOTH.ref else Pool(name="z-new", addresses=one.addresses)
        for one in claimed(before)
    ]
    state = after(listing(renamed), state=before)
    for ref, holding in before.holdings.items():
        pool = before.pool(holding.pool)
        if holding.pool == "p" and pool == worlds.BOTH and not before.service(ref).requested_pool:
            assert state.holdings[ref].addresses[: len(holding.addresses)] == holding.addresses
            assert state.holdings[ref].pool == "z-new"


def test_the_lowest_name_is_served_first_whatever_came_first():
    names = ["c", "a", "b"]
    waiting = [Service(namespace="default", name=name, type="LoadBalancer") for name in names]
    state = after(ALLOCATE, listing(waiting), listing([*waiting, worlds.TIGHT]))
    assert sorted(holdings(state)) == [Ref("Service", "default", name) for name in "ab"]
