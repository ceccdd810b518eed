"""What became of what is wanted: announcers, sessions and interfaces as they were reported."""

from __future__ import annotations

import pytest
from core.test_verdict import ANSWERS, PEER, POOL, ROUTES, WEB, state_of
from proclaim.decide import decide
from proclaim.explain import explain_announcement
from proclaim.model import (
    AnnouncerStatus,
    BGPPeer,
    InterfaceStatus,
    Listing,
    PeerStatus,
    Sourced,
    Spread,
)
from proclaim.reality import ENGINE, Obstacle, is_bystander
from proclaim.terrain import survey
from proclaim.testing import endpoints, node, ref
from proclaim.verdict import Silence

BGP, L2 = Spread.EVERY_NODE, Spread.ONE_NODE
EDGE = BGPPeer("edge", my_asn=64512, peer_asn=64514, peer_address="192.0.2.253")
SPEAKS = AnnouncerStatus("n1", "bgp", BGP, running=True)
ANSWERING = AnnouncerStatus("n1", "l2", L2, running=True)
UP = PeerStatus("n1", "tor", state="Established")
IDLE = PeerStatus("n1", "edge", state="Idle")
ETH0 = InterfaceStatus("n1", "eth0", usable=True)
DOWN = InterfaceStatus("n1", "eth1", usable=False, why_not="it is down")


def said(spread, *more):
    state = state_of(POOL, ROUTES, ANSWERS, WEB, node("n1"), *more)
    return explain_announcement(survey(state, "n1", spread), state, ref("web"))


TOLD = {
    "nothing was reported": ((PEER,), BGP, "", "wanted for tor"),
    "every session is up": ((PEER, SPEAKS, UP), BGP, "", "announced to tor"),
    "one session is not": (
        (PEER, EDGE, SPEAKS, UP, IDLE),
        BGP,
        "",
        "announced to tor; edge is Idle",
    ),
    "no session is up": (
        (EDGE, SPEAKS, IDLE),
        BGP,
        Obstacle.NO_SESSION,
        "no session is Established: edge is Idle",
    ),
    "a session was not reported": (
        (PEER, EDGE, SPEAKS, IDLE),
        BGP,
        Obstacle.NO_SESSION,
        "no session is Established: edge is Idle, tor is not reported",
    ),
    "nobody to tell": ((SPEAKS,), BGP, Obstacle.NO_PEER_HERE, "no BGPPeer selects this node"),
    "an announcer that needs no peer": (
        (SPEAKS, AnnouncerStatus("n1", "loopback", BGP, running=True)),
        BGP,
        "",
        "announced by loopback",
    ),
    "the announcer has ended": (
        (PEER, AnnouncerStatus("n1", "bgp", BGP, running=False), UP),
        BGP,
        Obstacle.ANNOUNCER_NOT_RUNNING,
        "it is n1's to announce, but no announcer for it runs there",
    ),
    "another sort of announcer runs": (
        (SPEAKS,),
        L2,
        Obstacle.ANNOUNCER_NOT_RUNNING,
        "it is n1's to announce, but no announcer for it runs there",
    ),
    "no interface was reported": (
        (),
        L2,
        "",
        "this node is elected; wanted on every usable interface",
    ),
    "an interface is usable": (
        (ANSWERING, ETH0, DOWN),
        L2,
        "",
        "this node is elected and answers on eth0",
    ),
    "no interface is usable": (
        (ANSWERING, DOWN),
        L2,
        Obstacle.NO_USABLE_INTERFACE,
        "this node is elected, but no interface is usable: eth1: it is down",
    ),
}


@pytest.mark.parametrize("case", TOLD)
def test_what_is_wanted_is_told_apart_from_what_is_so(case):
    more, spread, code, message = TOLD[case]
    found = said(spread, *more)
    assert (found.code, found.message) == (code, message)
    assert found.announced == (not code)


def test_what_another_node_reported_says_nothing_about_this_one():
    elsewhere = PeerStatus("n2", "tor", state="Idle")
    assert said(BGP, PEER, elsewhere).message == "wanted for tor"


def test_every_obstacle_is_shown_above_or_below():
    shown = {code for _, _, code, _ in TOLD.values() if code}
    assert shown | {Obstacle.NOT_KNOWN_HERE} == set(Obstacle)


def bystanding(spread, *more):
    """What the ledger of a process says in which no announcer takes part."""
    state = state_of(POOL, ROUTES, ANSWERS, WEB, node("n1"), PEER, *more)
    state = decide(state, Listing(ENGINE)).state
    assert is_bystander(state)
    return explain_announcement(survey(state, "n1", spread), state, ref("web"))


@pytest.mark.parametrize("spread", Spread)
def test_what_depends_on_the_nodes_is_not_known_where_nobody_announces(spread):
    found = bystanding(spread)
    assert (found.announced, found.code) == (False, Obstacle.NOT_KNOWN_HERE)
    assert found.prefixes
    fellow = (node("n2"), node("n3"), node("n4"))
    assert bystanding(spread, *fellow).code == Obstacle.NOT_KNOWN_HERE
    nowhere = bystanding(spread, endpoints("web"))
    assert (nowhere.code, nowhere.prefixes) == (Obstacle.NOT_KNOWN_HERE, ())


def test_what_depends_on_the_configuration_alone_is_known_everywhere():
    state = decide(state_of(POOL, WEB, node("n1")), Listing(ENGINE)).state
    found = explain_announcement(survey(state, "n1", BGP), state, ref("web"))
    assert found.code == Silence.POOL_NOT_ADVERTISED


def test_a_ledger_in_which_nobody_ran_and_one_of_an_announcer_know():
    assert not is_bystander(state_of(POOL, WEB))
    ran = decide(state_of(POOL, WEB), Listing(ENGINE, (Sourced(SPEAKS),))).state
    assert not is_bystander(ran)
