"""The newest value wins, and nobody is behind or woken for nothing."""

from __future__ import annotations

import trio
from proclaim import Latest
from trio.testing import wait_all_tasks_blocked


async def test_a_follower_begins_with_the_present_value_and_skips_what_was_overtaken(
    nursery,
) -> None:
    latest = Latest(0)
    heard: list[int] = []

    async def follow() -> None:
        async for value in latest.changes():
            heard.append(value)  # noqa: PERF401 - it never ends

    nursery.start_soon(follow)
    await wait_all_tasks_blocked()
    latest.set(1)
    latest.set(2)
    await wait_all_tasks_blocked()
    latest.set(3)
    await wait_all_tasks_blocked()
    assert heard == [0, 2, 3]
    assert latest.value == 3


async def test_the_same_object_wakes_nobody_and_an_equal_one_does(nursery) -> None:
    first, equal = [1], [1]
    latest = Latest(first)
    heard: list[int] = []

    async def follow() -> None:
        async for value in latest.changes():
            heard.append(id(value))  # noqa: PERF401 - it never ends

    nursery.start_soon(follow)
    await wait_all_tasks_blocked()
    latest.set(first)
    await wait_all_tasks_blocked()
    latest.set(equal)
    await wait_all_tasks_blocked()
    assert heard == [id(first), id(equal)]


async def test_followers_do_not_starve_others() -> None:
    latest = Latest(0)
    with trio.move_on_after(5) as scope:
        async for value in latest.changes():
            latest.set(value + 1)
            if value == 50:
                scope.cancel()
    assert 50 <= latest.value <= 52


async def test_many_followers_all_hear_the_last_value(nursery) -> None:
    latest = Latest(0)
    last = [0] * 20

    async def follow(at: int) -> None:
        async for value in latest.changes():
            last[at] = value
            for _ in range(at % 3):
                await trio.lowlevel.checkpoint()

    for at in range(20):
        nursery.start_soon(follow, at)
    for value in range(1, 50):
        latest.set(value)
        if value % 7 == 0:
            await trio.lowlevel.checkpoint()
    await wait_all_tasks_blocked()
    assert set(last) == {49}
