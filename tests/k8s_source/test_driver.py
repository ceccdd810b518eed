"""What one driver makes of the answers to its requests."""

from __future__ import annotations

from contextlib import asynccontextmanager, contextmanager

import trio
from proclaim_k8s_source.access.api import Response
from proclaim_k8s_source.watch.driver import Driver
from proclaim_k8s_source.watch.kinds import Scope, watched
from trio.testing import wait_all_tasks_blocked

NOTHING = Response(200, b'{"metadata": {"resourceVersion": "1"}, "items": []}')
POOLS = next(
    each for each in watched(Scope("metallb-system", "n1")) if each.kind == "IPAddressPool"
)


class Late:
    """An API server and its contact: others are answered just when the list has come."""

    def __init__(self):
        self.contact = self

    @contextmanager
    def hoping(self):
        with trio.CancelScope() as self._hope:
            yield self._hope

    async def wait_restored(self):
        await trio.sleep_forever()

    async def request(self, *_):
        self._hope.cancel()
        return NOTHING

    @asynccontextmanager
    async def stream(self, *_):
        await trio.sleep_forever()
        yield


class Follower:
    """Takes its time over a list."""

    def __init__(self):
        self.told = []

    async def completed(self, _, pages):
        await trio.lowlevel.checkpoint()
        self.told.append(pages)

    def recovered(self, _):
        pass


async def test_a_list_that_has_come_is_told_though_others_are_answered_as_well(nursery):
    follower = Follower()
    nursery.start_soon(Driver(Late(), POOLS, follower, 500, lambda: 1.0).run)
    await wait_all_tasks_blocked()
    assert follower.told == [((),)]
