"""What holds for every finding, whatever its rule."""

from dataclasses import replace
from pathlib import Path

import pytest
from core.scenes import BGP, POOL, TOR, ad, amid, labelled, peer, said, state_of, told, web
from hypothesis import given
from hypothesis import strategies as st
from proclaim.decide import decide
from proclaim.findings import (
    RULES,
    Code,
    Finding,
    Related,
    Severity,
    basis,
    examine,
    examining,
    standing,
)
from proclaim.model import (
    Change,
    Community,
    L2Advertisement,
    Node,
    Pool,
    Problem,
    Ref,
    Sourced,
)
from proclaim.steps import finish

OVERLAPPING = Pool("second", addresses=("192.0.2.0/30",))


def broken(kind, line=3):
    return (Problem("b.yaml", line, kind, "", "more" if kind else "", "spec", "is missing"),)


def test_every_code_has_a_rule_that_says_what_it_is_and_what_to_do():
    assert set(RULES) == set(Code)
    for rule in RULES.values():
        assert rule.what
        assert rule.remedy
        assert not (rule.what + rule.remedy).endswith(".")


@pytest.mark.parametrize("code", Code)
def test_every_rule_has_a_scene(code):
    tests = Path(__file__).parent.rglob("test_*.py")
    assert any(f"{code} " in text or f"[{code}]" in text for text in map(Path.read_text, tests))


def test_what_could_not_be_read_is_a_problem_with_its_line():
    (found,) = examine(state_of(problems=broken("IPAddressPool")))
    assert str(found) == "b.yaml:3: IPAddressPool/more: spec: is missing [InvalidManifest]"
    assert found.severity is Severity.PROBLEM


def test_a_path_that_could_not_be_read_is_unreadable():
    (found,) = examine(state_of(problems=(Problem("b.yaml", problem="is missing"),)))
    assert str(found) == "b.yaml: is missing [Unreadable]"


def test_what_was_rejected_is_a_contradiction():
    (found,) = examine(state_of(*amid(OVERLAPPING)))
    assert (found.file, found.ref) == ("a.yaml", OVERLAPPING.ref)
    assert str(found) == (
        "a.yaml: IPAddressPool/second: spec.addresses[0]: 192.0.2.0/30 overlaps 192.0.2.0/29 of "
        "IPAddressPool public; pools must not overlap; IPAddressPool/public is in a.yaml "
        "[Contradiction]"
    )


WIDE = ad("wide", aggregation_length=24)


@pytest.mark.parametrize(
    ("resources", "field", "others"),
    [
        ((OVERLAPPING,), "spec.addresses[0]", [POOL.ref]),
        ((WIDE,), "spec.aggregationLength", [POOL.ref]),
        ((ad("late", local_pref=7),), "spec.localPref", [BGP.ref, POOL.ref]),
        ((peer("tor2"),), "spec.peerAddress", [TOR.ref]),
        (
            (Community("a", (("x", "1:1"),)), Community("b", (("w", "1:2"), ("x", "1:2")))),
            "spec.communities[1].name",
            [Ref("Community", "", "a")],
        ),
    ],
)
def test_a_contradiction_has_the_field_and_the_places_of_what_it_is_with(resources, field, others):
    (found,) = examine(state_of(*amid(*resources)))
    assert (found.code, found.field) == (Code.CONTRADICTION, field)
    assert found.related == tuple(Related("a.yaml", 0, ref) for ref in others)


def test_of_two_advertisements_that_diverge_the_other_one_has_its_place():
    (found,) = examine(state_of(*amid(ad("late", communities=("64512:1",)))))
    assert found.code is Code.DIVERGING_ADVERTISEMENTS
    assert found.related == (Related("a.yaml", 0, BGP.ref),)


def test_a_contradiction_that_is_recorded_in_other_words_is_told_in_those_without_more():
    state = state_of(*amid(OVERLAPPING))
    old = state.rejections[OVERLAPPING.ref]._replace(problem="is in the way")
    (found,) = examine(replace(state, rejections={OVERLAPPING.ref: old}))
    assert str(found) == "a.yaml: IPAddressPool/second: is in the way [Contradiction]"


@pytest.mark.parametrize("kind", ["IPAddressPool", ""], ids=["of its kind", "of any kind"])
def test_nothing_is_said_to_be_missing_while_a_document_is_broken(kind):
    resources = amid(ad(pools=("pubic", "public")))
    assert [each[:11] for each in told(*resources)] == ["UnknownPool"]
    assert [each[:15] for each in told(*resources, problems=broken(kind))] == ["InvalidManifest"]


@pytest.mark.parametrize(
    ("kind", "resources"),
    [
        ("Community", amid(ad(communities=("customer",)))),
        ("BGPAdvertisement", [POOL]),
        ("L2Advertisement", [POOL]),
        ("BGPPeer", [POOL, BGP]),
        ("Service", amid(Pool("second", addresses=("198.51.100.0/30",), auto_assign=False))),
        ("Service", amid(L2Advertisement("l2", service_selectors=(labelled(tier="gold"),)))),
        ("Node", amid(Node("n1"), L2Advertisement("l2", node_selectors=(labelled(rack="1"),)))),
        ("IPAddressPool", amid(web(requested_pool="nosuch"))),
    ],
)
def test_a_broken_document_silences_what_it_might_explain(kind, resources):
    assert len(told(*resources)) == 1
    assert [each[:15] for each in told(*resources, problems=broken(kind))] == ["InvalidManifest"]


