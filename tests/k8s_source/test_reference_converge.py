"""The decision about one Service, step by step, as MetalLB's controller takes it."""

from __future__ import annotations

import trio
from apiserver import objects
from k8s_source.rows import (
    BOTH,
    DUAL_RANGES,
    V4,
    V6,
    Row,
    annotate,
    dual,
    ids,
    noted,
    of_web,
    played,
    running,
    told,
    web,
)
from k8s_source.scene import NAMESPACE, Process
from proclaim_k8s_source.access.api import Unreachable
from proclaim_k8s_source.options import Role

OTHER = objects.pool("other", "198.51.100.0/24", autoAssign=False)
DUAL = objects.pool("public", *DUAL_RANGES)
GIVEN = ("IPAllocated",)
REFUSED = ("AllocationFailed",)
MOVED = ("ClearAssignment", "IPAllocated")
LOST = ("ClearAssignment", "AllocationFailed")
EMPTY = objects.pool("public", "192.0.2.0/24", autoAssign=False)
SINGLE = {"clusterIP": BOTH[0], "clusterIPs": BOTH[:1], "ipFamilies": ["IPv4"]}


def without_pool(server) -> None:
    """Somebody deletes the pool."""
    server.delete("IPAddressPool", "public")


def in_pool(**spec):
    """Somebody changes the pool."""
    return lambda server: server.patch("IPAddressPool", "public", {"spec": spec}, NAMESPACE)


STEPS = [
    Row(
        "1. another type: cleared, with no Event",
        (web(),),
        of_web({"type": "ClusterIP"}),
    ),
    Row(
        "2. no pool is left: cleared; differs: told, where MetalLB is silent",
        (web(),),
        without_pool,
        events=LOST,
    ),
    Row(
        "3. no cluster IP: nothing; differs: told, where MetalLB is silent",
        (web(clusterIP="None"),),
        events=REFUSED,
    ),
    Row(
        "4. RequireDualStack with fewer than two cluster IPs; differs: it is told what goes",
        (DUAL, web(ipFamilyPolicy="RequireDualStack", **SINGLE, ingress=[V4])),
        events=("ClearAssignment", "not enough clusterips"),
    ),
    Row("5. no address yet: goes on to give one", (web(),), addresses=(V4,), events=GIVEN),
    Row(
        "5. three addresses in the status: given anew",
        (DUAL, web(ingress=[V4, V6, "192.0.2.1"])),
        addresses=(V4,),
        events=("nolbIPsIPFamily", "IPAllocated"),
    ),
    Row(
        "5. cluster IPs of no family; differs: the address goes, where MetalLB lets it be",
        (web(clusterIP="None", ingress=[V4]),),
        events=LOST,
    ),
    Row(
        "5. one address of the other family: given anew; differs: and told",
        (DUAL, web(ingress=[V6])),
        addresses=(V4,),
        events=MOVED,
    ),
    Row(
        "5. two addresses and one cluster IP: given anew; differs: and told",
        (DUAL, web(ingress=["192.0.2.9", f"{V6}9"])),
        addresses=(V4,),
        events=MOVED,
    ),
    Row(
        "5. one address, two cluster IPs and PreferDualStack: stays",
        (dual("PreferDualStack", ingress=["192.0.2.9"]),),
        addresses=("192.0.2.9",),
    ),
    Row(
        "5. one address, two cluster IPs, RequireDualStack: given anew; differs: and told",
        (DUAL, dual("RequireDualStack", ingress=["192.0.2.9"])),
        addresses=(V4, V6),
        events=MOVED,
    ),
    Row(
        "6. the address is in no pool any more",
        (web(),),
        in_pool(addresses=["198.51.100.0/24"]),
        addresses=("198.51.100.0",),
        events=MOVED,
    ),
    Row(
        "6. the pool admits the Service no more",
        (web(),),
        in_pool(serviceAllocation={"namespaces": ["shop"]}),
        events=LOST,
    ),
    Row(
        "6. another Service holds the address",
        (objects.service("a", ingress=[V4]), web(ingress=[V4])),
        addresses=("192.0.2.1",),
        events=MOVED,
        others=(("a", (V4,)),),
    ),
    Row(
        "7. another pool is asked for",
        (OTHER, web()),
        annotate(address_pool="other"),
        addresses=("198.51.100.0",),
        pool="other",
        events=MOVED,
    ),
    Row(
        "8. a request that makes no sense: what is held stays",
        (web(),),
        annotate(loadBalancerIPs="192.0.2.1,192.0.2.2"),
        addresses=(V4,),
        events=("LoadBalancerFailed",),
    ),
    Row(
        "8. another address is asked for",
        (web(),),
        annotate(loadBalancerIPs="192.0.2.50"),
        addresses=("192.0.2.50",),
        events=MOVED,
    ),
    Row(
        "8. the same addresses are asked for in another order",
        (DUAL, dual("RequireDualStack", annotations=noted(loadBalancerIPs=f"{V4},{V6}"))),
        annotate(loadBalancerIPs=f"{V6},{V4}"),
        addresses=(V4, V6),
    ),
    Row(
        "9. PreferDualStack with one address: the other family is added",
        (DUAL, dual("PreferDualStack", ingress=["192.0.2.9"])),
        addresses=("192.0.2.9", V6),
        events=GIVEN,
    ),
    Row(
        "9. PreferDualStack with one address: it is not to be had",
        (dual("PreferDualStack"),),
        addresses=(V4,),
        events=("IPAllocated", "AdditionalAssignFailed"),
    ),
    Row(
        "9. PreferDualStack with one cluster IP; differs: one address, for MetalLB may flap",
        (DUAL, web(ipFamilyPolicy="PreferDualStack", **SINGLE)),
        addresses=(V4,),
        events=GIVEN,
    ),
    Row(
        "10a. one address is asked for, and two families are wanted",
        (DUAL, dual("PreferDualStack", loadBalancerIP="192.0.2.9")),
        events=REFUSED,
    ),
    Row(
        "10a. the address of another pool than the one that is asked for",
        (OTHER, web(annotations=noted(address_pool="other", loadBalancerIPs="192.0.2.9"))),
        events=REFUSED,
    ),
    Row(
        "10a. an address that somebody else holds",
        (objects.service("a", ingress=["192.0.2.9"]), web(loadBalancerIP="192.0.2.9")),
        events=REFUSED,
        others=(("a", ("192.0.2.9",)),),
    ),
    Row(
        "10b. a pool that gives nothing by itself gives what is asked for",
        (EMPTY, web(annotations=noted(address_pool="public"))),
        addresses=(V4,),
        events=GIVEN,
    ),
    Row(
        "10b. a pool of the wrong family",
        (objects.pool("six", "2001:db8::/120"), web(annotations=noted(address_pool="six"))),
        events=REFUSED,
    ),
    Row(
        "10b. a full pool, and no other one is tried",
        (
            objects.pool("tiny", "198.51.100.1/32", autoAssign=False),
            objects.service("a", annotations=noted(address_pool="tiny")),
            web(annotations=noted(address_pool="tiny")),
        ),
        events=REFUSED,
        others=(("a", ("198.51.100.1",)),),
    ),
    Row("10c. no pool gives by itself", (EMPTY, web()), events=REFUSED),
    Row(
        "10c. both families come from one pool",
        (objects.pool("six", "2001:db8::/120"), dual("RequireDualStack")),
        events=REFUSED,
    ),
]


