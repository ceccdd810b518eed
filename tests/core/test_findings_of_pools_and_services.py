"""The rules about pools, advertisements and Services: when each speaks, and when not."""

import pytest
from core.scenes import (
    BGP,
    POOL,
    TOR,
    Scene,
    ad,
    amid,
    asking,
    labelled,
    peer,
    said,
    said_in,
    state_of,
    web,
)
from proclaim.decide import decide
from proclaim.events import Observed, Removed
from proclaim.findings import Code, examine
from proclaim.fold import fold, number
from proclaim.model import (
    BGPPeer,
    Change,
    L2Advertisement,
    Node,
    Pool,
    Service,
    Sourced,
    service_ref,
)

GOLD, LEAD = labelled(tier="gold"), labelled(tier="lead")
N1, N2 = Node("n1", labels=(("rack", "1"),)), Node("n2", labels=(("rack", "2"),))
RACK1, RACK2 = labelled(rack="1"), labelled(rack="2")
SECOND = Pool("second", addresses=("198.51.100.0/30",))
CLOSED = Pool("second", addresses=("198.51.100.0/30",), auto_assign=False)
BOTH = Pool("public", addresses=("192.0.2.0/29", "2001:db8::/120"))
NOT_REQUESTED = (
    "PoolNotRequested IPAddressPool/second spec.autoAssign: is false, and no Service asks for the "
    "pool or for one of its addresses"
)


def given(*pairs, **more):
    """A Service with annotations as they are."""
    return web(annotations=tuple(sorted(pairs)), **more)


POOLS = [
    Scene("where all is well nothing is said", amid()),
    Scene(
        "a pool that no advertisement names is told, with the Services that it concerns",
        [POOL, TOR, ad(pools=("second",)), SECOND, *(web(f"web{at}") for at in range(5))],
        (
            "PoolNotAdvertised IPAddressPool/public: no advertisement covers the pool, so nobody "
            "announces its addresses; this concerns default/web0, default/web1, default/web2 and "
            "2 more",
        ),
    ),
    Scene(
        "a pool of which nobody has an address is told as well",
        [POOL],
        (
            "PoolNotAdvertised IPAddressPool/public: no advertisement covers the pool, so nobody "
            "announces its addresses",
        ),
    ),
    Scene("an L2Advertisement is enough for a pool", [POOL, L2Advertisement("l2"), web()]),
    Scene(
        "a pool that gives nothing by itself and that nobody asks for is told",
        amid(CLOSED),
        (NOT_REQUESTED,),
    ),
    Scene(
        "a Service that asks for the pool is enough",
        amid(CLOSED, web("vip", requested_pool="second")),
    ),
    Scene(
        "a Service that asks for one of its addresses is enough",
        amid(
            CLOSED,
            web(
                "vip",
                requested_addresses=("198.51.100.2",),
                annotations=(("metallb.io/loadBalancerIPs", "198.51.100.2"),),
            ),
        ),
    ),
    Scene("where there is no Service, no pool is said to be unused", [POOL, BGP, TOR, CLOSED]),
    Scene(
        "a pool that is closed to new allocations need not be asked for",
        amid(
            Pool(
                "second",
                annotations=(("proclaim.io/allocation", "closed"),),
                addresses=("198.51.100.0/30",),
                auto_assign=False,
            )
        ),
    ),
    Scene(
        "a pool that is too small is told once, with those who wait",
        [
            Pool("public", addresses=("192.0.2.0/31",)),
            BGP,
            TOR,
            *(web(f"web{at}") for at in range(7)),
        ],
        (
            "PoolExhausted IPAddressPool/public spec.addresses: no free IPv4 address for "
            "default/web2, default/web3, default/web4 and 2 more",
        ),
    ),
]

