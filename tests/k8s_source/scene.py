"""A cluster in memory: the emulated API server, and whole processes over it on virtual time.

Each process runs the real ledger, engine, source, reporters and elector; only
its host, its announcers and its connection are made up.  A process that was
killed leaves its ledger behind, as one on a disk does.
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any

import trio
from apiserver import objects
from apiserver.faults import Faults
from apiserver.memory import Connection
from apiserver.server import ApiServer
from proclaim import Latest, Observe, Spread, Wanted
from proclaim.builtin import KINDS
from proclaim.codec import Codec
from proclaim.engine import Cast, run
from proclaim.ledger import Ledger, decode
from proclaim.log import MemoryLog, rows
from proclaim.model import Authority, Authorized
from proclaim.state import State
from proclaim_k8s_source.election.elector import LeaseElector
from proclaim_k8s_source.election.messages import Rules
from proclaim_k8s_source.election.record import Place
from proclaim_k8s_source.options import Role
from proclaim_k8s_source.reporter.controller import ControllerReporter
from proclaim_k8s_source.reporter.documents import Owner
from proclaim_k8s_source.reporter.node import NodeReporter
from proclaim_k8s_source.reporter.office import Office
from proclaim_k8s_source.watch.kinds import Scope
from proclaim_k8s_source.watch.source import KubernetesSource

NAMESPACE = objects.METALLB
GROUND = (
    objects.pool("public", "192.0.2.0/24"),
    objects.bgp_advertisement("bgp"),
    objects.bgp_peer("tor", "10.0.0.254"),
    objects.node("n1", "10.0.0.1"),
)
"""What there is before anything happens."""


def slice_on(service: str, *nodes: str, ready: bool = True) -> dict[str, Any]:
    """The slice of a Service with an endpoint on each of the nodes."""
    endpoints = [
        objects.endpoint(f"10.244.0.{at}", node, ready=ready) for at, node in enumerate(nodes, 1)
    ]
    return objects.endpoint_slice(service, endpoints)


class Host:
    """A host of the scene's time."""

    def __init__(self, node: str, seed: int) -> None:
        self.node = node
        self.random = Random(seed)
        self.secrets: Latest[dict[str, str]] = Latest({})

    def wall_time(self) -> float:
        return 1_767_225_600.0 + trio.current_time()


class Display:
    """An announcer that shows what is wanted, and every set of prefixes that ever was."""

    def __init__(self, name: str, spread: Spread) -> None:
        self.name, self.spread = name, spread
        self.prefixes: frozenset[str] = frozenset()
        self.history: list[frozenset[str]] = []

    async def run(self, wanted: Latest[Wanted], observe: Observe) -> None:
        try:
            async for now in wanted.changes():
                self._show(frozenset(each.prefix for each in now))
        finally:
            self._show(frozenset())

    def _show(self, prefixes: frozenset[str]) -> None:
        if prefixes != self.prefixes or not self.history:
            self.prefixes = prefixes
            self.history.append(prefixes)


