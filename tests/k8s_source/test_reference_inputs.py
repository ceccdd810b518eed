"""What nodes and their endpoints have to do with who announces: row by row, with two nodes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import pytest
import trio
from apiserver import objects
from apiserver.server import ApiServer
from k8s_source.rows import Json, put
from k8s_source.scene import NAMESPACE, Process, Scene, slice_on
from proclaim_k8s_source.options import Role

EXCLUDED = "node.kubernetes.io/exclude-from-external-load-balancers"
ROUTE = frozenset({"192.0.2.0/32"})
BOTH = ("n1", "n2")


@dataclass(frozen=True)
class Seen:
    """What is given, what somebody does, and from where the Service is announced at last."""

    says: str
    given: tuple[Json, ...] = ()
    when: Callable[[ApiServer], object] | None = None
    routes: tuple[str, ...] = BOTH
    """Nodes that announce it by BGP."""
    answers: tuple[str, ...] = BOTH
    """Nodes one of which answers for it on layer 2; none when empty."""
    service: dict[str, object] = field(default_factory=dict)
    slices: tuple[Json, ...] = (slice_on("web", "n1", "n2"),)


def rows(*found: Seen):
    return pytest.mark.parametrize("row", [pytest.param(row, id=row.says) for row in found])


async def played(scene: Scene, row: Seen) -> None:
    """Play a row: all of it, then a look at who announces."""
    ground = (objects.l2_advertisement("l2"), objects.node("n2", "10.0.0.2"), *row.given)
    for value in ground:
        put(scene.server, value)
    await scene.controller()
    nodes = [await scene.node(name) for name in BOTH]
    scene.server.create(objects.service("web", **row.service))
    scene.server.create_all(row.slices)
    await trio.sleep(4)
    if row.when:
        row.when(scene.server)
        await trio.sleep(4)
    assert scene.addresses("web") == ("192.0.2.0",), "who announces moves no address"
    assert {node.name for node in nodes if node.routes.prefixes == ROUTE} == set(row.routes)
    (*answering,) = (node.name for node in nodes if node.answers.prefixes == ROUTE)
    assert len(answering) == bool(row.answers)
    assert set(answering) <= set(row.answers)
    shown = {each["status"]["node"] for each in scene.server.list("ServiceBGPStatus")}
    assert shown == set(row.routes)
    shown = {each["status"]["node"] for each in scene.server.list("ServiceL2Status")}
    assert shown == set(answering)


def on_n2(patch: Json, *, status: bool = False) -> Callable[[ApiServer], object]:
    """Somebody patches the second node."""
    return lambda server: server.patch("Node", "n2", patch, status=status)


def network(said: str) -> Json:
    """The condition NetworkUnavailable, as a patch of a Node's status."""
    return {"status": {"conditions": [{"type": "NetworkUnavailable", "status": said}]}}


ONE = {"nodeSelectors": [{"matchLabels": {"rack": "a"}}]}
ON_RACK = (
    objects.node("n1", "10.0.0.1", labels={"rack": "a"}),
    objects.node("n2", "10.0.0.2", labels={"rack": "b"}),
)
LABELLED = {"metadata": {"labels": {"rack": "a"}}}

