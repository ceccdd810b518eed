"""What MetalLB reads of a Service: row by row."""

from __future__ import annotations

import trio
from apiserver import objects
from k8s_source.rows import (
    BOTH,
    DUAL_RANGES,
    POOL_SHOWN,
    V4,
    V6,
    Row,
    dual,
    events_of,
    ids,
    noted,
    of_web,
    played,
    running,
    shown_pool,
    web,
)
from k8s_source.scene import slice_on

OTHER = objects.pool("other", "198.51.100.0/24", autoAssign=False)
DUAL = objects.pool("public", *DUAL_RANGES)
GIVEN = ("IPAllocated",)
REFUSED = ("AllocationFailed",)
OLD = "metallb.universe.tf/"


def neighbour(**more):
    """A Service that is served before `web`, and by nobody's endpoints."""
    return objects.service("a", **more)


# --- annotations ----------------------------------------------------------------------------------

ANNOTATIONS = [
    Row(
        "address-pool names the pool that gives",
        (OTHER, web(annotations=noted(address_pool="other"))),
        addresses=("198.51.100.0",),
        pool="other",
        events=GIVEN,
    ),
    Row(
        "an empty address-pool is no request",
        (OTHER, web(annotations=noted(address_pool=""))),
        addresses=(V4,),
        events=GIVEN,
    ),
    Row(
        "an address-pool that is not there gives nothing",
        (web(annotations=noted(address_pool="nosuch")),),
        events=REFUSED,
    ),
    Row(
        "address-pool under the old prefix counts, and is told to be old",
        (OTHER, web(annotations={OLD + "address-pool": "other"})),
        addresses=("198.51.100.0",),
        pool="other",
        events=("IPAllocated", "deprecatedAnnotation"),
    ),
    Row(
        "address-pool under the new prefix wins, also when it is empty",
        (OTHER, web(annotations={OLD + "address-pool": "other", **noted(address_pool="")})),
        addresses=(V4,),
        events=("IPAllocated", "deprecatedAnnotation"),
    ),
    Row(
        "loadBalancerIPs names the address",
        (web(annotations=noted(loadBalancerIPs="192.0.2.77")),),
        addresses=("192.0.2.77",),
        events=GIVEN,
    ),
    Row(
        "loadBalancerIPs names two, with white space around each, in the user's order",
        (DUAL, dual("RequireDualStack", annotations=noted(loadBalancerIPs=f" {V6}5 , 192.0.2.5 "))),
        addresses=(f"{V6}5", "192.0.2.5"),
        events=GIVEN,
    ),
    Row(
        "loadBalancerIPs with three addresses is an error",
        (DUAL, dual("RequireDualStack", annotations=noted(loadBalancerIPs=f"{V4},{V6},{V6}1"))),
        events=REFUSED,
    ),
    Row(
        "loadBalancerIPs with two of one family is an error",
        (DUAL, dual("RequireDualStack", annotations=noted(loadBalancerIPs="192.0.2.1,192.0.2.2"))),
        events=REFUSED,
    ),
    Row(
        "loadBalancerIPs that does not parse is an error",
        (web(annotations=noted(loadBalancerIPs="192.0.2")),),
        events=REFUSED,
    ),
    Row(
        "loadBalancerIPs under the old prefix counts, and is told to be old",
        (web(annotations={OLD + "loadBalancerIPs": "192.0.2.77"}),),
        addresses=("192.0.2.77",),
        events=("IPAllocated", "deprecatedAnnotation"),
    ),
    Row(
        "an empty loadBalancerIPs under the new prefix wins",
        (web(annotations={OLD + "loadBalancerIPs": "192.0.2.77", **noted(loadBalancerIPs="")}),),
        addresses=(V4,),
        events=("IPAllocated", "deprecatedAnnotation"),
    ),
    Row(
        "allow-shared-ip with one value and other ports shares",
        (
            neighbour(ports=[53], annotations=noted(allow_shared_ip="k")),
            web(ports=[("UDP", 53)], annotations=noted(allow_shared_ip="k")),
        ),
        addresses=(V4,),
        events=GIVEN,
        others=(("a", (V4,)),),
    ),
    Row(
        "an empty allow-shared-ip does not share",
        (
            neighbour(ports=[53], annotations=noted(allow_shared_ip="")),
            web(annotations=noted(allow_shared_ip="")),
        ),
        addresses=("192.0.2.1",),
        events=GIVEN,
        others=(("a", (V4,)),),
    ),
    Row(
        "allow-shared-ip under the old prefix shares with the new one",
        (
            neighbour(ports=[53], annotations=noted(allow_shared_ip="k")),
            web(annotations={OLD + "allow-shared-ip": "k"}),
        ),
        addresses=(V4,),
        events=("IPAllocated", "deprecatedAnnotation"),
        others=(("a", (V4,)),),
    ),
    Row(
        "ip-allocated-from-pool goes with the address",
        (web(),),
        of_web({"type": "ClusterIP"}),
    ),
    Row(
        "ip-allocated-from-pool that somebody writes asks for nothing, and is put right",
        (OTHER, web(annotations={POOL_SHOWN: "other"})),
        addresses=(V4,),
        events=GIVEN,
    ),
    Row(
        "an old annotation is no news while nothing else changes",
        (web(annotations={OLD + "address-pool": "public"}),),
        of_web(labels={"any": "thing"}),
        addresses=(V4,),
    ),
]


