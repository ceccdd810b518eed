"""A controller and a node of a cluster with 10,000 Services of 3 EndpointSlices each.

The API server is the small one of our tests, in a process of its own; the
controller and the node are real ones (`proclaim run`, with ledgers in files),
and the router is our looking glass.  The yardstick of all writing is a bare
client that patches statuses at the same server over 8 connections, before
anything else runs.  The same is done with 1,000 Services first, for which
there are figures of others.

    python benchmarks/kubernetes_scale.py [--services 1000 10000] [--seconds 60] [--rate 100]
"""

from __future__ import annotations

import argparse
import gc
import os
import shutil
import socket
import statistics
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from itertools import chain, pairwise
from pathlib import Path

import trio
from kubernetes_churn import Churn
from kubernetes_lab import Lab, Process, laboratory, writes
from kubernetes_scene import (
    TRIAL,
    endpoint_slice,
    endpoints,
    ground,
    place,
    service,
    slice_name,
    write,
)
from proclaim_k8s_source.access.api import Refused
from scenes import show

SLICES = 3
TRIALS = 2000
CONNECTIONS = 8
ALONE = 100
EMPTIED = 20


class Costs:
    """What the processes used of the processor, and asked of the server, meanwhile."""

    def __init__(self, lab: Lab) -> None:
        self._lab = lab

    async def begin(self) -> None:
        lab = self._lab
        self._asked = await lab.requests()
        self._cpu = {each.name: each.cpu for each in (lab.emulator, lab.controller, lab.node)}
        self._began = time.perf_counter()

    async def show(self, changes: int = 0) -> None:
        lab = self._lab
        took = time.perf_counter() - self._began
        asked = await lab.requests()
        for each in (lab.controller, lab.node, lab.emulator):
            used = each.cpu - self._cpu[each.name]
            text = f"{used:.1f} s of {took:.1f} s"
            per = used / changes * 1000 if changes else 0.0
            ratio = f"  {per:8.2f} ms a change" if changes else ""
            print(f"{f'  {each.name}: processor':<44}{text:>18}{ratio}", flush=True)
        for each in (lab.controller, lab.node):
            more = asked[each.name] - self._asked[each.name]
            most = ", ".join(f"{count} {name}" for name, count in more.most_common(4))
            print(f"{f'  {each.name}: requests':<44}{sum(more.values()):>18}  {most}", flush=True)


def milliseconds(found: Sequence[float]) -> str:
    """The median and the 99th percentile of seconds, in milliseconds."""
    if len(found) < 2:
        return "-"
    ordered = sorted(found)
    last = ordered[min(len(ordered) - 1, int(len(ordered) * 0.99))]
    return f"{statistics.median(ordered) * 1000:.1f} / {last * 1000:.1f} ms"


async def bare_rate(lab: Lab, count: int) -> float:
    """Status patches a second that the server takes from a bare client."""
    left = iter(range(count))

    async def patch() -> None:
        for at in left:
            path = f"/api/v1/namespaces/{TRIAL}/services/{place(at)[1]}/status"
            ingress = [{"ip": f"203.0.{at >> 8}.{at & 255}"}]
            body = {"status": {"loadBalancer": {"ingress": ingress}}}
            await lab.ask("PATCH", path, body, "merge")

    async def forget() -> None:
        for at in left:
            await lab.ask("DELETE", f"/api/v1/namespaces/{TRIAL}/services/{place(at)[1]}")

    started = time.perf_counter()
    await _together(patch)
    rate = count / (time.perf_counter() - started)
    left = iter(range(count))
    await _together(forget)
    return rate


async def _together(worker: Callable[[], Awaitable[None]]) -> None:
    async with trio.open_nursery() as nursery:
        for _ in range(CONNECTIONS):
            nursery.start_soon(worker)


async def first_sync(lab: Lab, count: int, bare: float) -> None:
    """The controller starts, and then the node."""
    lab.controller.start()
    started = time.perf_counter()
    seen = lab.statuses
    await seen.until(lambda: bool(seen.address))
    first = time.perf_counter() - started
    show("controller started to the first address", f"{first:.2f} s")
    await seen.until(lambda: len(seen.address) >= count)
    took = time.perf_counter() - started
    rate = (count - 1) / (took - first)
    show("controller started to all addresses", f"{took:.1f} s")
    show("  addresses a second after the first", f"{rate:.0f}", bare / rate, "slower than bare")
    show("  controller: processor until then", f"{lab.controller.cpu:.1f} s")
    written = writes((await lab.requests())["controller"])
    show("  controller: writes until then", str(written), written / count, "the Services")
    settled = await lab.settled() - started
    show("controller started to its last write", f"{settled:.1f} s")
    _memory(lab.controller)
    await node_start(lab, count)


