"""The processes of `kubernetes_scale.py`, and what is seen of them from outside."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
import trio
from kubernetes_scene import NAMESPACE, node_name
from proclaim import SystemHost
from proclaim_bgp.looking_glass import Glass, look
from proclaim_k8s_source.access.api import Api, Refused, Unreachable, checked
from proclaim_k8s_source.access.client import open_client
from proclaim_k8s_source.access.value import Access

ROOT = Path(__file__).parents[1]
_TICKS = os.sysconf("SC_CLK_TCK")
_AGENTS = {"controller": "(controller)", "node": f"({node_name(0)})"}
_WRITES = ("create", "delete", "patch", "update")

Place = tuple[str, str]


class Process:
    """One that was started here; `start` starts it anew."""

    def __init__(self, name: str, command: Sequence[str], log: Path, path: str = "") -> None:
        self.name = name
        self._command = command
        self._log = log
        self._environment = {**os.environ, "PYTHONPATH": path} if path else dict(os.environ)
        self._environment.pop("PYTHONDONTWRITEBYTECODE", None)  # installed modules are compiled
        self._running: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with self._log.open("ab") as log:
            self._running = subprocess.Popen(
                self._command, stdout=log, stderr=subprocess.STDOUT, env=self._environment
            )

    @property
    def pid(self) -> int:
        if self._running is None or self._running.poll() is not None:
            raise SystemExit(f"{self.name} does not run: {self._log.read_text()[-2000:]}")
        return self._running.pid

    @property
    def cpu(self) -> float:
        """Seconds of the processor since it was started."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / _TICKS

    @property
    def memory(self) -> float:
        """Resident MiB."""
        return self._status("VmRSS")

    @property
    def peak(self) -> float:
        """Resident MiB, at most since it was started."""
        return self._status("VmHWM")

    def _status(self, name: str) -> float:
        for line in Path(f"/proc/{self.pid}/status").read_text().splitlines():
            if line.startswith(name):
                return int(line.split()[1]) / 1024
        raise KeyError(name)

    def kill(self) -> None:
        """End it at once."""
        if self._running is not None:
            self._running.kill()
            self._running.wait()

    def end(self) -> None:
        """Ask it to end, and see to it."""
        if self._running is None:
            return
        self._running.terminate()
        try:
            self._running.wait(5)
        except subprocess.TimeoutExpired:
            self.kill()


class _News:
    """Something to wait for."""

    def __init__(self) -> None:
        self._news = trio.Event()

    def tell(self) -> None:
        self._news.set()
        self._news = trio.Event()

    async def until(self, holds: Callable[[], bool], seconds: float = 90.0) -> None:
        """Wait until something holds, which is looked at whenever there is news."""
        with trio.move_on_after(seconds) as scope:
            while not holds():
                await self._news.wait()
        if scope.cancelled_caught:
            raise SystemExit(f"gave up after {seconds:g} s of waiting")


class _Meta(msgspec.Struct):
    name: str = ""
    namespace: str = ""
    resourceVersion: str = ""


class _Balancer(msgspec.Struct):
    ingress: list[dict[str, Any]] | None = None


class _Status(msgspec.Struct):
    loadBalancer: _Balancer = msgspec.field(default_factory=_Balancer)


class _Object(msgspec.Struct):
    metadata: _Meta
    status: _Status = msgspec.field(default_factory=_Status)


class _Line(msgspec.Struct):
    type: str
    object: _Object


class _List(msgspec.Struct):
    metadata: _Meta
    items: list[_Object]


class Statuses(_News):
    """The addresses of all Services, as a watch of our own sees them."""

    def __init__(self) -> None:
        super().__init__()
        self.address: dict[Place, str] = {}
        self.since: dict[Place, float] = {}
        """When each was seen first, by `time.perf_counter`."""

    async def run(self, api: Api) -> None:
        """Watch until cancelled."""
        while True:
            try:
                await self._watch(api)
            except (Unreachable, Refused):
                await trio.sleep(0.02)

    async def _watch(self, api: Api) -> None:
        path = "/api/v1/services"
        listed = msgspec.json.decode((await api.request("GET", path)).body, type=_List)
        for each in listed.items:
            self._see(each)
        self.tell()
        query = (("watch", "1"), ("resourceVersion", listed.metadata.resourceVersion))
        decoder = msgspec.json.Decoder(_Line)
        async with api.stream(path, query) as chunks:
            rest = b""
            async for chunk in chunks:
                *lines, rest = (rest + chunk).split(b"\n")
                for line in lines:
                    said = decoder.decode(line)
                    self._see(said.object, said.type == "DELETED")
                self.tell()

    def _see(self, found: _Object, gone: bool = False) -> None:
        place = (found.metadata.namespace, found.metadata.name)
        ingress = found.status.loadBalancer.ingress
        if gone or not ingress:
            self.address.pop(place, None)
            self.since.pop(place, None)
        elif self.address.get(place) != ingress[0]["ip"]:
            self.address[place] = ingress[0]["ip"]
            self.since[place] = time.perf_counter()


