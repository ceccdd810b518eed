"""A checkpoint saves time and nothing else."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import msgspec
import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st
from ledger.examples import CODEC, facts
from ledger.worlds import FakeHost, KeepingLog, histories, pool, record, service
from proclaim import checkpoint
from proclaim.builtin import KINDS
from proclaim.checkpoint import decode, digest, encode, seal, unseal
from proclaim.codec import Codec
from proclaim.errors import LedgerError
from proclaim.kinds import Kind
from proclaim.ledger import Ledger, replay, resume
from proclaim.log import Event, MemoryLog
from proclaim.model import Authority, Authorized, Change, Listing, Noun, Ref, Service
from proclaim.sqlite_log import SQLiteLog
from proclaim.state import State
from proclaim.steps import finish, ordered


def small() -> KeepingLog:
    log = KeepingLog()
    state = record(log, State(), Authorized(Authority.ALLOCATE))
    state = record(log, state, Listing("files", (pool(), service("a"), service("b"))))
    record(log, state, Change("files", (service("c"),)))
    return log


def keep(log: KeepingLog, state: State) -> None:
    log.save_checkpoint(state.position, seal(encode(state, CODEC)))


# --- the bytes ------------------------------------------------------------------------------------


@given(histories)
def test_a_state_comes_back_as_it_was(history) -> None:
    log, state = MemoryLog(), State()
    for observation in history:
        state = record(log, state, observation)
        assert decode(encode(state, CODEC), CODEC) == state


@given(histories)
def test_equal_states_are_equal_bytes_however_they_came_about(history) -> None:
    log, state = MemoryLog(), State()
    for observation in history:
        state = record(log, state, observation)
    assert encode(replay(log, CODEC), CODEC) == encode(state, CODEC)
    assert encode(decode(encode(state, CODEC), CODEC), CODEC) == encode(state, CODEC)
    assert digest(replay(log, CODEC), CODEC) == digest(state, CODEC)


@given(st.lists(st.integers() | st.integers(0, 5), max_size=2000))
def test_sorting_in_small_steps_is_sorting(items) -> None:
    assert finish(ordered(items)) == sorted(items)


def test_sorting_in_small_steps_pauses_often() -> None:
    assert sum(1 for _ in ordered(range(10_000, 0, -1))) > 100


def test_encoding_in_small_steps_pauses_often() -> None:
    log = MemoryLog()
    state = record(log, State(), Listing("files", tuple(service(f"s{n}") for n in range(1000))))
    assert sum(1 for _ in checkpoint.encoding(state, CODEC)) > 20


@given(st.binary(max_size=300))
def test_junk_is_no_checkpoint(junk) -> None:
    assert unseal(junk) is None
    assert decode(junk, CODEC) is None


def test_every_flipped_bit_and_every_truncation_is_noticed() -> None:
    sealed = seal(encode(replay(small(), CODEC), CODEC))
    assert unseal(sealed) is not None
    for at in range(len(sealed)):
        damaged = bytearray(sealed)
        damaged[at] ^= 1 << (at % 8)
        assert unseal(bytes(damaged)) is None
        assert unseal(sealed[:at]) is None


def test_another_format_is_discarded() -> None:
    state = replay(small(), CODEC)
    stored = msgspec.json.decode(encode(state, CODEC))
    assert decode(msgspec.json.encode(stored), CODEC) == state
    for other in ({**stored, "format": 1}, {**stored, "format": "1"}, {"format": 1}, [], None):
        assert decode(msgspec.json.encode(other), CODEC) is None


class Lease(Noun, frozen=True):
    name: str

    @property
    def ref(self) -> Ref:
        return Ref("Lease", "", self.name)


def test_another_set_of_kinds_is_discarded() -> None:
    encoded = encode(replay(small(), CODEC), CODEC)
    newer = Kind("Service", Service, 2, {1: lambda fact: fact})
    assert decode(encoded, Codec([*KINDS, Kind("Lease", Lease)])) is None
    assert decode(encoded, Codec(KINDS[1:])) is None
    assert decode(encoded, Codec([newer, *KINDS[1:]])) is None


# --- beginning with one ---------------------------------------------------------------------------


@given(histories, st.data())
def test_a_restart_from_any_checkpoint_is_a_restart_from_the_start(history, data) -> None:
    log, state, states = KeepingLog(), State(), [State()]
    for observation in history:
        state = record(log, state, observation)
        states.append(state)
    keep(log, data.draw(st.sampled_from(states)))
    assert replay(log, CODEC) == replay(log, CODEC, from_start=True) == state
    for earlier in states:
        assert replay(log, CODEC, until=earlier.position) == earlier


def test_a_sound_checkpoint_is_used() -> None:
    log = small()
    state = replay(log, CODEC)
    keep(log, state)
    assert resume(log, CODEC) == state
    assert resume(log, CODEC, until=state.position) == state
    assert resume(log, CODEC, until=state.position - 1) == State()


def test_a_checkpoint_spares_reading_what_is_before_it() -> None:
    log = small()
    keep(log, replay(log, CODEC))
    record(log, replay(log, CODEC), Change("files", (service("d"),)))
    expected = replay(log, CODEC, from_start=True)
    read = []

    class Watched(KeepingLog):
        checkpoint = log.checkpoint

        def __init__(self) -> None:
            """Reads through the other log."""

        def read(self, after: int, limit: int):
            read.append((after, limit))
            return log.read(after, limit)

    assert replay(Watched(), CODEC) == expected
    assert min(after for after, _ in read) > 1


DAMAGE = {
    "empty": lambda _: b"",
    "junk": lambda _: b"\xff" * 5000,
    "cut": lambda sealed: sealed[: len(sealed) // 2],
    "flipped": lambda sealed: sealed[:100] + bytes([sealed[100] ^ 1]) + sealed[101:],
    "sealed junk": lambda _: seal(b"junk"),
    "sealed half": lambda sealed: seal(sealed[32 : len(sealed) // 2]),
}


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE.keys())
def test_damage_in_a_checkpoint_is_harmless(damage) -> None:
    log = small()
    state = replay(log, CODEC)
    log.save_checkpoint(state.position, damage(seal(encode(state, CODEC))))
    assert resume(log, CODEC) == State()
    assert replay(log, CODEC) == state


def test_a_checkpoint_newer_than_the_head_is_discarded() -> None:
    log, longer = small(), small()
    keep(log, record(longer, replay(longer, CODEC), Change("files", (service("z"),))))
    assert replay(log, CODEC) == replay(small(), CODEC)


def test_a_checkpoint_of_another_ledger_is_discarded() -> None:
    log, other = small(), KeepingLog()
    state = record(other, State(), Listing("files", (pool(), service("x"), service("y"))), 7.0)
    state = record(other, state, Authorized(Authority.ALLOCATE), 7.0)
    assert state.position <= log.head()
    keep(log, state)
    assert replay(log, CODEC) == replay(small(), CODEC)


def test_a_log_that_cannot_give_its_checkpoint_is_read_from_the_start() -> None:
    class Mute(KeepingLog):
        def load_checkpoint(self) -> bytes | None:
            raise LedgerError("the ledger cannot read its checkpoint: disk I/O error")

    log = Mute()
    state = record(log, State(), Listing("files", (pool(), service("a"))))
    assert replay(log, CODEC) == state


def test_a_ledger_from_before_there_were_checkpoints_is_read_from_the_start(tmp_path) -> None:
    url = f"sqlite://{tmp_path / 'ledger.db'}"
    log = SQLiteLog(url, "me", read_only=False)
    state = record(log, State(), Listing("files", (pool(), service("a"))))
    log.close()
    with closing(sqlite3.connect(tmp_path / "ledger.db")) as connection:
        connection.execute("DROP TABLE checkpoint")
        connection.commit()
    log = SQLiteLog(url, "reader", read_only=True)
    assert replay(log, CODEC) == state
    log.close()


@given(st.lists(facts, min_size=1, max_size=5))
def test_any_fact_is_kept_apart_from_its_effect(kept) -> None:
    """Whatever was stored last, a checkpoint of nothing is never mistaken for it."""
    log = KeepingLog()
    log.append([Event(*CODEC.encode(fact, 1.5, 1)) for fact in kept])
    keep(log, State())
    assert resume(log, CODEC) == State()


# --- saving one -----------------------------------------------------------------------------------


async def test_a_checkpoint_is_saved_now_and_then_and_at_the_end(
    nursery, autojump_clock, monkeypatch
) -> None:
    monkeypatch.setattr("proclaim.ledger.CHECKPOINT_EVERY", 10)
    log = KeepingLog()
    ledger = Ledger(log, CODEC, FakeHost())
    nursery.start_soon(ledger.write)
    nursery.start_soon(ledger.keep_checkpoints)
    await ledger.observe(Authorized(Authority.ALLOCATE))
    for at in range(12):
        await ledger.observe(Change("files", (service(f"s{at}"),)))
        await trio.testing.wait_all_tasks_blocked()
    assert log.saves
    assert all(
        later - earlier >= 10 for earlier, later in zip(log.saves, log.saves[1:], strict=False)
    )
    await ledger.observe(Change("files", (service("last"),)))
    nursery.cancel_scope.cancel()
    with trio.CancelScope(shield=True):
        await trio.testing.wait_all_tasks_blocked()
    assert log.saves[-1] == log.head()
    assert resume(log, CODEC) == replay(log, CODEC, from_start=True) == ledger.state.value


async def test_a_checkpoint_that_cannot_be_saved_stops_nothing(
    nursery, autojump_clock, monkeypatch, caplog
) -> None:
    monkeypatch.setattr("proclaim.ledger.CHECKPOINT_EVERY", 2)

    class Full(KeepingLog):
        def save_checkpoint(self, position: int, saved: bytes) -> None:
            raise LedgerError("the ledger cannot keep a checkpoint: database or disk is full")

    log = Full()
    ledger = Ledger(log, CODEC, FakeHost())
    nursery.start_soon(ledger.write)
    nursery.start_soon(ledger.keep_checkpoints)
    for at in range(6):
        await ledger.observe(Change("files", (service(f"s{at}"),)))
    assert log.head() >= 6
    assert "no checkpoint was saved" in caplog.text
    nursery.cancel_scope.cancel()


@pytest.mark.slow
async def test_a_restart_on_a_file_begins_with_its_checkpoint(tmp_path) -> None:
    url = f"sqlite://{tmp_path / 'ledger.db'}"
    log = SQLiteLog(url, "me", read_only=False)
    ledger = Ledger(log, CODEC, FakeHost())
    async with trio.open_nursery() as nursery:
        nursery.start_soon(ledger.write)
        nursery.start_soon(ledger.keep_checkpoints)
        await ledger.observe(Listing("files", (pool(), service("a"), service("b"))))
        nursery.cancel_scope.cancel()
    log.close()
    again = SQLiteLog(url, "me", read_only=False)
    assert resume(again, CODEC) == ledger.state.value
    with_it = Ledger(again, CODEC, FakeHost())
    await with_it.replay()
    assert digest(with_it.state.value, CODEC) == digest(
        replay(again, CODEC, from_start=True), CODEC
    )
    again.close()