async def node_start(lab: Lab, count: int) -> None:
    lab.node.start()
    started = time.perf_counter()
    await lab.routes.until(lambda: bool(lab.routes.since))
    show("node started to the first route", f"{time.perf_counter() - started:.2f} s")
    await lab.routes.until(lambda: len(lab.routes.since) >= count)
    show("node started to all routes", f"{time.perf_counter() - started:.2f} s")
    show("  node: processor until then", f"{lab.node.cpu:.1f} s")
    settled = await lab.settled() - started
    show("node started to its last status object", f"{settled:.1f} s")
    _memory(lab.node)


def _memory(process: Process) -> None:
    figure = f"{process.memory:.0f} ({process.peak:.0f}) MiB"
    show(f"  {process.name}: memory (at most)", figure)


async def alone(lab: Lab, at: int) -> None:
    """One Service after the other, each from its creation to its route."""
    to_status, to_route, between = [], [], []
    for each in range(at, at + ALONE):
        namespace, name = place(each)
        slices = f"/apis/discovery.k8s.io/v1/namespaces/{namespace}/endpointslices"
        await lab.ask("POST", slices, endpoint_slice(each, 0, 1))
        await trio.sleep(0.04)
        await lab.ask("POST", f"/api/v1/namespaces/{namespace}/services", service(each))
        created = time.perf_counter()
        status, route = await _served(lab, (namespace, name))
        to_status.append(status - created)
        to_route.append(route - created)
        between.append(route - status)
    show("one Service alone: created to status", milliseconds(to_status))
    show("  created to UPDATE, p50 / p99", milliseconds(to_route))
    show("  status to UPDATE", milliseconds(between))
    await emptied(lab, at)
    for each in range(at, at + ALONE):
        namespace, name = place(each)
        await lab.ask("DELETE", f"/api/v1/namespaces/{namespace}/services/{name}")
        path = f"/apis/discovery.k8s.io/v1/namespaces/{namespace}/endpointslices"
        await lab.ask("DELETE", f"{path}/{slice_name(each, 0)}")


async def _served(lab: Lab, where: tuple[str, str]) -> tuple[float, float]:
    """When a Service had its address, and when its route."""
    seen, routes = lab.statuses, lab.routes
    await seen.until(lambda: where in seen.address)
    address = seen.address[where]
    await routes.until(lambda: address in routes.since)
    return seen.since[where], routes.since[address]


async def emptied(lab: Lab, at: int) -> None:
    """The last endpoint of a Service goes."""
    took = []
    for each in range(at, at + EMPTIED):
        namespace, name = place(each)
        address = lab.statuses.address[namespace, name]
        path = f"/apis/discovery.k8s.io/v1/namespaces/{namespace}/endpointslices"
        path = f"{path}/{slice_name(each, 0)}"
        gone = endpoints(each, 0, 1)
        for one in gone:
            one["conditions"] = {"ready": False, "serving": False, "terminating": True}
        await trio.sleep(0.04)
        await lab.ask("PATCH", path, {"endpoints": gone}, "merge")
        changed = time.perf_counter()
        await lab.routes.until(lambda address=address: address not in lab.routes.since)  # type: ignore[misc]
        took.append(lab.routes.gone[address] - changed)
    show("last endpoint gone to the withdrawal", milliseconds(took))


async def churn(lab: Lab, options: argparse.Namespace, count: int) -> None:
    """Steady change."""
    changes = Churn(lab, count, options.nodes, SLICES)
    costs = Costs(lab)
    facts = {name: lab.ledger(name) for name in ("controller", "node")}
    memory = [_residents(lab)]
    await costs.begin()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(changes.run, options.rate, options.seconds)
        await trio.sleep(options.seconds / 2)
        memory.append(_residents(lab))
    await trio.sleep(1.0)
    memory.append(_residents(lab))
    made = f"{changes.made} made, {changes.made - changes.followed} not followed"
    show(f"churn of {options.rate} changes a second", made)
    await costs.show(changes.made)
    show("  created to status, p50 / p99", milliseconds(changes.to_status))
    show("  created to UPDATE", milliseconds(changes.to_route))
    show("  last endpoint gone to the withdrawal", milliseconds(changes.to_withdrawal))
    for at, each in enumerate((lab.controller, lab.node)):
        now, earlier = lab.ledger(each.name), facts[each.name]
        halves = [after[at] - before[at] for before, after in pairwise(memory)]
        grown = ", ".join(f"{half:+.1f}" for half in halves) + " MiB"
        show(f"  {each.name}: memory grew, both halves", grown)
        per = (now[0] - earlier[0]) / changes.made
        text = f"{now[0] - earlier[0]} facts"
        print(f"{f'  {each.name}: ledger grew':<44}{text:>18}  {per:8.2f} a change", flush=True)


def _residents(lab: Lab) -> tuple[float, float]:
    return lab.controller.memory, lab.node.memory


async def relist(lab: Lab, at: int) -> None:
    """The server forgets its history and breaks every connection."""
    withdrawn, closed = lab.routes.withdrawn, lab.routes.closed
    costs = Costs(lab)
    await costs.begin()
    started = time.perf_counter()
    await lab.api.request("GET", "/emulator/restart")
    waited = await _new(lab, at)
    settled = await lab.settled() - started
    show("all watches broken and answered 410", f"{settled:.1f} s")
    show("  a new Service meanwhile: status, UPDATE", waited)
    lost = lab.routes.withdrawn - withdrawn + lab.routes.closed - closed
    show("  routes lost", str(lost))
    await costs.show()


