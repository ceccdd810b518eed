"""Crews: restarted with patience, named when they fail, and gone in bounded time."""

from __future__ import annotations

from itertools import pairwise
from random import Random

import pytest
import trio
from proclaim.errors import ProclaimError
from proclaim.model import PluginFailed
from proclaim.supervise import (
    LONGEST_PAUSE_SECONDS,
    STEADY_SECONDS,
    Failures,
    Member,
    crew,
    describe,
)
from trio.testing import wait_all_tasks_blocked


class Observer:
    def __init__(self) -> None:
        self.heard: list[PluginFailed] = []

    async def __call__(self, observation) -> None:
        await trio.lowlevel.checkpoint()
        self.heard.append(observation)


async def test_a_member_that_raises_is_run_again_after_growing_pauses(autojump_clock) -> None:
    starts: list[float] = []

    async def run() -> None:
        starts.append(trio.current_time())
        raise OSError("no route")

    observer = Observer()
    async with crew([Member("announcer x", run)], observer, Random(1)):
        await trio.sleep(600)
    pauses = [later - earlier for earlier, later in pairwise(starts)]
    assert 0.4 <= pauses[0] <= 0.6
    assert pauses[3] > 4 * pauses[0]
    assert max(pauses) <= LONGEST_PAUSE_SECONDS * 1.2
    assert len(starts) < 25, "it does not spin"
    assert set(observer.heard) == {PluginFailed("announcer x", "OSError: no route")}
    assert len(observer.heard) == len(starts)


async def test_each_failure_is_counted_also_when_it_says_the_same(autojump_clock) -> None:
    async def run() -> None:
        raise OSError("no route")

    observer = Observer()
    failures = Failures(observer)
    async with crew([Member("announcer x", run)], failures.observe, Random(1)):
        await trio.sleep(60)
    assert failures.counts == {"announcer x": len(observer.heard)}
    assert len(observer.heard) > 3


async def test_a_member_that_was_steady_starts_again_soon(autojump_clock) -> None:
    starts: list[float] = []

    async def run() -> None:
        starts.append(trio.current_time())
        await trio.sleep(STEADY_SECONDS + 1)
        raise OSError

    async with crew([Member("x", run)], Observer(), Random(1)):
        await trio.sleep(400)
    gaps = [later - earlier for earlier, later in pairwise(starts)]
    assert max(gaps) < STEADY_SECONDS + 2


async def test_one_member_that_raises_leaves_the_others_alone(autojump_clock) -> None:
    lives = 0

    async def bad() -> None:
        raise ValueError("bad")

    async def good() -> None:
        nonlocal lives
        lives += 1
        await trio.sleep_forever()

    async with crew([Member("bad", bad), Member("good", good)], Observer(), Random(1)):
        await trio.sleep(100)
    assert lives == 1


async def test_a_member_that_returns_is_done(autojump_clock) -> None:
    runs = 0

    async def run() -> None:
        nonlocal runs
        runs += 1

    async with crew([Member("x", run)], Observer(), Random(1)):
        await trio.sleep(10)
    assert runs == 1


async def test_a_ledger_that_hangs_or_refuses_does_not_keep_a_member_down(autojump_clock) -> None:
    starts = {"hanging": 0, "refusing": 0}

    def failing(name):
        async def run() -> None:
            starts[name] += 1
            raise OSError

        return Member(name, run)

    async def hang(_) -> None:
        await trio.sleep_forever()

    async def refuse(_) -> None:
        raise RuntimeError("no ledger")

    async with (
        crew([failing("hanging")], hang, Random(1)),
        crew([failing("refusing")], refuse, Random(1)),
    ):
        await trio.sleep(20)
    assert starts["hanging"] > 3
    assert starts["refusing"] > 3


async def test_leaving_waits_for_goodbyes_and_all_say_theirs_at_once(autojump_clock) -> None:
    said: list[float] = []

    async def run() -> None:
        try:
            await trio.sleep_forever()
        finally:
            with trio.CancelScope(shield=True), trio.move_on_after(3):
                await trio.sleep(2)
                said.append(trio.current_time())

    async with crew([Member(name, run) for name in "abc"], Observer(), Random(1)):
        await trio.sleep(5)
    assert said == [7, 7, 7]


async def test_a_goodbye_that_bounds_itself_is_not_waited_for_longer(autojump_clock) -> None:
    async def run() -> None:
        try:
            await trio.sleep_forever()
        finally:
            with trio.CancelScope(shield=True, deadline=trio.current_time() + 3):
                await trio.sleep_forever()

    async with crew([Member("x", run)], Observer(), Random(1)):
        await trio.sleep(5)
    assert trio.current_time() == 8


@pytest.mark.parametrize("grouped", [False, True])
async def test_a_goodbye_that_raises_disturbs_nobody(autojump_clock, caplog, grouped) -> None:
    said: list[str] = []

    async def good() -> None:
        try:
            await trio.sleep_forever()
        finally:
            said.append("good")

    async def bad() -> None:
        if not grouped:
            try:
                await trio.sleep_forever()
            finally:
                raise OSError("cannot withdraw")
        async with trio.open_nursery() as nursery:
            nursery.start_soon(trio.sleep_forever)
            try:
                await trio.sleep_forever()
            finally:
                raise OSError("cannot withdraw")

    async with crew([Member("bad", bad), Member("good", good)], Observer(), Random(1)):
        await wait_all_tasks_blocked()
    assert said == ["good"]
    assert "bad failed" in caplog.text
    assert "cannot withdraw" in caplog.text


async def test_what_raises_inside_the_block_ends_the_crew(autojump_clock) -> None:
    ended = trio.Event()

    async def run() -> None:
        try:
            await trio.sleep_forever()
        finally:
            ended.set()

    with pytest.RaisesGroup(ValueError):
        async with crew([Member("x", run)], Observer(), Random(1)):
            await wait_all_tasks_blocked()
            raise ValueError
    assert ended.is_set()


def test_an_error_is_described_in_one_line() -> None:
    assert describe(OSError("no route")) == "OSError: no route"
    assert describe(ValueError()) == "ValueError"
    assert describe(ExceptionGroup("x", [ExceptionGroup("y", [KeyError("z")])])) == "KeyError: 'z'"
    assert "\n" not in describe(ValueError("two\nlines"))


async def test_what_to_do_about_a_failure_is_logged_with_it(autojump_clock, caplog) -> None:
    async def run() -> None:
        raise ProclaimError("another one runs as well", "stop it first")

    observer = Observer()
    async with crew([Member("source a", run)], observer, Random(1)):
        await trio.sleep(0.2)
    (record,) = caplog.records
    assert record.getMessage().endswith("another one runs as well; stop it first")
    assert [each.error for each in observer.heard] == ["ProclaimError: another one runs as well"]
