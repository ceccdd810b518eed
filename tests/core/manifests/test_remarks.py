"""What is said of how a valid document is written, and where its fields stand."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from proclaim.manifests import path_of, read_documents, read_each
from proclaim.manifests.fields import render

OLD_PEER = """
apiVersion: metallb.io/v1beta1
kind: BGPPeer
metadata: {name: tor}
spec: {myASN: 64512, peerASN: 64513, peerAddress: 203.0.113.1}
"""
PEER = OLD_PEER.replace("v1beta1", "v1beta2")
L2 = """
apiVersion: metallb.io/v1beta1
kind: L2Advertisement
metadata: {name: l2}
spec:
  interfaces:
  - eth0
  - eth1
  - eth0
"""


def remarks(text):
    return [str(each) for each in read_documents(text, "a.yaml").remarks]


def test_the_old_version_of_a_peer_is_deprecated():
    assert remarks(OLD_PEER) == [
        "a.yaml:2: warning: BGPPeer/tor: apiVersion: metallb.io/v1beta1 is deprecated for BGPPeer; "
        "write metallb.io/v1beta2 [DeprecatedVersion]"
    ]


def test_a_field_of_a_peer_that_does_nothing_anywhere_is_deprecated():
    assert remarks(PEER.replace("{myASN", "{disableMP: true, myASN")) == [
        "a.yaml:5: warning: BGPPeer/tor: spec.disableMP: is deprecated and has no effect; drop it "
        "[DeprecatedField]"
    ]


def test_an_interface_that_is_named_twice_is_told_where_it_is_named_again():
    assert remarks(L2) == [
        "a.yaml:9: warning: L2Advertisement/l2: spec.interfaces[2]: 'eth0' is given twice "
        "[DuplicateInterface]"
    ]


@pytest.mark.parametrize(
    "text",
    [
        PEER,
        L2.replace("  - eth0\n", "", 1),
        L2.partition("spec")[0],
        OLD_PEER.replace("64513", "x"),
    ],
    ids=["the present version", "two interfaces", "no spec", "a problem"],
)
def test_nothing_is_remarked_of(text):
    assert remarks(text) == []


def test_what_was_read_says_the_line_of_any_field():
    (found,) = read_each(L2, "a.yaml")
    assert found.line == 4
    assert found.locate(path_of("spec.interfaces[1]")) == 8
    assert found.locate(path_of("spec.interfaces[7]")) == 6
    assert found.locate(path_of("metadata.labels[a.b/c]")) == 4


steps = st.one_of(st.integers(0, 99), st.from_regex(r"[a-z]+(\.[a-z]+/[a-z]+)?", fullmatch=True))


@given(st.from_regex(r"[a-z]+", fullmatch=True), st.lists(steps))
def test_the_path_of_a_field_is_found_again_in_its_text(first, more):
    path = (first, *more)
    assert path_of(render(path)) == path
