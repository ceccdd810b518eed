"""The writer: durable before acknowledged, in groups, and stopped by nothing."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest
import trio
from ledger.examples import CODEC
from ledger.worlds import FailingLog, FakeHost, pool, record, service
from proclaim.errors import LedgerDamaged, LedgerError
from proclaim.fold import fold
from proclaim.ledger import Ledger, decode, record_now, replay
from proclaim.log import Event, MemoryLog, rows
from proclaim.model import (
    Authority,
    Authorized,
    Change,
    Listing,
    Noun,
    PluginFailed,
    Ref,
    Sourced,
    service_ref,
)
from proclaim.sqlite_log import SQLiteLog
from proclaim.state import State
from proclaim.verify import verify
from trio.testing import wait_all_tasks_blocked


@pytest.fixture
def log():
    return FailingLog()


@pytest.fixture
async def ledger(log, nursery, autojump_clock):
    made = Ledger(log, CODEC, FakeHost())
    await made.replay()
    nursery.start_soon(made.write)
    return made


FIRST = Listing("files", (pool(), service("a")))


async def test_what_observe_returned_for_is_stored(autojump_clock, ledger, log) -> None:
    await ledger.observe(Authorized(Authority.ALLOCATE))
    await ledger.observe(FIRST)
    assert log.head() == ledger.state.value.position
    assert ledger.state.value.holdings[service_ref("default", "a")].addresses == ("192.0.2.0",)
    assert replay(log, CODEC) == ledger.state.value
    assert verify(log, CODEC).problems == ()


async def test_what_is_known_already_stores_nothing(autojump_clock, ledger, log) -> None:
    await ledger.observe(FIRST)
    before = ledger.state.value
    await ledger.observe(FIRST)
    assert ledger.state.value is before
    assert log.attempts == 1


async def test_an_observations_facts_and_decisions_are_one_transaction(
    autojump_clock, ledger, log
) -> None:
    await ledger.observe(Authorized(Authority.ALLOCATE))
    await ledger.observe(FIRST)
    items = decode(CODEC, list(rows(log)))
    assert [item.transaction for item in items] == [1, *[2] * (len(items) - 1)]
    assert log.batches == [1, len(items) - 1]


async def test_what_queues_up_while_the_log_writes_is_stored_together(
    autojump_clock, ledger, log
) -> None:
    log.error = "database or disk is full"
    async with trio.open_nursery() as nursery:
        nursery.start_soon(ledger.observe, Authorized(Authority.ALLOCATE))
        await wait_all_tasks_blocked()
        for name in "abcdef":
            nursery.start_soon(ledger.observe, Change(f"source-{name}", (service(name),)))
        await wait_all_tasks_blocked()
        log.error = ""
    assert len(log.batches) == 2
    items = decode(CODEC, list(rows(log)))
    assert len({item.transaction for item in items}) == 7, "each keeps a number of its own"
    assert verify(log, CODEC).problems == ()


async def test_a_group_has_a_largest_size(autojump_clock, ledger, log, monkeypatch) -> None:
    monkeypatch.setattr("proclaim.ledger.LARGEST_BATCH", 2)
    log.error = "x"
    async with trio.open_nursery() as nursery:
        for name in "abcde":
            nursery.start_soon(ledger.observe, PluginFailed(name, "x"))
        await wait_all_tasks_blocked()
        log.error = ""
    assert max(log.batches) <= 2
    assert sum(log.batches) == 5


class Strange(Noun, frozen=True):
    """A resource of a kind that no plugin offers."""

    name: str

    @property
    def ref(self) -> Ref:
        return Ref("Strange", "", self.name)


async def test_a_bad_observation_is_refused_alone(autojump_clock, ledger, log) -> None:
    log.error = "x"
    async with trio.open_nursery() as nursery:
        nursery.start_soon(ledger.observe, PluginFailed("holds the writer up", "x"))
        await wait_all_tasks_blocked()
        refused: list[str] = []

        async def bad(observation) -> None:
            with pytest.raises(LedgerError, match="could not be decided") as caught:
                await ledger.observe(observation)
            refused.append(str(caught.value))

        nursery.start_soon(ledger.observe, Change("files", (service("a"),)))
        nursery.start_soon(bad, Change("files", (service("z"), Sourced(Strange("s")))))
        nursery.start_soon(bad, Change("files", ("no resource",)))
        nursery.start_soon(ledger.observe, Change("files", (service("b"),)))
        await wait_all_tasks_blocked()
        log.error = ""
    assert len(refused) == 2
    assert {ref.name for ref in ledger.state.value.of_kind("Service")} == {"a", "b"}
    await ledger.observe(Change("files", (service("c"),)))
    assert replay(log, CODEC) == ledger.state.value
    assert verify(log, CODEC).problems == ()


async def test_a_full_disk_delays_and_changes_nothing_until_it_has_room(
    autojump_clock, ledger, log, caplog, nursery
) -> None:
    await ledger.observe(FIRST)
    before = ledger.state.value
    log.error = "database or disk is full"
    done = trio.Event()

    async def observe() -> None:
        await ledger.observe(Change("files", (service("b"),)))
        done.set()

    nursery.start_soon(observe)
    await trio.sleep(30)
    assert not done.is_set()
    assert ledger.state.value is before
    assert "disk is full" in ledger.failing.value
    assert caplog.text.count("announcements stay as they are") == 1, "said once, not each second"
    log.error = ""
    await done.wait()
    assert ledger.failing.value == ""
    assert "can be written again" in caplog.text
    assert ledger.state.value.service(service_ref("default", "b")) is not None
    assert replay(log, CODEC) == ledger.state.value


async def test_those_who_follow_learn_that_the_log_fails(
    autojump_clock, ledger, log, nursery
) -> None:
    heard: list[str] = []

    async def follow() -> None:
        async for text in ledger.failing.changes():
            heard.append(text)  # noqa: PERF401 - it never ends

    nursery.start_soon(follow)
    await wait_all_tasks_blocked()
    log.error = "disk I/O error"
    nursery.start_soon(ledger.observe, FIRST)
    await trio.sleep(5)
    log.error = ""
    await trio.sleep(5)
    assert [bool(text) for text in heard] == [False, True, False]


async def test_an_observer_that_was_cancelled_disturbs_nobody(autojump_clock, ledger, log) -> None:
    log.error = "x"
    with trio.move_on_after(3):
        await ledger.observe(FIRST)
    with trio.move_on_after(3):
        await ledger.observe(Change("files", (service("never sent"),)))
    log.error = ""
    await ledger.observe(Change("files", (service("b"),)))
    names = {ref.name for ref in ledger.state.value.of_kind("Service")}
    assert names == {"a", "b"}, "what the writer had taken is stored, what it had not is not"
    assert replay(log, CODEC) == ledger.state.value


async def test_a_writer_that_was_cancelled_leaves_log_and_state_equal(autojump_clock) -> None:
    log = FailingLog()
    ledger = Ledger(log, CODEC, FakeHost())
    for at in range(5):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(ledger.write)
            await ledger.observe(Change("files", (service(f"s{at}"),)))
            log.error = "x" if at % 2 else ""
            nursery.start_soon(ledger.observe, Change("files", (service(f"t{at}"),)))
            await trio.sleep(at / 2)
            nursery.cancel_scope.cancel()
        log.error = ""
        assert replay(log, CODEC) == ledger.state.value


async def test_another_writer_in_the_same_log_is_noticed(log, autojump_clock) -> None:
    ledger = Ledger(log, CODEC, FakeHost())
    await ledger.replay()
    record(log, State(), PluginFailed("someone else", "x"))
    damaged = pytest.RaisesExc(LedgerDamaged, match="another process writes to it")
    with pytest.RaisesGroup(damaged):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(ledger.write)
            await ledger.observe(FIRST)


# --- following by changes -------------------------------------------------------------------------


async def test_since_gives_exactly_the_facts_between(autojump_clock, ledger) -> None:
    start = ledger.state.value
    await ledger.observe(Authorized(Authority.ALLOCATE))
    middle = ledger.state.value
    await ledger.observe(FIRST)
    end = ledger.state.value
    assert ledger.since(end.position) == ()
    assert fold(start, ledger.since(start.position)) == end
    assert fold(middle, ledger.since(middle.position)) == end
    assert [item.position for item in ledger.since(middle.position)] == list(
        range(middle.position + 1, end.position + 1)
    )


async def test_since_says_when_it_no_longer_knows(
    log, nursery, autojump_clock, monkeypatch
) -> None:
    monkeypatch.setattr("proclaim.ledger.REMEMBERED", 10)
    ledger = Ledger(log, CODEC, FakeHost())
    nursery.start_soon(ledger.write)
    for at in range(20):
        await ledger.observe(PluginFailed("x", str(at)))
    assert ledger.since(0) is None
    assert ledger.since(9) is None
    assert [item.position for item in ledger.since(10)] == list(range(11, 21))
    assert [item.position for item in ledger.since(19)] == [20]


async def test_since_knows_nothing_from_before_the_start(log, autojump_clock) -> None:
    record(log, State(), FIRST)
    ledger = Ledger(log, CODEC, FakeHost())
    await ledger.replay()
    assert ledger.since(0) is None
    assert ledger.since(log.head()) == ()


# --- replay ---------------------------------------------------------------------------------------


def test_replay_crosses_pages(monkeypatch) -> None:
    monkeypatch.setattr("proclaim.ledger.PAGE", 3)
    log, state, states = MemoryLog(), State(), []
    for at in range(9):
        state = record(log, state, PluginFailed("task", str(at)))
        states.append(state)
    assert replay(log, CODEC) == state
    for until, then in enumerate(states, start=1):
        assert replay(log, CODEC, until=until) == then
    assert replay(log, CODEC, until=0) == State()
    assert replay(log, CODEC, until=-5) == State()
    assert replay(log, CODEC, until=99) == state


async def test_damage_is_named_by_its_position(autojump_clock) -> None:
    log = MemoryLog()
    state = record(log, State(), FIRST)
    topic, stored = next(row[1:] for row in rows(log) if b"default" in row.stored)
    log.append([Event(topic, stored.replace(b"default", b"defect."))])
    ledger = Ledger(log, CODEC, FakeHost())
    wanted = rf"position {state.position + 1}: {topic}: the checksum does not match"
    with pytest.raises(LedgerDamaged, match=wanted):
        await ledger.replay()
    assert verify(log, CODEC).problems != ()
    assert replay(log, CODEC, until=state.position) == state


@pytest.mark.parametrize("lost", [1, 2, 5])
def test_a_fact_that_was_taken_out_is_named_by_its_position(tmp_path, lost) -> None:
    log = SQLiteLog(f"sqlite://{tmp_path / 'x.db'}", "me", read_only=False)
    state = record(log, State(), Authorized(Authority.ALLOCATE))
    state = record(log, state, FIRST)
    record(log, state, Change("files", (), (service_ref("default", "a"),)))
    log.close()
    with closing(sqlite3.connect(tmp_path / "x.db")) as connection:
        connection.execute("DELETE FROM stored_events WHERE rowid = ?", (lost,))
        connection.commit()
    log = SQLiteLog(f"sqlite://{tmp_path / 'x.db'}", "me", read_only=True)
    with pytest.raises(LedgerDamaged, match=f"position {lost} is missing"):
        replay(log, CODEC)
    assert verify(log, CODEC).problems == (f"position {lost} is missing",)
    log.close()


def test_verify_notices_a_fact_without_its_decisions() -> None:
    log, torn = MemoryLog(), MemoryLog()
    state = record(log, State(), Authorized(Authority.ALLOCATE))
    record(log, state, FIRST)
    torn.append([Event(row.topic, row.stored) for row in list(rows(log))[:-1]])
    assert verify(log, CODEC).problems == ()
    assert "nothing is recorded" in verify(torn, CODEC).problems[0]


def test_commands_record_at_once() -> None:
    from proclaim.decide import decide

    log = MemoryLog()
    decided = decide(State(), FIRST, 1.5)
    record_now(log, CODEC, State(), decided, 1.5)
    assert replay(log, CODEC) == decided.state
    record_now(log, CODEC, decided.state, decide(decided.state, FIRST, 2.5), 2.5)
    assert log.head() == decided.state.position
