"""Carries out what `Work` says is due: the workers that every writer shares.

A worker asks what has to be written for one key, and writes it.  What the
server refuses because it has moved on is left until its change is seen; what
it cannot do now is tried again later.  Nothing is told twice in the log.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Iterable
from math import inf
from random import Random

import trio
from proclaim import Ref

from proclaim_k8s_source.access.api import Contact, Refused, Unreachable
from proclaim_k8s_source.access.contact import UNAVAILABLE
from proclaim_k8s_source.reporter.bars import Barred, Bars, about
from proclaim_k8s_source.reporter.documents import definition
from proclaim_k8s_source.reporter.work import Work
from proclaim_k8s_source.steps import PAUSE_EVERY

log = logging.getLogger("proclaim.kubernetes")

_MOVED_ON = (404, 409)
_BUSY = (401, 429, 500, 502, 503, 504)
"""A token that has expired is soon another one."""
_REFUSED_PAUSE = 60.0
_NOT_READY = "not yet ready to handle request"
"""What a server that is starting says with 403, until its admission knows what it has to."""
_LOOK_AGAIN = 10.0
"""When to look again at what had moved on, should its change never be seen."""


class Desk:
    """Some workers, and the keys that they have to look at."""

    def __init__(
        self,
        write: Callable[[Ref], Awaitable[None]],
        contact: Contact,
        random: Random,
        workers: int,
    ) -> None:
        """`write` makes the server equal to what is wanted for one key.

        It may raise Refused and Unreachable.
        """
        self.work: Work[Ref] = Work()
        self._write = write
        self._contact = contact
        self._random = random
        self._workers = workers
        self._idle = trio.lowlevel.ParkingLot()
        self._waiting_for_idle = trio.lowlevel.ParkingLot()
        self._told: dict[Ref, str] = {}
        self._unanswered: dict[Ref, None] = {}
        """What could not be written because the server was away."""
        self._bars = Bars()

    def add(self, keys: Iterable[Ref], urgent: bool = False) -> None:
        """Have some keys looked at."""
        self.work.add(keys, urgent)
        self._wake()

    def postpone(self, key: Ref, until: float) -> None:
        """Have a key looked at at some time (of trio's clock)."""
        self.work.postpone(key, until)
        self._wake()

    async def wait_idle(self) -> None:
        """Wait until no key waits for a worker."""
        while not self.work.idle:
            await self._waiting_for_idle.park()

    async def run(self) -> None:
        """Work until cancelled."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._go_on)
            for _ in range(self._workers):
                nursery.start_soon(self._work)

    async def _go_on(self) -> None:
        """Whenever the server is back, try again what it did not answer."""
        while True:
            await self._contact.wait_restored()
            unanswered, self._unanswered = self._unanswered, {}
            self.add(unanswered)

    async def _work(self) -> None:
        looked = 0
        while True:
            key = self.work.take(trio.current_time())
            if key is None:
                self._waiting_for_idle.unpark_all()
                deadline = self.work.deadline()
                with trio.move_on_at(inf if deadline is None else deadline):
                    await self._idle.park()
                continue
            if not self.work.idle:
                self._wake()
            await self._carry_out(key)
            looked += 1
            if looked % PAUSE_EVERY == 0:  # where nothing is to be written, nothing is waited for
                await trio.lowlevel.checkpoint()

    async def _carry_out(self, key: Ref) -> None:
        now = trio.current_time()
        until = self._bars.hold(key, now)
        if until is not None:
            self.work.done(key)
            if until < inf:
                self.work.postpone(key, until)
            await trio.lowlevel.checkpoint()
            return
        try:
            await self._write(key)
        except Barred as barred:
            self._barred(key, barred)
        except Refused as refused:
            self._lift(key)
            self._refused(key, refused, now)
        except Unreachable as error:
            self._unanswered[key] = None
            self._failed(key, str(error), now)
        except BaseException:
            self.work.done(key)
            raise
        else:
            self._told.pop(key, None)
            self._unanswered.pop(key, None)
            self.work.done(key)
            self._lift(key)

    def _barred(self, key: Ref, barred: Barred) -> None:
        stretch = self._random.uniform(0.8, 1.2)
        until, fresh = self._bars.refuse(key, trio.current_time(), stretch)
        self.work.done(key)
        self.work.postpone(key, until)
        if fresh:
            hint = f"; apply {definition(key.kind)}" if barred.undefined else ""
            log.error(
                "no %s can be written: %s%s; tried again now and then", about(key), barred, hint
            )

    def _lift(self, key: Ref) -> None:
        waited = self._bars.lift(key)
        if waited is not None:
            log.info("%s can be written again", about(key))
            self.work.add(waited)

    def _refused(self, key: Ref, refused: Refused, now: float) -> None:
        if refused.status in _MOVED_ON:
            self.work.done(key)
            self.work.postpone(key, now + _LOOK_AGAIN)
        elif refused.status in _BUSY or _NOT_READY in refused.said.message:
            if refused.status in UNAVAILABLE:
                self._unanswered[key] = None
            self._failed(key, str(refused), now)
        else:
            self._failed(key, str(refused), now, _REFUSED_PAUSE)

    def _failed(self, key: Ref, why: str, now: float, at_least: float = 0.0) -> None:
        stretch = self._random.uniform(0.8, 1.2)
        pause = self.work.failed(key, now, stretch, at_least)
        if self._told.get(key) != why:
            self._told[key] = why
            log.warning("%s is not written, next try in %.1f s: %s", key, pause, why)

    def _wake(self) -> None:
        """Have one idle worker look, who wakes the next when there is more to do."""
        self._idle.unpark()