class Routes(_News):
    """What the router has been told."""

    def __init__(self) -> None:
        super().__init__()
        self.since: dict[str, float] = {}
        """The present ones by their address, and when they came."""
        self.gone: dict[str, float] = {}
        self.closed = 0
        """How often the session ended."""
        self.withdrawn = 0

    async def run(self, port: int) -> None:
        """Be a router on loopback until cancelled."""
        await look(Glass("127.0.0.1", port, 64513), SystemHost("router"), self._hear)

    def _hear(self, event: dict[str, Any]) -> None:
        now = time.perf_counter()
        match event["event"]:
            case "announce":
                self.since[event["prefix"].partition("/")[0]] = now
            case "withdraw":
                self.withdrawn += 1
                address = event["prefix"].partition("/")[0]
                self.since.pop(address, None)
                self.gone[address] = now
            case "closed":
                self.closed += 1
                self.since.clear()
            case _:
                pass
        self.tell()


@dataclass
class Lab:
    """Everything that runs."""

    folder: Path
    emulator: Process
    controller: Process
    node: Process
    api: Api
    statuses: Statuses = field(default_factory=Statuses)
    routes: Routes = field(default_factory=Routes)

    async def ask(self, method: str, path: str, body: object = None, kind: str = "json") -> None:
        """One request of our own; sent again where the server broke the connection."""
        media = {"json": "application/json", "merge": "application/merge-patch+json"}[kind]
        data = b"" if body is None else msgspec.json.encode(body)
        try:
            response = await self.api.request(method, path, (), data, media)
        except Unreachable:
            await trio.sleep(0.02)
            response = await self.api.request(method, path, (), data, media)
        checked(f"{method} {path}", response)

    async def requests(self) -> dict[str, Counter[str]]:
        """What the controller and the node have asked, by the name of the process."""
        response = await self.api.request("GET", "/emulator/requests")
        found: dict[str, Counter[str]] = {name: Counter() for name in _AGENTS}
        for agent, verb, resource, count in json.loads(response.body):
            for name, ending in _AGENTS.items():
                if agent.endswith(ending):
                    found[name][f"{verb} {resource}"] += count
        return found

    async def settled(self, quiet: float = 2.0, seconds: float = 180.0) -> float:
        """Wait until nobody has written or listed anything for a while; when that began."""
        before, since = await self._asked(), time.perf_counter()
        give_up = since + seconds
        while time.perf_counter() - since < quiet and time.perf_counter() < give_up:
            await trio.sleep(0.1)
            now = await self._asked()
            if now != before:
                before, since = now, time.perf_counter()
        return since

    async def _asked(self) -> int:
        found = await self.requests()
        return sum(
            count
            for counted in found.values()
            for asked, count in counted.items()
            if not asked.startswith(("watch", "get")) and "leases" not in asked
        )

    def ledger(self, name: str) -> tuple[int, float]:
        """How many facts one has, and how many MiB its files are."""
        path = self.folder / f"{name}.db"
        size = sum(each.stat().st_size for each in self.folder.glob(f"{name}.db*"))
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
            (facts,) = connection.execute("SELECT MAX(rowid) FROM stored_events").fetchone()
        return facts or 0, size / 2**20


def writes(counted: Counter[str]) -> int:
    """How many of some requests write, but for those that keep a Lease."""
    return sum(
        count
        for asked, count in counted.items()
        if asked.split()[0] in _WRITES and "leases" not in asked
    )


@asynccontextmanager
async def laboratory(folder: Path, load: Path, port: int) -> AsyncIterator[Lab]:
    """Start an API server with what is in a file, and be its router; end everything afterwards."""
    url_file = folder / "emulator.log"
    command = [sys.executable, "-m", "apiserver", "--load", str(load), "--window", "100000"]
    config = folder / "kubeconfig"
    command += ["--kubeconfig", str(config)]
    emulator = Process("emulator", command, url_file, str(ROOT / "tests"))
    emulator.start()
    controller, node = (_proclaim(folder, config, name) for name in _AGENTS)
    try:
        while not (url := url_file.read_text().strip()).startswith("http"):
            if emulator.pid:
                await trio.sleep(0.05)
        access = Access(url, "the benchmark")
        async with open_client(access, "bench", 1e6, 1_000_000) as api, trio.open_nursery() as all_:
            lab = Lab(folder, emulator, controller, node, api)
            all_.start_soon(lab.statuses.run, api)
            all_.start_soon(lab.routes.run, port)
            yield lab
            all_.cancel_scope.cancel()
    finally:
        for process in (controller, node, emulator):
            process.end()


def _proclaim(folder: Path, config: Path, name: str) -> Process:
    controls = name == "controller"
    settings: dict[str, dict[str, object]] = {
        "": {
            "node": name if controls else node_name(0),
            "ledger": f"sqlite://{folder}/{name}.db",
            **({} if controls else {"authority": "follow"}),
        },
        "k8s_source": {
            "role": name,
            "kubeconfig": str(config),
            "namespace": NAMESPACE,
        },
        "bgp": {"enabled": not controls},
        "l2_arp": {"enabled": False},
    }
    file = folder / f"{name}.toml"
    lines: list[str] = []
    for table, values in settings.items():
        lines += [f"[{table}]"] if table else []
        lines += [f"{key} = {json.dumps(value)}" for key, value in values.items()]
    file.write_text("\n".join(lines) + "\n")
    runner = os.environ.get("PROCLAIM_RUNNER", "-m proclaim_cli").split()
    command = [sys.executable, *runner, "run", "--settings", str(file)]
    return Process(name, command, folder / f"{name}.log")
