"""Objects at the limits of what a server takes, and beyond what anybody expects."""

from __future__ import annotations

import pytest
from apiserver import objects
from proclaim_k8s_source.members import owner_of
from proclaim_k8s_source.reporter.documents import Owner


@pytest.fixture
async def scene(scene):
    scene.server.create(objects.l2_advertisement("l2"))
    return scene


def configuration(scene, name):
    found = scene.server.get("ConfigurationState", name)
    return (found or {}).get("status", {})


async def test_more_problems_than_a_condition_can_say_are_counted(autojump_clock, scene, caplog):
    for at in range(700):
        scene.server.create(objects.pool(f"bad{at}", f"10.300.0.{at}/16"))
    await scene.controller()
    await scene.node("n1")
    for name in ("controller", "speaker-n1"):
        await scene.until(lambda name=name: configuration(scene, name).get("result") == "Invalid")
        (condition,) = configuration(scene, name)["conditions"]
        assert len(condition["message"]) <= 32_768
        shown = condition["message"].count("IPAddressPool/bad")
        assert condition["message"].endswith(f"\nand {700 - shown} more")
    assert "is not written" not in caplog.text


@pytest.mark.parametrize(
    ("own", "owner"),
    [
        ("metallb-system", Owner("proclaim-0", "u-1")),
        ("elsewhere", Owner()),
        ("", Owner()),
    ],
)
def test_a_pod_owns_only_what_is_in_its_own_namespace(own, owner):
    environment = {"POD_NAME": "proclaim-0", "POD_UID": "u-1"}
    assert owner_of(environment, own, "metallb-system") == owner
