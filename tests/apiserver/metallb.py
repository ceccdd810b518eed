"""The definitions of the metallb.io custom resources, and BGPPeer in its two versions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from apiserver import structural
from apiserver.errors import Cause
from apiserver.kinds import Behaviour, Kind, Served

Json = dict[str, Any]

_TEXT: Json = {"type": "string"}
_FLAG: Json = {"type": "boolean"}
_COUNT: Json = {"type": "integer", "format": "int64"}
_TEXTS: Json = {"type": "array", "items": _TEXT}
_SELECTOR: Json = {
    "type": "object",
    "x-kubernetes-map-type": "atomic",
    "properties": {
        "matchLabels": {"type": "object", "additionalProperties": _TEXT},
        "matchExpressions": {
            "type": "array",
            "x-kubernetes-list-type": "atomic",
            "items": {
                "type": "object",
                "required": ["key", "operator"],
                "properties": {"key": _TEXT, "operator": _TEXT, "values": _TEXTS},
            },
        },
    },
}
_SELECTORS: Json = {"type": "array", "items": _SELECTOR}
_FIXED: Json = {**_TEXT, "x-kubernetes-validations": [{"rule": "self == oldSelf"}]}


def _whole(low: int, high: int, **more: Any) -> Json:
    return {"type": "integer", "minimum": low, "maximum": high, **more}


def _object(properties: Json, required: Iterable[str] = ()) -> Json:
    return {"type": "object", "properties": properties, "required": list(required)}


def _list(item: Json) -> Json:
    return {"type": "array", "items": item}


_NOTHING = _object({})
_LENGTHS = {
    "aggregationLength": {"type": "integer", "minimum": 1, "default": 32},
    "aggregationLengthV6": {"type": "integer", "default": 128},
}
_WHERE: Json = {
    "ipAddressPools": _TEXTS,
    "ipAddressPoolSelectors": _SELECTORS,
    "nodeSelectors": _SELECTORS,
    "serviceSelectors": _SELECTORS,
}
_COUNTERS = ("assignedIPv4", "assignedIPv6", "availableIPv4", "availableIPv6")
_POOL = _object(
    {
        "addresses": _TEXTS,
        "autoAssign": {**_FLAG, "default": True},
        "avoidBuggyIPs": {**_FLAG, "default": False},
        "serviceAllocation": _object(
            {
                "priority": {"type": "integer"},
                "namespaces": _TEXTS,
                "namespaceSelectors": _SELECTORS,
                "serviceSelectors": _SELECTORS,
            }
        ),
    },
    ["addresses"],
)
_PREFERENCE = _object({"weight": _whole(1, 100), "preference": _SELECTOR}, ["weight", "preference"])
_AS = _whole(0, 4294967295)
_PEER_COMMON: Json = {
    "myASN": _AS,
    "peerASN": _AS,
    "peerAddress": _TEXT,
    "sourceAddress": _TEXT,
    "holdTime": _TEXT,
    "keepaliveTime": _TEXT,
    "routerID": _TEXT,
    "nodeSelectors": _SELECTORS,
    "password": _TEXT,
    "bfdProfile": _TEXT,
    "ebgpMultiHop": _FLAG,
}
_PEER_OLD = _object(
    {**_PEER_COMMON, "peerPort": _whole(0, 16384)}, ["myASN", "peerASN", "peerAddress"]
)
_PEER = _object(
    {
        **_PEER_COMMON,
        "dynamicASN": {**_TEXT, "enum": ["internal", "external"]},
        "localASN": _whole(1, 4294967295),
        "interface": _TEXT,
        "peerPort": _whole(1, 16384, default=179),
        "connectTime": _TEXT,
        "passwordSecret": {
            **_object({"name": _TEXT, "namespace": _TEXT}),
            "x-kubernetes-map-type": "atomic",
        },
        "enableGracefulRestart": _FLAG,
        "vrf": _TEXT,
        "disableMP": {**_FLAG, "default": False},
        "dualStackAddressFamily": {**_FLAG, "default": False},
    },
    ["myASN"],
)
_INTERVAL = _whole(10, 60000)
_BFD = _object(
    {
        "receiveInterval": _INTERVAL,
        "transmitInterval": _INTERVAL,
        "detectMultiplier": _whole(2, 255),
        "echoInterval": _INTERVAL,
        "echoMode": _FLAG,
        "passiveMode": _FLAG,
        "minimumTtl": _whole(1, 254),
    }
)
_COMMUNITIES = _object({"communities": _list(_object({"name": _TEXT, "value": _TEXT}))})
_ANNOUNCED = {"node": _FIXED, "serviceName": _FIXED, "serviceNamespace": _FIXED}
_CONDITION = _object(
    {
        "type": {**_TEXT, "pattern": r"^[A-Za-z0-9./_-]+$", "maxLength": 316},
        "status": {**_TEXT, "enum": ["True", "False", "Unknown"]},
        "reason": {
            **_TEXT,
            "pattern": r"^[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?$",
            "maxLength": 1024,
            "minLength": 1,
        },
        "message": {**_TEXT, "maxLength": 32768},
        "lastTransitionTime": _TEXT,
        "observedGeneration": _COUNT,
    },
    ["lastTransitionTime", "message", "reason", "status", "type"],
)
_STATE = _object(
    {
        "result": {**_TEXT, "enum": ["Valid", "Invalid", "Unknown"]},
        "errorSummary": _TEXT,
        "conditions": {
            **_list(_CONDITION),
            "x-kubernetes-list-type": "map",
            "x-kubernetes-list-map-keys": ["type"],
        },
    }
)


class Defined(Behaviour):
    """What a schema says; `older` has those of other versions, for their fields alone."""

    def __init__(self, schema: Json, older: Mapping[str, Json]) -> None:
        self.schema = schema
        self.older = older

    def prune(self, value: Json, api_version: str) -> list[str]:
        return structural.prune(value, self.older.get(api_version, self.schema))

    def default(self, value: Json) -> None:
        structural.default(value, self.schema)

    def check(self, old: Json | None, new: Json) -> list[Cause]:
        return structural.validate(new, self.schema, "", old)


def _kind(
    name: str,
    plural: str,
    spec: Json,
    status: Json,
    hashed: str,
    *,
    version: str = "v1beta1",
    older: Mapping[str, Json] | None = None,
) -> Kind:
    properties = {"spec": spec, "status": status}
    schema = _object(properties, ["spec"] if spec.get("required") else ())
    return Kind(
        group="metallb.io",
        version=version,
        name=name,
        plural=plural,
        singular=name.lower(),
        custom=True,
        status=True,
        generation=(),
        unconditional=False,
        shape=structural.shape_of(schema),
        behaviour=Defined(schema, older or {}),
        storage_hash=hashed,
    )


_OLD_NAMES = frozenset(_PEER_OLD["properties"])


def _peer_from_storage(value: Json) -> Json:
    spec = {name: item for name, item in value.get("spec", {}).items() if name in _OLD_NAMES}
    return {**value, "spec": {"holdTime": "0s", "keepaliveTime": "0s", **spec}}


def _peer_to_storage(value: Json) -> Json:
    # A v1beta1 peer that leaves the timers out has them switched off, as MetalLB converts it.
    spec = {"holdTime": "0s", "keepaliveTime": "0s", **value.get("spec", {})}
    return {**value, "spec": spec}


def _peers() -> Kind:
    return _kind(
        "BGPPeer",
        "bgppeers",
        _PEER,
        _NOTHING,
        "jpZmBQrvK1U=",
        version="v1beta2",
        older={"metallb.io/v1beta1": _object({"spec": _PEER_OLD, "status": _NOTHING})},
    )


def _kinds_of_one_version() -> list[Kind]:
    return [
        _kind(
            "AddressPool",
            "addresspools",
            {**_object({}), "x-kubernetes-preserve-unknown-fields": True},
            _NOTHING,
            "7Y27wjWAyc8=",
        ),
        _kind("BFDProfile", "bfdprofiles", _BFD, _NOTHING, "M4hX+PKw9M4="),
        _kind(
            "BGPAdvertisement",
            "bgpadvertisements",
            _object(
                {
                    **_LENGTHS,
                    **_WHERE,
                    "localPref": _COUNT,
                    "communities": _TEXTS,
                    "peers": _TEXTS,
                }
            ),
            _NOTHING,
            "MdjyYvWDOUA=",
        ),
        _kind("ConfigurationState", "configurationstates", _object({}), _STATE, "7326/jM6JWo="),
        _kind(
            "IPAddressPool",
            "ipaddresspools",
            _POOL,
            _object(dict.fromkeys(_COUNTERS, _COUNT), _COUNTERS),
            "DyQ+xOSRKRI=",
        ),
        _kind(
            "ServiceBGPStatus",
            "servicebgpstatuses",
            _NOTHING,
            _object({**_ANNOUNCED, "peers": _TEXTS}),
            "YwVTVq0DQuM=",
        ),
        _kind("Community", "communities", _COMMUNITIES, _NOTHING, "8ZcK6q/c7QM="),
        _kind(
            "L2Advertisement",
            "l2advertisements",
            _object({**_WHERE, "interfaces": _TEXTS, "preferredNodeSelectors": _list(_PREFERENCE)}),
            _NOTHING,
            "PWE09/EFjm8=",
        ),
        _kind(
            "ServiceL2Status",
            "servicel2statuses",
            _NOTHING,
            _object({**_ANNOUNCED, "interfaces": _list(_object({"name": _TEXT}))}),
            "d9/urcUet3c=",
        ),
    ]


def metallb_kinds() -> list[Served]:
    """Every kind of metallb.io, as it is served."""
    peers = _peers()
    older = Served(
        peers,
        "metallb.io",
        "v1beta1",
        _peer_to_storage,
        _peer_from_storage,
        warning="v1beta1 is deprecated, please use v1beta2",
    )
    served = [Served(kind, "metallb.io", "v1beta1") for kind in _kinds_of_one_version()]
    return [*served[:3], older, *served[3:], Served(peers, "metallb.io", "v1beta2")]
