"""What becomes of an address when something around it changes: MetalLB's table, row by row."""

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
    shown_pool,
    told,
    web,
)
from k8s_source.scene import NAMESPACE, slice_on

OTHER = objects.pool("other", "198.51.100.0/24", autoAssign=False)
SPARE = objects.pool("spare", "198.51.100.0/24")
DUAL = objects.pool("public", *DUAL_RANGES)
MOVED = ("ClearAssignment", "IPAllocated")
LOST = ("ClearAssignment", "AllocationFailed")
SHARED = noted(allow_shared_ip="k")
SHARER = objects.service("a", ports=[53], annotations=SHARED)
WITH_IT = (("a", (V4,)),)


def in_pool(**spec):
    """Somebody changes the pool."""
    return lambda server: server.patch("IPAddressPool", "public", {"spec": spec}, NAMESPACE)


def with_label(name: str, **labels: str):
    """A namespace with labels."""
    return objects.namespace(name, labels=labels)


def renamed(*pools):
    """Somebody has other pools in the place of the one."""

    def act(server) -> None:
        server.delete("IPAddressPool", "public")
        server.create_all(pools)

    return act


ONE_LEFT = objects.pool("public", "192.0.2.0/32")
WAITER = objects.service("waits")
CHANGES = [
    Row(
        "type to another one: freed, and who waits gets it",
        (ONE_LEFT, web(ingress=[V4]), WAITER),
        of_web({"type": "NodePort"}),
        others=(("waits", (V4,)),),
    ),
    Row(
        "deleted: freed, and who waits gets it",
        (ONE_LEFT, web(ingress=[V4]), WAITER),
        lambda server: server.delete("Service", "web"),
        others=(("waits", (V4,)),),
    ),
    Row(
        "requested address changed: the old one freed, the new one given",
        (web(loadBalancerIP="192.0.2.5"),),
        of_web({"loadBalancerIP": "192.0.2.6"}),
        addresses=("192.0.2.6",),
        events=MOVED,
    ),
    Row(
        "requested address changed to one that is not to be had: the old one is lost",
        (web(loadBalancerIP="192.0.2.5"),),
        of_web({"loadBalancerIP": "203.0.113.1"}),
        events=LOST,
    ),
    Row(
        "requested address changed to nonsense: kept",
        (web(loadBalancerIP="192.0.2.5"),),
        of_web({"loadBalancerIP": "nonsense"}),
        addresses=("192.0.2.5",),
        events=("LoadBalancerFailed",),
    ),
    Row(
        "requested address removed: kept",
        (web(loadBalancerIP="192.0.2.5"),),
        of_web({"loadBalancerIP": None}),
        addresses=("192.0.2.5",),
    ),
    Row(
        "requested pool changed: freed, and given from the new one",
        (OTHER, web(annotations=noted(address_pool="public"))),
        annotate(address_pool="other"),
        addresses=("198.51.100.0",),
        pool="other",
        events=MOVED,
    ),
    Row(
        "requested pool changed to one that is not there: lost",
        (web(annotations=noted(address_pool="public")),),
        annotate(address_pool="nosuch"),
        events=LOST,
    ),
    Row(
        "requested pool removed: kept",
        (OTHER, web(annotations=noted(address_pool="other"))),
        annotate(address_pool=None),
        addresses=("198.51.100.0",),
        pool="other",
    ),
    Row(
        "ports changed without conflict: kept",
        (SHARER, web(annotations=SHARED)),
        of_web({"ports": [{"port": 81, "name": "other"}]}),
        addresses=(V4,),
        others=WITH_IT,
    ),
    Row(
        "ports changed into conflict: another address",
        (SHARER, web(annotations=SHARED)),
        of_web({"ports": [{"port": 53, "name": "other"}]}),
        addresses=("192.0.2.1",),
        events=MOVED,
        others=WITH_IT,
    ),
    Row(
        "sharing key changed while it shares: another address",
        (SHARER, web(annotations=SHARED)),
        annotate(allow_shared_ip="another"),
        addresses=("192.0.2.1",),
        events=MOVED,
        others=WITH_IT,
    ),
    Row(
        "sharing key changed while nobody else is there: kept",
        (web(annotations=SHARED),),
        annotate(allow_shared_ip="another"),
        addresses=(V4,),
    ),
    Row(
        "traffic policy changed while it shares: another address",
        (SHARER, web(annotations=SHARED)),
        of_web({"externalTrafficPolicy": "Local"}),
        addresses=("192.0.2.1",),
        events=MOVED,
        others=WITH_IT,
    ),
    Row(
        "selector changed while it shares with Local: another address",
        (
            objects.service("a", ports=[53], annotations=SHARED, externalTrafficPolicy="Local"),
            web(annotations=SHARED, externalTrafficPolicy="Local", selector={"app": "a"}),
        ),
        of_web({"selector": {"app": "b"}}),
        addresses=("192.0.2.1",),
        events=MOVED,
        others=WITH_IT,
    ),
    Row(
        "labels changed, and the pool's serviceSelectors match no more",
        (
            objects.pool(
                "gold",
                "198.51.100.0/24",
                serviceAllocation={"serviceSelectors": [{"matchLabels": {"tier": "gold"}}]},
            ),
            web(labels={"tier": "gold"}),
        ),
        of_web(labels={"tier": "lead"}),
        addresses=(V4,),
        events=MOVED,
    ),
    Row(
        "labels of the namespace changed, and the pool admits it no more",
        (
            with_label("default", tier="gold"),
            objects.pool(
                "gold",
                "198.51.100.0/24",
                serviceAllocation={"namespaceSelectors": [{"matchLabels": {"tier": "gold"}}]},
            ),
            web(),
        ),
        lambda server: server.patch(
            "Namespace", "default", {"metadata": {"labels": {"tier": "lead"}}}
        ),
        addresses=(V4,),
        events=MOVED,
    ),
    Row(
        "pool added, a better one: nothing moves",
        (web(),),
        lambda server: server.create(
            objects.pool("a-better-one", "198.51.100.0/24", serviceAllocation={"priority": 1})
        ),
        addresses=(V4,),
    ),
    Row(
        "pool renamed: kept, and the annotation follows",
        (web(),),
        renamed(objects.pool("renamed", "192.0.2.0/24")),
        addresses=(V4,),
        pool="renamed",
    ),
    Row(
        "pool shrunk: another address",
        (web(),),
        in_pool(addresses=["192.0.2.128/25"]),
        addresses=("192.0.2.128",),
        events=MOVED,
    ),
    Row(
        "pool removed: an address of another one",
        (web(ingress=[V4]), SPARE),
        lambda server: server.delete("IPAddressPool", "public"),
        addresses=("198.51.100.0",),
        pool="spare",
        events=MOVED,
    ),
    Row(
        "avoidBuggyIPs turned on for what is held: another address",
        (web(),),
        in_pool(avoidBuggyIPs=True),
        addresses=("192.0.2.1",),
        events=MOVED,
    ),
    Row(
        "a pair whose pool loses one family, PreferDualStack; "
        "differs: the other address stays, where MetalLB gives both anew",
        (DUAL, dual("PreferDualStack")),
        in_pool(addresses=["2001:db8::/120"]),
        addresses=(V6,),
        events=("ClearAssignment", "AdditionalAssignFailed"),
    ),
    Row(
        "a pair whose pool loses one family, RequireDualStack: lost",
        (DUAL, dual("RequireDualStack")),
        in_pool(addresses=["2001:db8::/120"]),
        events=LOST,
    ),
    Row(
        "PreferDualStack with one, and its pool gets the other family: added, the first kept",
        (dual("PreferDualStack"),),
        in_pool(addresses=list(DUAL_RANGES)),
        addresses=(V4, V6),
        events=("IPAllocated",),
    ),
    Row(
        "PreferDualStack with one, and another pool has both: it does not move",
        (dual("PreferDualStack"),),
        lambda server: server.create(
            objects.pool("a-dual-one", "198.51.100.0/24", "2001:db8:1::/120")
        ),
        addresses=(V4,),
    ),
    Row(
        "PreferDualStack to RequireDualStack with one, in a pool with one family: lost",
        (dual("PreferDualStack"),),
        of_web({"ipFamilyPolicy": "RequireDualStack"}),
        events=LOST,
    ),
    Row(
        "one cluster IP to two; differs: what is held stays, where MetalLB gives both anew",
        (DUAL, web(clusterIP=BOTH[0], clusterIPs=BOTH[:1], ipFamilies=["IPv4"])),
        of_web(
            {
                "ipFamilyPolicy": "RequireDualStack",
                "clusterIPs": BOTH,
                "ipFamilies": ["IPv4", "IPv6"],
            }
        ),
        addresses=(V4, V6),
        events=("IPAllocated",),
    ),
    Row(
        "two cluster IPs to one; differs: what is held of its family stays",
        (DUAL, dual("RequireDualStack")),
        of_web({"ipFamilyPolicy": "SingleStack", "clusterIPs": BOTH[:1], "ipFamilies": ["IPv4"]}),
        addresses=(V4,),
        events=("ClearAssignment",),
    ),
    Row(
        "autoAssign turned off: kept",
        (web(),),
        in_pool(autoAssign=False),
        addresses=(V4,),
    ),
    Row(
        "all pools removed: cleared; differs: told, where MetalLB is silent",
        (web(),),
        lambda server: server.delete("IPAddressPool", "public"),
        events=LOST,
    ),
    Row(
        "two claim one address in their status: one keeps it, the other gets another",
        (objects.service("a", ingress=["192.0.2.9"]), web(ingress=["192.0.2.9"])),
        addresses=(V4,),
        events=MOVED,
        others=(("a", ("192.0.2.9",)),),
    ),
]


