"""What a cluster's processes say of its configuration, by ConfigurationState and metrics."""

import time

import pytest
from apiserver import objects
from integration.lab.cluster import ON_LINK_V4, ROUTED_V4, peer
from integration.lab.routes import selecting
from netlab.topology import NODES

pytestmark = pytest.mark.integration
ELSEWHERE = "192.0.2.99"
STALE = "metallb_k8s_client_config_stale_bool"


def speakers(k8s, *invalid):
    """Wait until exactly these processes say Invalid, and the others Valid."""
    names = ("controller", *(f"speaker-{name}" for name in NODES))
    wanted = {name: "Invalid" if name in invalid else "Valid" for name in names}
    k8s.until(f"invalid: {invalid}", lambda: k8s.kube.results() == wanted)


def bad_peer(name, node="", **spec):
    """A peer that nobody answers for, at one node or all."""
    selectors = {"nodeSelectors": selecting(node)} if node else {}
    return peer(name, ELSEWHERE, **selectors, **spec)


def known(k8s, kind, count):
    """Wait until every process knows so many resources of a kind."""
    for member in k8s.members:
        k8s.until(
            f"{member.name} knows {count} of {kind}",
            lambda member=member: member.metric("proclaim_resources", kind=kind) == count,
        )


ALL = tuple(f"speaker-{name}" for name in NODES)


def test_a_valid_configuration_is_said_by_controller_and_nodes(k8s):
    speakers(k8s)
    for name, labels, manager in (
        ("controller", {"metallb.io/component-type": "controller"}, "poolReconciler"),
        *(
            (
                f"speaker-{node}",
                {"metallb.io/component-type": "speaker", "metallb.io/node-name": node},
                "configReconciler",
            )
            for node in NODES
        ),
    ):
        found = k8s.kube.get("ConfigurationState", name)
        assert found["metadata"]["labels"] == labels
        assert found["status"]["result"] == "Valid"
        assert found["status"]["errorSummary"] == ""
        writers = {
            each["manager"]
            for each in found["metadata"]["managedFields"]
            if each.get("subresource") == "status"
        }
        assert writers == {manager}
        (condition,) = found["status"]["conditions"]
        assert (condition["type"], condition["status"]) == (f"{manager}Valid", "True")


def test_a_secret_of_the_wrong_type_is_a_matter_of_the_node_that_needs_it(k8s):
    k8s.kube.create(
        objects.secret("tor", "a-password", type="Opaque"),
        bad_peer("guarded", "node1", passwordSecret={"name": "tor"}),
    )
    speakers(k8s, "speaker-node1")
    assert "kubernetes.io/basic-auth" in k8s.kube.why("speaker-node1")
    assert "a-password" not in k8s.kube.why("speaker-node1")
    k8s.kube.delete("Secret", "tor")
    k8s.kube.create(objects.secret("tor", "a-password"))
    speakers(k8s)


def test_a_profile_that_is_not_there_is_said_and_so_is_one_that_goes(k8s):
    k8s.kube.create(bad_peer("fast", bfdProfile="quick"))
    speakers(k8s, *ALL)
    assert "quick" in k8s.kube.why("speaker-node1")
    k8s.kube.create(objects.bfd_profile("quick"))
    speakers(k8s)
    k8s.kube.delete("BFDProfile", "quick")
    speakers(k8s, *ALL)


def test_an_alias_that_nobody_defines_is_said_until_somebody_does(k8s):
    k8s.kube.create(objects.bgp_advertisement("some", communities=["fresh-alias"]))
    speakers(k8s, *ALL)
    assert "fresh-alias" in k8s.kube.why("speaker-node2")
    k8s.kube.create(objects.community("colours", {"fresh-alias": "64500:9"}))
    speakers(k8s)


