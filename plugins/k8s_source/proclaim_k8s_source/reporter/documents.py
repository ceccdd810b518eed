"""The objects that are created, and where they are written (pure)."""

from __future__ import annotations

from datetime import UTC, datetime
from hashlib import sha256
from typing import Any, NamedTuple, TypeAlias

from proclaim import Ref

from proclaim_k8s_source.reporter.events import Event

Body: TypeAlias = dict[str, Any]

_PLURALS = {
    "ConfigurationState": "configurationstates",
    "IPAddressPool": "ipaddresspools",
    "ServiceBGPStatus": "servicebgpstatuses",
    "ServiceL2Status": "servicel2statuses",
}
_PREFIXES = {"ServiceBGPStatus": "bgp", "ServiceL2Status": "l2"}
_LONGEST_MESSAGE = 1024


class Owner(NamedTuple):
    """The Pod that this process runs in, so that what it created goes with it."""

    name: str = ""
    uid: str = ""

    @property
    def references(self) -> list[Body]:
        """`metadata.ownerReferences`; empty outside a Pod."""
        if not (self.name and self.uid):
            return []
        return [{"apiVersion": "v1", "kind": "Pod", "name": self.name, "uid": self.uid}]


def service_path(ref: Ref) -> str:
    """A Service."""
    return f"/api/v1/namespaces/{ref.namespace}/services/{ref.name}"


def path_of(kind: str, namespace: str, name: str = "") -> str:
    """An object of `metallb.io/v1beta1`, or where its kind is created."""
    collection = f"/apis/metallb.io/v1beta1/namespaces/{namespace}/{_PLURALS[kind]}"
    return f"{collection}/{name}" if name else collection


def definition(kind: str) -> str:
    """The file in the repository that defines a kind, which older releases of MetalLB may lack."""
    return f"deploy/crds/{_PLURALS[kind]}.yaml"


def status_name(kind: str, node: str, service: Ref) -> str:
    """The name of a status object: always the same, so that it is never created twice."""
    digest = sha256(f"{node}/{service.namespace}/{service.name}".encode()).hexdigest()
    return f"{_PREFIXES[kind]}-{digest[:12]}"


def created(wanted: Body, name: str, namespace: str, owner: Owner) -> Body:
    """An object to create from what the state wants; its status is written afterwards."""
    metadata = {**wanted["metadata"], "name": name, "namespace": namespace}
    if references := owner.references:
        metadata["ownerReferences"] = references
    return {"apiVersion": wanted["apiVersion"], "kind": wanted["kind"], "metadata": metadata}


def with_times(status: Body, now: float) -> Body:
    """A status whose conditions say since when they hold."""
    conditions = [
        {**each, "lastTransitionTime": rfc3339(now)} for each in status.get("conditions", ())
    ]
    return {**status, "conditions": conditions}


class Teller(NamedTuple):
    """Who tells an Event."""

    component: str
    instance: str


def event(told: Event, uid: str, teller: Teller, token: str, now: float) -> Body:
    """A core/v1 Event at a Service; `token` makes its name unique."""
    ref, time = told.service, rfc3339(now)
    return {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"name": f"{ref.name}.{token}", "namespace": ref.namespace},
        "involvedObject": {
            "apiVersion": "v1",
            "kind": "Service",
            "namespace": ref.namespace,
            "name": ref.name,
            **({"uid": uid} if uid else {}),
        },
        "type": told.type,
        "reason": told.reason,
        "message": told.message[:_LONGEST_MESSAGE],
        "source": {"component": teller.component},
        "reportingComponent": teller.component,
        "reportingInstance": teller.instance,
        "firstTimestamp": time,
        "lastTimestamp": time,
        "count": 1,
    }


def rfc3339(now: float) -> str:
    """Seconds since the Unix epoch, as meta/v1 Time has them."""
    return datetime.fromtimestamp(int(now), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