@ids(CHANGES)
async def test_changes(autojump_clock, scene, row) -> None:
    await played(scene, row)


async def test_a_pool_that_is_split_keeps_its_addresses(autojump_clock, scene) -> None:
    """In one step for everybody who watches: the halves come when the whole is gone.

    What is between the two steps nobody can tell from the end of the pool.
    """
    controller, node = await running(scene, [web(ingress=["192.0.2.200"])])
    await controller.stop()
    renamed(objects.pool("low", "192.0.2.0/25"), objects.pool("high", "192.0.2.128/25"))(
        scene.server
    )
    await controller.start()
    await trio.sleep(4)
    assert scene.addresses("web") == ("192.0.2.200",)
    assert shown_pool(scene) == "high"
    assert told(scene) == []
    assert node.routes.prefixes == {"192.0.2.200/32"}


async def test_a_restart_with_services_in_another_order_moves_nothing(
    autojump_clock, scene
) -> None:
    """The ledger is lost, and those who hold addresses come before and after those who wait."""
    controller, node = await running(scene, [web()])
    names = [f"s{at}" for at in range(8)]
    for name in reversed(names):
        scene.server.create(objects.service(name))
        await trio.sleep(1)
    before = {name: scene.addresses(name) for name in names}
    assert len(set(before.values())) == 8
    await controller.stop()
    for name in names[::2]:  # made anew with what they have: they are listed in another order
        value = scene.server.get("Service", name)
        scene.server.delete("Service", name)
        held = [each["ip"] for each in value["status"]["loadBalancer"]["ingress"]]
        scene.server.create(objects.service(name, ingress=held))
    scene.server.create(objects.service("a-new-one"))
    await scene.controller("c2")
    await scene.until(lambda: scene.addresses("a-new-one"))
    await trio.sleep(10)
    assert {name: scene.addresses(name) for name in names} == before
    assert scene.addresses("web") == (V4,)
    assert node.routes.history == [frozenset(), frozenset({"192.0.2.0/32"})]


async def test_who_is_deleted_while_the_controller_is_away_leaves_its_address_at_once(
    autojump_clock, scene
) -> None:
    controller, node = await running(scene, [objects.pool("public", "192.0.2.0/32"), web()])
    await controller.stop()
    scene.server.delete("Service", "web")
    scene.server.create(objects.service("next"))
    scene.server.create(slice_on("next", "n1"))
    await trio.sleep(60)
    assert not node.routes.prefixes
    await controller.start()
    assert await scene.until(lambda: scene.addresses("next") == (V4,)) < 1
    assert await scene.until(lambda: node.routes.prefixes) < 1