COMMON = "for pool public and peer tor; what both cover"
ADVERTISEMENTS = [
    Scene(
        "an advertisement without any peer is told",
        [POOL, BGP, web()],
        ("AdvertisementWithoutPeers BGPAdvertisement/bgp: there is no BGPPeer, so nobody is told",),
    ),
    Scene(
        "an advertisement whose peers run elsewhere is told",
        amid(N1, N2, ad(node_selectors=(RACK1,)), peer(node_selectors=(RACK2,))),
        (
            "AdvertisementWithoutPeers BGPAdvertisement/bgp spec.nodeSelectors: no session with "
            "tor runs on a node of the advertisement, so nobody is told",
        ),
    ),
    Scene(
        "an advertisement that meets one of its peers on a node is well",
        amid(
            N1,
            N2,
            ad(node_selectors=(RACK1,)),
            peer(node_selectors=(RACK1,)),
            peer("tor2", node_selectors=(RACK2,)),
        ),
    ),
    Scene(
        "a family that no session carries is told once, with those who hold such addresses",
        amid(BOTH, *(web(f"web{at}", ip_families=(6,)) for at in range(4))),
        (
            "FamilyNotCarried IPAddressPool/public spec.addresses: no session with tor carries "
            "IPv6 routes, so nobody announces the IPv6 addresses of default/web0, default/web1, "
            "default/web2 and 1 more",
        ),
    ),
    Scene(
        "half of a dual-stack Service that no session carries is told",
        amid(BOTH, web(ip_families=(4, 6), ip_family_policy="RequireDualStack")),
        (
            "FamilyNotCarried IPAddressPool/public spec.addresses: no session with tor carries "
            "IPv6 routes, so nobody announces the IPv6 addresses of default/web",
        ),
    ),
    Scene(
        "a session that carries both families is well",
        amid(BOTH, web(ip_families=(6,)), peer(dual_stack_address_family=True)),
    ),
    Scene(
        "one of two peers that carries a family is enough",
        amid(
            BOTH,
            web(ip_families=(6,)),
            BGPPeer("tor6", 64512, 64513, peer_address="2001:db8:9::1"),
        ),
    ),
    Scene(
        "a peer that carries a family, and runs on another node, is not enough",
        amid(
            BOTH,
            N1,
            N2,
            ad(node_selectors=(RACK1,)),
            web(ip_families=(6,)),
            BGPPeer("tor6", 64512, 64513, peer_address="2001:db8:9::1", node_selectors=(RACK2,)),
        ),
        (
            "FamilyNotCarried IPAddressPool/public spec.addresses: no session with tor carries "
            "IPv6 routes, so nobody announces the IPv6 addresses of default/web",
        ),
    ),
    Scene(
        "what an L2Advertisement announces needs no session",
        amid(BOTH, web(ip_families=(6,)), L2Advertisement("l2")),
    ),
    Scene(
        "a family that no Service holds an address of need not be carried",
        amid(BOTH),
    ),
    Scene(
        "two localPrefs for a Service that both select are told, on the later by name",
        amid(
            ad(local_pref=100),
            ad("gold", local_pref=200, service_selectors=(GOLD,)),
            web(labels=(("tier", "gold"),)),
        ),
        (
            "DivergingAdvertisements BGPAdvertisement/gold spec.localPref: is 200, and "
            f"BGPAdvertisement bgp says 100 {COMMON} is not announced",
        ),
    ),
    Scene(
        "two localPrefs that no Service brings together are well",
        amid(
            ad(local_pref=100, service_selectors=(LEAD,)),
            ad("gold", local_pref=200, service_selectors=(GOLD,)),
            web(labels=(("tier", "gold"),)),
            web("slow", labels=(("tier", "lead"),)),
        ),
    ),
    Scene(
        "two lists of communities for one prefix are told",
        amid(ad(communities=("64512:1",)), ad("more", communities=("64512:2",))),
        (
            "DivergingAdvertisements BGPAdvertisement/more spec.communities: differ from those of "
            f"BGPAdvertisement bgp {COMMON} is announced with the communities of both",
        ),
    ),
    Scene(
        "other communities for another prefix are well, as of an aggregate",
        amid(
            ad(communities=("64512:1",)),
            ad("more", communities=("64512:2",), aggregation_length=29),
        ),
    ),
    Scene(
        "other communities for another peer are well",
        amid(
            peer("tor2", peer_port=1179),
            ad(communities=("64512:1",), peers=("tor",)),
            ad("more", communities=("64512:2",), peers=("tor2",)),
        ),
    ),
    Scene(
        "an advertisement that is silent, for nobody defines its alias, says nothing else",
        amid(ad(communities=("64512:1",)), ad("more", communities=("nosuch",))),
        (
            "UnknownCommunity BGPAdvertisement/more spec.communities[0]: 'nosuch' is neither a "
            "community (a:b or large:a:b:c) nor an alias that a Community defines",
        ),
    ),
    Scene(
        "other communities from another node are well",
        amid(
            N1,
            N2,
            ad(communities=("64512:1",), node_selectors=(RACK1,)),
            ad("more", communities=("64512:2",), node_selectors=(RACK2,)),
        ),
    ),
    Scene(
        "other communities for another pool are well",
        amid(
            SECOND,
            ad(communities=("64512:1",), pools=("public",)),
            ad("more", communities=("64512:2",), pools=("second",)),
        ),
    ),
]

