"""Many who wait, and addresses that become free: whoever is looked at, the answer is everyone's."""

import pytest
from core.ground import PREFER
from hypothesis import given
from hypothesis import strategies as st
from proclaim.decide import decide
from proclaim.events import AddressAssigned, AddressReleased, Why
from proclaim.model import Authority, Authorized, Change, Listing, Ref, Sourced
from proclaim.offers import Offers
from proclaim.state import State
from proclaim.testing import lawful, pool, service, sharer

V4, V6 = ("192.0.2.0/31", "192.0.2.4/31"), ("2001:db8::/127", "2001:db8::4/127")
POLICIES = (
    {},
    {"ip_families": (6,)},
    {"ip_family_policy": "PreferDualStack"},
    {"ip_family_policy": "PreferDualStack", "ip_families": (6,)},
    {"ip_family_policy": "RequireDualStack"},
)
families = st.sampled_from(POLICIES)


@st.composite
def pools(draw):
    """Two small pools; some with both families, some with a quota."""
    made = []
    for name, v4, v6 in zip(("a", "b"), V4, V6, strict=True):
        addresses = draw(st.sampled_from([(v4,), (v6,), (v4, v6)]))
        notes = draw(st.sampled_from([{}, {}, {}, {"namespace-quota": "1"}]))
        made.append(pool(name, *addresses, notes=notes))
    return made


@st.composite
def wanting(draw, at):
    """A Service: plain as most are, or with something of its own that counts."""
    name = f"{draw(st.sampled_from(['shop', 'shop', 'blog']))}/s{at:02}"
    fields = dict(draw(families))
    match draw(st.sampled_from(["plain", "plain", "plain", "shares", "claims", "asks", "pool"])):
        case "shares":
            return sharer(name, ports=f"TCP/{draw(st.integers(80, 82))}", **fields)
        case "claims":
            return service(name, status_addresses=("192.0.2.0",), **fields)
        case "asks":
            return service(name, "192.0.2.4")
        case "pool":
            return service(name, requested_pool="b", **fields)
    return service(name, **fields)


@st.composite
def scenes(draw):
    """A first listing in which most must wait, and the rounds in which some go."""
    services = [draw(wanting(at)) for at in range(draw(st.integers(6, 20)))]
    rounds = draw(st.lists(st.lists(st.integers(0, 7), min_size=1, max_size=3), max_size=4))
    return [*draw(pools()), *services], rounds


def sourced(resources):
    return tuple(Sourced(each, "file.yaml") for each in resources)


def first(resources):
    state = lawful(State(), Authorized(Authority.ALLOCATE)).state
    return lawful(state, Listing("files", sourced(resources))).state


@given(scenes())
def test_whoever_is_passed_over_would_have_got_nothing(scene):
    """`lawful` compares with looking at everyone, and settles again what was decided."""
    resources, rounds = scene
    state, known = first(resources), {each.ref: each for each in resources}
    for leaving in rounds:
        holding = sorted(state.holdings)
        gone = sorted({holding[at % len(holding)] for at in leaving}) if holding else []
        state = lawful(state, Change("files", (), tuple(gone))).state
        back = sourced(known[ref] for ref in gone[:1])  # with a past, which makes it another case
        state = lawful(state, Change("files", back)).state


DUAL = {"ip_family_policy": "RequireDualStack"}


@pytest.mark.parametrize(
    ("addresses", "held", "first_by_name", "gains"),
    [
        (
            ["192.0.2.0/32"],
            service("h"),
            service("w1"),
            service("w2", status_addresses=("192.0.2.0",)),
        ),
        (["192.0.2.0/32"], service("h"), service("w1"), service("w2", "192.0.2.0")),
        (
            ["192.0.2.0/32"],
            sharer("h", ports="TCP/80"),
            service("w1"),
            sharer("w2", ports="TCP/80"),
        ),
        (
            ["192.0.2.0/32", "2001:db8::/128"],
            service("h"),
            service("w1", **DUAL),
            service("w2", **PREFER),
        ),
        (["192.0.2.0/32"], service("h"), service("w1", requested_pool="z"), service("w2")),
        (
            ["192.0.2.0/32"],
            service("h"),
            service("w1", ip_families=(6,)),
            service("w2"),
        ),
    ],
    ids=["claims", "asks", "shares", "is content with one family", "other pool", "other family"],
)
def test_who_is_not_alike_is_asked_after_one_who_gains_nothing(
    addresses, held, first_by_name, gains
):
    ground = [pool("a", *addresses), pool("z", "198.51.100.0/32", auto_assign=False)]
    fillers = [service("f1", "198.51.100.0")]
    if len(addresses) == 2:
        fillers.append(service("f2", "2001:db8::"))
    if held.sharing_key:
        fillers.append(sharer("f3", ports="TCP/81"))
    state = first([*ground, held, *fillers])
    state = lawful(state, Change("files", sourced([first_by_name, gains]))).state
    assert held.ref in state.holdings
    assert sorted(state.refusals) == [first_by_name.ref, gains.ref]
    state = lawful(state, Change("files", (), (held.ref,))).state
    assert gains.ref in state.holdings
    assert first_by_name.ref in state.refusals


def test_who_had_the_address_before_has_it_again_before_all_who_wait_alike():
    state = first([pool("a", "192.0.2.0/32"), service("z")])
    for gone, new in ((service("z"), service("h")), (service("nobody"), service("w1"))):
        change = Change("files", sourced([new]), (gone.ref,))
        state = lawful(state, change).state
    state = lawful(state, Change("files", sourced([service("z")]))).state
    assert service("z").ref in state.refusals
    state = lawful(state, Change("files", (), (service("h").ref,))).state
    assert service("z").ref in state.holdings


def test_of_many_who_are_alike_as_many_are_asked_as_addresses_are_free(monkeypatch):
    """A thousand wait, two addresses are released, and the first two by name have them."""
    names = [f"default/s{at:04}" for at in range(1002)]
    state = first([pool("a", "192.0.2.0/31"), *map(service, names)])
    asked = []
    free = Offers.free

    def noting(offers, wanting):
        asked.append(wanting.name)
        return free(offers, wanting)

    monkeypatch.setattr(Offers, "free", noting)
    gone = [Ref("Service", "default", f"s000{at}") for at in (0, 1)]
    decisions = decide(state, Change("files", (), tuple(gone))).decisions
    assert [type(each) for each in decisions] == [AddressReleased] * 2 + [AddressAssigned] * 2
    assert [each.service.name for each in decisions[2:]] == ["s0002", "s0003"]
    assert {each.reason.code for each in decisions[2:]} == {Why.LONGEST_RELEASED}
    assert set(asked) == {"s0002", "s0003"}