@ids(STEPS)
async def test_steps(autojump_clock, scene, row) -> None:
    await played(scene, row)


async def test_what_failed_is_not_tried_by_a_timer_and_told_once(autojump_clock, scene) -> None:
    controller, _ = await running(scene, [web(loadBalancerIP="203.0.113.1")])
    facts = len(controller.facts())
    await trio.sleep(600)
    assert told(scene) == ["AllocationFailed"]
    assert len(controller.facts()) == facts


async def test_prefer_dual_stack_with_one_cluster_ip_does_not_flap(autojump_clock, scene) -> None:
    controller, node = await running(scene, [DUAL, web(ipFamilyPolicy="PreferDualStack", **SINGLE)])
    for at in range(5):
        scene.server.patch("Service", "web", {"metadata": {"labels": {"at": str(at)}}})
        await trio.sleep(30)
    assert scene.addresses("web") == (V4,)
    assert controller.connection.requests["patch", "services/status"] == 1
    assert node.routes.history == [frozenset(), frozenset({"192.0.2.0/32"})]
    assert told(scene) == ["IPAllocated"]


class WithoutPools(Process):
    """A process that for a while cannot list the pools, but everything else."""

    blind = True

    def connect(self, agent):
        connection = super().connect(agent)
        asking = connection.request

        async def request(method, path, *more, **named):
            if self.blind and "ipaddresspools" in path:
                await trio.lowlevel.checkpoint()
                raise Unreachable("the pools are not to be had")
            return await asking(method, path, *more, **named)

        connection.request = request
        return connection


async def test_nothing_happens_before_the_pools_are_known(autojump_clock, scene) -> None:
    for value in (web(ingress=["192.0.2.9"]), objects.service("a-waits")):
        scene.server.create(value)
    held = scene.server.get("Service", "web")
    controller = WithoutPools(scene, "c1", Role.CONTROLLER)
    await controller.start()
    await trio.sleep(60)
    assert controller.connection.requests["list", "services"] > 0
    assert scene.server.get("Service", "web") == held
    assert scene.addresses("a-waits") == ()
    assert scene.server.list("Event") == []
    controller.blind = False
    await scene.until(lambda: scene.addresses("a-waits") == (V4,))
    assert scene.addresses("web") == ("192.0.2.9",)
    assert told(scene) == []