def test_of_two_faults_one_is_left_when_the_other_is_gone(k8s):
    k8s.kube.create(
        bad_peer("no-profile", bfdProfile="missing-profile"),
        bad_peer("no-secret", passwordSecret={"name": "missing-secret"}, peerPort=1179),
    )

    def why(present, absent):
        said = k8s.kube.why("speaker-node1")
        return present in said and absent not in said

    speakers(k8s, *ALL)
    k8s.until(
        "both are said",
        lambda: all(
            word in k8s.kube.why("speaker-node1") for word in ("missing-profile", "missing-secret")
        ),
    )
    k8s.kube.delete("BGPPeer", "no-profile")
    k8s.until("one is left", why, "missing-secret", "missing-profile")
    speakers(k8s, *ALL)
    k8s.kube.delete("BGPPeer", "no-secret")
    speakers(k8s)


def test_each_node_is_judged_by_what_concerns_it(k8s):
    k8s.kube.create(
        bad_peer("good", "node1"), bad_peer("bad", "node2", bfdProfile="missing-profile")
    )
    speakers(k8s, "speaker-node2")
    k8s.kube.change("BGPPeer", "good", bfdProfile="missing-profile")
    speakers(k8s, *ALL)
    k8s.kube.change("BGPPeer", "bad", bfdProfile=None)
    speakers(k8s, "speaker-node1")
    k8s.kube.change("BGPPeer", "good", bfdProfile=None)
    speakers(k8s)


def test_a_label_that_brings_a_faulty_peer_to_a_node_flips_that_node_alone(k8s):
    labelled = [{"matchLabels": {"rack": "b"}}]
    k8s.kube.create(
        peer("b", ELSEWHERE, nodeSelectors=labelled, bfdProfile="missing-profile"),
    )
    known(k8s, "BGPPeer", 3)
    speakers(k8s)
    k8s.kube.label("Node", "node1", rack="b")
    speakers(k8s, "speaker-node1")
    k8s.kube.label("Node", "node1", rack=None)
    speakers(k8s)


def test_a_label_that_brings_two_sessions_of_one_peer_to_a_node_flips_that_node_alone(k8s):
    racks = {name: [{"matchLabels": {f"rack-{name}": "yes"}}] for name in "ab"}
    k8s.kube.create(*(peer(name, ELSEWHERE, nodeSelectors=racks[name]) for name in "ab"))
    known(k8s, "BGPPeer", 4)
    speakers(k8s)
    k8s.kube.label("Node", "node1", rack_a="yes", rack_b="yes")
    speakers(k8s, "speaker-node1")
    k8s.kube.label("Node", "node1", rack_b=None)
    speakers(k8s)


@pytest.mark.parametrize("broken", [False, True])
def test_what_is_deleted_is_written_again_as_it_was(k8s, stopwatch, broken):
    if broken:
        k8s.kube.create(bad_peer("fast", bfdProfile="missing-profile"))
    invalid = ALL if broken else ()
    speakers(k8s, *invalid)
    stopwatch.start()
    k8s.kube.delete("ConfigurationState", "controller", *ALL)
    speakers(k8s, *invalid)
    stopwatch.note("all are back", time.monotonic() - stopwatch.started)
    k8s.kube.delete("ConfigurationState", "speaker-node2")
    speakers(k8s, *invalid)


def test_pools_that_overlap_are_said_and_counted_and_what_was_in_force_stays(k8s):
    k8s.kube.create(objects.pool("a", ROUTED_V4), objects.bgp_advertisement("all"))
    k8s.web("web")
    (address,) = k8s.addressed("web")
    k8s.kube.create(objects.pool("b", "203.0.113.128/25"))
    speakers(k8s, "controller", *ALL)
    assert "overlap" in k8s.kube.why("controller")
    for member in k8s.members:
        k8s.until("it is stale", lambda member=member: member.metric(STALE) == 1)
        assert member.metric("metallb_k8s_client_config_loaded_bool") == 1
    k8s.until("it is routed", k8s.routed, f"{address}/32", *NODES)
    k8s.kube.change("IPAddressPool", "b", addresses=[ON_LINK_V4])
    speakers(k8s)
    for member in k8s.members:
        k8s.until("it is not stale", lambda member=member: member.metric(STALE) == 0)
    assert k8s.kube.addresses("web") == [address]