@ids(ANNOTATIONS)
async def test_annotations(autojump_clock, scene, row) -> None:
    await played(scene, row)


async def test_every_old_annotation_is_told(autojump_clock, scene) -> None:
    old = {OLD + "address-pool": "public", OLD + "allow-shared-ip": "k"}
    await running(scene, [web(annotations=old)])
    said = [
        each["message"] for each in events_of(scene) if each["reason"] == "deprecatedAnnotation"
    ]
    assert [text.split()[2] for text in said] == sorted(old)


async def test_the_pool_is_written_in_the_same_update_as_the_address(autojump_clock, scene) -> None:
    controller, _ = await running(scene, [web()])
    assert shown_pool(scene) == "public"
    assert controller.connection.requests["patch", "services/status"] == 1
    assert controller.connection.requests["patch", "services"] == 0


# --- fields ---------------------------------------------------------------------------------------

LOCAL = {"externalTrafficPolicy": "Local", "annotations": noted(allow_shared_ip="k")}
BY_LABEL = objects.pool(
    "labelled",
    "198.51.100.0/24",
    serviceAllocation={"serviceSelectors": [{"matchLabels": {"tier": "gold"}}]},
)
BY_NAMESPACE = objects.pool(
    "homely", "198.51.100.0/24", serviceAllocation={"namespaces": ["default"]}
)
FIELDS = [
    Row("spec.type ClusterIP gets nothing", (web(type="ClusterIP"),)),
    Row("spec.type NodePort gets nothing", (web(type="NodePort"),)),
    Row(
        "spec.type ExternalName gets nothing",
        (web(type="ExternalName", externalName="x.example"),),
    ),
    Row(
        "spec.loadBalancerIP asks for one address",
        (web(loadBalancerIP="192.0.2.77"),),
        addresses=("192.0.2.77",),
        events=GIVEN,
    ),
    Row(
        "spec.loadBalancerIP together with loadBalancerIPs is an error",
        (web(loadBalancerIP="192.0.2.7", annotations=noted(loadBalancerIPs="192.0.2.7")),),
        events=REFUSED,
    ),
    Row(
        "spec.loadBalancerIP of no pool gives nothing",
        (web(loadBalancerIP="203.0.113.1"),),
        events=REFUSED,
    ),
    Row(
        "spec.clusterIPs with one of IPv6 asks for IPv6",
        (DUAL, web(clusterIP=BOTH[1], clusterIPs=BOTH[1:], ipFamilies=["IPv6"])),
        addresses=(V6,),
        events=GIVEN,
    ),
    Row(
        "spec.clusterIPs of both families asks for both",
        (DUAL, dual("RequireDualStack")),
        addresses=(V4, V6),
        events=GIVEN,
    ),
    Row(
        "spec.clusterIPs None, a headless Service, is refused; "
        "differs: MetalLB only tells noclusterIPsIPFamily when the status has addresses",
        (web(clusterIP="None"),),
        events=REFUSED,
    ),
    Row(
        "spec.ipFamilyPolicy absent counts as SingleStack",
        (DUAL, web()),
        addresses=(V4,),
        events=GIVEN,
    ),
    Row(
        "spec.ipFamilyPolicy PreferDualStack is content with one",
        (dual("PreferDualStack"),),
        addresses=(V4,),
        events=("IPAllocated", "AdditionalAssignFailed"),
    ),
    Row(
        "spec.ipFamilyPolicy RequireDualStack is not",
        (dual("RequireDualStack"),),
        events=REFUSED,
    ),
    Row(
        "spec.ipFamilies: the first family goes first where no pool has both",
        (
            objects.pool("six", "2001:db8::/120"),
            dual(
                "PreferDualStack",
                clusterIP=BOTH[1],
                clusterIPs=BOTH[::-1],
                ipFamilies=["IPv6", "IPv4"],
            ),
        ),
        addresses=(V6,),
        pool="six",
        events=("IPAllocated", "AdditionalAssignFailed"),
    ),
    Row(
        "spec.externalTrafficPolicy Local with another selector does not share",
        (neighbour(ports=[53], **LOCAL), web(**LOCAL)),
        addresses=("192.0.2.1",),
        events=GIVEN,
        others=(("a", (V4,)),),
    ),
    Row(
        "spec.selector: Local with the same one shares",
        (neighbour(ports=[53], **LOCAL), web(selector={"app": "a"}, **LOCAL)),
        addresses=(V4,),
        events=GIVEN,
        others=(("a", (V4,)),),
    ),
    Row(
        "spec.ports: one port of one protocol is in the way of sharing",
        (
            neighbour(ports=[80], annotations=noted(allow_shared_ip="k")),
            web(ports=[80], annotations=noted(allow_shared_ip="k")),
        ),
        addresses=("192.0.2.1",),
        events=GIVEN,
        others=(("a", (V4,)),),
    ),
    Row(
        "metadata.labels are matched by a pool's serviceSelectors",
        (BY_LABEL, web(labels={"tier": "gold"})),
        addresses=("198.51.100.0",),
        pool="labelled",
        events=GIVEN,
    ),
    Row(
        "metadata.labels that no serviceSelectors match leave the other pools",
        (BY_LABEL, web(labels={"tier": "lead"})),
        addresses=(V4,),
        events=GIVEN,
    ),
    Row(
        "metadata.namespace is matched by a pool's namespaces",
        (BY_NAMESPACE, web()),
        addresses=("198.51.100.0",),
        pool="homely",
        events=GIVEN,
    ),
    Row(
        "status.loadBalancer.ingress says what is held already",
        (web(ingress=["192.0.2.9"]),),
        addresses=("192.0.2.9",),
    ),
    Row(
        "status.loadBalancer.ingress outside of the pools is replaced",
        (web(ingress=["203.0.113.9"]),),
        addresses=(V4,),
        events=("ClearAssignment", "IPAllocated"),
    ),
    Row(
        "status.loadBalancer.ingress with three addresses is replaced",
        (web(ingress=["192.0.2.7", "192.0.2.8", "192.0.2.9"]),),
        addresses=(V4,),
        events=("nolbIPsIPFamily", "IPAllocated"),
    ),
    Row(
        "status.loadBalancer.ingress with two of one family is replaced",
        (web(ingress=["192.0.2.7", "192.0.2.8"]),),
        addresses=(V4,),
        events=("nolbIPsIPFamily", "IPAllocated"),
    ),
    Row(
        "fields that nobody asks for change nothing",
        (
            web(
                internalTrafficPolicy="Local",
                sessionAffinity="ClientIP",
                loadBalancerSourceRanges=["198.51.100.0/24"],
                allocateLoadBalancerNodePorts=False,
                externalIPs=["203.0.113.1"],
                publishNotReadyAddresses=True,
            ),
        ),
        addresses=(V4,),
        events=GIVEN,
    ),
]


