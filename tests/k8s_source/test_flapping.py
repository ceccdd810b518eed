"""An API server that answers some requests and not others: no storm comes of it."""

from __future__ import annotations

import trio
from apiserver import objects
from apiserver.errors import ApiError
from apiserver.requests import refusal


async def test_where_every_watch_breaks_at_once_all_pause(autojump_clock, scene) -> None:
    processes = await scene.controller(), await scene.node("n1")
    await trio.sleep(10)
    for process in processes:
        process.faults.watch_seconds = 0.01
        process.connection.cut()
    await trio.sleep(60)
    before = [process.connection.requests.total() for process in processes]
    await trio.sleep(100)
    for process, asked in zip(processes, before, strict=True):
        assert process.connection.requests.total() - asked < 300, "it is not a storm"


async def test_a_write_that_is_never_answered_pauses_while_others_are(
    autojump_clock, scene
) -> None:
    await scene.controller()
    handle, tried = scene.server.machinery.handle, []

    def handled(asked):
        if "/stuck/" not in asked.path:
            return handle(asked)
        tried.append(trio.current_time())
        return refusal(ApiError(503, "ServiceUnavailable", "its webhook is away"))

    scene.server.machinery.handle = handled
    scene.server.create(objects.service("stuck"))
    await trio.sleep(60)
    tried.clear()
    for at in range(100):
        scene.server.patch("Service", "stuck", {"metadata": {"labels": {"turn": "no"}}})
        address = {"metallb.io/loadBalancerIPs": f"192.0.2.{at % 9 + 1}"}
        scene.server.create(objects.service(f"web{at}", annotations=address))
        await trio.sleep(0.2)
        scene.server.delete("Service", f"web{at}")
    assert 0 < len(tried) < 10
