"""`crew`: tasks that are restarted when they raise, and leave together.

A member that raises is named, observed and run again after a pause that grows
while it keeps failing.  Leaving the `async with` block cancels the members and
waits for their goodbyes, which each bounds by itself.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from random import Random
from typing import TypeAlias

import trio

from proclaim.errors import ProclaimError
from proclaim.hookspecs import Observe
from proclaim.model import Observation, PluginFailed

_LOG = logging.getLogger("proclaim.supervise")

FIRST_PAUSE_SECONDS = 0.5
LONGEST_PAUSE_SECONDS = 60.0
STEADY_SECONDS = 60.0
"""A member that ran this long before it raised starts again with the first pause."""

Run: TypeAlias = Callable[[], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Member:
    """A task of a crew."""

    name: str
    run: Run


class Failures:
    """How often each task has failed since the start.

    The ledger has a failure that goes on only once; whoever watches wants every one.
    """

    def __init__(self, observe: Observe) -> None:
        self.counts: Counter[str] = Counter()
        """By task."""
        self._observe = observe

    async def observe(self, observation: Observation) -> None:
        """Count a failure, and have it recorded."""
        if isinstance(observation, PluginFailed):
            self.counts[observation.task] += 1
        await self._observe(observation)


@asynccontextmanager
async def crew(members: Sequence[Member], observe: Observe, random: Random) -> AsyncIterator[None]:
    """Run the members, supervised, while the block runs; end them when it ends."""
    async with trio.open_nursery() as nursery:
        for member in members:
            nursery.start_soon(_supervise, member, observe, random, name=member.name)
        yield
        nursery.cancel_scope.cancel()


async def _supervise(member: Member, observe: Observe, random: Random) -> None:
    pause = FIRST_PAUSE_SECONDS
    while True:
        started = trio.current_time()
        try:
            await member.run()
            return
        except Exception as error:  # noqa: BLE001 - whatever a plugin raises is named here
            text, hint = describe(error), hint_of(error)
        except BaseExceptionGroup as group:  # it was cancelled, and its goodbye failed as well
            failures, others = group.split(Exception)
            if failures is not None:
                _LOG.error("%s failed as it left: %s", member.name, describe(failures))
            if others is not None:
                raise others from None
            return
        if trio.current_time() - started > STEADY_SECONDS:
            pause = FIRST_PAUSE_SECONDS
        _LOG.error("%s failed and starts again in %.1f s: %s%s", member.name, pause, text, hint)
        _LOG.debug("%s failed", member.name, exc_info=True)
        async with trio.open_nursery() as nursery:
            # The ledger may be what is slow; the pause must not wait for it.
            nursery.start_soon(_tell, observe, PluginFailed(member.name, text))
            await trio.sleep(pause * random.uniform(0.8, 1.2))
            nursery.cancel_scope.cancel()
        pause = min(pause * 2, LONGEST_PAUSE_SECONDS)


async def _tell(observe: Observe, failed: PluginFailed) -> None:
    try:
        await observe(failed)
    except Exception as error:  # noqa: BLE001 - it was logged already; history is a courtesy
        _LOG.error("the failure of %s was not recorded: %s", failed.task, describe(error))


def describe(error: BaseException) -> str:
    """An exception as one line; a group as its first member."""
    error = _first(error)
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def hint_of(error: BaseException) -> str:
    """What to do about an exception, as the end of a line; empty when nobody says."""
    error = _first(error)
    return f"; {error.hint}" if isinstance(error, ProclaimError) and error.hint else ""


def _first(error: BaseException) -> BaseException:
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error