@ids(FIELDS)
async def test_fields(autojump_clock, scene, row) -> None:
    await played(scene, row)


async def test_an_ingress_of_a_host_name_alone_gets_an_address_in_its_place(
    autojump_clock, scene
) -> None:
    named = web()
    named["status"] = {"loadBalancer": {"ingress": [{"hostname": "web.example"}]}}
    _, node = await running(scene, [named])
    found = scene.server.get("Service", "web")["status"]["loadBalancer"]["ingress"]
    assert found == [{"ip": V4, "ipMode": "VIP"}]
    assert node.routes.prefixes == {"192.0.2.0/32"}


async def test_a_node_announces_nothing_for_a_host_name_alone(autojump_clock, scene) -> None:
    named = web()
    named["status"] = {"loadBalancer": {"ingress": [{"hostname": "web.example"}]}}
    scene.server.create(named)
    scene.server.create(slice_on("web", "n1"))
    node = await scene.node("n1")
    await trio.sleep(4)
    assert not node.announced
    assert events_of(scene) == []


async def test_what_is_not_ours_to_write_stays_as_it_was(autojump_clock, scene) -> None:
    scene.server.create(web())
    before = scene.server.get("Service", "web")
    await running(scene)
    after = scene.server.get("Service", "web")
    assert after["spec"] == before["spec"]
    assert after["status"].keys() == {"loadBalancer"}
    (ingress,) = after["status"]["loadBalancer"]["ingress"]
    assert ingress.keys() == {"ip", "ipMode"}, "ipMode is the server's default"
    assert after["metadata"].keys() - before["metadata"].keys() == {"annotations"}
