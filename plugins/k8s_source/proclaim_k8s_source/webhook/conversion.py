"""ConversionReview (apiextensions.k8s.io/v1): BGPPeers of v1beta1 and v1beta2 into each other.

Every field of the older version is one of the newer.  In the older version a
timer or a port of zero says nothing; in the newer one it would, so zeros are
left out on the way up.  On the way down what the older version has no field
for is lost, as the API server would drop it in any case.
"""

from __future__ import annotations

from typing import Any

import msgspec

from proclaim_k8s_source.webhook.envelope import Object, opened, sealed

API_VERSION = "apiextensions.k8s.io/v1"
KIND = "ConversionReview"
OLD = "metallb.io/v1beta1"
NEW = "metallb.io/v1beta2"

_OLD_FIELDS = frozenset(
    {
        "myASN",
        "peerASN",
        "peerAddress",
        "sourceAddress",
        "peerPort",
        "holdTime",
        "keepaliveTime",
        "routerID",
        "nodeSelectors",
        "password",
        "bfdProfile",
        "ebgpMultiHop",
    }
)
_UNSET_WHEN_ZERO = ("holdTime", "keepaliveTime", "peerPort")


class _Request(msgspec.Struct, rename="camel"):
    uid: str
    desired_api_version: str = msgspec.field(name="desiredAPIVersion")
    objects: list[dict[str, Any]]


class _Impossible(Exception):
    """There is no such conversion."""


def convert(body: bytes) -> bytes:
    """The answer to a ConversionReview.  Raises NotAReview."""
    request = opened(body, API_VERSION, KIND, _Request)
    response: Object = {"uid": request.uid}
    try:
        response["convertedObjects"] = [
            _converted(value, request.desired_api_version) for value in request.objects
        ]
        response["result"] = {"status": "Success"}
    except _Impossible as error:
        response["convertedObjects"] = []
        response["result"] = {"status": "Failure", "message": str(error)}
    return sealed(API_VERSION, KIND, response)


def _converted(value: Object, desired: str) -> Object:
    present, kind, spec = value.get("apiVersion"), value.get("kind"), value.get("spec") or {}
    versions = (OLD, NEW)
    if kind != "BGPPeer" or present not in versions or desired not in versions:
        raise _Impossible(
            f"no conversion of {_shown(kind)} from {_shown(present)} to {_shown(desired)}; "
            f"BGPPeer is converted between {OLD} and {NEW}"
        )
    if present == desired:
        return value
    if not isinstance(spec, dict):
        raise _Impossible("spec is not a mapping")
    changed = _lifted(spec) if desired == NEW else _lowered(spec)
    return {**value, "apiVersion": desired, "spec": changed}


def _shown(value: object) -> str:
    return value[:63] if isinstance(value, str) else "something without a name"


def _lifted(spec: Object) -> Object:
    return {
        key: value
        for key, value in spec.items()
        if not (key in _UNSET_WHEN_ZERO and _is_zero(value))
    }


def _lowered(spec: Object) -> Object:
    kept = {key: value for key, value in spec.items() if key in _OLD_FIELDS}
    return {"peerASN": 0, "peerAddress": "", **kept}  # which the older version requires


def _is_zero(value: object) -> bool:
    """Whether a number or a duration such as `0s` or `0m0s` is nothing."""
    return not any(letter in "123456789" for letter in str(value))
