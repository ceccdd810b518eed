"""A controller and nodes over an emulated API server: addresses, statuses, Events, leaders."""

from __future__ import annotations

import pytest
import trio
from apiserver import objects
from k8s_source.scene import NAMESPACE, Scene, slice_on
from proclaim.model import Authority
from proclaim_k8s_source.options import Role

POOL = objects.pool("public", "192.0.2.0/28")
GROUND = (
    POOL,
    objects.l2_advertisement("l2"),
    objects.bgp_advertisement("bgp"),
    objects.bgp_peer("tor", "10.0.0.254"),
    objects.node("n1"),
    objects.node("n2"),
)


@pytest.fixture
async def scene(nursery) -> Scene:
    found = Scene(nursery)
    found.server.create_all(GROUND)
    return found


async def announcing(scene):
    """A controller, and a node from which the Service web is announced."""
    controller, node = await scene.controller(), await scene.node("n1")
    scene.serve("web", "n1")
    await scene.until(lambda: node.routes.prefixes)
    return controller, node


def statuses(scene, kind):
    return {
        (each["status"]["node"], each["status"]["serviceName"]): each
        for each in scene.server.list(kind)
        if each.get("status")
    }


# --- giving and announcing ------------------------------------------------------------------


async def test_a_service_gets_an_address_a_pool_and_an_event(autojump_clock, scene) -> None:
    await scene.controller()
    scene.server.create(objects.service("web"))
    await scene.until(lambda: scene.addresses("web"))
    assert scene.addresses("web") == ("192.0.2.0",)
    found = scene.server.get("Service", "web")
    assert found["metadata"]["annotations"] == {"metallb.io/ip-allocated-from-pool": "public"}
    assert found["status"]["loadBalancer"]["ingress"][0]["ipMode"] == "VIP"
    await scene.until(lambda: scene.events("web"))
    assert scene.events("web") == ["IPAllocated"]


async def test_the_counters_of_a_pool_follow(autojump_clock, scene) -> None:
    await scene.controller()
    scene.server.create(objects.service("web"))
    wanted = {"assignedIPv4": 1, "assignedIPv6": 0, "availableIPv4": 15, "availableIPv6": 0}

    def counters():
        return scene.server.get("IPAddressPool", "public").get("status")

    await scene.until(lambda: counters() == wanted)
    scene.server.patch(
        "IPAddressPool", "public", {"status": {"assignedIPv4": 9}}, NAMESPACE, status=True
    )
    await scene.until(lambda: counters() == wanted)


async def test_nodes_announce_what_the_controller_gave_and_say_so(autojump_clock, scene) -> None:
    await scene.controller()
    one, two = await scene.node("n1"), await scene.node("n2")
    scene.serve("web", "n1")
    await scene.until(lambda: one.routes.prefixes and two.routes.prefixes)
    assert one.routes.prefixes == two.routes.prefixes == {"192.0.2.0/32"}
    assert len([each for each in (one, two) if each.answers.prefixes]) == 1
    (answering,) = (each for each in (one, two) if each.answers.prefixes)
    await scene.until(lambda: len(statuses(scene, "ServiceBGPStatus")) == 2)
    await scene.until(lambda: len(statuses(scene, "ServiceL2Status")) == 1)
    ((key, l2),) = statuses(scene, "ServiceL2Status").items()
    assert key == (answering.name, "web")
    assert l2["status"]["interfaces"] == []
    assert l2["metadata"]["labels"] == {
        "metallb.io/node": answering.name,
        "metallb.io/service-name": "web",
        "metallb.io/service-namespace": "default",
    }
    assert [each["name"] for each in l2["metadata"]["ownerReferences"]] == [answering.name]
    bgp = statuses(scene, "ServiceBGPStatus")["n1", "web"]
    assert bgp["status"]["peers"] == ["tor"]
    await scene.until(lambda: scene.events("web").count("nodeAssigned") == 3)
    scene.server.delete("Service", "web")
    await scene.until(lambda: not one.announced and not two.announced)
    await scene.until(lambda: not scene.server.list("ServiceBGPStatus"))
    assert not scene.server.list("ServiceL2Status")


async def test_the_last_endpoint_that_goes_takes_the_route_with_it(autojump_clock, scene) -> None:
    await scene.controller()
    node = await scene.node("n1")
    scene.server.create(objects.service("web", externalTrafficPolicy="Local"))
    scene.server.create(slice_on("web", "n1"))
    await scene.until(lambda: node.routes.prefixes)
    scene.server.delete("EndpointSlice", "web-1")
    assert await scene.until(lambda: not node.routes.prefixes) < 1
    assert scene.addresses("web") == ("192.0.2.0",)


