"""AdmissionReview (admission.k8s.io/v1): whether an object may be stored.

The rules are those of `proclaim check`: what is wrong with the object itself,
and what it contradicts of that which is in force.  What it names and is not
there yet is no objection, so objects may be created in any order.  Nothing is
remembered of a review, so one for a dry run needs no care; and no value of an
object is repeated but those that a problem is about.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

import msgspec
from proclaim.manifests import parse_object
from proclaim.model import BFDProfile, BGPPeer, Resource
from proclaim.validation import objections

from proclaim_k8s_source.webhook.envelope import Object, opened, sealed

API_VERSION = "admission.k8s.io/v1"
KIND = "AdmissionReview"
_KINDS = frozenset(
    {
        "BFDProfile",
        "BGPAdvertisement",
        "BGPPeer",
        "Community",
        "IPAddressPool",
        "L2Advertisement",
    }
)
_LONGEST_WARNING = 256  # the API server cuts what is longer


class _Kind(msgspec.Struct):
    group: str
    kind: str


class _Request(msgspec.Struct, rename="camel"):
    uid: str
    kind: _Kind
    operation: str
    name: str = ""
    namespace: str = ""
    sub_resource: str = ""
    object: dict[str, Any] | None = None


class Verdict(NamedTuple):
    """What is said of an object."""

    denied: str = ""
    """Why it is denied; empty when it is allowed."""
    reason: str = "Invalid"
    """The reason of a Status (meta/v1) when it is denied."""
    warnings: tuple[str, ...] = ()


_CODES = {"Invalid": 422, "Forbidden": 403, "Conflict": 409}


def review(body: bytes, in_force: Iterable[Resource], namespace: str) -> bytes:
    """The answer to an AdmissionReview, as things stand.

    `in_force` are the resources of `metallb.io` and the Nodes; `namespace` is
    the one in which the resources of `metallb.io` count.  Raises NotAReview.
    """
    request = opened(body, API_VERSION, KIND, _Request)
    verdict = _verdict(request, in_force, namespace)
    response: Object = {"uid": request.uid, "allowed": not verdict.denied}
    if verdict.denied:
        response["status"] = {
            "status": "Failure",
            "message": verdict.denied,
            "reason": verdict.reason,
            "code": _CODES[verdict.reason],
        }
    if verdict.warnings:
        response["warnings"] = [text[:_LONGEST_WARNING] for text in verdict.warnings]
    return sealed(API_VERSION, KIND, response)


def _verdict(request: _Request, in_force: Iterable[Resource], namespace: str) -> Verdict:
    ours = request.kind.group == "metallb.io" and request.kind.kind in _KINDS
    if not ours or request.sub_resource:
        return Verdict()
    if request.operation == "DELETE":
        return _deleted(request, in_force)
    if request.operation not in ("CREATE", "UPDATE") or _is_going(request.object):
        return Verdict()
    if request.operation == "CREATE" and request.namespace != namespace:
        who = f"{request.kind.kind} {request.name}".strip()
        return Verdict(f"{who} must be created in namespace {namespace}", "Forbidden")
    return _written(request.object, in_force)


def _is_going(value: Object | None) -> bool:
    """Whether only finalizers hold an object: it must not be held by us."""
    metadata = (value or {}).get("metadata")
    return isinstance(metadata, dict) and bool(metadata.get("deletionTimestamp"))


def _written(value: Object | None, in_force: Iterable[Resource]) -> Verdict:
    parsed = parse_object(value)
    if parsed.resource is None:
        return Verdict("\n".join(str(problem) for problem in parsed.problems))
    warnings = tuple(f"{remark.field}: {remark.sentence}" for remark in parsed.remarks)
    found = objections(in_force, parsed.resource)
    return Verdict("\n".join(str(problem) for problem in found), "Conflict", warnings)


def _deleted(request: _Request, in_force: Iterable[Resource]) -> Verdict:
    """A BFDProfile that is in use stays: without it, its sessions would not be watched."""
    if request.kind.kind != BFDProfile.__name__:
        return Verdict()
    users = sorted(
        resource.name
        for resource in in_force
        if isinstance(resource, BGPPeer) and resource.bfd_profile == request.name
    )
    if not users:
        return Verdict()
    named = ", ".join(f"BGPPeer {name}" for name in users[:5])
    more = f" and {len(users) - 5} more" if len(users) > 5 else ""
    return Verdict(f"BFDProfile {request.name} is used by {named}{more}", "Conflict")
