"""The resources that MetalLB only writes: what stands in them, and who may not change it."""

from __future__ import annotations

import pytest
import trio
from apiserver import objects
from k8s_source.rows import put, running, web
from k8s_source.scene import NAMESPACE, Scene, slice_on

KINDS = {"ServiceL2Status": "l2-", "ServiceBGPStatus": "bgp-"}
WRITES = ("create", "patch", "update", "delete")


@pytest.fixture
async def announced(scene):
    """`web`, announced from n1 in both ways."""
    scene.server.create(objects.l2_advertisement("l2"))
    controller, node = await running(scene, [web()])
    return scene, controller, node


def only(scene: Scene, kind: str):
    """The one object of a kind."""
    (found,) = scene.server.list(kind)
    return found


def written(scene: Scene) -> dict[tuple[str, str], int]:
    """How often was written, by verb and resource; the Lease aside."""
    asked = scene.server.requests().items()
    return {key: count for key, count in asked if key[0] in WRITES and key[1] != "leases"}


# --- ServiceL2Status and ServiceBGPStatus ---------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
async def test_what_stands_in_the_metadata(autojump_clock, announced, kind) -> None:
    scene, _, _ = announced
    metadata = only(scene, kind)["metadata"]
    assert metadata["namespace"] == NAMESPACE
    assert metadata["name"].startswith(KINDS[kind])
    assert metadata["labels"] == {
        "metallb.io/node": "n1",
        "metallb.io/service-name": "web",
        "metallb.io/service-namespace": "default",
    }
    (owner,) = metadata["ownerReferences"]
    assert (owner["kind"], owner["name"]) == ("Pod", "n1")


@pytest.mark.parametrize(
    ("kind", "more"),
    [("ServiceL2Status", {"interfaces": []}), ("ServiceBGPStatus", {"peers": ["tor"]})],
)
async def test_what_stands_in_the_status(autojump_clock, announced, kind, more) -> None:
    scene, _, _ = announced
    service = {"serviceName": "web", "serviceNamespace": "default"}
    assert only(scene, kind)["status"] == {"node": "n1", **service, **more}


async def test_the_interfaces_are_those_of_the_advertisement(autojump_clock, scene) -> None:
    scene.server.create(objects.l2_advertisement("l2", interfaces=["eth1", "eth0"]))
    await running(scene, [web()])
    named = only(scene, "ServiceL2Status")["status"]["interfaces"]
    assert named == [{"name": "eth0"}, {"name": "eth1"}]
    before = written(scene)
    spec = {"spec": {"interfaces": ["eth0", "eth1"]}}
    scene.server.patch("L2Advertisement", "l2", spec, NAMESPACE)
    await trio.sleep(4)
    assert written(scene) == before, "the order means nothing"


async def test_the_peers_are_those_of_the_family_sorted(autojump_clock, scene) -> None:
    scene.server.create(objects.bgp_peer("a-first", "10.0.0.253"))
    await running(scene, [web()])
    assert only(scene, "ServiceBGPStatus")["status"]["peers"] == ["a-first", "tor"]
    scene.server.delete("BGPPeer", "tor")
    await trio.sleep(4)
    assert only(scene, "ServiceBGPStatus")["status"]["peers"] == ["a-first"]


async def test_the_peers_tell_what_is_meant_not_whether_a_session_is_up(
    autojump_clock, announced
) -> None:
    """There is no session at all here."""
    scene, _, _ = announced
    assert "tor" in only(scene, "ServiceBGPStatus")["status"]["peers"]


@pytest.mark.parametrize("kind", KINDS)
async def test_an_object_that_somebody_deletes_comes_back(autojump_clock, announced, kind) -> None:
    scene, _, _ = announced
    before = only(scene, kind)
    scene.server.delete(kind, before["metadata"]["name"], NAMESPACE)
    await trio.sleep(4)
    after = only(scene, kind)
    assert after["status"] == before["status"]
    assert after["metadata"]["uid"] != before["metadata"]["uid"]


