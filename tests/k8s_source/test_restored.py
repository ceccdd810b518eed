"""A store that was restored from a backup: what was written since is gone, versions go back."""

from __future__ import annotations

from apiserver import objects
from proclaim.model import Authority

SERVICES = 8


async def test_what_a_backup_holds_is_seen_within_minutes_and_no_address_moves(
    autojump_clock, scene
):
    controller, node = await scene.controller(), await scene.node("n1")
    for at in range(SERVICES):
        scene.serve(f"s{at}", "n1")
    await scene.until(lambda: len(node.routes.prefixes) == SERVICES)
    before = {at: scene.addresses(f"s{at}") for at in range(SERVICES)}
    backup = scene.server.machinery.store.copy()
    scene.serve("lost", "n1")
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
