"""The engine with electors, reporters and detectors: who may allocate when, and who sees what."""

from __future__ import annotations

import trio
from ledger.test_engine import ADS, Shower, Teller, log, perform
from ledger.worlds import pool, record, service
from proclaim import Latest, Mandate, Observe, Spread
from proclaim.model import (
    Authority,
    Authorized,
    Change,
    Listing,
    Node,
    NodeReachability,
    Sourced,
    service_ref,
)
from proclaim.state import State
from trio.testing import wait_all_tasks_blocked

__all__ = ["log", "perform"]  # the fixtures

ADOPT, ALLOCATE, FOLLOW = Authority.ADOPT, Authority.ALLOCATE, Authority.FOLLOW
A, B = service_ref("default", "a"), service_ref("default", "b")


class Puppet:
    """An elector that grants what it is told to."""

    name = "puppet"

    def __init__(self) -> None:
        self.mandate: Latest[Mandate] | None = None
        self.failure = trio.Event()
        self.runs = 0

    async def run(self, mandate: Latest[Mandate]) -> None:
        self.mandate = mandate
        self.runs += 1
        self.failure = trio.Event()
        await self.failure.wait()
        raise OSError("no such Lease")

    async def grant(self, authority: Authority, term: int = 0) -> None:
        self.mandate.set(Mandate(authority, term))
        await wait_all_tasks_blocked()


class Catalogue(Teller):
    """A source that lists the same whenever it is asked, and counts how often."""

    def __init__(self, *resources) -> None:
        super().__init__("kubernetes")
        self.resources = resources
        self.asked = 0

    async def run(self, observe: Observe) -> None:
        self.asked += 1
        await observe(Listing(self.name, self.resources))
        await super().run(observe)


class Onlooker:
    """A reporter that keeps its view."""

    name = "onlooker"

    async def run(self, view, observe: Observe) -> None:
        self.view = view
        await trio.sleep_forever()


class Watcher:
    """A detector that finds out what it is told to."""

    name = "watcher"

    async def run(self, fellows, observe: Observe) -> None:
        self.observe = observe
        await trio.sleep_forever()


def claimed(name: str, *addresses: str) -> Sourced:
    return service(name, status_addresses=addresses)


def held(stage):
    return {ref.name: holding.addresses for ref, holding in stage.state.holdings.items()}


async def test_nothing_is_given_before_the_elector_grants_it(autojump_clock, perform) -> None:
    puppet, source = Puppet(), Catalogue(pool(), service("a"))
    stage = await perform([source], electors=[puppet])
    await trio.sleep(3600)
    assert stage.state.authority is ADOPT
    assert not held(stage)
    await puppet.grant(ALLOCATE)
    assert held(stage) == {"a": ("192.0.2.0",)}
    assert source.asked == 1
    await stage.end()


async def test_a_follower_that_is_elected_asks_again_before_it_gives(
    autojump_clock, perform
) -> None:
    puppet, source = Puppet(), Catalogue(pool(), claimed("a", "192.0.2.0"), service("b"))
    stage = await perform([source], electors=[puppet])
    await puppet.grant(FOLLOW, 1)
    assert held(stage) == {"a": ("192.0.2.0",)}
    # The one before gave b the next address, and nobody told us yet.
    source.resources = (pool(), claimed("a", "192.0.2.0"), claimed("b", "192.0.2.1"), service("c"))
    await puppet.grant(ALLOCATE, 1)
    assert source.asked == 2
    assert held(stage) == {"a": ("192.0.2.0",), "b": ("192.0.2.1",), "c": ("192.0.2.2",)}
    await stage.end()


async def test_what_a_source_says_under_another_name_is_not_its_listing(
    autojump_clock, perform
) -> None:
    puppet, source = Puppet(), Teller("kubernetes")
    stage = await perform([source], electors=[puppet])
    await puppet.grant(ALLOCATE)
    await source.say(Listing("kubernetes/more"))
    assert stage.state.authority is not ALLOCATE
    await source.say(Listing("kubernetes", (pool(), service("a"))))
    assert stage.state.authority is ALLOCATE
    await stage.end()


