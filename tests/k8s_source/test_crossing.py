"""Writers whose ways cross: of other nodes, of what was decided before, of who had it before."""

from __future__ import annotations

import trio
from apiserver import objects
from k8s_source.scene import NAMESPACE
from proclaim import Ref

KEY = "metallb.io/loadBalancerIPs"


def of_another_node(server, by="proclaim-node"):
    """The status of a node that is not there any more."""
    labels = {
        "metallb.io/node": "n9",
        "metallb.io/service-name": "web",
        "metallb.io/service-namespace": "default",
    }
    made = {
        "apiVersion": "metallb.io/v1beta1",
        "kind": "ServiceL2Status",
        "metadata": {"name": "l2-old", "namespace": NAMESPACE, "labels": labels},
        "status": {"node": "n9", "serviceName": "web", "serviceNamespace": "default"},
    }
    server.create(made, by)


def serve(scene, name="web", **more):
    scene.server.create(objects.service(name, **more))
    endpoints = [objects.endpoint("10.244.0.1", "n1")]
    scene.server.create(objects.endpoint_slice(name, endpoints))


def told_of(scene):
    return sorted(each["status"]["node"] for each in scene.server.list("ServiceL2Status"))


async def test_a_status_that_a_node_left_behind_goes_after_a_while(autojump_clock, scene) -> None:
    scene.server.create(objects.l2_advertisement("answers"))
    of_another_node(scene.server)
    await scene.controller()
    await scene.node("n1")
    serve(scene)
    await scene.until(lambda: told_of(scene) == ["n1", "n9"])
    assert 5 < await scene.until(lambda: told_of(scene) == ["n1"]) < 15


async def test_nodes_that_do_not_agree_who_answers_cause_no_storm(autojump_clock, scene) -> None:
    scene.server.create(objects.l2_advertisement("answers"))
    await scene.controller()
    node = await scene.node("n1")
    serve(scene)

    async def insist() -> None:
        while True:
            if scene.server.get("ServiceL2Status", "l2-old", NAMESPACE) is None:
                of_another_node(scene.server)
            await trio.sleep(0.01)

    scene.nursery.start_soon(insist)
    await trio.sleep(120)
    assert node.connection.requests["delete", "servicel2statuses"] <= 12


async def test_what_was_decided_for_a_service_is_not_written_to_its_successor(
    autojump_clock, scene
) -> None:
    """The one that is made anew under its name may have asked for something else."""
    controller = await scene.controller()
    serve(scene)
    await scene.until(lambda: scene.addresses("web"))
    shown = []
    table = scene.server.machinery.store.table(
        scene.server.machinery.find_kind("v1", "Service").kind
    )
    table.listeners[-1] = lambda event: shown.append(scene.addresses("web"))
    for at in range(1, 9):
        address = f"192.0.2.{at}"
        scene.server.delete("Service", "web")
        scene.server.create(objects.service("web", annotations={KEY: address}))
        del shown[:]
        await scene.until(lambda address=address: scene.addresses("web") == (address,))
        assert set(shown) <= {(), (address,)}
    assert controller.state.holdings[Ref("Service", "default", "web")].addresses == ("192.0.2.8",)


async def test_an_address_is_shown_by_its_new_owner_when_the_old_one_shows_it_no_more(
    autojump_clock, scene
) -> None:
    """Where writing takes its time, both would show it for a while."""
    controller = await scene.controller()
    serve(scene, "a", loadBalancerIP="192.0.2.1")
    serve(scene, "b", annotations={KEY: "192.0.2.2"})
    await scene.until(lambda: scene.addresses("a") and scene.addresses("b"))
    both = []

    def look(event) -> None:
        both.append(set(scene.addresses("a")) & set(scene.addresses("b")))

    table = scene.server.machinery.store.table(
        scene.server.machinery.find_kind("v1", "Service").kind
    )
    table.listeners[-1] = look
    controller.faults.latency = (0.5, 2.0)
    for at in range(10):
        mine, theirs = f"192.0.2.{at + 2}", f"192.0.2.{at + 3}"
        scene.server.patch("Service", "a", {"spec": {"loadBalancerIP": mine}})
        scene.server.patch("Service", "b", {"metadata": {"annotations": {KEY: theirs}}})
        await scene.until(
            lambda mine=mine, theirs=theirs: (
                scene.addresses("a") == (mine,) and scene.addresses("b") == (theirs,)
            )
        )
    assert not any(both)
