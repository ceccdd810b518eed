"""Names that lead nowhere, and fields that do nothing, as an operator is told of them."""

import pytest
from proclaim.decide import decide
from proclaim.model import (
    BFDProfile,
    BGPAdvertisement,
    BGPPeer,
    Change,
    Community,
    L2Advertisement,
    Listing,
    Node,
    Pool,
    Problem,
    Secret,
    Selector,
    Service,
    Sourced,
)
from proclaim.references import dangling, notes
from proclaim.state import State

POOL = Pool("public", addresses=("192.0.2.0/24",))
TOR = BGPPeer("tor", 64512, 64513, peer_address="203.0.113.1")
ALIASES = Community("all", (("no-export", "65535:65281"),))


def state(*resources, problems=()):
    sourced = tuple(Sourced(resource, "a.yaml") for resource in resources)
    return decide(State(), Listing("files", sourced, problems=problems)).state


def told(found):
    return [(each.name, each.field, each.problem) for each in found]


def test_what_is_there_is_not_missed():
    ad = BGPAdvertisement(
        "all",
        pools=("public",),
        peers=("tor",),
        communities=("64512:1", "large:64512:1:2", "no-export"),
    )
    found = state(POOL, TOR, ALIASES, ad, L2Advertisement("l2", pools=("public",)))
    assert list(dangling(found)) == []
    assert list(notes(found)) == []


@pytest.mark.parametrize(
    ("text", "guess"),
    [("no-exprot", "; did you mean no-export?"), ("1:2:3", ""), ("blackhole", "")],
)
def test_a_community_that_is_neither_a_value_nor_an_alias_is_a_problem(text, guess):
    (problem,) = dangling(state(POOL, ALIASES, BGPAdvertisement("all", communities=(text,))))
    assert (problem.file, problem.kind, problem.field) == (
        "a.yaml",
        "BGPAdvertisement",
        "spec.communities[0]",
    )
    assert problem.problem.startswith(f"{text!r} is neither a community ")
    assert problem.problem.endswith(f"alias that a Community defines{guess}")


def test_a_profile_that_is_not_there_is_a_problem_and_one_that_is_has_no_effect():
    peer = BGPPeer("tor", 64512, 64513, peer_address="203.0.113.1", bfd_profile="fsat")
    found = state(peer, BFDProfile("fast"))
    assert told(dangling(found)) == [
        ("tor", "spec.bfdProfile", "there is no BFDProfile 'fsat'; did you mean fast?")
    ]
    assert told(notes(found)) == [
        ("tor", "spec.bfdProfile", "has no effect: BFD is not supported yet")
    ]


def test_nothing_is_said_to_be_missing_while_a_document_of_its_kind_is_broken():
    broken = (Problem("b.yaml", 3, "Community", "", "more", "spec", "is missing"),)
    ad = BGPAdvertisement("all", communities=("customer",))
    assert list(dangling(state(ad, problems=broken))) == []
    assert len(list(dangling(state(ad)))) == 1


def test_an_alias_that_is_not_defined_any_more_keeps_its_last_value_and_is_told():
    ad = BGPAdvertisement("all", communities=("no-export", "64512:1"))
    before = state(POOL, ALIASES, ad)
    left = decide(before, Change("files", gone=(ALIASES.ref,))).state
    assert told(dangling(left)) == [
        (
            "all",
            "spec.communities[0]",
            "'no-export' is an alias that no Community defines any more; its last value "
            "65535:65281 stays in use",
        )
    ]
    renamed = Community("all", (("no-exports", "65535:65281"),))
    edited = decide(left, Change("files", (Sourced(renamed),))).state
    (problem,) = dangling(edited)
    assert problem.problem.endswith("stays in use; did you mean no-exports?")
    assert list(dangling(decide(edited, Change("files", (Sourced(ALIASES),))).state)) == []


def test_a_peer_that_gives_way_to_another_on_a_node_is_told():
    def on(label):
        return (Selector((label,)),)

    rack, row = ("rack", "a"), ("row", "1")
    one = BGPPeer("one", 64512, 64513, peer_address="203.0.113.1", node_selectors=on(rack))
    two = BGPPeer("two", 64512, 64513, peer_address="203.0.113.1", node_selectors=on(row))
    other = BGPPeer("zero", 64512, 64513, peer_address="203.0.113.2")
    nodes = Node("n1", (rack,)), Node("n2", (row,))
    apart = state(one, two, other, *nodes)
    assert list(dangling(apart)) == []
    moved = decide(apart, Change("files", (Sourced(Node("n2", (rack, row))),))).state
    assert told(dangling(moved)) == [
        (
            "two",
            "spec",
            "does not run on node n2, where BGPPeer one is the same session (203.0.113.1 port 179)",
        )
    ]
    alone = decide(apart, Change("files", gone=tuple(node.ref for node in nodes))).state
    assert list(dangling(alone)) == []


def test_pools_and_peers_that_are_not_there_are_noted():
    routes = BGPAdvertisement("routes", pools=("pubic",), peers=("tor", "tor2"))
    found = state(POOL, TOR, routes, L2Advertisement("l2", pools=("public", "lan")))
    assert list(dangling(found)) == []
    assert told(notes(found)) == [
        (
            "routes",
            "spec.ipAddressPools[0]",
            "there is no IPAddressPool 'pubic'; did you mean public?",
        ),
        ("routes", "spec.peers[1]", "there is no BGPPeer 'tor2'; did you mean tor?"),
        ("l2", "spec.ipAddressPools[1]", "there is no IPAddressPool 'lan'"),
    ]


def test_what_has_no_effect_or_cannot_work_yet_is_noted():
    peer = BGPPeer(
        "tor",
        64512,
        64513,
        interface="eth1",
        password=Secret.REFERENCE,
        password_secret="bgp",
        graceful_restart=True,
        vrf="red",
    )
    shared = Service(
        "default", "web", type="LoadBalancer", annotations=(("metallb.io/allow-shared-ip", "x"),)
    )
    assert [each.field for each in notes(state(peer, shared))] == [
        "spec.enableGracefulRestart",
        "spec.passwordSecret",
        "spec.vrf",
        "spec.interface",
        "metadata.annotations[metallb.io/allow-shared-ip]",
    ]