async def test_churn_of_pods_that_changes_nothing_is_no_fact(autojump_clock, scene) -> None:
    _, node = await announcing(scene)
    await trio.sleep(30)
    before = len(node.facts())
    for at in range(20):
        change = {"endpoints": [objects.endpoint(f"10.244.1.{at}", "n1")]}
        scene.server.patch("EndpointSlice", "web-1", change)
        await trio.sleep(0.1)
    assert len(node.facts()) == before


async def test_a_service_that_is_made_anew_is_told_anew(autojump_clock, scene) -> None:
    await scene.controller()
    await scene.node("n1")
    await trio.sleep(5)
    for _ in range(2):
        scene.server.create(objects.service("web"))
        scene.server.create(slice_on("web", "n1"))
        await scene.until(lambda: scene.events("web")[-1:] == ["nodeAssigned"])
        for kind, name in (("Service", "web"), ("EndpointSlice", "web-1")):
            scene.server.delete(kind, name)
        for each in scene.server.list("Event"):
            scene.server.delete("Event", each["metadata"]["name"], "default")
        await trio.sleep(5)


# --- what is released -----------------------------------------------------------------------


async def test_a_service_that_is_no_load_balancer_any_more_gives_its_address_up(
    autojump_clock, scene
) -> None:
    await scene.controller()
    scene.server.create(objects.service("web"))
    await scene.until(lambda: scene.addresses("web"))
    scene.server.patch("Service", "web", {"spec": {"type": "ClusterIP"}})

    def cleared():
        found = scene.server.get("Service", "web")
        return not found["metadata"].get("annotations") and not scene.addresses("web")

    await scene.until(cleared)
    scene.server.create(objects.service("next", loadBalancerIP="192.0.2.0"))
    await scene.until(lambda: scene.addresses("next") == ("192.0.2.0",))


async def test_without_a_pool_the_status_is_cleared_and_with_one_it_comes_back(
    autojump_clock, scene
) -> None:
    await scene.controller()
    scene.server.create(objects.service("web"))
    await scene.until(lambda: scene.addresses("web"))
    scene.server.delete("IPAddressPool", "public")
    await scene.until(lambda: not scene.addresses("web"))
    await scene.until(lambda: "AllocationFailed" in scene.events("web"))
    assert scene.events("web") == ["IPAllocated", "ClearAssignment", "AllocationFailed"]
    scene.server.create(POOL)
    await scene.until(lambda: scene.addresses("web") == ("192.0.2.0",))


@pytest.mark.parametrize(
    ("theirs", "ours", "served"),
    [(None, "", True), (None, "x", False), ("x", "", False), ("x", "x", True), ("x", "y", False)],
)
async def test_only_services_of_our_class_are_served(
    autojump_clock, scene, theirs, ours, served
) -> None:
    await scene.run("c1", Role.CONTROLLER, load_balancer_class=ours)
    spec = {"loadBalancerClass": theirs} if theirs else {}
    scene.server.create(objects.service("web", ingress=["203.0.113.7"], **spec))
    await trio.sleep(30)
    assert scene.addresses("web") == (("192.0.2.0",) if served else ("203.0.113.7",))


# --- taking over ----------------------------------------------------------------------------


async def test_an_empty_ledger_adopts_every_address_and_writes_nothing(
    autojump_clock, scene
) -> None:
    for at in range(8):
        notes = {"metallb.io/ip-allocated-from-pool": "public"}
        address = f"192.0.2.{15 - at}"
        scene.server.create(objects.service(f"s{at}", annotations=notes, ingress=[address]))
    waiting = objects.service("a-waits")
    scene.server.create(waiting)
    revision = scene.server.revision
    controller = await scene.controller()
    await scene.until(lambda: scene.addresses("a-waits"))
    for at in range(8):
        assert scene.addresses(f"s{at}") == (f"192.0.2.{15 - at}",)
        assert scene.events(f"s{at}") == []
        assert scene.server.get("Service", f"s{at}")["metadata"]["resourceVersion"] <= str(revision)
    assert controller.connection.requests["patch", "services/status"] == 1


# --- restarts, leaders, outages -------------------------------------------------------------


async def test_a_restart_moves_nothing_and_writes_nothing(autojump_clock, scene) -> None:
    controller = await scene.controller()
    for at in range(5):
        scene.server.create(objects.service(f"s{at}"))
    await scene.until(lambda: all(scene.addresses(f"s{at}") for at in range(5)))
    before = {f"s{at}": scene.addresses(f"s{at}") for at in range(5)}
    await trio.sleep(10)
    for _ in range(3):
        await controller.kill()
        patched = scene.server.requests()["patch", "services/status"]
        facts = len([f for f in controller.facts() if type(f).__name__.startswith("Address")])
        await controller.start()
        await trio.sleep(30)
        assert {name: scene.addresses(name) for name in before} == before
        assert scene.server.requests()["patch", "services/status"] == patched
        now = len([f for f in controller.facts() if type(f).__name__.startswith("Address")])
        assert now == facts, "history shows no blip"