NODES = rows(
    Seen("nothing in the way"),
    Seen(
        "NetworkUnavailable True from the start",
        (objects.node("n2", "10.0.0.2", network_unavailable=True),),
        routes=("n1",),
        answers=("n1",),
    ),
    Seen(
        "NetworkUnavailable becomes True",
        when=on_n2(network("True"), status=True),
        routes=("n1",),
        answers=("n1",),
    ),
    Seen(
        "NetworkUnavailable becomes False again",
        (objects.node("n2", "10.0.0.2", network_unavailable=True),),
        on_n2(network("False"), status=True),
    ),
    Seen(
        "NetworkUnavailable Unknown counts as available",
        when=on_n2(network("Unknown"), status=True),
    ),
    Seen(
        "the label that excludes, whatever its value",
        when=on_n2({"metadata": {"labels": {EXCLUDED: "false"}}}),
        routes=("n1",),
        answers=("n1",),
    ),
    Seen(
        "the label that excludes goes again",
        (objects.node("n2", "10.0.0.2", labels={EXCLUDED: ""}),),
        on_n2({"metadata": {"labels": {EXCLUDED: None}}}),
    ),
    Seen(
        "labels decide about a BGPAdvertisement with nodeSelectors",
        (*ON_RACK, objects.bgp_advertisement("bgp", **ONE)),
        routes=("n1",),
    ),
    Seen(
        "labels that change bring a node under a BGPAdvertisement",
        (*ON_RACK, objects.bgp_advertisement("bgp", **ONE)),
        on_n2(LABELLED),
    ),
    Seen(
        "labels decide about an L2Advertisement with nodeSelectors",
        (*ON_RACK, objects.l2_advertisement("l2", **ONE)),
        answers=("n1",),
    ),
    Seen("spec.unschedulable, a cordon, is ignored", when=on_n2({"spec": {"unschedulable": True}})),
    Seen(
        "the condition Ready is ignored",
        when=on_n2({"status": {"conditions": [{"type": "Ready", "status": "False"}]}}, status=True),
    ),
    Seen(
        "taints are ignored",
        when=on_n2({"spec": {"taints": [{"key": "gone", "effect": "NoExecute"}]}}),
    ),
    Seen(
        "differs: a Node that is deleted is no candidate any more, nor does its process announce; "
        "MetalLB forgets no node",
        when=lambda server: server.delete("Node", "n2"),
        routes=("n1",),
        answers=("n1",),
    ),
)


@NODES
async def test_nodes(autojump_clock, scene, row) -> None:
    await played(scene, row)


async def test_the_label_that_excludes_can_be_ignored(autojump_clock, scene) -> None:
    """With `ignore_exclude_lb`, as with --ignore-exclude-lb."""
    scene.server.patch("Node", "n1", {"metadata": {"labels": {EXCLUDED: ""}}})
    await scene.controller()
    node = Process(scene, "n1", Role.NODE)
    node.ignore_exclude_lb = True
    await node.start()
    scene.serve("web", "n1")
    await trio.sleep(4)
    assert node.routes.prefixes == ROUTE


async def test_the_labels_of_a_node_decide_about_a_bgp_peer(autojump_clock, scene) -> None:
    """A node that no peer is for tells nobody, and has no status that says so."""
    for value in (*ON_RACK, objects.bgp_peer("tor", "10.0.0.254", **ONE)):
        put(scene.server, value)
    await scene.controller()
    for name in BOTH:
        await scene.node(name)
    scene.serve("web", *BOTH)
    await trio.sleep(4)
    assert peers(scene) == {"n1": ["tor"]}
    on_n2(LABELLED)(scene.server)
    await trio.sleep(4)
    assert peers(scene) == {"n1": ["tor"], "n2": ["tor"]}


def peers(scene: Scene) -> dict[str, list[str]]:
    """The peers that each node hands the Service's routes to, as its ServiceBGPStatus says."""
    found = [each["status"] for each in scene.server.list("ServiceBGPStatus")]
    return {status["node"]: status["peers"] for status in found}


async def test_no_change_of_a_node_that_means_nothing_is_a_fact(autojump_clock, scene) -> None:
    node = await scene.node("n1")
    await trio.sleep(4)
    before = len(node.facts())
    beats = [{"type": "Ready", "status": "True", "lastHeartbeatTime": "2026-01-01T00:00:00Z"}]
    scene.server.patch("Node", "n1", {"status": {"conditions": beats}}, status=True)
    scene.server.patch("Node", "n1", {"spec": {"unschedulable": True}})
    await trio.sleep(4)
    assert len(node.facts()) == before


