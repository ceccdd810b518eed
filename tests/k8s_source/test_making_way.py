"""Processes that start beside MetalLB: what they announce, what they remember, what they say."""

from __future__ import annotations

import pytest
import trio
from apiserver import objects
from k8s_source.scene import GROUND, Scene
from proclaim.events import AddressReleased, Removed, TaskFailed
from proclaim.explain import explain_announcement
from proclaim.model import Authority, Spread, service_ref
from proclaim.terrain import survey
from proclaim_k8s_source.options import Role

OWN = ("AnnouncerStatus", "PeerStatus", "InterfaceStatus")
"""What a process says of itself."""


@pytest.fixture
async def scene(nursery) -> Scene:
    found = Scene(nursery)
    found.server.create_all((*GROUND, objects.l2_advertisement("l2")))
    return found


async def announcing(scene):
    """A controller, and a node from which the Service web is announced."""
    controller, node = await scene.controller(), await scene.node("n1")
    scene.serve("web", "n1")
    await scene.until(lambda: node.routes.prefixes and node.answers.prefixes)
    return controller, node


def explained(node, spread: Spread) -> tuple[str, str]:
    """Why a node does not announce the Service web."""
    ref = service_ref("default", "web")
    said = explain_announcement(survey(node.state, node.name, spread), node.state, ref)
    return said.code, said.message


def speaker(component: str) -> dict[str, object]:
    """A Pod of MetalLB."""
    labels = {"app": "metallb", "component": component}
    return objects.pod("speaker-1", labels=labels)


async def test_a_node_with_a_ledger_gives_way_to_a_speaker_of_metallb(
    autojump_clock, scene, caplog
) -> None:
    controller, node = await announcing(scene)
    await node.kill()
    known = len(node.facts())
    scene.server.create(speaker("speaker"))
    await node.start()
    await trio.sleep(60)
    assert node.announced == set()
    assert caplog.text.count("speaker: speaker-1") == 2, "the controller says it as well"
    assert [each.name for found in node.state.problems.values() for each in found] == ["n1"]
    (said,) = {explained(node, spread) for spread in Spread}
    assert said[0] == "NodeWithdrawn"
    assert "speaker: speaker-1" in said[1]
    scene.server.delete("Pod", "speaker-1", objects.METALLB)
    assert await scene.until(lambda: node.announced) < 5
    await trio.sleep(60)
    assert not any(node.state.problems.values())
    facts = node.facts()[known:]
    assert not [each for each in facts if isinstance(each, AddressReleased | TaskFailed)]
    assert {each.ref.kind for each in facts if isinstance(each, Removed)} <= {
        "NodeWithdrawal",
        *OWN,
    }
    assert scene.addresses("web") == ("192.0.2.0",), "the controller was not asked"
    assert controller.state.authority is Authority.ALLOCATE


async def test_a_node_that_gave_way_announces_at_no_instant_of_its_next_start(
    autojump_clock, scene
) -> None:
    _, node = await announcing(scene)
    await node.kill()
    scene.server.create(speaker("speaker"))
    await node.start()
    await trio.sleep(30)
    await node.kill()
    starts = len(node.routes.history), len(node.answers.history)
    scene.server.outage()
    await node.start()
    await trio.sleep(90)
    scene.server.outage(down=False)
    await trio.sleep(90)
    assert node.announced == set()
    assert (len(node.routes.history), len(node.answers.history)) == starts
    scene.server.delete("Pod", "speaker-1", objects.METALLB)
    assert await scene.until(lambda: node.announced) < 5


async def test_where_it_may_run_beside_metallb_a_node_that_gave_way_announces_again(
    autojump_clock, scene
) -> None:
    _, node = await announcing(scene)
    await node.kill()
    scene.server.create(speaker("speaker"))
    await node.start()
    await trio.sleep(30)
    await node.kill()
    node.beside_metallb = True
    await node.start()
    assert await scene.until(lambda: node.announced) < 1


async def test_a_process_that_is_both_gives_way_and_takes_no_address_away(
    autojump_clock, scene
) -> None:
    both = await scene.run("n1", Role.BOTH)
    scene.serve("web", "n1")
    await scene.until(lambda: both.announced)
    await both.kill()
    known = len(both.facts())
    scene.server.create(speaker("speaker"))
    scene.serve("new", "n1")
    await both.start()
    await trio.sleep(60)
    assert both.announced == set()
    assert scene.addresses("new") == ()
    scene.server.delete("Pod", "speaker-1", objects.METALLB)
    assert await scene.until(lambda: both.announced) < 5
    assert await scene.until(lambda: scene.addresses("new")) < 5
    assert not [each for each in both.facts()[known:] if isinstance(each, AddressReleased)]
    assert scene.addresses("web") == ("192.0.2.0",)


async def test_a_node_with_a_ledger_goes_on_beside_a_controller_of_metallb(
    autojump_clock, scene
) -> None:
    _, node = await announcing(scene)
    await node.kill()
    scene.server.create(speaker("controller"))
    await node.start()
    await trio.sleep(30)
    assert node.announced == {"192.0.2.0/32"}, "nobody else announces it"
