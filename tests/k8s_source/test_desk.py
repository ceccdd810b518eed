"""What a desk makes of refusals: when each key is tried again."""

from __future__ import annotations

from itertools import pairwise
from random import Random

import pytest
import trio
from proclaim import Ref
from proclaim_k8s_source.access.api import Refused, Response, Unreachable
from proclaim_k8s_source.access.contact import Contact
from proclaim_k8s_source.reporter.desk import Desk

WEB = Ref("Service", "shop", "web")


async def tries(nursery, status, times=4):
    """When a key was tried that is refused so many times."""
    at: list[float] = []

    async def write(key):
        at.append(trio.current_time())
        await trio.lowlevel.checkpoint()
        if len(at) < times:
            raise Refused("PATCH /x", Response(status))

    desk = Desk(write, Contact(), Random(1), 2)
    nursery.start_soon(desk.run)
    desk.add([WEB])
    await trio.sleep(600)
    return [each - at[0] for each in at]


@pytest.mark.parametrize("status", [401, 429, 500, 503])
async def test_what_passes_is_tried_again_soon(nursery, autojump_clock, status):
    at = await tries(nursery, status)
    assert len(at) == 4
    assert at[-1] < 5


@pytest.mark.parametrize("status", [403, 422])
async def test_what_is_wrong_with_one_object_is_tried_again_each_minute(
    nursery, autojump_clock, status
):
    at = await tries(nursery, status)
    assert len(at) == 4
    assert all(later - before >= 60 for before, later in pairwise(at))


async def test_what_has_moved_on_is_looked_at_again_in_case_nobody_says_so(nursery, autojump_clock):
    at = await tries(nursery, 409)
    assert at == [0, 10, 20, 30]


async def test_what_was_not_answered_is_written_as_soon_as_the_server_is_back(
    nursery, autojump_clock
):
    contact, away, written = Contact(), True, []

    async def write(key):
        await trio.lowlevel.checkpoint()
        if away:
            contact.failed()
            raise Unreachable("nobody answers")
        written.append(trio.current_time())

    desk = Desk(write, contact, Random(1), 2)
    nursery.start_soon(desk.run)
    desk.add([WEB])
    await trio.sleep(290)
    away, back = False, trio.current_time()
    contact.answered(200)
    await trio.sleep(0.01)
    assert written == [back]


async def test_every_worker_takes_part_in_what_comes_at_once_or_falls_due(nursery, autojump_clock):
    now, most = 0, 0

    async def write(key):
        nonlocal now, most
        now += 1
        most = max(most, now)
        await trio.sleep(1)
        now -= 1

    desk = Desk(write, Contact(), Random(1), 4)
    nursery.start_soon(desk.run)
    await trio.sleep(1)
    desk.add([WEB._replace(name=f"web-{at}") for at in range(8)])
    await trio.sleep(5)
    assert most == 4
    most = 0
    for at in range(8):
        desk.postpone(WEB._replace(name=f"web-{at}"), trio.current_time() + 10)
    await trio.sleep(13)
    assert (most, now) == (4, 0)


async def test_others_have_their_turn_while_there_is_nothing_to_write(nursery, autojump_clock):
    turns, looked = 0, 0

    async def write(key):
        nonlocal looked
        looked += 1

    async def other():
        nonlocal turns
        while looked < 1000:
            turns += 1
            await trio.lowlevel.checkpoint()

    desk = Desk(write, Contact(), Random(1), 1)
    desk.add([WEB._replace(name=f"web-{at}") for at in range(1000)])
    nursery.start_soon(other)
    nursery.start_soon(desk.run)
    await desk.wait_idle()
    assert looked == 1000
    assert turns > 30
