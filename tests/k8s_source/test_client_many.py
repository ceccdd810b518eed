"""The client with many watches, and with answers that take long to come."""

from __future__ import annotations

from contextlib import AsyncExitStack, asynccontextmanager

import pytest
import trio
from k8s_source.web import Reply, serving
from proclaim_k8s_source.access.api import Unreachable
from proclaim_k8s_source.access.client import open_client
from proclaim_k8s_source.access.value import Access

WATCHES = 90
"""As many as a node has that has a password for each of 80 peers."""


@asynccontextmanager
async def talking(answer):
    async with serving(answer) as server, open_client(Access(server.url, "a test"), "n1") as client:
        yield client


async def quiet():
    yield b"{}\n"
    await trio.sleep_forever()


def slowly(pause, times):
    async def pieces():
        for _ in range(times):
            await trio.sleep(pause)
            yield b"x"

    async def answer(seen):
        return Reply(body=b"", rest=pieces)

    return answer


async def test_many_watches_leave_room_for_requests():
    async def answer(seen):
        return Reply(body=b"", rest=quiet) if "watch" in seen.target else Reply()

    async with talking(answer) as client, AsyncExitStack() as open_ones:
        for _ in range(WATCHES):
            pieces = await open_ones.enter_async_context(client.stream("/w", [("watch", "1")]))
            await anext(pieces)
        with trio.fail_after(5):
            assert (await client.request("GET", "/x")).ok


async def test_an_answer_that_keeps_coming_is_waited_for():
    async with talking(slowly(0.03, 6)) as client:
        client.answer_seconds = 0.12
        found = await client.request("GET", "/list")
    assert found.body == b"x" * 6


async def test_an_answer_that_never_ends_is_given_up():
    async with talking(slowly(0.01, 10_000)) as client:
        client.answer_seconds = 0.03
        with pytest.raises(Unreachable, match="no answer came within"), trio.fail_after(3):
            await client.request("GET", "/list")