# --- endpoints ------------------------------------------------------------------------------------


def of(*endpoints: Json, name: str = "web-1") -> tuple[Json, ...]:
    """One slice with these endpoints."""
    return (objects.endpoint_slice("web", list(endpoints), name=name),)


def at(node: str | None, ready: bool | None, serving: bool | None = None) -> Json:
    """An endpoint on a node."""
    return objects.endpoint("10.244.0.9", node, ready=ready, serving=serving)


NOBODY: dict[str, tuple[str, ...]] = {"routes": (), "answers": ()}
LOCAL = {"externalTrafficPolicy": "Local"}
ONLY_N1: dict[str, tuple[str, ...]] = {"routes": ("n1",), "answers": ("n1",)}

ENDPOINTS = rows(
    Seen("ready true, serving false serves", slices=of(at("n1", True, False))),
    Seen("ready false, serving true, a pod that ends, serves", slices=of(at("n1", False, True))),
    Seen("ready false, serving nil does not", slices=of(at("n1", False)), **NOBODY),
    Seen("ready false, serving false does not", slices=of(at("n1", False, False)), **NOBODY),
    Seen("both nil serves", slices=of(at("n1", None))),
    Seen("ready true, serving nil serves", slices=of(at("n1", True))),
    Seen("no slice at all: nobody announces", slices=(), **NOBODY),
    Seen("a slice without endpoints: nobody announces", slices=of(), **NOBODY),
    Seen(
        "one endpoint of several that serves is enough", slices=of(at("n1", False), at("n2", True))
    ),
    Seen(
        "one slice of several with an endpoint that serves is enough",
        slices=(*of(at("n1", False)), *of(at("n2", True), name="web-2")),
    ),
    Seen(
        "the same address ready in one slice and not in another serves",
        slices=(*of(at("n1", False)), *of(at("n1", True), name="web-2")),
    ),
    Seen("Cluster: a node without endpoints announces", slices=of(at("n1", True))),
    Seen("Local: only nodes with endpoints", slices=of(at("n1", True)), service=LOCAL, **ONLY_N1),
    Seen(
        "Local: an endpoint that does not serve does not count",
        slices=of(at("n1", True), at("n2", False)),
        service=LOCAL,
        **ONLY_N1,
    ),
    Seen("nodeName nil is nowhere local", slices=of(at(None, True)), service=LOCAL, **NOBODY),
    Seen("nodeName nil serves with Cluster", slices=of(at(None, True))),
    Seen(
        "a slice is mapped by its label, not by its name",
        slices=(objects.endpoint_slice("other", [at("n1", True)], name="web-1"),),
        **NOBODY,
    ),
    Seen(
        "a slice of another namespace is none of ours",
        slices=(objects.endpoint_slice("web", [at("n1", True)], "shop"),),
        **NOBODY,
    ),
    Seen(
        "the last endpoint goes",
        when=lambda server: server.delete("EndpointSlice", "web-1"),
        **NOBODY,
    ),
    Seen(
        "an endpoint comes",
        slices=(),
        when=lambda server: server.create(slice_on("web", "n1")),
    ),
    Seen(
        "Local: the endpoint moves to the other node",
        slices=of(at("n2", True)),
        service=LOCAL,
        when=lambda server: server.patch("EndpointSlice", "web-1", {"endpoints": [at("n1", True)]}),
        **ONLY_N1,
    ),
)


@ENDPOINTS
async def test_endpoints(autojump_clock, scene, row) -> None:
    await played(scene, row)


# --- the flow of a node, and its checks in their order --------------------------------------------


def in_status(*ingress: Json) -> Callable[[ApiServer], object]:
    """Somebody writes a status while no controller of ours would put it right."""
    status = {"status": {"loadBalancer": {"ingress": list(ingress) or None}}}
    return lambda server: server.patch("Service", "web", status, status=True)


