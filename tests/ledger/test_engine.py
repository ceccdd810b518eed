"""The engine with fake sources and announcers: who hears what, and who leaves when."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest
import trio
from ledger.examples import CODEC
from ledger.worlds import FailingLog, FakeHost, pool, record, service
from proclaim import Latest, Observe, Spread, Wanted
from proclaim.engine import Cast, run
from proclaim.errors import LedgerDamaged
from proclaim.ledger import Ledger, decode, replay
from proclaim.log import rows
from proclaim.model import (
    Authority,
    Authorized,
    BGPAdvertisement,
    BGPPeer,
    Change,
    L2Advertisement,
    Listing,
    Node,
    NodeReachability,
    PeerStatus,
    PluginFailed,
    Sourced,
    service_ref,
)
from proclaim.project import project
from proclaim.reality import running_announcers
from proclaim.state import State
from proclaim.verify import verify
from trio.testing import wait_all_tasks_blocked

ADS = (Sourced(BGPAdvertisement("bgp")), Sourced(L2Advertisement("l2")))
PEER = Sourced(BGPPeer("tor", 64512, peer_asn=64513))


class Teller:
    """A source that says what it is told to, when it is told."""

    def __init__(self, name: str, diary: list[str] | None = None) -> None:
        self.name = name
        self.observe: Observe | None = None
        self.started = trio.Event()
        self._diary = diary if diary is not None else []

    async def run(self, observe: Observe) -> None:
        self.observe = observe
        self.started.set()
        try:
            await trio.sleep_forever()
        finally:
            self._diary.append(f"{self.name} leaves")

    async def say(self, observation) -> None:
        await self.started.wait()
        await self.observe(observation)


class Shower:
    """An announcer that shows what it wants, and notes how often it was told."""

    def __init__(self, name: str, spread: Spread, diary: list[str] | None = None) -> None:
        self.name, self.spread = name, spread
        self.shown: list[Wanted] = []
        self.failures = 0
        self._diary = diary if diary is not None else []

    async def run(self, wanted: Latest[Wanted], observe: Observe) -> None:
        if self.failures:
            self.failures -= 1
            raise OSError(f"{self.name} has no socket")
        try:
            async for now in wanted.changes():
                self.shown.append(now)
        finally:
            with trio.CancelScope(shield=True, deadline=trio.current_time() + 3):
                await trio.sleep(1)
                await observe(PeerStatus_gone(self.name))
                self._diary.append(f"{self.name} leaves")

    @property
    def prefixes(self) -> set[str]:
        return {announcement.prefix for announcement in self.shown[-1]}


def PeerStatus_gone(name: str) -> Change:
    return Change(f"announcer-{name}", (Sourced(PeerStatus("n1", name, state="Idle")),))


class Stage:
    """A running engine."""

    def __init__(self, log, sources, announcers, authority=Authority.ALLOCATE, **others) -> None:
        self.log = log
        self.ledger = Ledger(log, CODEC, FakeHost())
        self.cast = Cast(sources, announcers, **others)
        self.shutdown = trio.Event()
        self.gone = trio.Event()
        self._authority = authority

    async def play(self) -> None:
        await self.ledger.replay()
        await run(
            self.ledger, self.cast, FakeHost(), Authorized(self._authority), self.shutdown.wait
        )
        self.gone.set()

    @property
    def state(self) -> State:
        return self.ledger.state.value

    async def end(self) -> None:
        self.shutdown.set()
        await self.gone.wait()


@pytest.fixture
def log():
    return FailingLog()


@pytest.fixture
async def perform(nursery, log) -> Callable[..., Awaitable[Stage]]:
    async def start(sources, announcers=(), **more) -> Stage:
        stage = Stage(log, sources, announcers, **more)
        nursery.start_soon(stage.play)
        await wait_all_tasks_blocked()
        return stage

    return start


async def test_nothing_is_allocated_before_every_source_has_listed(
    autojump_clock, perform, log
) -> None:
    files, k8s = Teller("files"), Teller("k8s")
    stage = await perform([files, k8s])
    await files.say(Listing("files", (pool(), service("a"))))
    await trio.sleep(60)
    assert not stage.state.holdings
    assert stage.state.authority is Authority.ADOPT
    await k8s.say(Change("k8s", (service("b"),)))
    await trio.sleep(60)
    assert not stage.state.holdings, "a change is no listing"
    await k8s.say(Listing("k8s", (service("b"),)))
    await wait_all_tasks_blocked()
    assert set(stage.state.holdings) == {service_ref("default", "a"), service_ref("default", "b")}
    await stage.end()
    assert verify(log, CODEC).problems == ()


async def test_a_restart_keeps_what_was_held_while_sources_are_still_silent(
    autojump_clock, perform, log
) -> None:
    state = record(log, State(), Authorized(Authority.ALLOCATE))
    state = record(log, state, Listing("files", (pool(), *ADS, service("z"))))
    held = state.holdings
    shower = Shower("l2", Spread.ONE_NODE)
    files = Teller("files")
    stage = await perform([files], [shower])
    await trio.sleep(3600)
    assert stage.state.holdings == held
    assert shower.prefixes == {"192.0.2.0/32"}
    await files.say(Listing("files", (pool(), *ADS, service("a"), service("z"))))
    await wait_all_tasks_blocked()
    assert stage.state.holdings[service_ref("default", "z")].addresses == ("192.0.2.0",)
    assert shower.prefixes == {"192.0.2.0/32", "192.0.2.1/32"}
    await stage.end()


async def test_without_sources_nothing_is_waited_for(autojump_clock, perform) -> None:
    stage = await perform([])
    assert stage.state.authority is Authority.ALLOCATE
    await stage.end()


async def test_what_is_wanted_is_complete_when_every_source_was_heard_and_decided_on(
    autojump_clock, perform, log
) -> None:
    """End-of-RIB depends on it: at it a peer forgets what an earlier process told it."""
    files, k8s, shower = Teller("files"), Teller("k8s"), Shower("bgp", Spread.EVERY_NODE)
    stage = await perform([files, k8s], [shower])
    claimed = service("b", status_addresses=("192.0.2.5",))
    await files.say(Listing("files", (pool(), *ADS, PEER, claimed)))
    await wait_all_tasks_blocked()
    assert (shower.prefixes, shower.shown[-1].complete) == ({"192.0.2.5/32"}, False)
    await k8s.say(Listing("k8s", (service("a"),)))
    await wait_all_tasks_blocked()
    assert [shown.complete for shown in shower.shown] == sorted(
        shown.complete for shown in shower.shown
    )
    complete = [shown for shown in shower.shown if shown.complete]
    assert {each.prefix for each in complete[0]} == {"192.0.2.5/32", "192.0.2.0/32"}
    await stage.end()
    again = Shower("bgp", Spread.EVERY_NODE)
    stage = await perform([Teller("files"), Teller("k8s")], [again])
    assert stage.state.authority is Authority.ADOPT
    assert {shown.complete for shown in again.shown} == {True}, "the ledger knows"
    await stage.end()
    third = Shower("bgp", Spread.EVERY_NODE)
    stage = await perform([Teller("files"), Teller("new")], [third])
    assert not third.shown[-1].complete, "a source that was never heard"
    await stage.end()


async def test_what_a_follower_wants_is_complete_with_the_listing(autojump_clock, perform) -> None:
    k8s, shower = Teller("k8s"), Shower("bgp", Spread.EVERY_NODE)
    stage = await perform([k8s], [shower], authority=Authority.FOLLOW)
    assert not shower.shown[-1].complete
    claimed = service("b", status_addresses=("192.0.2.5",))
    await k8s.say(Listing("k8s", (pool(), *ADS, PEER, claimed)))
    await wait_all_tasks_blocked()
    complete = [shown for shown in shower.shown if shown.complete]
    assert {each.prefix for each in complete[0]} == {"192.0.2.5/32"}
    await stage.end()


async def test_a_follower_never_allocates(autojump_clock, perform) -> None:
    files = Teller("files")
    stage = await perform([files], authority=Authority.FOLLOW)
    claimed = service("b", status_addresses=("192.0.2.5",))
    await files.say(Listing("files", (pool(), service("a"), claimed)))
    await wait_all_tasks_blocked()
    assert {ref.name: held.addresses for ref, held in stage.state.holdings.items()} == {
        "b": ("192.0.2.5",)
    }
    await stage.end()


async def test_wanted_sets_follow_what_is_stored(autojump_clock, perform) -> None:
    files = Teller("files")
    routes, answers = Shower("bgp", Spread.EVERY_NODE), Shower("l2", Spread.ONE_NODE)
    stage = await perform([files], [routes, answers])
    assert [list(shown) for shown in routes.shown] == [[]], "at first an empty set"
    await files.say(Listing("files", (pool(), *ADS, PEER, service("a"), service("b"))))
    await wait_all_tasks_blocked()
    assert routes.prefixes == answers.prefixes == {"192.0.2.0/32", "192.0.2.1/32"}
    assert [peer.name for peer in routes.shown[-1].peers] == ["tor"]
    assert answers.shown[-1].peers == ()
    for change in (
        Change("files", (service("c"),)),
        Change("files", (), (service_ref("default", "a"),)),
        Change("files", (Sourced(Node("n1", network_unavailable=True)),)),
        Change("files", (Sourced(Node("n1")), Sourced(Node("n2")))),
        Change("files", (), (ADS[0].resource.ref,)),
    ):
        await files.say(change)
        await wait_all_tasks_blocked()
        for shower in (routes, answers):
            expected = project(stage.state, "n1", shower.spread).announcements
            assert shower.shown[-1].announcements == expected, change
    await stage.end()


async def test_what_changes_nothing_wakes_no_announcer(autojump_clock, perform) -> None:
    files = Teller("files")
    shower = Shower("bgp", Spread.EVERY_NODE)
    stage = await perform([files], [shower])
    await files.say(Listing("files", (pool(), *ADS, PEER, service("a"))))
    await wait_all_tasks_blocked()
    told = len(shower.shown)
    for at in range(5):
        await files.say(Change("files", (Sourced(PeerStatus("n1", "tor", received_prefixes=at)),)))
        await wait_all_tasks_blocked()
    assert len(shower.shown) == told
    await stage.end()


async def test_sources_leave_first_then_announcers_then_the_ledger(
    autojump_clock, perform, log
) -> None:
    diary: list[str] = []
    sources = [Teller("files", diary), Teller("k8s", diary)]
    announcers = [Shower("bgp", Spread.EVERY_NODE, diary), Shower("l2", Spread.ONE_NODE, diary)]
    stage = await perform(sources, announcers)
    await stage.end()
    assert set(diary[:2]) == {"files leaves", "k8s leaves"}
    assert set(diary[2:]) == {"bgp leaves", "l2 leaves"}
    last = [item.fact.source for item in decode(CODEC, list(rows(log)))[-4:]]
    assert set(last[:2]) == {"announcer-bgp", "announcer-l2"}, "what they said last is stored"
    assert last[2:] == ["engine", "engine"], "and after it that they run no longer"


async def test_an_announcer_that_raises_is_run_again_and_named_in_history(
    autojump_clock, perform, log
) -> None:
    files = Teller("files")
    bad, good = Shower("bad", Spread.EVERY_NODE), Shower("good", Spread.EVERY_NODE)
    bad.failures = 2
    stage = await perform([files], [bad, good])
    await files.say(Listing("files", (pool(), *ADS, service("a"))))
    await wait_all_tasks_blocked()
    assert good.prefixes == {"192.0.2.0/32"}
    assert bad.shown == []
    await trio.sleep(10)
    assert bad.prefixes == {"192.0.2.0/32"}, "it is told everything when it is back"
    assert stage.state.failures == {"announcer bad": "OSError: bad has no socket"}
    failed = [
        item for item in decode(CODEC, list(rows(log))) if type(item.fact).__name__ == "TaskFailed"
    ]
    assert len(failed) == 1, "the same failure is one fact"
    await stage.end()


async def test_a_full_disk_leaves_announced_what_is_announced(autojump_clock, perform, log) -> None:
    files = Teller("files")
    shower = Shower("l2", Spread.ONE_NODE)
    stage = await perform([files], [shower])
    await files.say(Listing("files", (pool(), *ADS, service("a"))))
    await wait_all_tasks_blocked()
    log.error = "database or disk is full"
    with trio.move_on_after(100):
        await files.say(Listing("files", (pool(), *ADS)))
    assert shower.prefixes == {"192.0.2.0/32"}
    assert stage.ledger.failing.value
    log.error = ""
    await trio.sleep(5)
    assert shower.prefixes == set(), "it catches up by itself"
    await stage.end()


async def test_a_restart_on_a_full_disk_announces_what_it_remembers(
    autojump_clock, perform, log
) -> None:
    state = record(log, State(), Authorized(Authority.ALLOCATE))
    record(log, state, Listing("files", (pool(), *ADS, service("a"))))
    log.error = "database or disk is full"
    shower = Shower("l2", Spread.ONE_NODE)
    files = Teller("files")
    stage = await perform([files], [shower])
    await trio.sleep(100)
    assert shower.prefixes == {"192.0.2.0/32"}
    assert not files.started.is_set(), "nothing is observed before it can be stored"
    log.error = ""
    await files.say(Listing("files", (pool(), *ADS, service("a"), service("b"))))
    await wait_all_tasks_blocked()
    assert shower.prefixes == {"192.0.2.0/32", "192.0.2.1/32"}
    await stage.end()
    assert replay(log, CODEC) == stage.state


async def test_shutting_down_on_a_full_disk_ends_in_bounded_time(
    autojump_clock, perform, log
) -> None:
    shower = Shower("l2", Spread.ONE_NODE)
    stage = await perform([Teller("files")], [shower])
    log.error = "database or disk is full"
    before = trio.current_time()
    await stage.end()
    assert trio.current_time() - before < 10


async def test_another_writer_ends_the_engine(autojump_clock, log) -> None:
    stage = Stage(log, [Teller("files")], [Shower("l2", Spread.ONE_NODE)])
    damaged = pytest.RaisesExc(LedgerDamaged, match="another process")
    with pytest.RaisesGroup(damaged, flatten_subgroups=True):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(stage.play)
            await wait_all_tasks_blocked()
            record(log, stage.state, PluginFailed("someone else", "x"))
            await stage.ledger.observe(PluginFailed("me", "x"))


async def test_unpinned_addresses_are_warned_about_once(autojump_clock, perform, caplog) -> None:
    files = Teller("files")
    stage = await perform([files], [Shower("l2", Spread.ONE_NODE)])
    nodes = (Sourced(Node("n1")), Sourced(Node("n2")))
    many = tuple(service(f"s{at}") for at in range(5))
    await files.say(Listing("files", (pool(), *nodes, *many)))
    await trio.sleep(60)
    warned = [each.getMessage() for each in caplog.records if "not pinned" in each.getMessage()]
    assert len(warned) == 1
    assert warned[0].startswith("default/s0, default/s1, default/s2 and 2 more: ")
    assert "n2" in warned[0]
    await files.say(Change("files", (Sourced(PeerStatus("n1", "tor")),)))
    await trio.sleep(60)
    assert caplog.text.count("not pinned") == 1
    await stage.end()


async def test_pinned_addresses_are_not_warned_about(autojump_clock, perform, caplog) -> None:
    files = Teller("files")
    stage = await perform([files], [Shower("l2", Spread.ONE_NODE)])
    pinned = service("a", requested_addresses=("192.0.2.1",))
    await files.say(Listing("files", (pool(), Sourced(Node("n2")), pinned)))
    await trio.sleep(60)
    assert "not pinned" not in caplog.text
    await stage.end()


@pytest.mark.parametrize("authority", [Authority.ALLOCATE, Authority.FOLLOW])
async def test_a_node_that_no_document_describes_is_warned_about(
    autojump_clock, log, caplog, authority
) -> None:
    files = Teller("files")
    stage = Stage(log, [files], [Shower("l2", Spread.ONE_NODE)], authority)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(stage.play)
        await files.say(Listing("files", (pool(), service("a"))))
        await trio.sleep(60)
        assert "describes n1" not in caplog.text
        await files.say(Change("files", tuple(Sourced(Node(f"m{at}")) for at in range(4))))
        await trio.sleep(60)
        assert "describes n1, so nothing is announced from here" in caplog.text
        assert "m0, m1, m2 and 1 more" in caplog.text
        await files.say(Change("files", (Sourced(Node("n1")),)))
        await trio.sleep(60)
        await stage.end()
    assert caplog.text.count("describes n1") == 1


async def test_what_is_wrong_or_doubtful_is_told_while_a_node_runs(
    autojump_clock, perform, caplog
) -> None:
    files, k8s = Teller("files"), Teller("k8s")
    stage = await perform([files, k8s])
    await files.say(Listing("files", (pool(), service("a"))))
    await trio.sleep(60)
    assert "[PoolNotAdvertised]" not in caplog.text, "the advertisement may still come"
    await k8s.say(Listing("k8s"))
    await trio.sleep(60)
    assert caplog.text.count("[PoolNotAdvertised]") == 1
    await stage.end()
    caplog.clear()
    again = await perform([files])
    await trio.sleep(60)
    assert "[PoolNotAdvertised]" not in caplog.text, "what the ledger says may be over"
    await again.end()


async def test_what_an_earlier_run_found_out_about_fellows_is_void(
    autojump_clock, perform, log
) -> None:
    stage = await perform([])
    lost = Sourced(NodeReachability("n2", reachable=False))
    await stage.ledger.observe(Listing("heartbeat", (lost,)))
    assert stage.state.of_kind("NodeReachability")
    await stage.end()
    again = await perform([])
    assert not again.state.of_kind("NodeReachability"), "nobody watches any more"
    await again.end()


async def test_the_ledger_knows_who_announces_and_when_nobody_does_any_more(
    autojump_clock, perform, log
) -> None:
    stage = await perform([], [Shower("l2", Spread.ONE_NODE)])
    assert running_announcers(stage.state, "n1", Spread.ONE_NODE) == {"l2"}
    assert running_announcers(stage.state, "n1", Spread.EVERY_NODE) == frozenset()
    assert running_announcers(stage.state, "n2", Spread.ONE_NODE) is None
    await stage.end()
    assert running_announcers(stage.state, "n1", Spread.ONE_NODE) == frozenset()
