"""The rules about what names and selectors lead to: when each speaks, and when it keeps silent."""

import pytest
from core.scenes import (
    POOL,
    TOR,
    Scene,
    ad,
    amid,
    labelled,
    peer,
    pool,
    said,
    said_in,
    state_of,
    web,
)
from msgspec import structs
from proclaim.decide import decide
from proclaim.findings import Code, examine
from proclaim.model import (
    BFDProfile,
    BGPPeer,
    Change,
    Community,
    L2Advertisement,
    Listing,
    Namespace,
    Node,
    Secret,
    Sourced,
)
from proclaim.state import State

GOLD = labelled(tier="gold")
N1 = Node("n1", labels=(("rack", "1"),))
RACK1, RACK2 = labelled(rack="1"), labelled(rack="2")


def rationed(quota):
    """The ground's pool, with a quota."""
    return structs.replace(POOL, annotations=(("proclaim.io/namespace-quota", quota),))


NAMES = [
    Scene(
        "a community that is no alias is a problem, with the nearest alias",
        amid(ad(communities=("no-exprot",)), Community("c", (("no-export", "65535:65281"),))),
        [
            "UnknownCommunity BGPAdvertisement/bgp spec.communities[0]: 'no-exprot' is neither a "
            "community (a:b or large:a:b:c) nor an alias that a Community defines; did you mean "
            "no-export?"
        ],
    ),
    Scene(
        "communities that are values or aliases are well",
        amid(
            ad(communities=("64512:1", "large:64512:1:2", "no-export")),
            Community("c", (("no-export", "65535:65281"),)),
        ),
    ),
    Scene(
        "a pool that an advertisement names in vain is told with the nearest name",
        amid(ad(pools=("pubic", "public"))),
        [
            "UnknownPool BGPAdvertisement/bgp spec.ipAddressPools[0]: there is no IPAddressPool "
            "'pubic'; did you mean public?"
        ],
    ),
    Scene(
        "an L2Advertisement is held to the same",
        amid(L2Advertisement("l2", pools=("public", "lan"))),
        ["UnknownPool L2Advertisement/l2 spec.ipAddressPools[1]: there is no IPAddressPool 'lan'"],
    ),
    Scene("pools and peers that are there are well", amid(ad(pools=("public",), peers=("tor",)))),
    Scene(
        "a peer that an advertisement names in vain is told",
        amid(ad(peers=("tor", "tor2"))),
        [
            "UnknownPeer BGPAdvertisement/bgp spec.peers[1]: there is no BGPPeer 'tor2'; did you "
            "mean tor?"
        ],
    ),
    Scene(
        "a profile that is not there is told, and that none has an effect",
        amid(peer(bfd_profile="fsat"), BFDProfile("fast")),
        [
            "NotSupportedYet BGPPeer/tor spec.bfdProfile: has no effect: BFD is not supported yet",
            "UnknownBFDProfile BGPPeer/tor spec.bfdProfile: there is no BFDProfile 'fsat'; did you "
            "mean fast?; until there is, the ConfigurationState of its nodes is Invalid",
        ],
    ),
    Scene(
        "a profile that is there still has no effect",
        amid(peer(bfd_profile="fast"), BFDProfile("fast")),
        ["NotSupportedYet BGPPeer/tor spec.bfdProfile: has no effect: BFD is not supported yet"],
    ),
    Scene(
        "what a peer asks for and cannot have yet is told field by field",
        amid(
            BGPPeer(
                "tor",
                64512,
                64513,
                interface="eth1",
                password=Secret.REFERENCE,
                password_secret="bgp",
                vrf="red",
            )
        ),
        [
            "NotSupportedYet BGPPeer/tor spec.interface: keeps the session down: unnumbered "
            "peering is not supported yet",
            "NotSupportedYet BGPPeer/tor spec.passwordSecret: keeps the session down: there is no "
            "Secret to look into outside Kubernetes",
            "NotSupportedYet BGPPeer/tor spec.vrf: keeps the session down: sessions inside a VRF "
            "are not supported yet",
        ],
    ),
    Scene(
        "a namespace of a pool that is not there is told where Namespaces are described",
        amid(pool(namespaces=("default", "shpo")), Namespace("default"), Namespace("shop")),
        [
            "UnknownNamespace IPAddressPool/public spec.serviceAllocation.namespaces[1]: there is "
            "no Namespace 'shpo'; did you mean shop?"
        ],
    ),
    Scene(
        "a namespace of a quota that is not there is told where Namespaces are described",
        amid(rationed("shpo=1, default=2, *=3"), Namespace("default"), Namespace("shop")),
        (
            "UnknownNamespace IPAddressPool/public metadata.annotations[proclaim.io/namespace-"
            "quota]: there is no Namespace 'shpo'; did you mean shop?",
        ),
    ),
    Scene(
        "where no Namespace is described, no namespace of a quota is missed",
        amid(rationed("shpo=1")),
    ),
    Scene(
        "where no Namespace is described, none is missed",
        amid(pool(namespaces=("default", "shpo"))),
    ),
]

