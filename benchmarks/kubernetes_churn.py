"""Steady change in a cluster, and how long the routes take to follow."""

from __future__ import annotations

import random
import time
from typing import Any

import trio
from kubernetes_lab import Lab
from kubernetes_scene import (
    endpoint_slice,
    endpoints,
    heartbeat,
    node_name,
    place,
    service,
    slice_name,
)

MIX = {"pods": 50, "moves": 20, "empties": 10, "services": 10, "heartbeats": 10}
"""Of a hundred changes: Pods replaced on the same nodes, Pods on other nodes, a Service that
loses its last endpoint or gets it back, a Service created or deleted, a node that lives."""
_PATIENCE_SECONDS = 10.0
_FIRST = 50_000
"""The number of the first Service that is created here."""


class Churn:
    """Changes in a random order, the same each time."""

    def __init__(self, lab: Lab, services: int, nodes: int, slices: int) -> None:
        self.made = 0
        self.followed = 0
        """Of these, those that were answered and led to what they had to."""
        self.to_status: list[float] = []
        """Seconds from the answer to a creation to the address in the status."""
        self.to_route: list[float] = []
        self.to_withdrawal: list[float] = []
        self._lab = lab
        self._count = services
        self._nodes = nodes
        self._slices = slices
        self._random = random.Random(1)
        self._generation = 0
        self._next = _FIRST
        self._created: list[int] = []
        self._emptied: list[int] = []
        self._busy: set[int] = set()

    async def run(self, rate: int, seconds: int) -> None:
        """Make so many changes a second, whether or not they are answered in time."""
        kinds = [name for name, share in MIX.items() for _ in range(share)]
        began = trio.current_time()
        async with trio.open_nursery() as nursery:
            for at in range(rate * seconds):
                await trio.sleep_until(began + at / rate)
                nursery.start_soon(self._make, self._random.choice(kinds))
                self.made += 1
            nursery.cancel_scope.deadline = trio.current_time() + _PATIENCE_SECONDS

    async def _make(self, kind: str) -> None:
        await getattr(self, f"_{kind}")()
        self.followed += 1

    async def _pods(self) -> None:
        self._generation += 1
        await self._patch(self._any(), endpoints_of=self._generation)

    async def _moves(self) -> None:
        self._generation += 1
        await self._patch(self._any(), self._generation, self._random.randrange(1, self._nodes))

    async def _heartbeats(self) -> None:
        name = node_name(self._random.randrange(self._nodes))
        stamp = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        await self._lab.ask("PATCH", f"/api/v1/nodes/{name}/status", heartbeat(stamp), "merge")

    async def _services(self) -> None:
        if len(self._created) > 20:
            await self._delete(self._created.pop(0))
        else:
            self._next += 1
            await self._create(self._next)

    async def _create(self, at: int) -> None:
        lab, where = self._lab, place(at)
        await lab.ask("POST", _slices(at), endpoint_slice(at, 0, self._nodes))
        await lab.ask("POST", f"/api/v1/namespaces/{where[0]}/services", service(at))
        created = time.perf_counter()
        await lab.statuses.until(lambda: where in lab.statuses.address)
        self.to_status.append(lab.statuses.since[where] - created)
        address = lab.statuses.address[where]
        await lab.routes.until(lambda: address in lab.routes.since)
        self.to_route.append(lab.routes.since[address] - created)
        self._created.append(at)

    async def _delete(self, at: int) -> None:
        namespace, name = place(at)
        await self._lab.ask("DELETE", f"/api/v1/namespaces/{namespace}/services/{name}")
        await self._lab.ask("DELETE", f"{_slices(at)}/{slice_name(at, 0)}")

    async def _empties(self) -> None:
        if len(self._emptied) > 5:
            at = self._emptied.pop(0)
            for which in range(self._slices):
                ready = endpoints(at, which, self._nodes)
                await self._change(at, which, ready)
            self._busy.discard(at)
            return
        at = self._any()
        self._busy.add(at)
        lab, address = self._lab, self._lab.statuses.address[place(at)]
        for which in range(self._slices):
            await self._change(at, which, [])
        emptied = time.perf_counter()
        await lab.routes.until(lambda: address not in lab.routes.since)
        self.to_withdrawal.append(lab.routes.gone[address] - emptied)
        self._emptied.append(at)

    def _any(self) -> int:
        """One that nothing else is being done to, as nearly all are."""
        for _ in range(self._count):
            at = self._random.randrange(self._count)
            if at not in self._busy:
                return at
        raise SystemExit("the churn is too much for so few Services")

    async def _patch(self, at: int, endpoints_of: int, shift: int = 0) -> None:
        which = self._random.randrange(self._slices)
        self._busy.add(at)
        await self._change(at, which, endpoints(at, which, self._nodes, endpoints_of, shift))
        self._busy.discard(at)

    async def _change(self, at: int, which: int, found: list[dict[str, Any]]) -> None:
        path = f"{_slices(at)}/{slice_name(at, which)}"
        await self._lab.ask("PATCH", path, {"endpoints": found}, "merge")


def _slices(at: int) -> str:
    return f"/apis/discovery.k8s.io/v1/namespaces/{place(at)[0]}/endpointslices"
