"""What the server says of itself: its version, and which resources it serves."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from apiserver.kinds import Served

Json = dict[str, Any]

VERSION: Json = {
    "major": "1",
    "minor": "36",
    "emulationMajor": "1",
    "emulationMinor": "36",
    "minCompatibilityMajor": "1",
    "minCompatibilityMinor": "35",
    "gitVersion": "v1.36.2",
    "gitCommit": "$Format:%H$",
    "gitTreeState": "clean",
    "buildDate": "1970-01-01T00:00:00Z",
    "goVersion": "go1.27.3",
    "compiler": "gc",
    "platform": "linux/amd64",
}
_BUILT_IN = ["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"]
_CUSTOM = ["delete", "deletecollection", "get", "list", "patch", "create", "update", "watch"]
_STATUS = ["get", "patch", "update"]
REVIEWS = {
    "authentication.k8s.io": ("tokenreviews", "TokenReview"),
    "authorization.k8s.io": ("subjectaccessreviews", "SubjectAccessReview"),
}


def api_versions(address: str) -> Json:
    """/api."""
    return {
        "kind": "APIVersions",
        "versions": ["v1"],
        "serverAddressByClientCIDRs": [{"clientCIDR": "0.0.0.0/0", "serverAddress": address}],
    }


def _versions(served: Sequence[Served], group: str) -> list[str]:
    if group == "metallb.io":
        # Its definitions still name a version that serves nothing here.
        return ["v1beta2", "v1beta1", "v1alpha1"]
    return sorted({one.version for one in served if one.group == group}) or ["v1"]


def api_group(served: Sequence[Served], group: str) -> Json:
    """/apis/GROUP, without its kind."""
    versions = [
        {"groupVersion": f"{group}/{version}", "version": version}
        for version in _versions(served, group)
    ]
    return {"name": group, "versions": versions, "preferredVersion": versions[0]}


def groups(served: Sequence[Served]) -> list[str]:
    """The names of all groups but the core."""
    return sorted({*(one.group for one in served if one.group), *REVIEWS})


def api_group_list(served: Sequence[Served]) -> Json:
    """/apis."""
    return {
        "kind": "APIGroupList",
        "apiVersion": "v1",
        "groups": [api_group(served, group) for group in groups(served)],
    }


def resource_list(served: Sequence[Served], group: str, version: str) -> Json:
    """/api/v1, or /apis/GROUP/VERSION."""
    resources: list[Json] = []
    for one in served:
        if (one.group, one.version) == (group, version):
            resources += _resources(one)
    if group in REVIEWS:
        plural, kind = REVIEWS[group]
        resources.append(
            {
                "name": plural,
                "singularName": kind.lower(),
                "namespaced": False,
                "kind": kind,
                "verbs": ["create"],
            }
        )
    return {
        "kind": "APIResourceList",
        **({"apiVersion": "v1"} if group else {}),
        "groupVersion": f"{group}/{version}" if group else version,
        "resources": resources,
    }


def _resources(served: Served) -> list[Json]:
    kind = served.kind
    common: Json = {"namespaced": kind.namespaced, "kind": kind.name}
    found: list[Json] = [
        {
            "name": kind.plural,
            "singularName": kind.singular,
            **common,
            "verbs": _CUSTOM if kind.custom else _BUILT_IN,
            "storageVersionHash": kind.storage_hash,
        }
    ]
    if kind.status:
        found.append(
            {"name": f"{kind.plural}/status", "singularName": "", **common, "verbs": _STATUS}
        )
    return found
