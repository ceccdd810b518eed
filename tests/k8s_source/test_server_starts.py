"""A server that is starting: for some seconds it refuses what it will grant.

It answers before it has read which rights there are (403 for everybody), before
the definitions of custom resources are served (503), and before its caches of
what is watched are filled (429).
"""

from __future__ import annotations

from contextlib import asynccontextmanager, contextmanager

import pytest
import trio
from apiserver.errors import ApiError
from apiserver.requests import refusal
from k8s_source.test_rights import forbid_all, permit

SERVICES = 20
STARTING_SECONDS = 4
SOON_SECONDS = 8
NO_PATHS = ApiError(
    503,
    "ServiceUnavailable",
    "the request has been made before all known HTTP paths have been installed, please try again",
    {"retryAfterSeconds": 5},
    headers={"retry-after": "5"},
)
NO_CACHE = ApiError(
    429,
    "TooManyRequests",
    "storage is (re)initializing",
    {"retryAfterSeconds": 1},
    headers={"retry-after": "1"},
)
NOT_READY = ApiError(
    403, "Forbidden", 'services "early" is forbidden: not yet ready to handle request'
)


@pytest.fixture
async def scene(scene):
    for at in range(SERVICES):
        scene.serve(f"s{at}", "n1")
    await scene.controller()
    node = await scene.node("n1")
    await scene.until(lambda: len(node.routes.prefixes) == SERVICES)
    await trio.sleep(30)
    return scene


@contextmanager
def refusing(scene, error, what):
    """Answer some requests of the processes with an error."""
    handle = scene.server.machinery.handle
    scene.server.machinery.handle = lambda asked: (
        refusal(error) if "proclaim/" in asked.user_agent and what(asked) else handle(asked)
    )
    yield
    scene.server.machinery.handle = handle


@asynccontextmanager
async def away(scene):
    """Be away with one Service whose status was not written yet; another one is made meanwhile."""
    faults = scene.processes["c1"].faults
    faults.latency, faults.timeouts = (0.4, 0.4), 0.0
    scene.serve("early", "n1")
    await trio.sleep(0.1)
    scene.server.outage()
    await trio.sleep(3)
    assert not scene.addresses("early")
    faults.latency = (0.0, 0.0)
    scene.serve("late", "n1")
    scene.server.compact()
    yield
    scene.server.outage(False)
    await trio.sleep(STARTING_SECONDS)


async def goes_on(scene):
    """See that new Services are served soon, and that no route was lost meanwhile."""
    shown = scene.processes["n1"].routes
    await scene.until(lambda: scene.addresses("early") and scene.addresses("late"), SOON_SECONDS)
    await scene.until(lambda: len(shown.prefixes) == SERVICES + 2, SOON_SECONDS)
    sizes = [len(prefixes) for prefixes in shown.history]
    assert sizes == sorted(sizes)


async def test_rights_that_are_not_read_yet_hold_nobody_up_for_long(autojump_clock, scene):
    async with away(scene):
        forbid_all(scene)
    permit(scene)
    await goes_on(scene)


async def test_paths_that_are_not_installed_yet_hold_nobody_up_for_long(autojump_clock, scene):
    with refusing(scene, NO_PATHS, lambda asked: "metallb.io" in asked.path):
        async with away(scene):
            pass
    await goes_on(scene)


async def test_caches_that_are_not_filled_yet_hold_nobody_up_for_long(autojump_clock, scene):
    with refusing(scene, NO_CACHE, lambda asked: asked.flag("watch")):
        async with away(scene):
            pass
    await goes_on(scene)


async def test_an_admission_that_is_not_ready_yet_is_asked_again_soon(autojump_clock, scene):
    with refusing(scene, NOT_READY, lambda asked: asked.method in ("PATCH", "POST")):
        async with away(scene):
            pass
    await goes_on(scene)
