"""One life of a cluster, from a seed: chaos, healing, rest, and a restart of everybody."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

import trio

from sim.clockwork import run
from sim.kubernetes.chaos import Chaos, Profile, draw
from sim.kubernetes.cluster import READS, Cluster, SimProcess
from sim.kubernetes.laws import Laws
from sim.kubernetes.truth import wrong
from sim.kubernetes.user import User

STEPS = 40
CONVERGES_WITHIN = 400.0
"""After the last fault, in seconds; a watch that fell silent is given up after 160."""
TRUCE_SECONDS = 3700.0
"""How long a status may be left to somebody who has rewritten it again and again."""
NOTICED_WITHIN = 200.0
"""How long a watch may be silent until it is asked for again, which may be too late for it."""
QUIET_SECONDS = 300.0
WRITES_PER_CHANGE = 4
ASKED_PER_SECOND = 8
ASKED_PER_LIFE = 150
"""Of one process: eleven resources are listed, page by page, and watched, whatever fails."""


@dataclass
class Life:
    """What one life came to."""

    cluster: Cluster
    laws: Laws
    profile: Profile
    seconds: float = 0.0
    """How long it lasted until all was well."""
    converged_after: float = 0.0


class Broken(AssertionError):
    """A law was broken, or what must be so in the end is not."""


def live(seed: int) -> Life:
    """Live one life; raises Broken."""
    try:
        return run(seed, lambda: _live(seed))
    except BaseExceptionGroup as group:
        error: BaseException = group
        while isinstance(error, BaseExceptionGroup):
            error = error.exceptions[0]
        raise error from None


async def _live(seed: int) -> Life:
    async with trio.open_nursery() as nursery:
        dice = Random(f"kubernetes {seed}")
        profile = draw(dice)
        cluster = Cluster(nursery, seed)
        life = Life(cluster, Laws(cluster, profile.lag), profile)
        user, chaos = User(cluster, dice), Chaos(cluster, profile, dice)
        user.begin()
        chaos.begin()
        for process in cluster.everyone:
            await process.start()
        await _storm(life, user, chaos, dice)
        user.leave_a_pool()
        await chaos.heal()
        within = TRUCE_SECONDS if user.writes_statuses else CONVERGES_WITHIN
        life.converged_after = await _converge(life, within)
        life.seconds = trio.current_time()
        check_thrift(life)
        life.laws.end_permits()
        await _rest(life)
        await _restart(life)
        for process in cluster.everyone:
            await process.stop()
        nursery.cancel_scope.cancel()
    return life


async def _storm(life: Life, user: User, chaos: Chaos, dice: Random) -> None:
    """Users act while things go wrong; nothing bad may happen."""
    pause = dice.choice((0.5, 2.0, 8.0))
    for _ in range(STEPS):
        if dice.random() < 0.7:
            user.act()
        else:
            await chaos.happen()
        if user.writes_statuses and dice.random() < 0.1:
            user.meddle()
        await trio.sleep(dice.choice((0.0, dice.uniform(0, 0.1), dice.uniform(0, pause))))
        check(life)


async def _converge(life: Life, within: float) -> float:
    """Everything good must come about; after how many seconds it had."""
    began, look = trio.current_time(), 1.0
    while True:
        await trio.sleep(look)
        check(life)
        found = await wrong(life.cluster, life.laws)
        took = trio.current_time() - began
        if not found:
            return took
        if took > within:
            raise Broken(f"{within:g} seconds after the last fault: " + "; ".join(found))
        look = min(1.5 * look, 20.0)


async def _rest(life: Life) -> None:
    """Nothing is asked any more but for the Lease, for whatever watches need, and for pods.

    A watch of a kind in which nothing changes may need a list: nobody says that
    its version is still good.
    """
    await trio.sleep(NOTICED_WITHIN)
    before = {each.name: each.requests() for each in life.cluster.everyone}
    await trio.sleep(QUIET_SECONDS)
    check(life)
    for each in life.cluster.everyone:
        asked = each.requests() - before[each.name]
        others = {
            key: count
            for key, count in asked.items()
            if key[0] not in ("watch", "list") and key[1] != "leases"
        }
        if others:
            raise Broken(f"{each.name} is not silent: {others}")
        watches = sum(count for key, count in asked.items() if key[0] == "watch")
        if watches > 40:
            raise Broken(f"{each.name} began {watches} watches in {QUIET_SECONDS:g} seconds")


async def _restart(life: Life) -> None:
    """Everybody dies and comes back: nothing moves, nothing is withdrawn, nothing is written."""
    cluster = life.cluster
    shown = {name: each.shown for name, each in life.laws.services.items()}
    written = cluster.server.requests()["patch", "services/status"]
    for each in cluster.everyone:
        await each.kill()
    for each in cluster.everyone:
        await each.start()
    await _converge(life, 60.0)
    check(life)
    if shown != {name: each.shown for name, each in life.laws.services.items()}:
        raise Broken("a restart of everybody has changed a status")
    if cluster.server.requests()["patch", "services/status"] != written:
        raise Broken("a restart of everybody has written a status")


def check(life: Life) -> None:
    """Whether a law was broken, or somebody failed."""
    if life.laws.broken:
        raise Broken("; ".join(life.laws.broken[:5]))
    for process in life.cluster.everyone:
        if failed := process.failures():
            raise Broken(f"in {process.name}: {failed[:3]}")


def check_thrift(life: Life) -> None:
    """Whether anybody has asked more of the server than what happened explains."""
    for process in life.cluster.everyone:
        written, asked = writes(process), looks(process)
        most = WRITES_PER_CHANGE * (life.laws.changes + 5 * process.lives)
        if written > most:
            raise Broken(f"{process.name} wrote {written} times, of at most {most}")
        most = int(ASKED_PER_SECOND * life.seconds + ASKED_PER_LIFE * process.lives)
        if asked > most:
            raise Broken(f"{process.name} looked {asked} times, of at most {most}")


def writes(process: SimProcess) -> int:
    """What a process has written but the Lease, with what was refused."""
    return sum(
        count
        for (verb, resource), count in process.requests().items()
        if verb not in READS and resource != "leases"
    )


def looks(process: SimProcess) -> int:
    """What a process has read but the Lease."""
    return sum(
        count
        for (verb, resource), count in process.requests().items()
        if verb in READS and resource != "leases"
    )
