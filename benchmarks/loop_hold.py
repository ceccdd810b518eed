"""The longest time that the loop is held while 10,000 Services are listed for the first time.

The real engine runs on a file, with two announcers.  A probe takes turns with
every other task and notes the longest time between two of its turns; on a bare
loop the same probe gives the yardstick.  Where other processes share the
machine the gaps are theirs as well, so each task's longest turn is also given
in processor time, which is only its own.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from dataclasses import dataclass, field

import trio
from proclaim import Latest, Observe, Spread, SystemHost, Wanted
from proclaim.engine import Cast, run
from proclaim.ledger import Ledger
from proclaim.model import Authority, Authorized, Change, Listing
from proclaim.sqlite_log import SQLiteLog
from scenes import CODEC, NODE, listing, service, show

SERVICES = 10_000
ROUNDS = 3


@dataclass
class Probe:
    """Notes the gaps between its turns, in seconds."""

    gaps: list[float] = field(default_factory=list)

    async def run(self) -> None:
        before = time.perf_counter()
        while True:
            await trio.lowlevel.checkpoint()
            now = time.perf_counter()
            self.gaps.append(now - before)
            before = now

    @property
    def longest(self) -> float:
        return max(self.gaps)


class Turns(trio.abc.Instrument):
    """Notes the longest turn of each task in processor time, to name who held the loop."""

    def __init__(self) -> None:
        self.longest: dict[str, float] = {}
        self._started = time.thread_time()

    def before_task_step(self, task: trio.lowlevel.Task) -> None:
        self._started = time.thread_time()

    def after_task_step(self, task: trio.lowlevel.Task) -> None:
        took = time.thread_time() - self._started
        if took > self.longest.get(task.name, 0.0):
            self.longest[task.name] = took


class Once:
    """A source with one listing and one change."""

    name = "files"

    def __init__(self, first: Listing) -> None:
        self._first = first
        self.done = trio.Event()

    async def run(self, observe: Observe) -> None:
        await observe(self._first)
        await observe(Change("files", (service(7, 8080),)))
        self.done.set()
        await trio.sleep_forever()


@dataclass
class Looker:
    """An announcer that looks at what it should announce."""

    name: str
    spread: Spread
    complete: trio.Event = field(default_factory=trio.Event)

    async def run(self, wanted: Latest[Wanted], observe: Observe) -> None:
        async for now in wanted.changes():
            if len(now.announcements) == SERVICES:
                self.complete.set()


async def hold(folder: str, first: Listing, turns: Turns) -> tuple[float, float]:
    """The longest gap of a whole run, and its duration."""
    log = SQLiteLog(f"sqlite://{folder}/ledger.db", NODE, read_only=False)
    host = SystemHost(NODE)
    ledger = Ledger(log, CODEC, host)
    source = Once(first)
    lookers = [Looker(spread.value, spread) for spread in Spread]
    probe = Probe()
    trio.lowlevel.add_instrument(turns)
    started = time.perf_counter()

    async def finished() -> None:
        await source.done.wait()
        for looker in lookers:
            await looker.complete.wait()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(probe.run, name="probe")
        await run(ledger, Cast([source], lookers), host, Authorized(Authority.ALLOCATE), finished)
        nursery.cancel_scope.cancel()
    trio.lowlevel.remove_instrument(turns)
    log.close()
    return probe.longest, time.perf_counter() - started


async def bare(duration: float) -> float:
    """The longest gap on a loop with nothing else to do."""
    probe = Probe()
    with trio.move_on_after(duration):
        await probe.run()
    return probe.longest


def main() -> None:
    first = listing(SERVICES)
    turns = Turns()
    held, idle, took = [], [], []
    for _ in range(ROUNDS):
        with tempfile.TemporaryDirectory() as folder:
            longest, duration = trio.run(hold, folder, first, turns)
        held.append(longest)
        took.append(duration)
        idle.append(trio.run(bare, duration))
    yardstick = statistics.median(idle)
    show("a bare loop, longest gap", f"{yardstick * 1000:.2f} ms")
    median = statistics.median(held)
    show(
        "first listing, longest gap",
        f"{median * 1000:.2f} ms",
        median / yardstick,
        "the gap of a bare loop",
    )
    show("first listing, whole run", f"{statistics.median(took) * 1000:.0f} ms")
    for name, longest in sorted(turns.longest.items(), key=lambda pair: -pair[1])[:8]:
        show(f"  longest turn of {name}"[:44], f"{longest * 1000:.2f} ms")


if __name__ == "__main__":
    main()