async def _new(lab: Lab, at: int) -> str:
    """How long a new Service waits for its address and for its route."""
    namespace, _ = where = place(at)
    slices = f"/apis/discovery.k8s.io/v1/namespaces/{namespace}/endpointslices"
    await lab.ask("POST", slices, endpoint_slice(at, 0, 1))
    created = time.perf_counter()
    await lab.ask("POST", f"/api/v1/namespaces/{namespace}/services", service(at))
    status, route = await _served(lab, where)
    return f"{status - created:.2f}, {route - created:.2f} s"


async def restarts(lab: Lab, at: int) -> None:
    """Either process is killed, and started again at once."""
    had = dict(lab.statuses.address)
    withdrawn = lab.routes.withdrawn
    written = writes((await lab.requests())["controller"])
    lab.controller.kill()
    lab.controller.start()
    waited = await _new(lab, at)
    show("controller killed and started, a new Service", waited)
    await lab.settled()
    moved = sum(1 for where, address in had.items() if lab.statuses.address.get(where) != address)
    show("  addresses moved, routes withdrawn", f"{moved}, {lab.routes.withdrawn - withdrawn}")
    more = writes((await lab.requests())["controller"]) - written
    show("  controller: writes after its restart", str(more))
    show("  controller: processor", f"{lab.controller.cpu:.1f} s")
    _memory(lab.controller)
    await node_restart(lab)


async def node_restart(lab: Lab) -> None:
    count = len(lab.routes.since)
    written = writes((await lab.requests())["node"])
    started = time.perf_counter()
    lab.node.kill()
    lab.node.start()
    await lab.routes.until(lambda: not lab.routes.since)
    lost = time.perf_counter() - started
    await lab.routes.until(lambda: len(lab.routes.since) >= count)
    took = time.perf_counter() - started
    show("node killed: its session, and all routes", f"lost after {lost:.2f} s")
    show("  started again to all routes", f"{took:.2f} s")
    await lab.settled()
    more = writes((await lab.requests())["node"]) - written
    show("  node: writes after its restart", str(more))
    show("  node: processor", f"{lab.node.cpu:.1f} s")
    _memory(lab.node)


async def measure(options: argparse.Namespace, count: int) -> None:
    """Everything, for one number of Services."""
    started = time.perf_counter()
    async with _cluster(options, count) as lab:
        print(f"\n{count:,} Services of {SLICES} slices, {options.nodes} nodes", flush=True)
        show("API server with all objects", f"{time.perf_counter() - started:.1f} s")
        gc.freeze()  # none of these latencies shall be ours
        bare = await bare_rate(lab, TRIALS)
        show("bare client, 8 connections: patches a second", f"{bare:.0f}")
        await first_sync(lab, count, bare)
        await alone(lab, count)
        await churn(lab, options, count)
        await relist(lab, count + ALONE)
        await restarts(lab, count + ALONE + 1)
        for name in ("controller", "node"):
            facts, size = lab.ledger(name)
            show(f"ledger of the {name}: facts, MiB", f"{facts}, {size:.1f}")


@asynccontextmanager
async def _cluster(options: argparse.Namespace, count: int) -> AsyncIterator[Lab]:
    folder = Path(tempfile.mkdtemp(prefix="proclaim-scale-"))
    try:
        port = _free_port()
        load = folder / "objects.jsonl"
        every = (
            [service(at), *(endpoint_slice(at, which, options.nodes) for which in range(SLICES))]
            for at in range(count)
        )
        trials = (service(at, TRIAL) for at in range(TRIALS))
        write(load, chain(ground(options.nodes, port), trials, chain.from_iterable(every)))
        async with laboratory(folder, load, port) as lab:
            yield lab
    finally:
        if options.keep:
            print(f"kept: {folder}")
        else:
            shutil.rmtree(folder)


def _free_port() -> int:
    """One that the schema of BGPPeers accepts."""
    for port in range(11790, 16384):
        with suppress(OSError), socket.create_server(("127.0.0.1", port)):
            return port
    raise SystemExit("no port is free")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--services", type=int, nargs="+", default=[1_000, 10_000])
    parser.add_argument("--nodes", type=int, default=50)
    parser.add_argument("--rate", type=int, default=100, help="changes a second of the churn")
    parser.add_argument("--seconds", type=int, default=60, help="of the churn")
    parser.add_argument("--keep", action="store_true", help="leave the logs and ledgers")
    options = parser.parse_args()
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.2f}")
    started = time.perf_counter()
    for count in options.services:
        try:
            trio.run(measure, options, count)
        except* Refused as group:
            raise SystemExit(f"the API server refused: {group.exceptions[0]}") from None
    print(f"\nload {os.getloadavg()[0]:.2f}; {time.perf_counter() - started:.0f} s in all")


if __name__ == "__main__":
    main()
