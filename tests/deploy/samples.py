"""Resources of metallb.io with every field there is, and some that are refused."""

SELECTOR = {
    "matchLabels": {"rack": "a"},
    "matchExpressions": [{"key": "zone", "operator": "In", "values": ["x", "y"]}],
}
POOLS = {"ipAddressPools": ["first"], "ipAddressPoolSelectors": [SELECTOR]}


def resource(kind, spec=None, status=None, version="v1beta1"):
    return {
        "apiVersion": f"metallb.io/{version}",
        "kind": kind,
        "metadata": {"name": "first", "namespace": "metallb-system", "labels": {"a": "b"}},
        "spec": spec if spec is not None else {},
        "status": status if status is not None else {},
    }


OLD_PEER = {
    "myASN": 64512,
    "peerASN": 4294967295,
    "peerAddress": "192.0.2.1",
    "sourceAddress": "192.0.2.2",
    "peerPort": 1790,
    "holdTime": "90s",
    "keepaliveTime": "30s",
    "routerID": "192.0.2.2",
    "nodeSelectors": [SELECTOR],
    "password": "not a secret",
    "bfdProfile": "fast",
    "ebgpMultiHop": True,
}
PEER = {
    **OLD_PEER,
    "dynamicASN": "external",
    "localASN": 4200000000,
    "interface": "eth0",
    "connectTime": "5s",
    "passwordSecret": {"name": "bgp", "namespace": "metallb-system"},
    "enableGracefulRestart": True,
    "vrf": "red",
    "disableMP": False,
    "dualStackAddressFamily": True,
}
CONDITION = {
    "type": "poolReconcilerValid",
    "status": "False",
    "reason": "ConfigurationError",
    "message": "configuration error: two pools overlap",
    "observedGeneration": 3,
    "lastTransitionTime": "2026-01-01T00:00:00Z",
}
WHERE = {"node": "n1", "serviceName": "web", "serviceNamespace": "shop"}

COMPLETE = [
    resource(
        "IPAddressPool",
        {
            "addresses": ["192.0.2.0/24", "2001:db8::1-2001:db8::ff"],
            "autoAssign": False,
            "avoidBuggyIPs": True,
            "serviceAllocation": {
                "priority": 50,
                "namespaces": ["shop"],
                "namespaceSelectors": [SELECTOR],
                "serviceSelectors": [SELECTOR],
            },
        },
        {"assignedIPv4": 1, "assignedIPv6": 2, "availableIPv4": 3, "availableIPv6": (1 << 63) - 1},
    ),
    resource(
        "L2Advertisement",
        {
            **POOLS,
            "nodeSelectors": [SELECTOR],
            "interfaces": ["eth0"],
            "serviceSelectors": [SELECTOR],
            "preferredNodeSelectors": [{"weight": 100, "preference": SELECTOR}],
        },
    ),
    resource(
        "BGPAdvertisement",
        {
            **POOLS,
            "aggregationLength": 32,
            "aggregationLengthV6": 128,
            "localPref": 4294967295,
            "communities": ["65535:65282", "large:1:2:3", "mine"],
            "nodeSelectors": [SELECTOR],
            "peers": ["router"],
            "serviceSelectors": [SELECTOR],
        },
    ),
    resource("BGPPeer", OLD_PEER),
    resource("BGPPeer", PEER, version="v1beta2"),
    resource(
        "BFDProfile",
        {
            "receiveInterval": 10,
            "transmitInterval": 60000,
            "detectMultiplier": 255,
            "echoInterval": 50,
            "echoMode": True,
            "passiveMode": True,
            "minimumTtl": 254,
        },
    ),
    resource("Community", {"communities": [{"name": "mine", "value": "65000:1"}]}),
    resource("ServiceL2Status", status={**WHERE, "interfaces": [{"name": "eth0"}]}),
    resource("ServiceBGPStatus", status={**WHERE, "peers": ["router"]}),
    resource(
        "ConfigurationState",
        status={"result": "Invalid", "errorSummary": "two pools", "conditions": [CONDITION]},
    ),
]


def peer(**changed):
    minimal = {"myASN": 64512, "peerASN": 64513, "peerAddress": "192.0.2.1"}
    return resource("BGPPeer", {**minimal, **changed}, version="v1beta2")


def advertisement(**spec):
    return resource("BGPAdvertisement", spec)


def preferring(preferred):
    return resource("L2Advertisement", {"preferredNodeSelectors": [preferred]})


def selecting(expression):
    return advertisement(nodeSelectors=[{"matchExpressions": [expression]}])


def bfd(**spec):
    return resource("BFDProfile", spec)


REFUSED = [
    (
        "'spec' is a required property",
        {"apiVersion": "metallb.io/v1beta1", "kind": "IPAddressPool"},
    ),
    ("'addresses' is a required property", resource("IPAddressPool")),
    ("is not of type 'array'", resource("IPAddressPool", {"addresses": "192.0.2.0/24"})),
    ("'myASN' is a required property", resource("BGPPeer", {"peerASN": 1}, version="v1beta2")),
    ("'peerAddress' is a required property", resource("BGPPeer", {"myASN": 1, "peerASN": 2})),
    ("is greater than the maximum", peer(peerASN=4294967296)),
    ("is less than the minimum", peer(localASN=0)),
    ("is less than the minimum", peer(peerPort=0)),
    ("is greater than the maximum", peer(peerPort=16385)),
    ("is not one of", peer(dynamicASN="other")),
    ("must lie between", peer(connectTime="0s")),
    ("must lie between", peer(connectTime="65536s")),
    ("must be a whole number of seconds", peer(connectTime="1500ms")),
    ("is not of type 'string'", peer(holdTime=90)),
    ("serviceSelectors cannot stand", advertisement(serviceSelectors=[{}], aggregationLength=24)),
    ("serviceSelectors cannot stand", advertisement(serviceSelectors=[{}], aggregationLengthV6=64)),
    ("is less than the minimum", advertisement(aggregationLength=0)),
    ("is less than the minimum", bfd(receiveInterval=9)),
    ("is greater than the maximum", bfd(echoInterval=60001)),
    ("is less than the minimum", bfd(detectMultiplier=1)),
    ("is greater than the maximum", bfd(minimumTtl=255)),
    (
        "'weight' is a required property",
        preferring({"preference": {}}),
    ),
    (
        "is greater than the maximum",
        resource(
            "L2Advertisement", {"preferredNodeSelectors": [{"preference": {}, "weight": 101}]}
        ),
    ),
    (
        "'key' is a required property",
        advertisement(nodeSelectors=[{"matchExpressions": [{"operator": "Exists"}]}]),
    ),
    ("is not one of", resource("ConfigurationState", status={"result": "Good"})),
    (
        "'availableIPv6' is a required property",
        resource("IPAddressPool", {"addresses": []}, {"assignedIPv4": 1}),
    ),
]

UPDATES = [
    ("cannot be changed", peer(enableGracefulRestart=False), peer(enableGracefulRestart=True)),
    *(
        (
            "cannot be changed",
            resource(kind, status=WHERE),
            resource(kind, status={**WHERE, field: "other"}),
        )
        for kind in ("ServiceL2Status", "ServiceBGPStatus")
        for field in WHERE
    ),
]