SELECTORS = [
    Scene(
        "selectors that match no pool are told, and that nobody announces the pool",
        amid(ad(pool_selectors=(GOLD,))),
        [
            "PoolNotAdvertised IPAddressPool/public: no advertisement covers the pool, so nobody "
            "announces its addresses; this concerns default/web",
            "NoPoolMatches BGPAdvertisement/bgp spec.ipAddressPoolSelectors: no IPAddressPool has "
            "these labels, so the advertisement covers none",
        ],
    ),
    Scene("selectors that match a pool are well", amid(ad(pool_selectors=(labelled(zone="dmz"),)))),
    Scene(
        "nodeSelectors of an advertisement that match no Node are told",
        amid(N1, L2Advertisement("l2", node_selectors=(RACK2,))),
        [
            "NoNodeMatches L2Advertisement/l2 spec.nodeSelectors: no Node has these labels; no "
            "node announces for the advertisement"
        ],
    ),
    Scene(
        "a peer that runs on no Node is told",
        amid(N1, peer("tor2", node_selectors=(RACK2,))),
        [
            "NoNodeMatches BGPPeer/tor2 spec.nodeSelectors: no Node has these labels; no session "
            "with the peer runs"
        ],
    ),
    Scene(
        "one of several nodeSelectors that matches is enough",
        amid(N1, ad(node_selectors=(RACK2, RACK1)), peer(node_selectors=(RACK1, RACK2))),
    ),
    Scene(
        "where no Node is described, nodeSelectors are not judged",
        amid(ad(node_selectors=(RACK1,)), peer(node_selectors=(RACK2,))),
    ),
    Scene(
        "a preference that no Node meets is told by its place",
        amid(N1, L2Advertisement("l2", preferred_nodes=((10, RACK1), (20, RACK2)))),
        [
            "NoPreferredNodeMatches L2Advertisement/l2 spec.preferredNodeSelectors[1]: no Node has "
            "these labels"
        ],
    ),
    Scene(
        "a preference is not judged where no Node is described",
        amid(L2Advertisement("l2", preferred_nodes=((10, RACK1),))),
    ),
    Scene(
        "serviceSelectors of an advertisement that match no Service are told",
        amid(ad("more", service_selectors=(GOLD,))),
        [
            "NoServiceMatches BGPAdvertisement/more spec.serviceSelectors[0]: no Service of type "
            "LoadBalancer has these labels"
        ],
    ),
    Scene(
        "serviceSelectors of a pool that match no Service are told",
        amid(pool("vip", ("198.51.100.0/30",), service_selectors=(GOLD,))),
        [
            "NoServiceMatches IPAddressPool/vip spec.serviceAllocation.serviceSelectors[0]: no "
            "Service of type LoadBalancer has these labels"
        ],
    ),
    Scene(
        "serviceSelectors that match a Service are well",
        amid(ad("more", service_selectors=(GOLD,)), web(labels=(("tier", "gold"),))),
    ),
    Scene(
        "where there is no Service, serviceSelectors are not judged",
        amid(ad("more", service_selectors=(GOLD,)), without=(web(),)),
    ),
    Scene(
        "namespaceSelectors that match no Namespace are told",
        amid(
            pool(namespaces=("default",), namespace_selectors=(GOLD, labelled(team="a"))),
            Namespace("default", labels=(("team", "a"),)),
        ),
        [
            "NoNamespaceMatches IPAddressPool/public spec.serviceAllocation.namespaceSelectors[0]: "
            "no Namespace has these labels"
        ],
    ),
    Scene(
        "where no Namespace is described, namespaceSelectors are not judged",
        amid(pool(namespaces=("default",), namespace_selectors=(GOLD,))),
    ),
]


@pytest.mark.parametrize("scene", [*NAMES, *SELECTORS], ids=lambda scene: scene.story)
def test_of_what_names_and_selectors_lead_to(scene: Scene) -> None:
    assert said_in(scene) == sorted(scene.said)


def test_an_alias_that_is_not_defined_any_more_keeps_its_last_value_and_is_told():
    aliases = Community("c", (("no-export", "65535:65281"),))
    before = state_of(*amid(ad(communities=("no-export", "64512:1")), aliases))
    left = decide(before, Change("files", gone=(aliases.ref,))).state
    assert [said(each) for each in examine(left)] == [
        "UnknownCommunity BGPAdvertisement/bgp spec.communities[0]: 'no-export' is an alias that "
        "no Community defines any more; its last value 65535:65281 stays in use"
    ]
    assert examine(decide(left, Change("files", (Sourced(aliases),))).state) == ()


def test_a_peer_that_gives_way_to_another_on_a_node_is_told():
    one = peer("one", node_selectors=(RACK1,))
    two = peer("two", node_selectors=(labelled(row="1"),))
    apart = state_of(*amid(one, two, N1, Node("n2", labels=(("row", "1"),)), without=(TOR,)))
    assert examine(apart) == ()
    both = Node("n2", labels=(("rack", "1"), ("row", "1")))
    moved = decide(apart, Change("files", (Sourced(both),))).state
    assert [said(each) for each in examine(moved)] == [
        "PeerGivesWay BGPPeer/two spec: does not run on node n2, where BGPPeer one is the same "
        "session (203.0.113.1 port 179)"
    ]


def test_a_password_in_a_secret_is_told_only_where_there_is_no_secret():
    resource = structs.replace(TOR, password=Secret.REFERENCE, password_secret="bgp")

    def codes(origin):
        listing = Listing("kubernetes", (Sourced(resource, origin),))
        return [each.code for each in examine(decide(State(), listing).state)]

    assert Code.NOT_SUPPORTED_YET in codes("peers.yaml")
    assert Code.NOT_SUPPORTED_YET not in codes("")
