"""What a running node's log says of findings, and how often it looks for them."""

import logging

import pytest
import trio
from ledger.examples import CODEC
from ledger.worlds import FailingLog, FakeHost, pool, service
from proclaim import telling
from proclaim.decide import decide
from proclaim.latest import Latest
from proclaim.ledger import Ledger
from proclaim.model import (
    Authority,
    Authorized,
    BGPAdvertisement,
    L2Advertisement,
    Listing,
    PeerStatus,
    Pool,
    Sourced,
)
from proclaim.state import State

L2 = Sourced(L2Advertisement("l2"), "a.yaml")
VAIN = Sourced(BGPAdvertisement("bgp", communities=("customer",)), "a.yaml")
SOON = 0.1
LATER = telling.EXAMINE_EVERY_SECONDS + SOON


class Node:
    """A state that is told of, and how often it was looked through."""

    def __init__(self):
        self.state = Latest(decide(State(), Authorized(Authority.ALLOCATE)).state)
        self.looks = 0

    def observe(self, *resources, source="files"):
        self.state.set(decide(self.state.value, Listing(source, resources)).state)


@pytest.fixture
def node(nursery, monkeypatch, caplog):
    """A node whose log is looked into; nothing is wrong yet."""
    made = Node()
    examining = telling.examining

    def counted(state):
        made.looks += 1
        return examining(state)

    monkeypatch.setattr(telling, "examining", counted)
    caplog.set_level(logging.INFO, "proclaim.findings")
    made.observe(pool(), L2, service("a"))
    heard = trio.Event()
    heard.set()
    nursery.start_soon(telling.tell, made.state, heard)
    return made


def lines(caplog):
    found = [(record.levelname, record.getMessage()) for record in caplog.records]
    caplog.clear()
    return found


async def test_a_problem_is_named_when_it_comes_and_when_it_is_gone(autojump_clock, node, caplog):
    await trio.sleep(LATER)
    assert lines(caplog) == []
    node.observe(pool(), L2, service("a"), VAIN)
    await trio.sleep(SOON)
    ((level, said), (_, warned)) = lines(caplog)
    assert level == "ERROR"
    assert said.startswith("a.yaml: BGPAdvertisement/bgp: spec.communities[0]: 'customer' is ")
    assert said.endswith(" [UnknownCommunity]")
    assert warned.endswith(" [AdvertisementWithoutPeers]")
    await trio.sleep(LATER)
    node.observe(pool(), L2, service("a"), service("b"), VAIN)
    await trio.sleep(LATER)
    assert lines(caplog) == []
    node.observe(pool(), L2, service("a"))
    await trio.sleep(LATER)
    assert lines(caplog) == [("INFO", f"no longer: {said}")]


async def test_a_warning_is_named_once(autojump_clock, node, caplog):
    await trio.sleep(LATER)
    for resources in ([pool()], [pool(), L2], [pool()]):
        node.observe(*resources, service("a"))
        await trio.sleep(LATER)
    ((level, said),) = lines(caplog)
    assert level == "WARNING"
    assert said.endswith(" [PoolNotAdvertised]")


async def test_many_changes_are_looked_through_together(autojump_clock, node):
    await trio.sleep(SOON)
    assert node.looks == 1
    for at in range(20):
        node.observe(pool(), L2, service(f"s{at}"))
        await trio.sleep(telling.EXAMINE_EVERY_SECONDS / 100)
    await trio.sleep(LATER)
    assert node.looks == 2


async def test_what_findings_are_not_made_from_is_no_reason_to_look(autojump_clock, node):
    await trio.sleep(LATER)
    for state in ("Connect", "Active", "Established"):
        node.observe(Sourced(PeerStatus("n1", "tor", state=state)), source="bgp")
        await trio.sleep(LATER)
    assert node.looks == 1


async def test_nothing_is_told_before_every_source_was_heard(autojump_clock, nursery, caplog):
    caplog.set_level(logging.INFO, "proclaim.findings")
    state, heard = Latest(decide(State(), Listing("files", (pool(),))).state), trio.Event()
    nursery.start_soon(telling.tell, state, heard)
    await trio.sleep(LATER)
    assert lines(caplog) == []
    heard.set()
    await trio.sleep(SOON)
    assert len(lines(caplog)) == 1


async def test_of_very_many_the_first_are_named_and_the_rest_counted(autojump_clock, node, caplog):
    await trio.sleep(LATER)
    pools = [
        Sourced(Pool(f"p{at:02}", addresses=(f"198.51.100.{at}/32",)), "a.yaml") for at in range(30)
    ]
    node.observe(pool(), *pools, service("a"))
    await trio.sleep(LATER)
    found = lines(caplog)
    assert len(found) == 21
    assert found[-1] == ("WARNING", "and 11 more; `proclaim get problems` has all")


async def test_a_rule_that_fails_stops_nothing(autojump_clock, node, caplog, monkeypatch):
    await trio.sleep(LATER)
    working = telling.examining

    def broken(state):
        raise ZeroDivisionError

    monkeypatch.setattr(telling, "examining", broken)
    node.observe(pool(), service("a"))
    await trio.sleep(LATER)
    assert lines(caplog) == [("ERROR", "the findings are not known")]
    monkeypatch.setattr(telling, "examining", working)
    node.observe(pool(), service("b"))
    await trio.sleep(LATER)
    assert [said[-19:] for _, said in lines(caplog)] == ["[PoolNotAdvertised]"]


@pytest.fixture
async def ledger(nursery, autojump_clock, caplog):
    """A ledger whose decisions are told to a log, which is looked into."""
    made = Ledger(FailingLog(), CODEC, FakeHost())
    caplog.set_level(logging.INFO, "proclaim.services")
    nursery.start_soon(made.write)
    await made.observe(Authorized(Authority.ALLOCATE))
    nursery.start_soon(telling.tell_decisions, made)
    await trio.sleep(SOON)
    return made


async def told(ledger, caplog, *resources):
    """What the log says after a listing, without its levels."""
    await ledger.observe(Listing("files", resources))
    await trio.sleep(SOON)
    return [said for _, said in lines(caplog)]


async def test_what_becomes_of_a_service_is_logged_with_the_reason(autojump_clock, ledger, caplog):
    (assigned,) = await told(ledger, caplog, pool(), service("a"))
    address = ledger.state.value.holdings[service("a").resource.ref].addresses[0]
    assert assigned.startswith(f"default/a: assigned {address} (lowest address of pool ")
    assert assigned.endswith(" [Free])")
    assert await told(ledger, caplog, pool(), service("a")) == []
    asking = service("a", requested_addresses=("192.0.2.9",))
    (moved,) = await told(ledger, caplog, pool(), asking)
    assert moved.startswith(f"default/a: moved {address} -> 192.0.2.9 (the Service now asks for ")
    assert moved.endswith(" [Requested])")
    address = "192.0.2.9"
    (released,) = await told(ledger, caplog, pool())
    assert released == f"default/a: released {address} (the Service was deleted [Gone])"
    (gone,) = await told(ledger, caplog, service("b"))
    assert gone == "default/b: refused (no IPAddressPool is in force [NoPool])"


async def test_of_many_decisions_at_once_a_few_are_logged_and_the_rest_is_counted(
    autojump_clock, ledger, caplog
):
    many = [service(f"s{at}") for at in range(9)]
    said = await told(ledger, caplog, *many)
    assert len(said) == 6
    assert said[-1] == "and 4 more; `proclaim log` has all"