class Process:
    """One process of the cluster."""

    def __init__(self, scene: Scene, name: str, role: Role, load_balancer_class: str = "") -> None:
        self.name, self.role = name, role
        self.log = MemoryLog(name)
        self.faults = Faults()
        self.routes = Display("bgp", Spread.EVERY_NODE)
        self.answers = Display("l2", Spread.ONE_NODE)
        self.connection: Connection | None = None
        self.elector: LeaseElector | None = None
        self.page_size = 250
        self.ignore_exclude_lb = False
        self.beside_metallb = False
        self._class = load_balancer_class
        self._scene = scene
        self._scope = trio.CancelScope()
        self._ledger: Ledger | None = None
        self._stop, self._ended = trio.Event(), trio.Event()
        self._starts = 0

    @property
    def state(self) -> State:
        """What it knows, or last knew."""
        return self._ledger.state.value if self._ledger else State()

    @property
    def announced(self) -> frozenset[str]:
        """What is visible from here now, in either way."""
        return self.routes.prefixes | self.answers.prefixes

    def facts(self) -> list[object]:
        """Everything that its ledger holds."""
        return [item.fact for item in decode(Codec(KINDS), list(rows(self.log)))]

    async def start(self) -> None:
        """Begin to run, and return when the ledger was replayed."""
        self._stop, self._ended = trio.Event(), trio.Event()
        self._scope = trio.CancelScope()
        self._starts += 1
        await self._scene.nursery.start(self._live)

    async def stop(self) -> None:
        """End in good order."""
        self._stop.set()
        await self._ended.wait()

    async def kill(self) -> None:
        """End at once: nothing that it says in parting reaches the server."""
        was, self.faults.down = self.faults.down, True
        if self.connection is not None:
            self.connection.cut()
        self._scope.cancel()
        await self._ended.wait()
        self.faults.down = was

    async def _live(self, task_status: trio.TaskStatus[None]) -> None:
        host = Host(self.name, self._scene.dice.getrandbits(32))
        ledger = Ledger(self.log, Codec(KINDS), host)
        await ledger.replay()
        self._ledger = ledger
        allocates = self.role is not Role.NODE
        authorized = Authorized(Authority.ALLOCATE if allocates else Authority.FOLLOW, self._class)
        task_status.started()
        try:
            with self._scope:
                await run(ledger, self._cast(host), host, authorized, self._stop.wait)
        finally:
            self._ended.set()

    def connect(self, agent: str) -> Connection:
        """A connection for a process that starts."""
        return self._scene.server.connect(user_agent=agent, faults=self.faults)

    def _cast(self, host: Host) -> Cast:
        api = self.connection = self.connect(f"proclaim/test ({self.name})")
        allocates, announces = self.role is not Role.NODE, self.role is not Role.CONTROLLER
        scope = Scope(
            NAMESPACE,
            self.name,
            allocates=allocates,
            announces=announces,
            page_size=self.page_size,
            beside_metallb=self.beside_metallb,
            ignore_exclude_lb=self.ignore_exclude_lb,
        )
        source = KubernetesSource(api, host, scope)
        reporters: list[ControllerReporter | NodeReporter] = []
        electors: list[LeaseElector] = []

        def office(manager: str) -> Office:
            owner = Owner(self.name, f"uid-{self.name}-{self._starts}")
            return Office(api, host, source.seen, NAMESPACE, manager, self.name, owner)

        if allocates:
            rules = Rules(Place(NAMESPACE, "proclaim-controller"), self.name)
            elector = self.elector = LeaseElector(api, rules, host)
            electors.append(elector)
            reporters.append(ControllerReporter(office("proclaim-controller"), elector.valid_until))
        if announces:
            reporters.append(NodeReporter(office("proclaim-node")))
        announcers = (self.routes, self.answers) if announces else ()
        return Cast((source,), announcers, (), reporters, electors)


class Scene:
    """The server, the processes, and what a test asks of them."""

    def __init__(self, nursery: trio.Nursery, seed: int = 0) -> None:
        self.nursery = nursery
        self.dice = Random(seed)
        self.server = ApiServer(seed)
        self.processes: dict[str, Process] = {}

    async def run(self, name: str, role: Role, **more: str) -> Process:
        """Start a process."""
        process = self.processes[name] = Process(self, name, role, **more)
        await process.start()
        return process

    async def controller(self, name: str = "c1") -> Process:
        """Start a controller."""
        return await self.run(name, Role.CONTROLLER)

    async def node(self, name: str) -> Process:
        """Start a node's process."""
        return await self.run(name, Role.NODE)

    def serve(self, name: str, *nodes: str) -> None:
        """Create a Service of type LoadBalancer with an endpoint on each of the nodes."""
        self.server.create(objects.service(name))
        self.server.create(slice_on(name, *nodes))

    def addresses(self, name: str, namespace: str = "default") -> tuple[str, ...]:
        """What the status of a Service shows."""
        found = self.server.get("Service", name, namespace)
        ingress = found["status"]["loadBalancer"].get("ingress") or () if found else ()
        return tuple(each.get("ip", "") for each in ingress)

    def events(self, name: str) -> list[str]:
        """The reasons of the Events at a Service, in their order."""
        found = [
            each for each in self.server.list("Event") if each["involvedObject"]["name"] == name
        ]
        found.sort(key=lambda each: int(each["metadata"]["resourceVersion"]))
        return [each["reason"] for each in found]

    async def until(self, said: Callable[[], bool], seconds: float = 60) -> float:
        """Wait until something is so; how long it took."""
        began = trio.current_time()
        while not said():
            if trio.current_time() - began > seconds:
                raise AssertionError(f"not so after {seconds} seconds")
            await trio.sleep(0.05)
        return trio.current_time() - began
