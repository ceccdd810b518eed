"""Good manifests: every kind, every field, and what is passed over in silence."""

from pathlib import Path

import pytest
from proclaim.manifests import parse_object, read_documents
from proclaim.manifests.files import list_paths
from proclaim.model import (
    BFDProfile,
    BGPAdvertisement,
    BGPPeer,
    Community,
    EndpointSlice,
    L2Advertisement,
    Namespace,
    Node,
    Pool,
    Port,
    Requirement,
    Secret,
    Selector,
    Service,
    ServiceAllocation,
)

GOOD = Path(__file__).parent / "good"


def read(name):
    listing, passwords = list_paths([str(GOOD / name)])
    assert listing.problems == ()
    assert listing.unreadable == ()
    return {sourced.resource.ref: sourced.resource for sourced in listing.resources}, passwords


def labelled(**labels):
    return Selector(labels=tuple(sorted(labels.items())))


EVERYTHING = {
    Pool(
        name="public",
        labels=(("tier", "front"),),
        annotations=(("proclaim.io/note", "kept"),),
        addresses=("192.0.2.0/24", "198.51.100.10-198.51.100.20", "2001:db8:0:1::/64"),
        auto_assign=False,
        avoid_buggy_ips=True,
        service_allocation=ServiceAllocation(
            priority=50,
            namespaces=("shop", "1"),
            namespace_selectors=(labelled(team="web"),),
            service_selectors=(
                Selector(
                    expressions=(
                        Requirement(key="app", operator="In", values=("api", "web")),
                        Requirement(key="internal", operator="DoesNotExist"),
                    )
                ),
            ),
        ),
    ),
    L2Advertisement(
        name="lan",
        pools=("public",),
        pool_selectors=(labelled(tier="front"),),
        node_selectors=(labelled(rack="a"), Selector()),
        service_selectors=(labelled(app="web"),),
        interfaces=("eth0", "eth1"),
        preferred_nodes=((10, labelled(rack="b")),),
    ),
    BGPAdvertisement(
        name="uplink",
        pools=("public",),
        pool_selectors=(labelled(tier="front"),),
        node_selectors=(labelled(rack="a"),),
        peers=("tor",),
        aggregation_length=26,
        aggregation_length_v6=64,
        local_pref=200,
        communities=("64512:100", "large:64512:1:2", "no-export"),
    ),
    BGPPeer(
        name="tor",
        my_asn=64512,
        peer_asn=4200000000,
        local_asn=64999,
        peer_address="2001:db8::1",
        source_address="2001:db8::2",
        peer_port=1179,
        hold_seconds=90,
        keepalive_seconds=30,
        connect_seconds=10,
        router_id="10.0.0.1",
        node_selectors=(labelled(rack="a"),),
        password=Secret.INLINE,
        bfd_profile="fast",
        graceful_restart=True,
        ebgp_multi_hop=True,
        vrf="red",
        dual_stack_address_family=True,
    ),
    BGPPeer(
        name="unnumbered",
        my_asn=64512,
        dynamic_asn="external",
        interface="eth1",
        hold_seconds=10,
        keepalive_seconds=3,
        password=Secret.REFERENCE,
        password_secret="bgp",
    ),
    BGPPeer(
        name="older",
        my_asn=64512,
        peer_asn=64512,
        peer_address="192.0.2.1",
        source_address="192.0.2.2",
        router_id="10.0.0.1",
        node_selectors=(
            Selector(expressions=(Requirement(key="rack", operator="In", values=("a",)),)),
        ),
        password=Secret.INLINE,
        bfd_profile="fast",
    ),
    BFDProfile(
        name="fast",
        receive_interval_ms=50,
        transmit_interval_ms=60,
        detect_multiplier=3,
        echo_interval_ms=70,
        echo_mode=True,
        passive_mode=True,
        minimum_ttl=254,
    ),
    Community(
        name="names", communities=(("blue", "large:64512:7:8"), ("no-export", "65535:65281"))
    ),
    Service(
        namespace="shop",
        name="web",
        labels=(("app", "web"),),
        annotations=(
            ("metallb.io/address-pool", "public"),
            ("metallb.io/loadBalancerIPs", "2001:DB8:0:1::0:7, 192.0.2.7"),
            ("metallb.universe.tf/allow-shared-ip", "key"),
            ("proclaim.io/note", "kept"),
        ),
        type="LoadBalancer",
        load_balancer_class="example.org/proclaim",
        requested_addresses=("2001:db8:0:1::7", "192.0.2.7"),
        requested_pool="public",
        cluster_ips=("10.96.0.10", "fd00::10"),
        ip_families=(4, 6),
        ip_family_policy="RequireDualStack",
        external_traffic_policy="Local",
        selector=(("app", "web"), ("tier", "front")),
        ports=(Port("TCP", 80), Port("UDP", 53)),
        status_addresses=("192.0.2.7",),
    ),
    EndpointSlice(
        namespace="shop",
        name="web-1",
        service="web",
        serving_nodes=("node-a", "node-b", "node-c"),
        serving_elsewhere=True,
    ),
    Node(
        name="node-a",
        labels=(("node.kubernetes.io/exclude-from-external-load-balancers", ""), ("rack", "a")),
        network_unavailable=True,
        addresses=("10.0.0.1", "fd00::1"),
    ),
    Namespace(name="shop", labels=(("kubernetes.io/metadata.name", "shop"), ("team", "web"))),
}


@pytest.mark.parametrize("expected", EVERYTHING, ids=lambda resource: str(resource.ref))
def test_every_field_of_a_kind_is_read(expected):
    resources, _ = read("everything.yaml")
    assert resources[expected.ref] == expected


