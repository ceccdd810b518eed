"""BGPPeers of one version into the other."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from proclaim.manifests import parse_object
from proclaim_k8s_source.webhook.conversion import NEW, OLD, convert
from proclaim_k8s_source.webhook.envelope import NotAReview

SPEC = {
    "myASN": 64500,
    "peerASN": 64501,
    "peerAddress": "203.0.113.1",
    "sourceAddress": "203.0.113.2",
    "peerPort": 1790,
    "holdTime": "90s",
    "keepaliveTime": "30s",
    "routerID": "192.0.2.1",
    "nodeSelectors": [
        {"matchExpressions": [{"key": "rack", "operator": "In", "values": ["a"]}]},
        {"matchLabels": {"rack": "b"}},
    ],
    "password": "secret",
    "bfdProfile": "fast",
    "ebgpMultiHop": True,
}
METADATA = {"name": "r1", "namespace": "metallb-system", "labels": {"a": "b"}, "uid": "u1"}


def body(desired, *objects, **more):
    request = {"uid": "u7", "desiredAPIVersion": desired, "objects": list(objects), **more}
    envelope = {"apiVersion": "apiextensions.k8s.io/v1", "kind": "ConversionReview"}
    return json.dumps(envelope | {"request": request}).encode()


def converted(desired, *objects):
    whole = json.loads(convert(body(desired, *objects)))
    assert (whole["apiVersion"], whole["kind"]) == ("apiextensions.k8s.io/v1", "ConversionReview")
    response = whole["response"]
    assert response["uid"] == "u7"
    assert response["result"] == {"status": "Success"}
    return response["convertedObjects"]


def failure(desired, *objects):
    response = json.loads(convert(body(desired, *objects)))["response"]
    assert response["convertedObjects"] == []
    assert response["result"]["status"] == "Failure"
    return response["result"]["message"]


def peer(version, spec, **beside):
    return {"apiVersion": version, "kind": "BGPPeer", "metadata": METADATA, "spec": spec, **beside}


@pytest.mark.parametrize(("present", "desired"), [(OLD, NEW), (NEW, OLD), (OLD, OLD), (NEW, NEW)])
def test_what_both_versions_have_stays_as_it_is(present, desired):
    status = {"status": {}}
    assert converted(desired, peer(present, SPEC, **status)) == [peer(desired, SPEC, **status)]


@pytest.mark.parametrize("zero", ["0s", "0", "0m0s", "0.0s", 0])
def test_a_timer_of_zero_in_the_old_version_says_nothing(zero):
    spec = {"myASN": 1, "peerASN": 2, "peerAddress": "203.0.113.1"}
    zeros = {"holdTime": zero, "keepaliveTime": zero, "peerPort": 0}
    (made,) = converted(NEW, peer(OLD, spec | zeros))
    assert made["spec"] == spec


def test_timers_that_are_absent_stay_absent():
    spec = {"myASN": 1, "peerASN": 2, "peerAddress": "203.0.113.1"}
    for present, desired in [(OLD, NEW), (NEW, OLD)]:
        (made,) = converted(desired, peer(present, spec))
        assert made["spec"] == spec


def test_timers_switched_off_in_the_new_version_stay_so_there():
    (made,) = converted(NEW, peer(NEW, SPEC | {"holdTime": "0s"}))
    assert made["spec"]["holdTime"] == "0s"


def test_what_only_the_new_version_has_is_lost_on_the_way_down():
    newer = {
        "dynamicASN": "external",
        "interface": "eth1",
        "passwordSecret": {"name": "s"},
        "vrf": "red",
        "connectTime": "5s",
        "enableGracefulRestart": True,
        "disableMP": False,
        "dualStackAddressFamily": True,
        "localASN": 64999,
    }
    (made,) = converted(OLD, peer(NEW, {"myASN": 64500, **newer}))
    assert made["spec"] == {"myASN": 64500, "peerASN": 0, "peerAddress": ""}


def test_objects_come_back_in_their_order():
    many = [peer(OLD, SPEC | {"peerPort": port}) for port in range(1, 50)]
    assert [made["spec"]["peerPort"] for made in converted(NEW, *many)] == list(range(1, 50))
    assert converted(NEW) == []


@pytest.mark.parametrize(
    "value",
    [
        {"apiVersion": "metallb.io/v1", "kind": "BGPPeer"},
        {"apiVersion": OLD, "kind": "IPAddressPool", "spec": {}},
        {"kind": 5},
        {},
    ],
)
def test_another_conversion_fails_as_a_whole(value):
    assert "BGPPeer is converted between" in failure(NEW, peer(OLD, SPEC), value)


def test_a_version_that_nobody_knows_fails():
    assert "to metallb.io/v9" in failure("metallb.io/v9", peer(OLD, SPEC))


def test_a_spec_that_is_none_fails_and_a_missing_one_does_not():
    assert failure(NEW, peer(OLD, ["secret"])) == "spec is not a mapping"
    (made,) = converted(NEW, {"apiVersion": OLD, "kind": "BGPPeer", "metadata": METADATA})
    assert made["spec"] == {}


@pytest.mark.parametrize(
    "data", [b"", b"{}", b"[]", body(NEW).replace(b"u7", b"\xff"), body(NEW, 5), body(5)]
)
def test_what_is_no_review_is_refused(data):
    with pytest.raises(NotAReview, match="ConversionReview"):
        convert(data)


@given(
    st.fixed_dictionaries(
        {"myASN": st.integers(1, 2**32 - 1), "peerASN": st.integers(1, 2**32 - 1)},
        optional={
            "peerPort": st.integers(0, 65535),
            "holdTime": st.sampled_from(["0s", "3s", "90s", "1m30s"]),
            "keepaliveTime": st.sampled_from(["0s", "1s"]),
            "password": st.text(max_size=5),
            "bfdProfile": st.sampled_from(["", "fast"]),
        },
    )
)
def test_an_old_peer_means_the_same_in_the_new_version(spec):
    old = peer(OLD, {**spec, "peerAddress": "203.0.113.1"})
    (new,) = converted(NEW, old)
    assert parse_object(new).resource == parse_object(old).resource
    (back,) = converted(OLD, new)
    assert parse_object(back).resource == parse_object(old).resource