async def test_a_lapse_keeps_what_is_held_and_gives_nothing(autojump_clock, perform) -> None:
    puppet, source = Puppet(), Catalogue(pool(), service("a"))
    stage = await perform([source], electors=[puppet])
    await puppet.grant(ALLOCATE)
    await puppet.grant(ADOPT)
    await source.say(Change("kubernetes", (service("b"),)))
    await trio.sleep(60)
    assert held(stage) == {"a": ("192.0.2.0",)}, "its status may not have been written yet"
    await puppet.grant(ALLOCATE)
    assert held(stage) == {"a": ("192.0.2.0",), "b": ("192.0.2.1",)}
    assert source.asked == 1
    await stage.end()


async def test_an_elector_that_raises_grants_nothing_until_it_is_back(
    autojump_clock, perform
) -> None:
    puppet, source = Puppet(), Catalogue(pool(), service("a"))
    stage = await perform([source], electors=[puppet])
    await puppet.grant(ALLOCATE)
    puppet.failure.set()
    await wait_all_tasks_blocked()
    assert stage.state.authority is ADOPT
    await trio.sleep(5)
    assert puppet.runs == 2
    assert stage.state.failures == {"elector puppet": "OSError: no such Lease"}
    await puppet.grant(ALLOCATE)
    assert stage.state.authority is ALLOCATE
    await stage.end()


async def test_a_reporter_sees_the_state_its_facts_and_what_is_announced(
    autojump_clock, perform
) -> None:
    onlooker, source = Onlooker(), Catalogue(pool(), *ADS, service("a"))
    shower = Shower("l2", Spread.ONE_NODE)
    stage = await perform([source], [shower], reporters=[onlooker])
    view = onlooker.view
    assert view.node == "n1"
    assert view.state.value is stage.state
    assert view.since(stage.state.position - 1)[-1].position == stage.state.position
    assert set(view.projections) == {Spread.ONE_NODE}
    assert set(view.projections[Spread.ONE_NODE].value.parts) == {A}
    await stage.end()


async def test_who_starts_from_memory_answers_only_when_it_knows_who_else_lives(
    autojump_clock, perform, log
) -> None:
    state = record(log, State(), Authorized(FOLLOW))
    fellow, me = Sourced(Node("n2", addresses=("10.0.0.2",))), Sourced(Node("n1"))
    mine = claimed("a", "192.0.2.0")
    state = record(log, state, Listing("kubernetes", (pool(), *ADS, me, fellow, mine)))
    routes, answers = Shower("bgp", Spread.EVERY_NODE), Shower("l2", Spread.ONE_NODE)
    watcher = Watcher()
    stage = await perform(
        [Teller("kubernetes")], [routes, answers], detectors=[watcher], authority=FOLLOW
    )
    await trio.sleep(1)
    assert routes.prefixes == {"192.0.2.0/32"}, "a route harms nobody"
    assert not answers.shown
    await watcher.observe(Listing("watcher", (Sourced(NodeReachability("n2", reachable=False)),)))
    await wait_all_tasks_blocked()
    assert answers.prefixes == {"192.0.2.0/32"}
    await stage.end()


async def test_a_detector_that_finds_nothing_out_does_not_keep_a_node_silent(
    autojump_clock, perform, log
) -> None:
    fellow, me = Sourced(Node("n2", addresses=("10.0.0.2",))), Sourced(Node("n1"))
    record(log, State(), Listing("files", (pool(), *ADS, me, fellow)))
    answers = Shower("l2", Spread.ONE_NODE)
    stage = await perform([Teller("files")], [answers], detectors=[Watcher()])
    await trio.sleep(4)
    assert not answers.shown
    await trio.sleep(2)
    assert answers.shown
    await stage.end()


async def test_who_announces_nothing_needs_no_node_document(
    autojump_clock, perform, caplog
) -> None:
    stage = await perform([Catalogue(pool(), Sourced(Node("n2")))], electors=[Puppet()])
    await trio.sleep(60)
    assert "describes n1" not in caplog.text
    await stage.end()
