"""Whom MetalLB serves by class, and what it writes to a Service: row by row."""

from __future__ import annotations

import pytest
import trio
from apiserver import objects
from k8s_source.rows import (
    BOTH,
    DUAL_RANGES,
    POOL_SHOWN,
    V4,
    V6,
    Row,
    annotate,
    dual,
    events_of,
    ids,
    noted,
    of_web,
    played,
    running,
    shown_pool,
    told,
    web,
)
from k8s_source.scene import NAMESPACE, slice_on
from proclaim_k8s_source.options import Role

OTHER = objects.pool("other", "198.51.100.0/24", autoAssign=False)
DUAL = objects.pool("public", *DUAL_RANGES)
GIVEN = ("IPAllocated",)


# --- whose load balancer --------------------------------------------------------------------------

CLASSES = [
    pytest.param(None, "", True, id="no class, and none is ours"),
    pytest.param(None, "x", False, id="no class, and x is ours"),
    pytest.param("x", "", False, id="x, and none is ours"),
    pytest.param("x", "x", True, id="x, and x is ours"),
    pytest.param("x", "y", False, id="x, and y is ours"),
]


@pytest.mark.parametrize(("theirs", "ours", "served"), CLASSES)
async def test_load_balancer_classes(autojump_clock, scene, theirs, ours, served) -> None:
    more = {"loadBalancerClass": theirs} if theirs else {}
    scene.server.create(web(**more))
    scene.server.create(slice_on("web", "n1"))
    await scene.run("c1", Role.CONTROLLER, load_balancer_class=ours)
    node = await scene.run("n1", Role.NODE, load_balancer_class=ours)
    await trio.sleep(4)
    assert scene.addresses("web") == ((V4,) if served else ())
    assert node.routes.prefixes == ({"192.0.2.0/32"} if served else set())
    assert told(scene) == (["IPAllocated"] if served else [])


async def test_the_deletion_of_a_service_of_another_class_is_nobodys_matter(
    autojump_clock, scene
) -> None:
    controller, _ = await running(scene, [web(loadBalancerClass="other", ingress=["203.0.113.9"])])
    scene.server.delete("Service", "web")
    await trio.sleep(4)
    assert events_of(scene) == []
    assert not controller.state.holdings


async def test_a_class_that_goes_with_the_type_frees_the_address(autojump_clock, scene) -> None:
    """Differs: MetalLB filters that very update out, and keeps the address for ever."""
    scene.server.create(web(loadBalancerClass="x"))
    await scene.run("c1", Role.CONTROLLER, load_balancer_class="x")
    await trio.sleep(4)
    assert scene.addresses("web") == (V4,)
    scene.server.patch("Service", "web", {"spec": {"type": "ClusterIP"}})
    await trio.sleep(4)
    assert shown_pool(scene) is None
    scene.server.create(objects.service("next", loadBalancerClass="x", loadBalancerIP=V4))
    await trio.sleep(4)
    assert scene.addresses("next") == (V4,)


# --- what is written ------------------------------------------------------------------------------

WRITING = [
    Row(
        "a fresh pair is IPv4 before IPv6, whatever the order of the cluster IPs",
        (
            DUAL,
            dual(
                "RequireDualStack",
                clusterIP=BOTH[1],
                clusterIPs=BOTH[::-1],
                ipFamilies=["IPv6", "IPv4"],
            ),
        ),
        addresses=(V4, V6),
        events=GIVEN,
    ),
    Row(
        "an additional family comes after what is there",
        (
            objects.pool("public", "2001:db8::/120"),
            dual(
                "PreferDualStack",
                clusterIP=BOTH[1],
                clusterIPs=BOTH[::-1],
                ipFamilies=["IPv6", "IPv4"],
            ),
        ),
        lambda server: server.patch(
            "IPAddressPool", "public", {"spec": {"addresses": list(DUAL_RANGES)}}, NAMESPACE
        ),
        addresses=(V6, V4),
        events=GIVEN,
    ),
    Row(
        "differs: a status in another order is left so, where MetalLB sorts it by text",
        (
            DUAL,
            dual(
                "RequireDualStack",
                annotations=noted(loadBalancerIPs=f"192.0.2.1,{V6}1"),
                ingress=[f"{V6}1", "192.0.2.1"],
            ),
        ),
        addresses=(f"{V6}1", "192.0.2.1"),
    ),
    Row(
        "nothing is written when nothing differs",
        (web(ingress=["192.0.2.9"], annotations={POOL_SHOWN: "public"}),),
        addresses=("192.0.2.9",),
    ),
    Row(
        "the annotation alone is written when it alone is missing",
        (web(ingress=["192.0.2.9"]),),
        addresses=("192.0.2.9",),
    ),
    Row(
        "an annotation that somebody removes comes back",
        (web(),),
        of_web(annotations={POOL_SHOWN: None}),
        addresses=(V4,),
    ),
    Row(
        "an annotation that somebody changes is put right",
        (web(),),
        of_web(annotations={POOL_SHOWN: "other"}),
        addresses=(V4,),
    ),
    Row(
        "a status that somebody clears is put right; differs: without an Event",
        (web(),),
        of_web(status={"loadBalancer": {"ingress": None}}),
        addresses=(V4,),
    ),
    Row(
        "differs: another address that somebody writes moves nobody who holds one",
        (web(),),
        of_web(status={"loadBalancer": {"ingress": [{"ip": "192.0.2.200"}]}}),
        addresses=(V4,),
    ),
    Row(
        "a changed request is written with its pool",
        (OTHER, web()),
        annotate(loadBalancerIPs="198.51.100.5"),
        addresses=("198.51.100.5",),
        pool="other",
        events=("ClearAssignment", "IPAllocated"),
    ),
]


@ids(WRITING)
async def test_writing(autojump_clock, scene, row) -> None:
    await played(scene, row)


async def test_a_status_that_is_as_it_should_be_costs_no_request(autojump_clock, scene) -> None:
    held = web(ingress=["192.0.2.9"], annotations={POOL_SHOWN: "public"})
    controller, _ = await running(scene, [held])
    asked = controller.connection.requests
    assert not [each for each in asked if each[1].startswith("services") and each[0] == "patch"]


async def test_a_write_that_fails_is_tried_again(autojump_clock, scene) -> None:
    controller, _ = await running(scene)
    controller.faults.down = True
    scene.server.create(web())
    await trio.sleep(2)
    assert scene.addresses("web") == ()
    controller.faults.down = False
    await scene.until(lambda: scene.addresses("web") == (V4,))
    await scene.until(lambda: told(scene) == ["IPAllocated"])
