"""A Service or pool that is made anew, or turns into another, is no contest over it."""

from __future__ import annotations

import pytest
import trio
from apiserver import objects
from proclaim.events import AddressAssigned


async def test_a_service_that_is_made_again_and_again_gets_its_address_each_time(
    autojump_clock, scene, caplog
):
    await scene.controller()
    for _ in range(12):
        scene.server.create(objects.service("web", loadBalancerIP="192.0.2.7"))
        await scene.until(lambda: scene.addresses("web") == ("192.0.2.7",), 5)
        scene.server.delete("Service", "web")
    assert "again and again" not in caplog.text


@pytest.mark.parametrize("pause", [0.0, 0.01, 1.0])
async def test_a_service_that_changes_its_type_and_back_gets_its_address_again(
    autojump_clock, scene, caplog, pause
):
    await scene.controller()
    scene.server.create(objects.service("web", loadBalancerIP="192.0.2.7"))
    await scene.until(lambda: scene.addresses("web"))
    for _ in range(12):
        scene.server.patch("Service", "web", {"spec": {"type": "ClusterIP"}})
        await trio.sleep(pause)
        scene.server.patch("Service", "web", {"spec": {"type": "LoadBalancer"}})
        await scene.until(lambda: scene.addresses("web") == ("192.0.2.7",), 5)
    assert "again and again" not in caplog.text


@pytest.mark.parametrize("pause", [0.0, 0.01, 0.5, 2.0])
async def test_a_pool_that_is_made_again_and_again_shows_its_counters_each_time(
    autojump_clock, scene, caplog, pause
):
    await scene.controller()
    for _ in range(12):
        await scene.until(lambda: scene.server.get("IPAddressPool", "public").get("status"), 5)
        scene.server.delete("IPAddressPool", "public")
        await trio.sleep(pause)
        scene.server.create(objects.pool("public", "192.0.2.0/24"))
    assert "again and again" not in caplog.text


async def test_a_pool_that_is_replaced_costs_nobody_his_address(autojump_clock, scene):
    controller, node = await scene.controller(), await scene.node("n1")
    scene.serve("web", "n1")
    await scene.until(lambda: node.announced)
    before = controller.state.position
    scene.server.delete("IPAddressPool", "public")
    await trio.sleep(0.4)
    scene.server.create(objects.pool("public", "192.0.2.0/24"))
    await trio.sleep(10)
    assert scene.addresses("web") == ("192.0.2.0",)
    assert node.routes.history[1:] == [frozenset({"192.0.2.0/32"})]
    assert controller.state.position == before, "nothing has happened"


async def test_nobody_is_given_an_address_of_a_pool_that_is_gone(autojump_clock, scene):
    controller = await scene.controller()
    scene.serve("web", "n1")
    await scene.until(lambda: scene.addresses("web"))
    scene.server.delete("IPAddressPool", "public")
    scene.server.create(objects.service("late"))
    await scene.until(lambda: not scene.addresses("web"), 3)
    assert not scene.addresses("late")
    holders = {
        fact.service.name for fact in controller.facts() if isinstance(fact, AddressAssigned)
    }
    assert holders == {"web"}


async def test_who_only_takes_the_addresses_away_is_still_one_who_insists(
    autojump_clock, scene, caplog
):
    await scene.controller()
    scene.server.create(objects.service("web"))
    for _ in range(6):
        await trio.sleep(1)
        nothing = {"status": {"loadBalancer": {"ingress": None}}}
        scene.server.patch("Service", "web", nothing, status=True, by="rival")
    await trio.sleep(30)
    assert not scene.addresses("web")
    assert "again and again" in caplog.text
