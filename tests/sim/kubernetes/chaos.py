"""What goes wrong: the seed draws which faults there are, and how hard they hit."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, fields
from random import Random

import trio
from apiserver.faults import Faults

from sim.kubernetes.cluster import Cluster, SimProcess

LATEST_SECONDS = 60.0
"""How late a process that is blind hears of what happens."""

Happening = Callable[[], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Profile:
    """How bad one world is."""

    refused: float
    lost: float
    throttled: float
    failed: float
    latency: float
    expired: float
    watch_seconds: float
    silent: float
    watch_delay: float
    late: float
    page_size: int
    away: float
    """How long an outage, or a process that is down, lasts at most, in seconds."""

    @property
    def lag(self) -> float:
        """How late a process may learn of a change, in seconds."""
        loses = self.refused or self.lost or self.throttled or self.failed
        again = 150.0 if loses else 20.0
        silence = 700.0 if self.silent else 0.0
        blind = 2 * LATEST_SECONDS if self.away else 0.0
        late = 12 * self.latency + self.watch_delay + silence + blind
        return 10 + again + late + 3 * max(self.away, 40 if self.away else 0)

    def faults(self, seed: int) -> Faults:
        """As one process meets them."""
        return Faults(
            seed=seed,
            refused=self.refused,
            lost=self.lost,
            throttled=self.throttled,
            failed=self.failed,
            latency=(0.0, self.latency),
            expired=self.expired,
            watch_seconds=self.watch_seconds,
            silent=self.silent,
            watch_delay=(0.0, self.watch_delay),
        )


def draw(dice: Random) -> Profile:
    """A world, somewhere between a good one and a very bad one."""
    return Profile(
        refused=dice.choice((0, 0, 0.03, 0.2)),
        lost=dice.choice((0, 0, 0.03, 0.2)),
        throttled=dice.choice((0, 0, 0.1)),
        failed=dice.choice((0, 0, 0.05, 0.2)),
        latency=dice.choice((0.01, 0.01, 0.3, 3.0)),
        expired=dice.choice((0, 0, 0.1, 0.5)),
        watch_seconds=dice.choice((0, 0, 8, 60)),
        silent=dice.choice((0, 0, 0.3)),
        watch_delay=dice.choice((0, 0, 0.5, 4.0)),
        late=dice.choice((0, 0.5)),
        page_size=dice.choice((1, 3, 250)),
        away=dice.choice((0, 10, 40, 120)),
    )


class Chaos:
    """Makes things go wrong, and heals them."""

    def __init__(self, cluster: Cluster, profile: Profile, dice: Random) -> None:
        self._cluster = cluster
        self._profile = profile
        self._dice = dice
        self._delay = profile.watch_delay
        self._over = False
        every: list[Happening] = [self.compact, self.restart_server, self.restart]
        if profile.away:
            every += [self.outage, self.partition, self.die, self.leave, self.lose_ledger]
            every += [self.depose, self.blind]
        self._happenings = dice.sample(every, dice.randint(0, len(every)))

    def begin(self) -> None:
        """Have everybody meet faults from now on."""
        self._cluster.late = self._profile.late
        for each in self._cluster.everyone:
            each.faults = self._profile.faults(self._dice.getrandbits(32))
            each.page_size = self._profile.page_size

    async def happen(self) -> None:
        """Let one thing go wrong, unless this world has none of it."""
        if self._happenings:
            await self._dice.choice(self._happenings)()

    async def heal(self) -> None:
        """Nothing goes wrong any more, and everybody runs."""
        self._over = True
        self._cluster.late = self._delay = 0.0
        for each in self._cluster.everyone:
            _heal(each.faults)
        for each in self._cluster.everyone:
            if not each.alive:
                await each.start()

    # --- what happens --------------------------------------------------------------------------

    async def compact(self) -> None:
        self._cluster.server.compact()

    async def restart_server(self) -> None:
        self._cluster.server.restart()

    async def outage(self) -> None:
        """Nobody reaches the server for a while."""
        self._part(self._cluster.everyone, self._dice.uniform(0, self._profile.away))

    async def partition(self) -> None:
        """One process does not."""
        self._part([self._any()], self._dice.uniform(0, self._profile.away))

    async def depose(self) -> None:
        """The leader does not soon, for longer than its Lease lasts, and the other is blind."""
        now = trio.current_time()
        for each in self._cluster.controllers:
            if now < each.leads_until():
                self._cluster.nursery.start_soon(self._depose, each, self._dice.uniform(0, 20))
            else:
                self._blind(each)

    async def _depose(self, leader: SimProcess, seconds: float) -> None:
        await trio.sleep(seconds)
        if not self._over:
            self._part([leader], 30.0)

    async def blind(self) -> None:
        """A process hears late of what happens."""
        self._blind(self._any())

    async def restart(self) -> None:
        process = self._any()
        if process.alive:
            await process.kill()
        await process.start()

    async def die(self) -> None:
        """Be killed, and come back later."""
        process = self._any()
        if process.alive:
            await process.kill()
            self._later(process)

    async def leave(self) -> None:
        """End in good order, and come back later."""
        process = self._any()
        if process.alive:
            await process.stop()
            self._later(process)

    async def lose_ledger(self) -> None:
        """A controller starts with nothing."""
        process = self._dice.choice(self._cluster.controllers)
        if process.alive:
            await process.kill()
        process.forget()
        await process.start()

    # -------------------------------------------------------------------------------------------

    def _any(self) -> SimProcess:
        return self._dice.choice(self._cluster.everyone)

    def _blind(self, process: SimProcess) -> None:
        process.faults.watch_delay = (LATEST_SECONDS / 2, LATEST_SECONDS)
        self._cluster.nursery.start_soon(self._see_again, process)

    async def _see_again(self, process: SimProcess) -> None:
        await trio.sleep(LATEST_SECONDS)
        process.faults.watch_delay = (0.0, self._delay)

    def _part(self, processes: list[SimProcess], seconds: float) -> None:
        for each in processes:
            each.faults.down = True
            if each.connection is not None:
                each.connection.cut()
        self._cluster.nursery.start_soon(self._rejoin, processes, seconds)

    async def _rejoin(self, processes: list[SimProcess], seconds: float) -> None:
        await trio.sleep(seconds)
        for each in processes:
            each.faults.down = False

    def _later(self, process: SimProcess) -> None:
        seconds = self._dice.uniform(0, self._profile.away)
        self._cluster.nursery.start_soon(self._return, process, process.lives, seconds)

    async def _return(self, process: SimProcess, lives: int, seconds: float) -> None:
        await trio.sleep(seconds)
        if process.lives == lives and not process.alive:
            await process.start()


def _heal(faults: Faults) -> None:
    good = Faults()
    for each in fields(Faults):
        if each.init and each.name != "seed":
            setattr(faults, each.name, getattr(good, each.name))