async def test_a_new_service_after_a_restart_waits_less_than_a_second(
    autojump_clock, scene
) -> None:
    controller = await scene.controller()
    scene.server.create(objects.service("old"))
    await scene.until(lambda: scene.addresses("old"))
    await controller.kill()
    scene.server.create(objects.service("new"))
    await controller.start()
    assert await scene.until(lambda: scene.addresses("new")) < 1


async def test_of_two_controllers_one_gives_and_the_other_takes_over(autojump_clock, scene) -> None:
    one = await scene.controller("c1")
    await scene.until(lambda: one.state.authority is Authority.ALLOCATE)
    two = await scene.controller("c2")
    await scene.until(lambda: two.state.authority is Authority.FOLLOW)
    scene.server.create(objects.service("a"))
    await scene.until(lambda: scene.addresses("a"))
    await one.kill()
    scene.server.create(objects.service("b"))
    took = await scene.until(lambda: scene.addresses("b"))
    assert 5 < took < 25
    assert two.state.authority is Authority.ALLOCATE
    assert scene.addresses("a") == ("192.0.2.0",)
    assert scene.addresses("b") == ("192.0.2.1",)
    await one.start()
    await scene.until(lambda: one.state.authority is Authority.FOLLOW)
    await trio.sleep(30)
    assert scene.addresses("a") == ("192.0.2.0",)


async def test_a_controller_that_leaves_in_order_hands_over_at_once(autojump_clock, scene) -> None:
    one = await scene.controller("c1")
    await scene.until(lambda: one.state.authority is Authority.ALLOCATE)
    two = await scene.controller("c2")
    await trio.sleep(5)
    await one.stop()
    assert await scene.until(lambda: two.state.authority is Authority.ALLOCATE) < 5


async def test_nodes_keep_announcing_while_the_server_is_away(autojump_clock, scene) -> None:
    controller, node = await announcing(scene)
    scene.server.outage()
    await trio.sleep(600)
    assert node.routes.prefixes == {"192.0.2.0/32"}
    assert node.routes.history == [frozenset(), frozenset({"192.0.2.0/32"})]
    assert controller.state.authority is Authority.ADOPT, "it cannot know who leads"
    scene.server.outage(down=False)
    scene.server.create(objects.service("more"))
    await scene.until(lambda: scene.addresses("more"))
    assert scene.addresses("web") == ("192.0.2.0",)
    assert frozenset() not in node.routes.history[1:]


@pytest.mark.parametrize("seconds", [20, 61, 125, 333, 1000])
async def test_all_go_on_together_when_the_server_is_back(autojump_clock, scene, seconds) -> None:
    _, node = await announcing(scene)
    scene.server.outage()
    await trio.sleep(seconds)
    scene.server.outage(down=False)
    scene.serve("more", "n1")
    took = await scene.until(lambda: node.routes.prefixes == {"192.0.2.0/32", "192.0.2.1/32"})
    assert took < 5


async def test_a_node_that_starts_while_the_server_is_away_announces_from_its_ledger(
    autojump_clock, scene
) -> None:
    _, node = await announcing(scene)
    scene.server.outage()
    await node.kill()
    node.faults.down = True
    await node.start()
    assert await scene.until(lambda: node.routes.prefixes) < 1
    await trio.sleep(120)
    assert node.announced == {"192.0.2.0/32"}


# --- what others write ----------------------------------------------------------------------


async def test_a_status_that_somebody_clears_once_is_put_right(autojump_clock, scene) -> None:
    _, node = await announcing(scene)
    gone = {"status": {"loadBalancer": {"ingress": None}}}
    scene.server.patch("Service", "web", gone, status=True, by="somebody")
    await scene.until(lambda: scene.addresses("web"))
    await trio.sleep(10)
    assert frozenset() not in node.routes.history[1:], "no route flickered"


async def test_who_insists_on_another_status_is_named_and_let_be(
    autojump_clock, scene, caplog
) -> None:
    controller, node = await announcing(scene)
    rewrites = 0

    async def insist() -> None:
        nonlocal rewrites
        theirs = {"status": {"loadBalancer": {"ingress": [{"ip": "203.0.113.9"}]}}}
        while True:
            if scene.addresses("web") != ("203.0.113.9",):
                rewrites += 1
                scene.server.patch("Service", "web", theirs, status=True, by="rogue")
            await trio.sleep(0.02)

    scene.nursery.start_soon(insist)
    await trio.sleep(200)
    assert rewrites <= 4
    assert "rewritten by rogue again and again" in caplog.text
    notes = scene.server.get("Service", "web")["metadata"]["annotations"]
    assert notes["proclaim.io/agreed-addresses"] == "192.0.2.0"
    assert frozenset() not in node.routes.history[1:], "what was agreed stays announced"
    problems = [each for found in controller.state.problems.values() for each in found]
    assert [(each.kind, each.name, each.field) for each in problems] == [
        ("Service", "web", "status")
    ]
    asked = scene.server.requests()["patch", "services/status"]
    await trio.sleep(90)
    assert scene.server.requests()["patch", "services/status"] == asked