def test_what_was_rejected_has_its_name_and_hides_no_other_that_is_missing():
    found = told(*amid(OVERLAPPING, ad(pools=("public", "second", "pubic"))))
    assert [each.partition(": ")[0] for each in found] == [
        "UnknownPool BGPAdvertisement/bgp spec.ipAddressPools[2]",
        "Contradiction IPAddressPool/second spec.addresses[0]",
    ]


def test_a_pool_that_was_rejected_may_be_the_one_that_a_selector_means():
    meant = ad("more", pool_selectors=(labelled(zone="lan"),))
    rejected = Pool("second", labels=(("zone", "lan"),), addresses=OVERLAPPING.addresses)
    assert [each.partition(" ")[0] for each in told(*amid(rejected, meant))] == ["Contradiction"]


def test_a_community_that_was_rejected_has_its_aliases_and_hides_no_other():
    first = Community("first", (("blue", "64512:1"),))
    rejected = Community("second", (("blue", "64512:2"), ("red", "64512:3")))
    found = told(*amid(first, rejected, ad(communities=("blue", "red", "rod"))))
    assert [each.partition(":")[0] for each in found] == [
        "UnknownCommunity BGPAdvertisement/bgp spec.communities[2]",
        "Contradiction Community/second spec.communities[0].name",
    ]
    assert found[0].endswith("; did you mean red?")


def test_findings_come_in_the_order_of_their_places_and_each_once():
    found = [
        Finding("b.yaml", 2, TOR.ref, "", Code.UNKNOWN_PEER, "x"),
        Finding("a.yaml", 9, TOR.ref, "", Code.UNKNOWN_PEER, "x"),
        Finding("a.yaml", 2, POOL.ref, "spec", Code.UNKNOWN_POOL, "x"),
    ]
    assert sorted(found) == [found[2], found[1], found[0]]
    assert str(found[2]) == "a.yaml:2: warning: IPAddressPool/public: spec: x [UnknownPool]"
    assert found[2].told == "a.yaml:2: IPAddressPool/public: spec: x [UnknownPool]"
    state = state_of(*amid(ad(pools=("a", "b", "c")), ad("other", peers=("x",))))
    assert list(examine(state)) == sorted(set(examine(state)))


MANY = amid(
    ad(pools=("pubic",), peers=("tor", "nobody"), communities=("1:2",)),
    ad("more", communities=("2:3",), node_selectors=(labelled(rack="9"),)),
    L2Advertisement("l2", service_selectors=(labelled(tier="gold"),)),
    Pool("second", addresses=("198.51.100.0/32",), auto_assign=False),
    *(web(f"web{at}", requested_pool="second") for at in range(3)),
    Node("n1"),
)


@given(st.permutations(MANY))
def test_the_order_of_a_listing_has_no_say_in_what_is_found(resources):
    assert set(told(*resources)) == set(told(*MANY))


def test_looking_through_much_makes_way_all_the_time():
    services = [web(f"web{at}") for at in range(2000)]
    large = Pool("public", addresses=("10.0.0.0/16",))
    pauses = sum(1 for _ in examining(state_of(*amid(large, *services))))
    assert pauses > 2000 / 64 * 3


GIVING_WAY = (
    peer("one", node_selectors=(labelled(rack="1"),), bfd_profile="fast"),
    peer("two", node_selectors=(labelled(row="1"),)),
    Node("n1", labels=(("rack", "1"),)),
    Node("n2", labels=(("row", "1"),)),
)


def everything_wrong(*services, problems=()):
    """A state with a problem of each rule but one: a path of which nothing is known silences."""
    wrong = amid(OVERLAPPING, ad(communities=("grye",)), *GIVING_WAY, *services, without=(TOR,))
    both = Node("n1", labels=(("rack", "1"), ("row", "1")))
    return decide(
        state_of(*wrong, problems=problems), Change("files", (Sourced(both, "a.yaml"),))
    ).state


def test_the_problems_can_be_had_alone():
    codes = set()
    for problems in (broken("L2Advertisement"), (Problem("c.yaml", problem="is missing"),)):
        state = everything_wrong(problems=problems)
        found = examine(state)
        alone = tuple(each for each in found if each.severity is Severity.PROBLEM)
        assert finish(standing(state)) == alone != found
        codes |= {each.code for each in alone}
    assert codes == {code for code, rule in RULES.items() if rule.severity is Severity.PROBLEM}


def test_to_have_the_problems_alone_takes_no_longer_for_many_services():
    few, many = everything_wrong(), everything_wrong(*(web(f"web{at}") for at in range(500)))
    assert sum(1 for _ in standing(few)) == sum(1 for _ in standing(many))


def test_the_basis_of_findings_changes_with_what_they_are_made_from_and_not_otherwise():
    state = state_of(*amid())
    assert all(a is b for a, b in zip(basis(state), basis(state), strict=True))
    other = state_of(*amid(web("api")))
    assert not all(a is b for a, b in zip(basis(state), basis(other), strict=True))
    assert Ref("Service", "default", "api") in other.holdings
    assert said(Finding("", 0, TOR.ref, "", Code.UNKNOWN_PEER, "x")) == "UnknownPeer BGPPeer/tor: x"