@pytest.mark.parametrize(
    ("kind", "field"), [("ServiceL2Status", "interfaces"), ("ServiceBGPStatus", "peers")]
)
async def test_a_status_that_somebody_edits_is_put_right(
    autojump_clock, announced, kind, field
) -> None:
    scene, _, _ = announced
    before = only(scene, kind)
    other = [{"name": "eth7"}] if field == "interfaces" else ["nobody"]
    name = before["metadata"]["name"]
    scene.server.patch(kind, name, {"status": {field: other}}, NAMESPACE, status=True)
    await trio.sleep(4)
    assert only(scene, kind)["status"] == before["status"]


@pytest.mark.parametrize("kind", KINDS)
async def test_the_object_goes_when_it_is_announced_no_more(
    autojump_clock, announced, kind
) -> None:
    scene, _, _ = announced
    scene.server.delete("EndpointSlice", "web-1")
    await trio.sleep(4)
    assert scene.server.list(kind) == []


async def test_another_node_has_an_object_of_its_own(autojump_clock, announced) -> None:
    """The fields cannot change, so who answers now removes what the one before left."""
    scene, _, first = announced
    second = await scene.node("n2")
    put(scene.server, objects.node("n2", "10.0.0.2"))
    scene.server.patch("EndpointSlice", "web-1", {"endpoints": slice_on("web", "n2")["endpoints"]})
    await trio.sleep(4)
    leader = next(node for node in (first, second) if node.answers.prefixes)
    before = only(scene, "ServiceL2Status")
    assert before["status"]["node"] == leader.name
    await leader.kill()
    excluded = {"node.kubernetes.io/exclude-from-external-load-balancers": ""}
    scene.server.patch("Node", leader.name, {"metadata": {"labels": excluded}})
    await trio.sleep(30)
    after = only(scene, "ServiceL2Status")
    assert after["status"]["node"] == ({"n1", "n2"} - {leader.name}).pop()
    assert after["metadata"]["name"] != before["metadata"]["name"]


# --- ConfigurationState ---------------------------------------------------------------------------


STATES = {
    "controller": ("poolReconciler", "poolReconcilerValid"),
    "speaker-n1": ("configReconciler", "configReconcilerValid"),
}
BAD_POOL = objects.pool("bad", "192.0.2.0/25")
BAD_ADVERTISEMENT = objects.bgp_advertisement("bad", communities=["nobody-knows-it"])


def state(scene: Scene, name: str):
    """What a ConfigurationState says."""
    found = scene.server.get("ConfigurationState", name, NAMESPACE)
    return found["status"] if found else None


@pytest.mark.parametrize("name", STATES)
async def test_a_valid_configuration(autojump_clock, announced, name) -> None:
    scene, _, _ = announced
    manager, condition = STATES[name]
    found = scene.server.get("ConfigurationState", name, NAMESPACE)
    assert found["status"]["result"] == "Valid"
    assert not found["status"].get("errorSummary")
    (said,) = found["status"]["conditions"]
    assert (said["type"], said["status"], said["reason"]) == (condition, "True", "Reconciled")
    assert manager in {each["manager"] for each in found["metadata"]["managedFields"]}
    kind = name.partition("-")[0]
    assert found["metadata"]["labels"]["metallb.io/component-type"] == kind
    (owner,) = found["metadata"]["ownerReferences"]
    assert owner["kind"] == "Pod"


@pytest.mark.parametrize(
    ("name", "bad"), [("controller", BAD_POOL), ("speaker-n1", BAD_ADVERTISEMENT)]
)
async def test_an_invalid_configuration_until_it_is_put_right(
    autojump_clock, announced, name, bad
) -> None:
    scene, _, _ = announced
    scene.server.create(bad)
    await trio.sleep(4)
    said = state(scene, name)
    assert said["result"] == "Invalid"
    (condition,) = said["conditions"]
    assert (condition["status"], condition["reason"]) == ("False", "ConfigurationError")
    assert condition["message"].startswith("configuration error: ")
    assert said["errorSummary"] == condition["message"]
    assert "bad" in said["errorSummary"]
    scene.server.delete("ConfigurationState", name, NAMESPACE)
    await trio.sleep(4)
    assert state(scene, name)["result"] == "Invalid", "what is invalid comes back as invalid"
    scene.server.delete(bad["kind"], "bad", NAMESPACE)
    await trio.sleep(4)
    assert state(scene, name)["result"] == "Valid"