# --- whether the configuration is valid -----------------------------------------------------


def results(scene):
    return {
        each["metadata"]["name"]: each.get("status", {}).get("result")
        for each in scene.server.list("ConfigurationState")
    }


async def test_every_process_says_whether_the_configuration_is_valid(autojump_clock, scene) -> None:
    await scene.controller()
    await scene.node("n1")
    await scene.until(lambda: results(scene) == {"controller": "Valid", "speaker-n1": "Valid"})
    found = scene.server.get("ConfigurationState", "speaker-n1")
    assert found["metadata"]["labels"] == {
        "metallb.io/component-type": "speaker",
        "metallb.io/node-name": "n1",
    }
    managers = {each["manager"] for each in found["metadata"]["managedFields"]}
    assert "configReconciler" in managers
    scene.server.create(objects.bgp_advertisement("more", communities=["vpn"]))
    await scene.until(lambda: results(scene)["speaker-n1"] == "Invalid")
    assert results(scene)["controller"] == "Valid"
    scene.server.create(objects.community("c", {"vpn": "64512:1"}))
    await scene.until(lambda: results(scene)["speaker-n1"] == "Valid")
    scene.server.delete("ConfigurationState", "speaker-n1", NAMESPACE)
    await scene.until(lambda: results(scene).get("speaker-n1") == "Valid")


async def test_a_settled_cluster_is_silent(autojump_clock, scene) -> None:
    await scene.controller()
    await scene.node("n1")
    for at in range(5):
        scene.serve(f"s{at}", "n1")
    await trio.sleep(60)

    def asked():
        return {
            key: count
            for key, count in scene.server.requests().items()
            if key[0] not in ("watch", "list") and key[1] != "leases"
        }

    before = asked()
    await trio.sleep(600)
    assert asked() == before


async def test_a_restarted_node_writes_only_what_is_not_there(autojump_clock, scene) -> None:
    await scene.controller()
    node = await scene.node("n1")
    for at in range(5):
        scene.serve(f"s{at}", "n1")
    await scene.until(lambda: len(statuses(scene, "ServiceBGPStatus")) == 5)
    await trio.sleep(10)
    await node.kill()

    def written():
        verbs = ("create", "patch", "update", "delete")
        return {
            key: count
            for key, count in scene.server.requests().items()
            if key[0] in verbs and key[1] != "leases"
        }

    before = written()
    await node.start()
    await trio.sleep(30)
    assert written() == before


# --- an empty ledger, and pools that are not as they should be -------------------------------


@pytest.mark.parametrize(
    "harm",
    [
        lambda server: server.patch(
            "IPAddressPool", "public", {"spec": {"addresses": ["192.0.2.0/222"]}}, NAMESPACE
        ),
        lambda server: server.create(objects.pool("extra", "192.0.2.14-192.0.2.30")),
        lambda server: server.delete("IPAddressPool", "public", NAMESPACE),
    ],
    ids=["a pool is broken", "a pool overlaps another", "no pool is to be seen"],
)
async def test_a_lost_ledger_takes_no_address_away_while_pools_cannot_be_judged(
    autojump_clock, scene, caplog, harm
) -> None:
    controller = await scene.controller()
    for at in range(4):
        scene.server.create(objects.service(f"s{at}"))
    await scene.until(lambda: all(scene.addresses(f"s{at}") for at in range(4)))
    before = {f"s{at}": scene.addresses(f"s{at}") for at in range(4)}
    await controller.kill()
    harm(scene.server)
    scene.server.create(objects.service("new"))
    fresh = await scene.controller("c2")
    await trio.sleep(120)
    assert {name: scene.addresses(name) for name in before} == before
    assert fresh.state.authority is not Authority.ALLOCATE
    assert "nothing is given and no status is written yet" in caplog.text
    for name in ("extra", "public"):
        if scene.server.get("IPAddressPool", name, NAMESPACE):
            scene.server.delete("IPAddressPool", name, NAMESPACE)
    scene.server.create(objects.pool("public", "192.0.2.0/28"))
    await scene.until(lambda: scene.addresses("new"))
    assert {name: scene.addresses(name) for name in before} == before
