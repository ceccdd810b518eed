"""The laws of what may stand beside what, whoever says it and in whatever order."""

from hypothesis import given as forall
from hypothesis import strategies as st
from proclaim.admission import contradicting
from proclaim.contradictions import Circumstances
from proclaim.encounters import Places
from proclaim.model import (
    Authority,
    BGPPeer,
    Listing,
    Sourced,
)
from proclaim.record import record
from proclaim.steps import finish
from proclaim.testing import (
    change,
    given,
    listing,
    node,
    pool,
    service,
)

from core import rules, worlds

POOL = pool("p", "192.0.2.0/24")


RACKS = (node("n1", {"rack": "a"}), node("n2", {"rack": "b"}))


@st.composite
def standings(draw):
    """Values that stand beside each other, new ones, and the nodes that are known."""
    nodes = draw(
        st.lists(st.sampled_from([node("x"), *RACKS, node("y", {"tier": "gold"})]), max_size=3)
    )
    places = Places(nodes)
    before = {}
    standing = st.lists(worlds.contested, max_size=8) | st.lists(worlds.advertisements, max_size=4)
    for value in draw(standing):
        if value.ref not in before and not refused(before, {value.ref: value}, places):
            before[value.ref] = value
    new = {value.ref: value for value in draw(st.lists(worlds.contested, max_size=8))}
    return before, {ref: one for ref, one in new.items() if before.get(ref) != one}, nodes


def refused(before, new, places):
    return finish(contradicting(new, Circumstances(before, places)))


@forall(standings(), st.randoms(use_true_random=False))
def test_what_comes_into_force_agrees_and_the_order_has_no_say(standing, random):
    before, new, nodes = standing
    problems = refused(before, new, Places(nodes))
    after = {**before, **{ref: new[ref] for ref in new.keys() - problems.keys()}}
    assert problems.keys() <= new.keys()
    assert all(problems.values())
    assert list(rules.at_odds(after)) == []
    assert list(rules.quarrels(after, nodes)) == []
    assert refused(after, {ref: new[ref] for ref in problems}, Places(nodes)) == problems
    shuffled = [dict(random.sample(sorted(each.items()), len(each))) for each in (before, new)]
    assert refused(*shuffled, Places(random.sample(nodes, len(nodes)))) == problems


@forall(standings())
def test_nothing_stays_out_that_would_agree_with_everything(standing):
    before, new, nodes = standing
    problems = refused(before, new, Places(nodes))
    after = {**before, **{ref: new[ref] for ref in new.keys() - problems.keys()}}
    for ref in problems.keys() - {r for r in new if r.kind == "BGPAdvertisement"}:
        tried = {**after, ref: new[ref]}
        assert list(rules.at_odds(tried)) or list(rules.quarrels(tried, nodes))


@forall(st.lists(worlds.contested, max_size=10), st.randoms(use_true_random=False))
def test_the_order_of_a_listing_has_no_say(values, random):
    unique = list({value.ref: value for value in values}.values())
    one = given(Authority.ALLOCATE).when(Listing("files", tuple(map(Sourced, unique))))
    random.shuffle(unique)
    other = given(Authority.ALLOCATE).when(Listing("files", tuple(map(Sourced, unique))))
    assert one.facts == other.facts


def peer(name, address):
    return BGPPeer(name, 64512, 64513, peer_address=address)


def pauses(state, observation):
    """How much work recording an observation is, in steps."""
    return sum(1 for _ in record(state, observation))


def test_what_has_nothing_to_do_with_it_asks_no_question():
    many = [peer(f"p{at}", f"203.0.113.{at}") for at in range(100)]
    calm = given(POOL, node("n1"), *many)
    waiting = calm.when(peer("z", "203.0.113.7")).state
    web = change(service("web"))
    assert pauses(calm.state, web) < 5 > pauses(waiting, web)
    assert pauses(waiting, listing(service("web"), POOL, *many)) < 50, "nothing of it is new"
    assert pauses(calm.state, change(node("n1", {"rack": "a"}))) < 5, "nothing waits for it"
    assert pauses(waiting, change(node("n1", {"rack": "a"}))) > 100
    assert pauses(calm.state, change(peer("new", "198.51.100.1"))) > 100
