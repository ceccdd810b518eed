from collections import Counter
from importlib.metadata import version

from metrics.worlds import World, labelled, parse, text, values
from proclaim import Authority, NodeReachability, Problem
from proclaim.events import ProblemsReported, Rejected, Why
from proclaim.model import BGPAdvertisement, BGPPeer
from proclaim.reporting import Severity, examine
from proclaim.testing import assigned, given, node, pool, refused, service
from proclaim_metrics.counting import Tally
from proclaim_metrics.family import render
from proclaim_metrics.ours import ours, services


def told(state):
    world = World(state)
    return list(ours(world.view, state, Tally()))


def test_the_version_is_a_label():
    (line,) = (key for key in values(told(given().state)) if key.startswith("proclaim_build_info"))
    assert f'version="{version("proclaim")}"' in line


def test_the_ledger_says_where_it_is_and_whether_it_can_be_written():
    world = World(given(pool("public", "192.0.2.0/30")).state)
    assert values(ours(world.view, world.state.value, Tally()))["proclaim_ledger_position"] == 2
    for reason, writable in (("", 1), ("disk full", 0), ("", 1)):
        world.failing.set(reason)
        found = values(ours(world.view, world.state.value, Tally()))
        assert found["proclaim_ledger_writable_bool"] == writable


def test_exactly_one_authority_holds():
    for authority in Authority:
        found = labelled(told(given(authority).state), "proclaim_authority")
        assert found == {str(each): each is authority for each in Authority}


def test_services_are_counted_by_what_they_have_and_refusals_by_reason():
    state = given(
        pool("public", "192.0.2.0/30"),
        service("a"),
        assigned("a", "192.0.2.0"),
        service("b", "198.51.100.1"),
        refused("b", Why.ADDRESS_OUTSIDE_POOLS, addresses=("198.51.100.1",)),
        service("c", "198.51.100.2"),
        refused("c", Why.ADDRESS_OUTSIDE_POOLS, addresses=("198.51.100.2",)),
    ).state
    families = told(state)
    counted = labelled(families, "proclaim_services")
    assert counted == {"assigned": 1, "partial": 0, "pending": 2}
    assert labelled(families, "proclaim_refusals") == {"AddressOutsidePools": 2}


def test_a_service_with_one_family_of_two_is_partial():
    state = given(
        pool("public", "192.0.2.0/30"),
        service("a", ip_families=("IPv4", "IPv6"), ip_family_policy="PreferDualStack"),
        assigned("a", "192.0.2.0"),
    ).state
    counted = labelled(told(state), "proclaim_services")
    assert counted == {"assigned": 0, "partial": 1, "pending": 0}


def test_resources_and_problems_are_counted_by_kind():
    state = given(
        pool("a", "192.0.2.0/30"),
        node("n1"),
        node("n2"),
        Rejected("test", pool("b", "192.0.2.0/31"), "overlaps a"),
        ProblemsReported("files", (Problem(file="x", problem="is no YAML"),)),
    ).state
    families = told(state)
    assert labelled(families, "proclaim_resources") == {"IPAddressPool": 1, "Node": 2}
    assert labelled(families, "proclaim_problems") == {"IPAddressPool": 1, "unknown": 1}


def test_every_problem_that_is_shown_is_counted():
    state = given(
        pool("a", "192.0.2.0/30"),
        BGPAdvertisement("ad", communities=("nosuch", "neither")),
        BGPPeer("one", 64512, peer_asn=64513, peer_address="203.0.113.1"),
        BGPPeer("two", 64512, peer_asn=64513, peer_address="203.0.113.1"),
        node("n1"),
        Rejected("test", pool("b", "192.0.2.0/31"), "overlaps a"),
    ).state
    problems = [each for each in examine(state) if each.severity is Severity.PROBLEM]
    assert labelled(told(state), "proclaim_problems") == Counter(each.ref.kind for each in problems)
    assert labelled(told(state), "proclaim_problems") == {
        "BGPAdvertisement": 2,
        "BGPPeer": 1,
        "IPAddressPool": 1,
    }


def test_fellow_nodes_are_counted_by_whether_they_live():
    state = given(NodeReachability("n2", True), NodeReachability("n3", False)).state
    assert labelled(told(state), "proclaim_nodes") == {"reachable": 1, "lost": 1}


def test_many_refusals_are_counted_in_pieces():
    waiting = [(service(f"s{at}"), refused(f"s{at}", Why.NO_POOL)) for at in range(1000)]
    state = given(*(each for pair in waiting for each in pair)).state
    pieces = list(render(services(state)))
    assert pieces.count("") >= 3
    assert parse("".join(pieces))['proclaim_refusals{code="NoPool"}'] == 1000


def test_no_name_of_a_service_is_in_what_we_add():
    state = given(
        pool("public", "192.0.2.0/30"),
        service("shop/peculiar"),
        assigned("shop/peculiar", "192.0.2.0"),
    ).state
    assert "peculiar" not in text(told(state))