@pytest.mark.parametrize("name", STATES)
async def test_a_state_that_somebody_deletes_comes_back(autojump_clock, announced, name) -> None:
    scene, _, _ = announced
    scene.server.delete("ConfigurationState", name, NAMESPACE)
    await trio.sleep(4)
    assert state(scene, name)["result"] == "Valid"


@pytest.mark.parametrize("name", STATES)
async def test_a_state_that_somebody_edits_is_put_right(autojump_clock, announced, name) -> None:
    scene, _, _ = announced
    wrong = {"status": {"result": "Invalid", "errorSummary": "nonsense"}}
    scene.server.patch("ConfigurationState", name, wrong, NAMESPACE, status=True)
    await trio.sleep(4)
    assert state(scene, name)["result"] == "Valid"
    assert not state(scene, name).get("errorSummary")


@pytest.mark.parametrize("name", STATES)
async def test_the_time_is_that_of_the_last_change(autojump_clock, announced, name) -> None:
    """Differs: MetalLB has the time of the last look there, and writes at each."""
    scene, _, _ = announced
    (before,) = state(scene, name)["conditions"]
    await trio.sleep(60)
    scene.server.create(objects.pool("more", "198.51.100.0/24"))
    await trio.sleep(4)
    assert state(scene, name)["conditions"] == [before]


# --- IPAddressPool --------------------------------------------------------------------------------


COUNTS = {"assignedIPv4": 1, "assignedIPv6": 0, "availableIPv4": 255, "availableIPv6": 0}


def counts(scene: Scene):
    """What the status of the pool says."""
    return scene.server.get("IPAddressPool", "public", NAMESPACE).get("status")


@pytest.mark.parametrize(
    "edit",
    [
        pytest.param({"assignedIPv4": 9}, id="a counter"),
        pytest.param({"assignedIPv4": 0, "availableIPv4": 256}, id="two of them"),
        pytest.param({"availableIPv6": 7}, id="one of the other family"),
    ],
)
async def test_a_counter_that_somebody_edits_is_put_right(autojump_clock, announced, edit) -> None:
    scene, _, _ = announced
    assert counts(scene) == COUNTS
    scene.server.patch("IPAddressPool", "public", {"status": edit}, NAMESPACE, status=True)
    await trio.sleep(4)
    assert counts(scene) == COUNTS


async def test_an_address_that_two_share_is_in_use_once(autojump_clock, scene) -> None:
    shared = {"annotations": {"metallb.io/allow-shared-ip": "k"}}
    await running(scene, [web(**shared), objects.service("a", ports=[81], **shared)])
    assert scene.addresses("a") == scene.addresses("web")
    assert counts(scene) == COUNTS


async def test_a_new_pool_has_counters_at_once(autojump_clock, announced) -> None:
    scene, _, _ = announced
    scene.server.create(objects.pool("more", "198.51.100.0/30", avoidBuggyIPs=True))
    await trio.sleep(4)
    found = scene.server.get("IPAddressPool", "more", NAMESPACE)["status"]
    assert (found["assignedIPv4"], found["availableIPv4"]) == (0, 3)


async def test_what_is_only_looked_at_is_not_written(autojump_clock, announced) -> None:
    """Every write is a patch, and there is none where nothing differs."""
    scene, _, _ = announced
    before = written(scene)
    assert {verb for verb, _ in before} <= {"create", "patch"}
    for kind, name, namespace in (
        ("Service", "web", "default"),
        ("IPAddressPool", "public", NAMESPACE),
        ("Node", "n1", ""),
        ("EndpointSlice", "web-1", "default"),
    ):
        seen = {"metadata": {"annotations": {"example.org/seen": "yes"}}}
        scene.server.patch(kind, name, seen, namespace)
    await trio.sleep(60)
    assert written(scene) == before
