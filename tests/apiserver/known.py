"""The fields that are known of built-in kinds, where our side writes: others are left out."""

from __future__ import annotations

from typing import Any

Json = dict[str, Any]


def _fields(*names: str, **inner: Json) -> Json:
    return {"properties": {**{name: {} for name in names}, **inner}}


_INGRESS = _fields("hostname", "ip", "ipMode", "ports")
SERVICE = _fields(
    spec=_fields(
        "allocateLoadBalancerNodePorts",
        "clusterIP",
        "clusterIPs",
        "externalIPs",
        "externalName",
        "externalTrafficPolicy",
        "healthCheckNodePort",
        "internalTrafficPolicy",
        "ipFamilies",
        "ipFamilyPolicy",
        "loadBalancerClass",
        "loadBalancerIP",
        "loadBalancerSourceRanges",
        "publishNotReadyAddresses",
        "selector",
        "sessionAffinity",
        "sessionAffinityConfig",
        "trafficDistribution",
        "type",
        ports={
            "items": _fields("appProtocol", "name", "nodePort", "port", "protocol", "targetPort")
        },
    ),
    status=_fields("conditions", loadBalancer=_fields(ingress={"items": _INGRESS})),
)
LEASE = _fields(
    spec=_fields(
        "acquireTime",
        "holderIdentity",
        "leaseDurationSeconds",
        "leaseTransitions",
        "preferredHolder",
        "renewTime",
        "strategy",
    )
)
_REFERENCE = _fields(
    "apiVersion", "fieldPath", "kind", "name", "namespace", "resourceVersion", "uid"
)
_EITHER = ("action", "eventTime", "reason", "reportingInstance", "series", "type")
CORE_EVENT = _fields(
    *_EITHER,
    "count",
    "firstTimestamp",
    "lastTimestamp",
    "message",
    "reportingComponent",
    involvedObject=_REFERENCE,
    related=_REFERENCE,
    source=_fields("component", "host"),
)
EVENT = _fields(
    *_EITHER,
    "deprecatedCount",
    "deprecatedFirstTimestamp",
    "deprecatedLastTimestamp",
    "note",
    "reportingController",
    regarding=_REFERENCE,
    related=_REFERENCE,
    deprecatedSource=_fields("component", "host"),
)
ENDPOINT_SLICE = _fields(
    "addressType",
    "ports",
    endpoints={
        "items": _fields(
            "addresses",
            "deprecatedTopology",
            "hints",
            "hostname",
            "nodeName",
            "targetRef",
            "zone",
            conditions=_fields("ready", "serving", "terminating"),
        )
    },
)
