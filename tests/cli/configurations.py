"""Configurations as people write them, wrong ones among them: few names, few addresses."""

from __future__ import annotations

import yaml
from hypothesis import strategies as st

POOLS = ("p", "q", "r")
PEERS = ("t", "u")
V4 = ("192.0.2.0", "192.0.2.1", "192.0.2.3", "198.51.100.1")
V6 = ("2001:db8::", "2001:db8::1")
GOLD = {"matchLabels": {"tier": "gold"}}


def often(usual, *others):
    """Three times of four what is usual, else one of the others."""
    return st.sampled_from((usual,) * (3 * len(others)) + others)


def _object(kind, metadata, spec=None, **more):
    version = {"BGPPeer": "metallb.io/v1beta2", "EndpointSlice": "discovery.k8s.io/v1"}
    core = kind in ("Service", "Node", "Namespace")
    api = "v1" if core else version.get(kind, "metallb.io/v1beta1")
    found = {"apiVersion": api, "kind": kind, "metadata": metadata, **more}
    return {**found, "spec": spec} if spec is not None else found


def _said(**fields):
    """The fields that are given a value."""
    return {key: value for key, value in fields.items() if value is not None}


@st.composite
def pools(draw):
    notes = often({}, {"allocation": "closed"}, {"namespace-quota": "1"}, {"namespace-quota": "x"})
    annotations = {f"proclaim.io/{key}": text for key, text in draw(notes).items()}
    metadata = {
        "name": draw(st.sampled_from(POOLS)),
        "namespace": "metallb-system",
        "annotations": annotations,
    }
    spec = _said(
        addresses=draw(
            st.sampled_from(
                (
                    ["192.0.2.0/31"],
                    ["192.0.2.0/30", "2001:db8::/127"],
                    ["192.0.2.2-192.0.2.4"],
                    ["198.51.100.0/31", "2001:db8::2/127"],
                    ["2001:db8::/126"],
                )
            )
        ),
        autoAssign=draw(often(None, False)),
        avoidBuggyIPs=draw(often(None, True)),
        serviceAllocation=draw(
            often(
                None,
                {"priority": 1, "namespaces": ["shop"]},
                {"priority": 2, "serviceSelectors": [GOLD]},
                {"namespaceSelectors": [GOLD]},
            )
        ),
    )
    return _object("IPAddressPool", metadata, spec)


@st.composite
def services(draw):
    annotations = _said(
        **{
            "metallb.io/loadBalancerIPs": draw(often(None, *V4, V6[0], f"{V4[0]},{V6[0]}")),
            "metallb.io/address-pool": draw(often(None, "q")),
            "metallb.io/allow-shared-ip": draw(often(None, "k", "k", "l")),
        }
    )
    metadata = {
        "name": draw(st.sampled_from("abcd")),
        "namespace": draw(often("default", "shop")),
        "annotations": annotations,
        "labels": draw(often({}, {"tier": "gold"})),
    }
    spec = _said(
        type=draw(often("LoadBalancer", "ClusterIP")),
        loadBalancerClass=draw(often(None, "other")),
        ports=[{"port": draw(st.sampled_from((80, 443)))}],
        ipFamilies=draw(often(None, ["IPv6"], ["IPv6", "IPv4"])),
        ipFamilyPolicy=draw(often(None, "PreferDualStack", "RequireDualStack")),
        externalTrafficPolicy=draw(often(None, "Local")),
    )
    claimed = draw(often((), V4[:1], V4[1:2], V6[:1]))
    status = {"loadBalancer": {"ingress": [{"ip": text} for text in claimed]}}
    return _object("Service", metadata, spec, status=status)


@st.composite
def claimants(draw):
    """Services whose status says what they have, as a follower finds them, or that ask for it."""
    address = draw(st.sampled_from(V4))
    asks = {"metallb.io/loadBalancerIPs": address} if draw(st.booleans()) else {}
    sharing = draw(st.sampled_from(({}, {"metallb.io/allow-shared-ip": "k"})))
    metadata = {
        "name": draw(st.sampled_from("abcdef")),
        "namespace": "default",
        "annotations": asks | sharing,
    }
    spec = {"type": "LoadBalancer", "ports": [{"port": draw(st.sampled_from((80, 443, 53)))}]}
    return _object(
        "Service", metadata, spec, status={"loadBalancer": {"ingress": [{"ip": address}]}}
    )


