"""Given what is in force, when an object is to be stored, then it is allowed, or denied and why."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from k8s_source.reviews import NAMESPACE, admission, answer, denial
from proclaim.model import BGPAdvertisement, BGPPeer, Community, Pool
from proclaim_k8s_source.webhook.envelope import NotAReview
from proclaim_k8s_source.webhook.review import review

POOL = Pool("p", addresses=("192.0.2.0/24",))
PEER = BGPPeer("r1", 64500, 64501, peer_address="203.0.113.1", bfd_profile="fast")

GOOD = [
    ("IPAddressPool", {"addresses": ["198.51.100.0/24"]}),
    ("L2Advertisement", {"ipAddressPools": ["not-there-yet"]}),
    ("BGPAdvertisement", {"communities": ["not-there-yet"], "peers": ["nobody"]}),
    ("Community", {"communities": [{"name": "blue", "value": "64500:1"}]}),
    ("BFDProfile", {"receiveInterval": 300}),
    (
        "BGPPeer",
        {
            "myASN": 64500,
            "peerASN": 64501,
            "peerAddress": "203.0.113.7",
            "bfdProfile": "not-there-yet",
            "passwordSecret": {"name": "not-there-yet"},
        },
    ),
]
BAD = [
    (
        "IPAddressPool",
        {"addresses": ["192.0.2.0/33", 5], "autoasign": True},
        ["spec.addresses[0]: ", "spec.addresses[1]: ", "spec.autoasign: "],
    ),
    ("L2Advertisement", {"interfaces": "eth0"}, ["spec.interfaces: "]),
    ("BGPAdvertisement", {"aggregationLength": 33}, ["spec.aggregationLength: "]),
    (
        "Community",
        {"communities": [{"name": "blue", "value": "blue"}]},
        ["spec.communities[0].value: "],
    ),
    ("BFDProfile", {"receiveInterval": 5}, ["spec.receiveInterval: "]),
    ("BGPPeer", {"myASN": 0, "peerASN": 1}, ["spec.myASN: ", "spec.peerAddress: "]),
]


@pytest.mark.parametrize("operation", ["CREATE", "UPDATE"])
@pytest.mark.parametrize(("kind", "spec"), GOOD)
def test_what_is_right_is_allowed_whatever_it_names_that_is_not_there_yet(kind, spec, operation):
    response = answer(kind, spec, operation, in_force=[POOL, PEER])
    assert response == {"uid": response["uid"], "allowed": True}


@pytest.mark.parametrize("operation", ["CREATE", "UPDATE"])
@pytest.mark.parametrize(("kind", "spec", "said"), BAD)
def test_every_problem_of_an_object_is_told_on_a_line_of_its_own(kind, spec, said, operation):
    status = answer(kind, spec, operation)["status"]
    assert (status["status"], status["reason"], status["code"]) == ("Failure", "Invalid", 422)
    lines = status["message"].splitlines()
    assert len(lines) == len(said)
    for part in said:
        assert sum(line.startswith(f"{kind}/x: {part}") for line in lines) == 1


@pytest.mark.parametrize(
    ("in_force", "kind", "spec", "said"),
    [
        (
            [POOL],
            "IPAddressPool",
            {"addresses": ["192.0.2.9/32"]},
            "spec.addresses[0]: 192.0.2.9/32 overlaps 192.0.2.0/24 of IPAddressPool p",
        ),
        (
            [POOL],
            "BGPAdvertisement",
            {"aggregationLength": 16},
            "spec.aggregationLength: aggregationLength 16 would announce more than 192.0.2.0/24",
        ),
        (
            [POOL, BGPAdvertisement("a", local_pref=1)],
            "BGPAdvertisement",
            {"localPref": 2},
            "spec.localPref: localPref 2 contradicts 1 of BGPAdvertisement a",
        ),
        (
            [Community("c", (("blue", "64500:1"),))],
            "Community",
            {"communities": [{"name": "blue", "value": "64500:2"}]},
            "spec.communities[0].name: ",
        ),
        (
            [PEER],
            "BGPPeer",
            {"myASN": 64500, "peerASN": 64501, "peerAddress": "203.0.113.1"},
            "spec.peerAddress: would run the session of BGPPeer r1",
        ),
    ],
)
def test_what_contradicts_something_in_force_is_denied(in_force, kind, spec, said):
    status = answer(kind, spec, in_force=in_force)["status"]
    assert (status["reason"], status["code"]) == ("Conflict", 409)
    assert status["message"].startswith(f"{kind}/x: {said}")


def test_an_update_is_compared_with_all_but_itself():
    assert not denial(
        "IPAddressPool", {"addresses": ["192.0.2.0/25"]}, "UPDATE", "p", in_force=[POOL]
    )


def test_a_new_object_belongs_into_the_one_namespace():
    status = answer("IPAddressPool", {"addresses": ["192.0.2.0/24"]}, namespace="default")["status"]
    assert status["message"] == "IPAddressPool x must be created in namespace metallb-system"
    assert (status["reason"], status["code"]) == ("Forbidden", 403)
    spec = {"addresses": ["192.0.2.0/24"]}
    assert not denial("IPAddressPool", spec, "UPDATE", namespace="default")


def test_an_old_field_is_warned_of_and_the_object_judged_all_the_same():
    spec = {"myASN": 64500, "peerASN": 64501, "peerAddress": "203.0.113.7", "disableMP": True}
    response = answer("BGPPeer", spec)
    assert response["allowed"]
    assert response["warnings"] == ["spec.disableMP: is deprecated and has no effect; drop it"]
    assert denial("BGPPeer", spec, namespace="default")
    assert denial("BGPPeer", spec | {"myASN": 0})


def test_an_old_version_is_warned_of():
    spec = {"myASN": 64500, "peerASN": 64501, "peerAddress": "203.0.113.7"}
    (warning,) = answer("BGPPeer", spec, version="v1beta1")["warnings"]
    assert warning.startswith("apiVersion: metallb.io/v1beta1 is deprecated")


def test_a_profile_in_use_stays():
    status = answer("BFDProfile", {}, "DELETE", "fast", in_force=[PEER])["status"]
    assert status["message"] == "BFDProfile fast is used by BGPPeer r1"
    assert (status["reason"], status["code"]) == ("Conflict", 409)
    many = [BGPPeer(f"r{at}", 1, 2, bfd_profile="fast") for at in range(7)]
    assert denial("BFDProfile", {}, "DELETE", "fast", in_force=many).endswith(
        "BGPPeer r4 and 2 more"
    )


@pytest.mark.parametrize(
    ("kind", "name"), [("BFDProfile", "slow"), ("IPAddressPool", "p"), ("BGPPeer", "r1")]
)
def test_everything_else_may_be_deleted(kind, name):
    assert not denial(kind, {}, "DELETE", name, in_force=[POOL, PEER])


@pytest.mark.parametrize(
    "more",
    [
        {"group": "example.org"},
        {"subResource": "status"},
        {"operation": "CONNECT"},
        {"metadata": {"deletionTimestamp": "2026-11-22T22:13:00Z"}},
    ],
)
def test_what_is_none_of_ours_or_leaving_is_allowed(more):
    assert not denial("IPAddressPool", {"addresses": ["nonsense"]}, **more)


def test_a_kind_that_is_not_known_is_allowed():
    assert not denial("ServiceL2Status", {"nonsense": True})


def test_a_dry_run_is_judged_like_any_other():
    assert denial("BFDProfile", {"receiveInterval": 5}, dryRun=True)
    assert not denial("BFDProfile", {"receiveInterval": 50}, dryRun=True)


@pytest.mark.parametrize(
    "spec",
    [
        {"password": "hunter2" * 20},
        {"password": ["hunter2"]},
        {"password": "hunter2", "passwordSecret": {"name": "s"}},
        {"password": "hunter2", "myASN": "hunter3"},
        {"password": "hunter2", "peerAddress": "203.0.113.1"},
    ],
)
def test_a_password_is_never_repeated(spec):
    peer = {"myASN": 64500, "peerASN": 64501, "peerAddress": "203.0.113.7", **spec}
    said = denial("BGPPeer", peer, in_force=[PEER])
    assert said
    assert "hunter2" not in said


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\xff",
        b"null",
        b"[]",
        b"{}",
        b'{"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview"}',
        b'{"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": {}}',
        admission("Community", {}).replace(b"admission.k8s.io/v1", b"admission.k8s.io/v1beta1"),
        admission("Community", {}).replace(b"AdmissionReview", b"ConversionReview"),
        b"[" * 100_000,
    ],
)
def test_what_is_no_review_is_refused_with_an_explanation(body):
    with pytest.raises(NotAReview, match="AdmissionReview"):
        review(body, (), NAMESPACE)


@given(
    st.binary()
    | st.recursive(st.none() | st.text(), st.lists).map(lambda o: json.dumps(o).encode())
)
def test_no_body_does_anything_but_be_answered_or_refused(body):
    with pytest.raises(NotAReview):
        review(body, (), NAMESPACE)


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
)


@given(st.sampled_from([kind for kind, _ in GOOD]), _JSON)
def test_any_object_is_judged(kind, spec):
    answer(kind, spec, in_force=[POOL, PEER])
