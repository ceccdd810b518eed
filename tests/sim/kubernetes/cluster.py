"""The cluster: its processes, its server, and who is acting at any moment.

Everything that reaches the server is attributed to an actor: the name of a
process, `USER` or `ROGUE`.  A request whose sender has gone or lost patience
may still arrive a little later, as packets do.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from random import Random

import trio
from apiserver import objects
from apiserver.memory import Connection
from apiserver.requests import Answer, Request
from apiserver.server import ApiServer
from apiserver.watching import Watch
from k8s_source.scene import Display, Process, Scene
from proclaim.log import MemoryLog, rows
from proclaim.model import Spread
from proclaim_k8s_source.options import Role

USER, ROGUE = "user", "rogue"
CONTROLLERS, NODES = ("c1", "c2"), ("n1", "n2", "n3")
LATE_SECONDS = 3.0
"""How late a request may arrive at most; a Lease is not given away before it was dead for 5 s."""
READS = ("get", "list", "watch")
PEER = "10.0.0.254"


class Line(Connection):
    """The connection of one process in one life."""

    def __init__(self, cluster: Cluster, process: SimProcess, agent: str) -> None:
        super().__init__(cluster.server.machinery, "system:admin", agent, process.faults)
        self.dead = False
        self._cluster = cluster
        self._process = process
        self._arrived: set[int] = set()

    async def _ask(self, request: Request) -> Answer | Watch:
        if self.dead:
            await self._in_vain()
        try:
            return await super()._ask(request)
        except trio.Cancelled:
            self._perhaps_late(request)
            raise
        finally:
            self._arrived.discard(id(request))

    def _answer(self, request: Request) -> Answer | Watch:
        self._arrived.add(id(request))
        with self._cluster.acting(self._process.name):
            return super()._answer(request)

    def _perhaps_late(self, request: Request) -> None:
        """It may have left before it was cancelled."""
        chances = self._cluster.late
        if request.method == "GET" or id(request) in self._arrived:
            return
        if chances > 0 and self._cluster.chance.random() < chances:
            self._cluster.nursery.start_soon(self._arrive_late, request)

    async def _arrive_late(self, request: Request) -> None:
        await trio.sleep(self._cluster.chance.uniform(0, LATE_SECONDS))
        with self._cluster.acting(f"{self._process.name} (late)"):
            self._cluster.server.machinery.handle(request)


class Watched(Display):
    """An announcer that says what it shows, and goes on showing it while its process is dead."""

    def __init__(self, spread: Spread, process: SimProcess) -> None:
        super().__init__("bgp" if spread is Spread.EVERY_NODE else "l2", spread)
        self._process = process

    def _show(self, prefixes: frozenset[str]) -> None:
        if self._process.ending:
            return
        before = self.prefixes
        super()._show(prefixes)
        if before != prefixes:
            self._process.cluster.displayed(self, self._process, before)


class SimProcess(Process):
    """A process that may be killed, or be parted from what it knew."""

    def __init__(self, cluster: Cluster, name: str, role: Role) -> None:
        super().__init__(cluster, name, role)
        self.cluster = cluster
        self.alive = False
        self.ending = False
        """Whether it is being killed: what is announced from here stays as it is."""
        self.leaving = False
        """Whether it was asked to end in good order."""
        self.lines: list[Line] = []
        self.lives = 0
        self._read = 0
        self.routes = Watched(Spread.EVERY_NODE, self)
        self.answers = Watched(Spread.ONE_NODE, self)

    @property
    def controls(self) -> bool:
        """Whether it may give addresses."""
        return self.role is Role.CONTROLLER

    def leads_until(self) -> float:
        """Until when it may allocate."""
        if not self.alive or self.elector is None:
            return float("-inf")
        return self.elector.valid_until()

    def requests(self) -> Counter[tuple[str, str]]:
        """What it has asked in all its lives."""
        total: Counter[tuple[str, str]] = Counter()
        for line in self.lines:
            total += line.requests
        return total

    def connect(self, agent: str) -> Connection:
        line = Line(self.cluster, self, agent)
        self.cluster.server.connections.append(line)
        self.lines.append(line)
        return line

    async def start(self) -> None:
        self.ending, self.leaving, self.alive = False, False, True
        self.lives += 1
        await super().start()

    async def stop(self) -> None:
        self.leaving = True
        await super().stop()
        self.alive = False

    async def kill(self) -> None:
        self.ending, self.alive = True, False
        line = self.lines[-1]
        line.dead = True
        line.cut()
        self._scope.cancel()
        await self._ended.wait()

    def forget(self) -> None:
        """Lose the ledger, as an empty directory is lost with its Pod."""
        self.log = MemoryLog(self.name)
        self._read = 0

    def failures(self) -> list[bytes]:
        """The tasks that failed since this was asked last, as its ledger has them."""
        new = list(rows(self.log, self._read))
        self._read += len(new)
        return [row.stored for row in new if row.topic.startswith("TaskFailed/")]

    def ledger_bytes(self) -> bytes:
        """Everything in the ledger, as bytes to compare."""
        return b"\n".join(
            b"%d %b %b" % (row.position, row.topic.encode(), row.stored) for row in rows(self.log)
        )


class Cluster(Scene):
    """Two controllers and three nodes, not started yet."""

    def __init__(self, nursery: trio.Nursery, seed: int) -> None:
        super().__init__(nursery, seed)
        self.server = ApiServer(seed, service_cidrs=("10.96.0.0/16", "fd00:96::/108"), window=200)
        self.chance = Random(f"late {seed}")
        self.late = 0.0
        """The chance of a request to arrive although whoever sent it is gone."""
        self.actor = USER
        self.displayed: Callable[[Watched, SimProcess, frozenset[str]], None] = _ignore
        for name in CONTROLLERS:
            self.processes[name] = SimProcess(self, name, Role.CONTROLLER)
        for name in NODES:
            self.processes[name] = SimProcess(self, name, Role.NODE)
        self.server.create_all(ground())

    @property
    def everyone(self) -> list[SimProcess]:
        """All processes."""
        return [each for each in self.processes.values() if isinstance(each, SimProcess)]

    @property
    def controllers(self) -> list[SimProcess]:
        """Those that may give addresses."""
        return [each for each in self.everyone if each.controls]

    @property
    def nodes(self) -> list[SimProcess]:
        """Those that announce."""
        return [each for each in self.everyone if not each.controls]

    @contextmanager
    def acting(self, actor: str) -> Iterator[None]:
        """What reaches the server meanwhile is the doing of somebody."""
        before, self.actor = self.actor, actor
        try:
            yield
        finally:
            self.actor = before


def ground() -> list[objects.Json]:
    """What is there before anybody does anything."""
    return [
        objects.pool("public", "192.0.2.0/29", "2001:db8::/126"),
        objects.pool("private", "198.51.100.0/30", autoAssign=False),
        objects.l2_advertisement("answers"),
        objects.bgp_advertisement("routes"),
        objects.bgp_peer("tor", PEER, dualStackAddressFamily=True),
        *(objects.node(name, f"10.0.0.{at}") for at, name in enumerate(NODES, 1)),
    ]


def _ignore(display: Watched, process: SimProcess, before: frozenset[str]) -> None:
    """Nobody looks yet."""
