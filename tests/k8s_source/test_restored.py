"""A store that was restored from a backup: what was written since is gone, versions go back."""

from __future__ import annotations

from apiserver import objects
from k8s_source.scene import Scene
from proclaim.model import Authority

SERVICES = 8


async def test_what_a_backup_holds_is_seen_within_minutes_and_no_address_moves(
    autojump_clock, nursery
):
    scene = Scene(nursery)
    scene.server.create_all(
        [
            objects.pool("public", "192.0.2.0/24"),
            objects.bgp_advertisement("bgp"),
            objects.bgp_peer("tor", "10.0.0.254"),
            objects.node("n1", "10.0.0.1"),
        ]
    )
    controller, node = await scene.controller(), await scene.node("n1")
    for at in range(SERVICES):
        scene.server.create(objects.service(f"s{at}"))
        endpoints = [objects.endpoint("10.244.0.1", "n1")]
        scene.server.create(objects.endpoint_slice(f"s{at}", endpoints))
    await scene.until(lambda: len(node.routes.prefixes) == SERVICES)
    before = {at: scene.addresses(f"s{at}") for at in range(SERVICES)}
    backup = scene.server.machinery.store.copy()
    scene.server.create(objects.service("lost"))
    scene.server.create(objects.endpoint_slice("lost", [objects.endpoint("10.244.0.1", "n1")]))
    for at in range(1000):
        scene.server.patch("Node", "n1", {"metadata": {"labels": {"turn": str(at)}}})
    await scene.until(lambda: len(node.routes.prefixes) == SERVICES + 1)
    scene.server.restore(backup)
    assert await scene.until(lambda: len(node.routes.prefixes) == SERVICES, 900) < 400
    assert {at: scene.addresses(f"s{at}") for at in range(SERVICES)} == before
    assert all(len(prefixes) >= SERVICES for prefixes in node.routes.history[-2:])
    await scene.until(lambda: controller.state.authority is Authority.ALLOCATE, 60)
    scene.server.create(objects.service("new"))
    await scene.until(lambda: scene.addresses("new"), 400)
