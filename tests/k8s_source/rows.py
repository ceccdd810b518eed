"""One row of what MetalLB does, played with whole processes: given, when, then.

Every case begins with the ground of the scene, a pool 192.0.2.0/24 that the
node n1 announces to one peer for each family, and looks at one Service, `web`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeAlias

import pytest
import trio
from apiserver import objects
from apiserver.server import ApiServer
from k8s_source.scene import Process, Scene, slice_on

Json: TypeAlias = dict[str, Any]
Act: TypeAlias = Callable[[ApiServer], object]

POOL_SHOWN = "metallb.io/ip-allocated-from-pool"
SETTLES = 4.0
"""Seconds after which nothing more comes of what happened."""
V4, V6 = "192.0.2.0", "2001:db8::"
BOTH = ["10.96.0.10", "fd00:10:96::10"]
DUAL_RANGES = ("192.0.2.0/24", "2001:db8::/120")


@dataclass(frozen=True)
class Row:
    """What is given, what somebody does, and what there is to see afterwards."""

    says: str
    """The row in words; it begins with `differs: ` where Proclaim does something else."""
    given: tuple[Json, ...] = ()
    """Beside the ground, or in place of what has its name there."""
    when: Act | None = None
    addresses: tuple[str, ...] = ()
    """What the status of `web` shows at last."""
    pool: str | None = None
    """The pool that its annotation names; `public` where it shows addresses."""
    events: tuple[str, ...] = ()
    """The reasons of the Events that came after `when`, or at all; without those of nodes."""
    others: tuple[tuple[str, tuple[str, ...]], ...] = ()
    """What other Services show."""


def ids(rows: Iterable[Row]) -> Any:
    """The rows as cases, each by its words."""
    return pytest.mark.parametrize("row", [pytest.param(row, id=row.says) for row in rows])


def web(**more: Any) -> Json:
    """The Service that the cases look at."""
    value: Json = objects.service("web", **more)
    return value


def dual(policy: str, **more: Any) -> Json:
    """The same with cluster IPs of both families."""
    families = {"clusterIP": BOTH[0], "clusterIPs": BOTH, "ipFamilies": ["IPv4", "IPv6"]}
    return web(ipFamilyPolicy=policy, **{**families, **more})


def noted(**more: str) -> dict[str, str]:
    """Annotations by their keys under metallb.io, `_` for `-`."""
    return {f"metallb.io/{key.replace('_', '-')}": value for key, value in more.items()}


def put(server: ApiServer, value: Json) -> None:
    """Create an object, or have it in the place of the one with its name."""
    metadata = value["metadata"]
    if server.get(value["kind"], metadata["name"], metadata.get("namespace")) is None:
        server.create(value)
    else:
        at = value["kind"], metadata["name"]
        said = {key: each for key, each in value.items() if key in ("spec", "metadata")}
        server.patch(*at, said, metadata.get("namespace"))
        if "status" in value:
            status = {"status": value["status"]}
            server.patch(*at, status, metadata.get("namespace"), status=True)


def of_web(spec: Json | None = None, status: Json | None = None, **metadata: Any) -> Act:
    """Somebody patches the Service."""

    def act(server: ApiServer) -> None:
        if metadata:
            server.patch("Service", "web", {"metadata": metadata})
        if spec:
            server.patch("Service", "web", {"spec": spec})
        if status is not None:
            server.patch("Service", "web", {"status": status}, status=True, by="somebody")

    return act


def annotate(**more: str | None) -> Act:
    """Somebody changes annotations of the Service."""
    keys = {f"metallb.io/{key.replace('_', '-')}": value for key, value in more.items()}
    return of_web(annotations=keys)


def shown_pool(scene: Scene, name: str = "web") -> str | None:
    """The pool that a Service's annotation names."""
    found: Json = scene.server.get("Service", name) or {"metadata": {}}
    named: str | None = found["metadata"].get("annotations", {}).get(POOL_SHOWN)
    return named


def told(scene: Scene, name: str = "web", component: str = "proclaim-controller") -> list[str]:
    """The reasons of the Events that one kind of process told at a Service, in their order."""
    return [
        each["reason"]
        for each in events_of(scene, name)
        if each["source"]["component"] == component
    ]


def events_of(scene: Scene, name: str = "web") -> list[Json]:
    """The Events at a Service, in their order."""
    found = [each for each in scene.server.list("Event") if each["involvedObject"]["name"] == name]
    return sorted(found, key=lambda each: int(each["metadata"]["resourceVersion"]))


async def running(scene: Scene, given: Iterable[Json] = ()) -> tuple[Process, Process]:
    """A controller, and a node from which `web` can be announced, over what is given."""
    for value in given:
        put(scene.server, value)
    put(scene.server, objects.bgp_peer("tor6", "2001:db8:f::1"))
    if scene.server.get("EndpointSlice", "web-1") is None:
        scene.server.create(slice_on("web", "n1"))
    controller, node = await scene.controller(), await scene.node("n1")
    await trio.sleep(SETTLES)
    return controller, node


async def played(scene: Scene, row: Row) -> None:
    """Play a row, and see that what it says is so, and stays so."""
    _, node = await running(scene, row.given)
    before = len(told(scene)) if row.when else 0
    if row.when:
        row.when(scene.server)
        await trio.sleep(SETTLES)
    wanted = Seen(
        row.addresses,
        row.pool or ("public" if row.addresses else None),
        host_routes(row.addresses),
        row.events,
        row.others,
    )
    for _ in range(2):
        others = tuple((name, scene.addresses(name)) for name, _ in row.others)
        reasons = tuple(told(scene)[before:])
        seen = Seen(
            scene.addresses("web"), shown_pool(scene), node.routes.prefixes, reasons, others
        )
        assert seen == wanted, f"{seen} is not {wanted}"
        await trio.sleep(SETTLES)


class Seen(NamedTuple):
    """What there is to see of a Service."""

    addresses: tuple[str, ...]
    pool: str | None
    routes: frozenset[str]
    events: tuple[str, ...]
    others: tuple[tuple[str, tuple[str, ...]], ...]


def host_routes(addresses: Iterable[str]) -> frozenset[str]:
    """The host routes of addresses."""
    return frozenset(f"{text}/128" if ":" in text else f"{text}/32" for text in addresses)