@st.composite
def advertisements(draw):
    routes = draw(st.booleans())
    metadata = {"name": draw(st.sampled_from("fg")), "namespace": "metallb-system"}
    both = _said(
        ipAddressPools=draw(often(None, ["p"], ["q", "r"])),
        nodeSelectors=draw(often(None, [GOLD])),
        serviceSelectors=draw(often(None, [GOLD])),
    )
    if not routes:
        return _object(
            "L2Advertisement", metadata, both | _said(interfaces=draw(often(None, ["eth0"])))
        )
    more = _said(
        peers=draw(often(None, ["t"], ["u"])),
        aggregationLength=draw(often(None, 31, 30)),
        localPref=draw(often(None, 100, 200)),
        communities=draw(often(None, ["64512:1"], ["blue"])),
    )
    return _object("BGPAdvertisement", metadata, both | more)


@st.composite
def others(draw):
    metadata = {"name": draw(st.sampled_from(PEERS)), "namespace": "metallb-system"}
    labels = draw(often({}, {"tier": "gold"}))
    match draw(st.sampled_from(("peer", "peer", "community", "node", "node", "slice", "space"))):
        case "peer":
            spec = _said(
                myASN=64512,
                peerASN=draw(often(64513, 64514)),
                peerAddress=draw(often("203.0.113.1", "203.0.113.2")),
                dualStackAddressFamily=draw(often(True, None)),
                nodeSelectors=draw(often(None, [GOLD])),
            )
            return _object("BGPPeer", metadata, spec)
        case "community":
            value = draw(st.sampled_from(("64512:2", "64512:3", "nonsense")))
            communities = [{"name": "blue", "value": value}]
            return _object("Community", metadata, {"communities": communities})
        case "node":
            name = draw(st.sampled_from(("n1", "n2", "n3")))
            return _object("Node", {"name": name, "labels": labels})
        case "slice":
            owner = draw(st.sampled_from("abcd"))
            endpoint = {
                "addresses": ["10.1.0.1"],
                "nodeName": draw(st.sampled_from(("n1", "n2"))),
                "conditions": {"ready": draw(st.booleans())},
            }
            place = {
                "name": f"{owner}-1",
                "namespace": "default",
                "labels": {"kubernetes.io/service-name": owner},
            }
            return _object("EndpointSlice", place, addressType="IPv4", endpoints=[endpoint])
        case _:
            return _object("Namespace", {"name": "shop", "labels": labels})


BROKEN = st.sampled_from(
    (
        "kind: [",
        "",
        yaml.safe_dump(_object("IPAddressPool", {"name": "p"}, {"addresses": ["nonsense"]})),
        yaml.safe_dump(_object("Service", {"name": "a"}, {"ports": [{"port": "eighty"}]})),
    )
)
documents = st.one_of(
    services(), services(), claimants(), claimants(), pools(), advertisements(), others(), others()
)
GROUND = (
    _object("IPAddressPool", {"name": "p"}, {"addresses": ["192.0.2.0/30", "2001:db8::/127"]}),
    _object("BGPAdvertisement", {"name": "f"}),
    _object("L2Advertisement", {"name": "f"}),
    _object(
        "BGPPeer",
        {"name": "t"},
        {"myASN": 64512, "peerASN": 64513, "peerAddress": "203.0.113.1"},
    ),
    *(
        _object("Service", {"name": name}, {"type": "LoadBalancer", "ports": [{"port": 80}]})
        for name in "xyz"
    ),
)
"""Enough that Services have addresses and somebody is told of them."""


@st.composite
def configurations(draw) -> dict[str, str]:
    """Files by their names: the ground or most of it, some documents, perhaps a broken file."""
    kept = [each for each in GROUND if draw(st.integers(0, 7))]
    more = draw(st.lists(documents, min_size=2, max_size=9))
    found = {
        "ground.yaml": "---\n".join(map(yaml.safe_dump, kept)) or "---\n",
        "more.yaml": "---\n".join(map(yaml.safe_dump, more)),
    }
    if draw(st.integers(0, 4)) == 0:
        found[draw(st.sampled_from(("broken.yaml", "more.yaml")))] = draw(BROKEN)
    return found
