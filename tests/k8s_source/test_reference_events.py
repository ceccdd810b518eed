"""Every Event that MetalLB tells at a Service: who tells it, of what type, when, and how often."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
import trio
from apiserver import objects
from k8s_source.rows import (
    DUAL_RANGES,
    V4,
    Act,
    Json,
    annotate,
    dual,
    events_of,
    noted,
    of_web,
    running,
    web,
)
from k8s_source.scene import NAMESPACE, Display, Process, slice_on
from proclaim.model import InterfaceStatus, Listing, Sourced, Spread
from proclaim_k8s_source.options import Role

CONTROLLER, NODE = "proclaim-controller", "proclaim-node"
ELSEWHERE = {"spec": {"addresses": ["198.51.100.0/24"]}}


@dataclass(frozen=True)
class Told:
    """An Event, what leads to it, and what it says."""

    says: str
    type: str
    reason: str
    given: tuple[Json, ...]
    part: str
    """Of its message."""
    when: Act | None = None
    by: str = CONTROLLER
    first: tuple[str, ...] = ()
    """The reasons that the same process tells before it, after `when`."""
    then: tuple[str, ...] = ()
    """And after it."""


def in_pool(patch: Json) -> Act:
    """Somebody patches the pool."""
    return lambda server: server.patch("IPAddressPool", "public", patch, NAMESPACE)


EVENTS = [
    Told("a new assignment", "Normal", "IPAllocated", (web(),), 'Assigned IP ["192.0.2.0"]'),
    Told(
        "an assignment of two",
        "Normal",
        "IPAllocated",
        (objects.pool("public", *DUAL_RANGES), dual("RequireDualStack")),
        'Assigned IP ["192.0.2.0", "2001:db8::"]',
    ),
    Told(
        "an additional family",
        "Normal",
        "IPAllocated",
        (dual("PreferDualStack"),),
        'Assigned additional IP ["192.0.2.0", "2001:db8::"]',
        in_pool({"spec": {"addresses": list(DUAL_RANGES)}}),
    ),
    Told(
        "an address that is in no pool any more, and another one at once",
        "Normal",
        "ClearAssignment",
        (web(),),
        "No pool covers 192.0.2.0 any more",
        in_pool(ELSEWHERE),
        then=("IPAllocated",),
    ),
    Told(
        "an address whose pool admits the Service no more, and another attempt at once",
        "Normal",
        "ClearAssignment",
        (web(),),
        "public",
        in_pool({"spec": {"serviceAllocation": {"namespaces": ["shop"]}}}),
        then=("AllocationFailed",),
    ),
    Told(
        "an address that may no longer be shared, and another one at once",
        "Normal",
        "ClearAssignment",
        (
            objects.service("a", ports=[53], annotations=noted(allow_shared_ip="k")),
            web(annotations=noted(allow_shared_ip="k")),
        ),
        "192.0.2.0",
        annotate(allow_shared_ip="another"),
        then=("IPAllocated",),
    ),
    Told(
        "a second family that is not to be had; differs: once, where MetalLB tells it each time",
        "Normal",
        "AdditionalAssignFailed",
        (dual("PreferDualStack"),),
        "other family",
        first=("IPAllocated",),
    ),
    Told(
        "an attempt that failed, with its cause",
        "Warning",
        "AllocationFailed",
        (web(loadBalancerIP="203.0.113.1"),),
        "203.0.113.1",
    ),
    Told(
        "no pool at all; differs: MetalLB says nothing",
        "Warning",
        "AllocationFailed",
        (web(),),
        "No IPAddressPool is in force",
        lambda server: server.delete("IPAddressPool", "public"),
        first=("ClearAssignment",),
    ),
    Told(
        "a request that makes no sense, at a Service that has an address",
        "Warning",
        "LoadBalancerFailed",
        (web(),),
        "it keeps the address that it has",
        annotate(loadBalancerIPs="nonsense"),
    ),
    Told(
        "a request that contradicts itself, at a Service that has an address",
        "Warning",
        "LoadBalancerFailed",
        (web(loadBalancerIP=V4),),
        "given together with",
        annotate(loadBalancerIPs=V4),
    ),
    Told(
        "a status with three addresses",
        "Warning",
        "nolbIPsIPFamily",
        (web(ingress=["192.0.2.7", "192.0.2.8", "192.0.2.9"]),),
        "192.0.2.7, 192.0.2.8, 192.0.2.9",
        then=("IPAllocated",),
    ),
    Told(
        "a status with two of one family",
        "Warning",
        "nolbIPsIPFamily",
        (web(ingress=["192.0.2.7", "192.0.2.8"]),),
        "192.0.2.7, 192.0.2.8",
        then=("IPAllocated",),
    ),
    Told(
        "cluster IPs without a family; differs: an AllocationFailed where MetalLB has "
        "noclusterIPsIPFamily, and the address goes",
        "Warning",
        "AllocationFailed",
        (web(clusterIP="None", ingress=[V4]),),
        "headless",
        first=("ClearAssignment",),
    ),
    Told(
        "RequireDualStack with one cluster IP",
        "Warning",
        "not enough clusterips",
        (web(ipFamilyPolicy="RequireDualStack", clusterIP="10.96.0.9", clusterIPs=["10.96.0.9"]),),
        "RequireDualStack",
    ),
    Told(
        "an annotation under the old prefix",
        "Warning",
        "deprecatedAnnotation",
        (web(annotations={"metallb.universe.tf/address-pool": "public"}),),
        "metallb.universe.tf/address-pool is deprecated; use metallb.io/address-pool",
        first=("IPAllocated",),
    ),
    Told(
        "a node that announces; differs: when it begins to, where MetalLB tells it each time",
        "Normal",
        "nodeAssigned",
        (web(),),
        'announcing from node "n1" with protocol "bgp"',
        lambda server: server.create(slice_on("web", "n1")),
        by=NODE,
    ),
]


@pytest.mark.parametrize("row", [pytest.param(row, id=row.says) for row in EVENTS])
async def test_events(autojump_clock, scene, row) -> None:
    begins = row.when is None
    if row.by == NODE:
        scene.server.create(slice_on("web"))
    await running(scene, row.given)
    before = 0 if begins else len(events_of(scene))
    if row.when:
        if row.by == NODE:
            scene.server.delete("EndpointSlice", "web-1")
        row.when(scene.server)
        await trio.sleep(4)
    found = [each for each in events_of(scene)[before:] if each["source"]["component"] == row.by]
    assert tuple(each["reason"] for each in found) == (*row.first, row.reason, *row.then)
    event = found[len(row.first)]
    assert event["type"] == row.type
    assert row.part in event["message"]
    assert event["involvedObject"]["kind"] == "Service"
    assert event["involvedObject"]["uid"] == scene.server.get("Service", "web")["metadata"]["uid"]
    assert event["count"] == 1
    quiet = len(events_of(scene))
    of_web(labels={"looked": "again"})(scene.server)
    await trio.sleep(30)
    assert len(events_of(scene)) == quiet, "it is told when something changes, and then only"


class OneInterface(Display):
    """An announcer on a node that has no interface but eth0, and says so."""

    async def run(self, wanted, observe) -> None:
        shown = InterfaceStatus("n1", "eth0", usable=True)
        await observe(Listing(self.name, (Sourced(shown),)))
        await super().run(wanted, observe)


async def test_an_interface_that_the_node_lacks_is_told(autojump_clock, scene) -> None:
    scene.server.delete("BGPAdvertisement", "bgp")
    scene.server.create(objects.l2_advertisement("l2", interfaces=["eth9"]))
    await scene.controller()
    node = Process(scene, "n1", Role.NODE)
    node.answers = OneInterface("l2", Spread.ONE_NODE)
    await node.start()
    scene.serve("web", "n1")
    await trio.sleep(4)
    found = [each for each in events_of(scene) if each["source"]["component"] == NODE]
    assert [(each["type"], each["reason"]) for each in found] == [
        ("Normal", "nodeAssigned"),
        ("Warning", "announceFailed"),
    ]
    assert "node n1 has no interface eth9" in found[1]["message"]


async def test_a_restart_tells_nothing(autojump_clock, scene) -> None:
    """Differs: MetalLB's speakers tell nodeAssigned at each Service anew."""
    given = [web(), objects.service("bad", loadBalancerIP="nonsense"), dual("PreferDualStack")]
    given[2]["metadata"]["name"] = "half"
    controller, node = await running(scene, given)
    before = [each["metadata"]["name"] for each in scene.server.list("Event")]
    assert len(before) == 5
    for process in (controller, node):
        await process.kill()
        await process.start()
    await trio.sleep(30)
    assert [each["metadata"]["name"] for each in scene.server.list("Event")] == before


async def test_what_changed_while_the_controller_was_away_is_told_when_it_is_back(
    autojump_clock, scene
) -> None:
    controller, _ = await running(scene, [web()])
    await controller.stop()
    scene.server.create(objects.service("bad", loadBalancerIP="nonsense"))
    scene.server.create(objects.service("fine"))
    await trio.sleep(30)
    await controller.start()
    await trio.sleep(4)
    assert scene.events("bad") == ["AllocationFailed"]
    assert scene.events("fine") == ["IPAllocated"]


async def test_configuration_nodes_and_sessions_have_no_events(autojump_clock, scene) -> None:
    await running(scene, [web()])
    scene.server.create(objects.pool("overlaps", "192.0.2.0/25"))
    scene.server.create(objects.bgp_advertisement("bad", communities=["nobody-knows-it"]))
    scene.server.patch("Node", "n1", {"metadata": {"labels": {"a": "b"}}})
    await trio.sleep(10)
    assert {each["involvedObject"]["kind"] for each in scene.server.list("Event")} == {"Service"}
