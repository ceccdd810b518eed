"""Whether MetalLB runs in the same namespace, where it would give and answer for addresses too."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

import msgspec

from proclaim_k8s_source.access.api import Api, checked

SELECTORS = ("app=metallb", "app.kubernetes.io/name=metallb")
"""The labels of its manifests and of its Helm chart."""
_COMPONENTS = ("component", "app.kubernetes.io/component")
_CONTROLLER = "controller"
"""The component that announces nothing."""
_NAMED = 3
"""Pods of a component that are named."""


class PodMeta(msgspec.Struct):
    """`metadata` of a Pod."""

    name: str
    labels: dict[str, str] | None = None
    deletionTimestamp: Any = None


class PodStatus(msgspec.Struct):
    """`status` of a Pod."""

    phase: str = ""


class Pod(msgspec.Struct):
    """A Pod, as far as it matters whether it runs and what it is."""

    metadata: PodMeta
    status: PodStatus | None = None


class _Pods(msgspec.Struct):
    items: list[Pod] | None = None


class Beside(NamedTuple):
    """What of MetalLB runs, or is about to."""

    sentence: str
    announces: bool
    """Whether more than its controller does."""


def runs_beside(pods: Iterable[Pod], namespace: str) -> Beside | None:
    """Which of its Pods run or are about to; None when there are none."""
    found: dict[str, list[str]] = {}
    for pod in pods:
        phase = pod.status.phase if pod.status else ""
        if phase in ("Succeeded", "Failed") or pod.metadata.deletionTimestamp:
            continue
        labels = pod.metadata.labels or {}
        component = next((labels[key] for key in _COMPONENTS if key in labels), "unknown component")
        found.setdefault(component, []).append(pod.metadata.name)
    if not found:
        return None
    parts = [f"{component}: {_several(names)}" for component, names in sorted(found.items())]
    sentence = (
        f"MetalLB runs in the namespace {namespace} as well ({'; '.join(parts)}), "
        "and would give and announce the same addresses"
    )
    return Beside(sentence, announces=found.keys() != {_CONTROLLER})


def _several(names: list[str]) -> str:
    shown = sorted(set(names))
    more = len(shown) - _NAMED
    return ", ".join(shown[:_NAMED]) + (f" and {more} more" if more > 0 else "")


def hint(namespace: str) -> str:
    """How to go on."""
    nowhere = '{"spec":{"template":{"spec":{"nodeSelector":{"proclaim.io/metallb":"off"}}}}}'
    return (
        f"stop it: kubectl -n {namespace} scale deployment controller --replicas=0, and "
        f"kubectl -n {namespace} patch daemonset speaker -p '{nowhere}' "
        '(a Helm release names them otherwise); or set beside_metallb = "allow" under '
        "[k8s_source] when it serves another loadBalancerClass and other pools"
    )


async def look_beside(api: Api, namespace: str) -> Beside | None:
    """Ask the server; raises Refused and Unreachable."""
    path = f"/api/v1/namespaces/{namespace}/pods"
    pods: list[Pod] = []
    for selector in SELECTORS:
        query = (("labelSelector", selector), ("resourceVersion", "0"))
        response = checked(f"GET {path}", await api.request("GET", path, query))
        pods.extend(msgspec.json.decode(response.body, type=_Pods).items or ())
    return runs_beside(pods, namespace)