FLOW = [
    pytest.param(lambda server: server.delete("Service", "web"), (), id="serviceDeleted"),
    pytest.param(
        lambda server: server.patch("Service", "web", {"spec": {"type": "NodePort"}}),
        (),
        id="notLoadBalancer",
    ),
    pytest.param(in_status(), (), id="noIPAllocated"),
    pytest.param(in_status({"hostname": "web.example"}), (), id="invalidIP: a host name alone"),
    pytest.param(in_status({"ip": "203.0.113.1"}), (), id="ipNotAllowed: in no pool"),
    pytest.param(
        in_status({"ip": "192.0.2.9"}), ("192.0.2.9/32",), id="loadBalancerIPChanged: the other one"
    ),
    pytest.param(
        lambda server: server.delete("BGPAdvertisement", "bgp"), (), id="noMatchingAdvertisement"
    ),
    pytest.param(
        lambda server: server.patch(
            "BGPAdvertisement",
            "bgp",
            {"spec": {"serviceSelectors": [{"matchLabels": {"a": "b"}}]}},
            NAMESPACE,
        ),
        (),
        id="noMatchingAdvertisement: by the labels of the Service",
    ),
    pytest.param(
        lambda server: server.patch(
            "IPAddressPool", "public", {"spec": {"addresses": ["198.51.100.0/24"]}}, NAMESPACE
        ),
        (),
        id="ipNotAllowed: the pool goes",
    ),
]


@pytest.mark.parametrize(("when", "routes"), FLOW)
async def test_what_a_node_withdraws(autojump_clock, scene, when, routes) -> None:
    """Without a controller, so that the node alone is looked at."""
    scene.server.create(objects.service("web", ingress=["192.0.2.0"]))
    scene.server.create(slice_on("web", "n1"))
    node = await scene.node("n1")
    await scene.until(lambda: node.routes.prefixes == ROUTE)
    when(scene.server)
    await trio.sleep(4)
    assert node.routes.prefixes == set(routes)
    assert len(scene.server.list("ServiceBGPStatus")) == len(routes)
    assert scene.events("web").count("nodeAssigned") == 1, "the same Service is no news"


async def test_nothing_is_announced_before_there_is_a_configuration(autojump_clock, scene) -> None:
    for kind, name in (("IPAddressPool", "public"), ("BGPAdvertisement", "bgp")):
        scene.server.delete(kind, name)
    scene.server.create(objects.service("web", ingress=["192.0.2.0"]))
    scene.server.create(slice_on("web", "n1"))
    node = await scene.node("n1")
    await trio.sleep(4)
    assert not node.announced
    scene.server.create_all(
        [objects.pool("public", "192.0.2.0/24"), objects.bgp_advertisement("b")]
    )
    await trio.sleep(4)
    assert node.routes.prefixes == ROUTE


async def test_a_shared_address_with_selectors_is_announced_by_one_node(
    autojump_clock, scene
) -> None:
    """Differs: MetalLB has nobody answer (sharedIPWithServiceSelector), for it may elect two."""
    scene.server.delete("BGPAdvertisement", "bgp")
    selected = [{"matchLabels": {"tier": "gold"}}]
    scene.server.create(objects.l2_advertisement("l2", serviceSelectors=selected))
    scene.server.create(objects.node("n2", "10.0.0.2"))
    shared = {"labels": {"tier": "gold"}, "annotations": {"metallb.io/allow-shared-ip": "k"}}
    await scene.controller()
    nodes = [await scene.node(name) for name in BOTH]
    for port, name in ((80, "web"), (81, "api")):
        scene.server.create(objects.service(name, ports=[port], **shared))
        scene.server.create(slice_on(name, "n1", "n2"))
    await trio.sleep(4)
    assert scene.addresses("web") == scene.addresses("api") == ("192.0.2.0",)
    assert len([node for node in nodes if node.answers.prefixes == ROUTE]) == 1