def test_passwords_stand_beside_the_resources_only():
    resources, passwords = read("everything.yaml")
    assert passwords == {"tor": "correct horse", "older": "battery"}
    assert "horse" not in repr(resources)
    documents = read_documents((GOOD / "everything.yaml").read_bytes(), "everything.yaml")
    assert documents.passwords == passwords
    assert "horse" not in repr(documents)


def test_what_is_not_ours_is_passed_over_in_silence():
    assert read("passed_over.yaml") == ({}, {})


def test_anchors_aliases_and_merge_keys_are_followed():
    resources, _ = read("anchors.yaml")
    assert [(one.name, one.type, one.labels, one.ports) for one in resources.values()] == [
        ("first", "LoadBalancer", (("app", "web"),), (Port("TCP", 80),)),
        ("second", "LoadBalancer", (("app", "web"),), (Port("TCP", 80),)),
        ("third", "NodePort", (("app", "web"),), ()),
    ]


def test_json_with_tabs_and_escapes_is_read_and_a_typed_list_says_what_its_items_are():
    resources, _ = read("list.json")
    assert [str(ref) for ref in resources] == ["Service/default/a", "Service/default/b"]
    (smiling, _) = resources.values()
    assert smiling.annotations == (("proclaim.io/smile", "\N{GRINNING FACE} /"),)


def test_a_kind_of_others_that_ends_in_list_is_passed_over():
    found = read_documents("apiVersion: example.org/v1\nkind: AllowList\nitems: [a, b]\n", "-")
    assert (found.resources, found.problems, found.readable) == ((), (), True)


def test_a_list_without_a_list_is_a_problem_and_one_without_items_is_none():
    assert read_documents("apiVersion: v1\nkind: List\nitems:\n", "-").problems == ()
    (problem,) = read_documents("apiVersion: v1\nkind: List\nitems: {}\n", "-").problems
    assert str(problem).startswith("-:3: items: is no list")


def test_a_comment_and_a_directive_may_stand_around_documents():
    found = read_documents(
        "# first\n%YAML 1.1\n---  # second\napiVersion: v1\nkind: Namespace\nmetadata: {name: a}\n"
        "---\n# nothing\n---\n...\n---\r\napiVersion: v1\r\nkind: Namespace\r\n"
        "metadata: {name: b}\r\n",
        "-",
    )
    assert found.problems == ()
    assert [one.resource.name for one in found.resources] == ["a", "b"]
    assert found.lines == (6, 14)


def service(spec, **annotations):
    metadata = {
        "name": "web",
        "annotations": {f"metallb.io/{k}": v for k, v in annotations.items()},
    }
    parsed = parse_object(
        {"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": spec}
    )
    assert parsed.problems == ()
    return parsed.resource


def test_a_bare_service_says_nothing_about_families():
    bare = service({})
    assert (bare.cluster_ips, bare.ip_families, bare.ip_family_policy) == ((), (), "SingleStack")


def test_a_headless_service_keeps_its_word_for_it():
    assert service({"clusterIP": "None"}).cluster_ips == ("None",)


def test_the_field_asks_for_an_address_as_the_annotation_does():
    by_field = service({"type": "LoadBalancer", "loadBalancerIP": "192.0.2.1"})
    assert by_field.requested_addresses == ("192.0.2.1",)


def test_the_current_prefix_wins_over_the_legacy_one_even_when_empty():
    annotations = {
        "metallb.io/address-pool": "",
        "metallb.universe.tf/address-pool": "legacy",
        "metallb.universe.tf/loadBalancerIPs": "192.0.2.1",
    }
    parsed = parse_object(
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {"name": "web", "annotations": annotations},
            "spec": {"type": "LoadBalancer"},
        }
    )
    assert parsed.resource.requested_pool == ""
    assert parsed.resource.requested_addresses == ("192.0.2.1",)


def test_what_a_service_of_another_type_asks_for_means_nothing():
    other = service({"type": "ClusterIP"}, loadBalancerIPs="nonsense", **{"address-pool": "p"})
    assert (other.requested_addresses, other.requested_pool) == ((), "")


def test_an_advertisement_without_a_spec_selects_everything():
    parsed = parse_object(
        {
            "apiVersion": "metallb.io/v1beta1",
            "kind": "L2Advertisement",
            "metadata": {"name": "all"},
        }
    )
    assert parsed.resource == L2Advertisement(name="all")


@pytest.mark.parametrize(
    ("given", "read_as"),
    [
        ({}, (None, None)),
        ({"holdTime": "90s"}, (90, 30)),
        ({"keepaliveTime": "10s"}, (30, 10)),
        ({"holdTime": "0s"}, (0, 0)),
        ({"holdTime": "1m0.5s", "keepaliveTime": "20s"}, (60, 20)),
    ],
)
def test_where_one_timer_is_given_the_other_follows(given, read_as):
    spec = {"myASN": 1, "peerASN": 2, "peerAddress": "192.0.2.1", **given}
    parsed = parse_object(
        {
            "apiVersion": "metallb.io/v1beta2",
            "kind": "BGPPeer",
            "metadata": {"name": "tor"},
            "spec": spec,
        }
    )
    assert (parsed.resource.hold_seconds, parsed.resource.keepalive_seconds) == read_as


def test_a_pool_of_a_large_range_costs_what_a_small_one_does():
    parsed = parse_object(
        {
            "apiVersion": "metallb.io/v1beta1",
            "kind": "IPAddressPool",
            "metadata": {"name": "large"},
            "spec": {"addresses": ["10.0.0.0/8", "fd00::/8", "11.0.0.1-223.255.255.254"]},
        }
    )
    assert parsed.resource.addresses == ("10.0.0.0/8", "fd00::/8", "11.0.0.1-223.255.255.254")