OUTSIDE = "AddressOutsidePools Service/default/web"
SERVICES = [
    Scene(
        "a Service that every advertisement leaves out is told",
        amid(
            ad(service_selectors=(GOLD,)),
            L2Advertisement("l2", service_selectors=(GOLD,)),
            web("vip", labels=(("tier", "gold"),)),
        ),
        (
            "ServiceNotAdvertised Service/default/web metadata.labels: no advertisement of pool "
            "public selects the Service, so nobody announces 192.0.2.1",
        ),
    ),
    Scene(
        "a Service that one advertisement selects is well",
        amid(
            ad(service_selectors=(GOLD,)),
            L2Advertisement("l2", service_selectors=(LEAD,)),
            web("vip", labels=(("tier", "gold"),)),
            web(labels=(("tier", "lead"),)),
        ),
    ),
    Scene(
        "an address outside every pool is told at the annotation that asks for it",
        amid(
            given(
                ("metallb.io/loadBalancerIPs", "203.0.113.9"), requested_addresses=("203.0.113.9",)
            )
        ),
        (
            f"{OUTSIDE} metadata.annotations[metallb.io/loadBalancerIPs]: no IPAddressPool "
            "contains 203.0.113.9",
        ),
    ),
    Scene(
        "spec.loadBalancerIP is deprecated, and may be outside every pool as well",
        amid(web(requested_addresses=("203.0.113.9",))),
        (
            f"{OUTSIDE} spec.loadBalancerIP: no IPAddressPool contains 203.0.113.9",
            "DeprecatedField Service/default/web spec.loadBalancerIP: is deprecated; write the "
            "annotation metallb.io/loadBalancerIPs",
        ),
    ),
    Scene(
        "a pool that a Service asks for in vain is told with the nearest name",
        amid(given(("metallb.io/address-pool", "pubic"), requested_pool="pubic")),
        (
            "UnknownPool Service/default/web metadata.annotations[metallb.io/address-pool]: there "
            "is no IPAddressPool 'pubic'; did you mean public?",
        ),
    ),
    Scene(
        "any other refusal is told with its reason",
        amid(web(cluster_ips=("None",))),
        (
            "NoAddress Service/default/web: gets no address: a headless Service (clusterIP None) "
            "gets no address",
        ),
    ),
    Scene(
        "without any pool, Services are not said to wait",
        [web(), given(("metallb.io/address-pool", "public"), requested_pool="public")],
    ),
    Scene(
        "the old prefix of an annotation is deprecated",
        amid(given(("metallb.universe.tf/address-pool", "public"), requested_pool="public")),
        (
            "DeprecatedAnnotation Service/default/web "
            "metadata.annotations[metallb.universe.tf/address-pool]: is deprecated; write "
            "metallb.io/address-pool",
        ),
    ),
    Scene(
        "an annotation with two values under both prefixes is told, and which one is in force",
        amid(
            given(
                ("metallb.io/address-pool", "public"),
                ("metallb.universe.tf/address-pool", "other"),
                requested_pool="public",
            )
        ),
        (
            "ConflictingAnnotations Service/default/web "
            "metadata.annotations[metallb.universe.tf/address-pool]: contradicts "
            "metallb.io/address-pool, which is in force",
        ),
    ),
    *(
        Scene(
            f"the annotation {key}, which nobody reads, is told with what may have been meant",
            amid(given((key, "x"))),
            (
                f"UnknownAnnotation Service/default/web metadata.annotations[{key}]: nobody reads "
                f"such an annotation of a Service; {meant}",
            ),
        )
        for key, meant in (
            ("metallb.io/adress-pool", "did you mean metallb.io/address-pool?"),
            ("metallb.universe.tf/allow-shared-IP", "did you mean metallb.io/allow-shared-ip?"),
            ("metallb.io/loadBalancerIP", "did you mean metallb.io/loadBalancerIPs?"),
            ("proclaim.io/address-pool", "did you mean metallb.io/address-pool?"),
            (
                "proclaim.io/namespace-quota",
                "metallb.io/address-pool, metallb.io/allow-shared-ip and "
                "metallb.io/loadBalancerIPs are read",
            ),
        )
    ),
    Scene(
        "what an allocator in Kubernetes notes on a Service is well",
        amid(
            given(
                ("metallb.io/ip-allocated-from-pool", "public"),
                ("metallb.universe.tf/ip-allocated-from-pool", "public"),
                ("proclaim.io/agreed-addresses", "192.0.2.1"),
            )
        ),
    ),
    Scene(
        "annotations under the present prefix are well",
        amid(given(("metallb.io/address-pool", "public"), requested_pool="public")),
    ),
    Scene(
        "a Service of another type may say what it likes",
        amid(
            Service(
                "default", "inside", annotations=(("metallb.universe.tf/address-pool", "nosuch"),)
            )
        ),
    ),
    Scene(
        "a key for sharing that nobody else has is well",
        amid(asking(**{"allow-shared-ip": "key"})),
    ),
]


