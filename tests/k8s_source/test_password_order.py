"""Whole processes: a peer that comes to name a Secret before the Secret is there."""

from __future__ import annotations

import trio
from apiserver import objects
from k8s_source.scene import NAMESPACE
from proclaim import Ref

TOR = Ref("BGPPeer", "", "tor")
REFERENCE = {"spec": {"passwordSecret": {"name": "bgp"}}}


def secret_of(process):
    """The Secret that the peer in force names."""
    return process.state.get(TOR).resource.password_secret


async def test_the_peer_in_force_stays_until_then_and_through_a_restart(autojump_clock, scene):
    node = await scene.node("n1")
    await scene.until(lambda: node.state.of_kind("BGPPeer"))
    scene.server.patch("BGPPeer", "tor", REFERENCE, NAMESPACE)
    await scene.until(lambda: node.state.problems.get("kubernetes"))
    assert secret_of(node) == ""
    await node.kill()
    await node.start()
    await trio.sleep(10)
    assert secret_of(node) == ""
    assert [each.name for each in node.state.problems["kubernetes"]] == ["tor"]
    scene.server.create(objects.secret("bgp", "planted"))
    await scene.until(lambda: secret_of(node) == "bgp")
    assert not node.state.problems.get("kubernetes")


async def test_a_peer_without_a_past_is_a_problem_until_then(autojump_clock, scene):
    scene.server.patch("BGPPeer", "tor", REFERENCE, NAMESPACE)
    node = await scene.node("n1")
    await scene.until(lambda: node.state.problems.get("kubernetes"))
    assert [each.name for each in node.state.problems["kubernetes"]] == ["tor"]
    scene.server.create(objects.secret("bgp", "planted"))
    await scene.until(lambda: node.state.get(TOR) is not None)
    assert not node.state.problems.get("kubernetes")