@pytest.mark.parametrize(
    "scene", [*POOLS, *ADVERTISEMENTS, *SERVICES], ids=lambda scene: scene.story
)
def test_of_pools_advertisements_and_services(scene: Scene) -> None:
    assert said_in(scene) == sorted(scene.said)


def sharing(namespace, policy="Local", key="key"):
    return web(
        namespace=namespace,
        annotations=(
            ("metallb.io/allow-shared-ip", key),
            ("metallb.io/loadBalancerIPs", "192.0.2.1"),
        ),
        requested_addresses=("192.0.2.1",),
        external_traffic_policy=policy,
    )


def about_sharing(*services):
    found = examine(state_of(POOL, BGP, TOR, *services))
    return [said(each) for each in found if each.code is Code.SHARED_ACROSS_NAMESPACES]


def test_a_local_service_that_shares_with_another_namespace_is_told():
    assert about_sharing(sharing("default"), sharing("shop", "Cluster")) == [
        "SharedAcrossNamespaces Service/default/web spec.externalTrafficPolicy: is Local, and "
        "192.0.2.1 is shared with shop/web of another namespace, whose endpoints may be on other "
        "nodes"
    ]


@pytest.mark.parametrize(
    "services",
    [
        [sharing("default", "Cluster"), sharing("shop", "Cluster")],
        [sharing("default"), sharing("shop", key="other")],
        [sharing("default")],
    ],
    ids=["under the policy Cluster", "with another key", "alone"],
)
def test_sharing_is_well(services):
    assert about_sharing(*services) == []


def test_a_pool_that_covers_its_holdings_no_more_is_told_with_the_holders():
    smaller = Pool("public", addresses=("192.0.2.4/30",))
    state = state_of(*amid(web("api")))
    state = fold(state, number(state, [Observed("files", smaller)], 0.0))
    assert [said(each) for each in examine(state)] == [
        "HoldingNotCovered IPAddressPool/public spec.addresses: covers no longer what default/api "
        "(192.0.2.0), default/web (192.0.2.1) hold"
    ]


def test_a_pool_that_is_gone_covers_nothing():
    state = state_of(*amid())
    state = fold(state, number(state, [Removed("files", POOL.ref)], 0.0))
    assert [said(each) for each in examine(state)] == [
        "HoldingNotCovered IPAddressPool/public spec.addresses: covers no longer what default/web "
        "(192.0.2.0) holds"
    ]
    assert set(state.holdings) == {service_ref("default", "web")}


def test_a_refusal_has_the_code_of_its_reason_beside_that_of_its_rule():
    (found,) = examine(state_of(*amid(web(cluster_ips=("None",)))))
    assert (found.code, found.reason) == (Code.NO_ADDRESS, "Headless")
    assert found.told.endswith(" [NoAddress/Headless]")


def test_a_namespace_over_its_quota_is_told_and_keeps_what_it_has():
    state = state_of(*amid(web("api")))
    rationed = Pool(
        "public", annotations=(("proclaim.io/namespace-quota", "1"),), addresses=POOL.addresses
    )
    state = decide(state, Change("files", (Sourced(rationed),))).state
    assert [said(each) for each in examine(state) if each.code == "QuotaExceeded"] == [
        "QuotaExceeded IPAddressPool/public metadata.annotations[proclaim.io/namespace-quota]: "
        "is 1 for namespace default, which holds 2"
    ]
    assert len(state.holdings) == 2
