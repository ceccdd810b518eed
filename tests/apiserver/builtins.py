"""The other built-in kinds: what the server makes of them."""

from __future__ import annotations

import base64
import re
from typing import Any

from apiserver.errors import Cause, invalid, required, unsupported
from apiserver.events import event_kinds
from apiserver.fields import METADATA, Shape
from apiserver.kinds import Behaviour, Kind, Served
from apiserver.known import ENDPOINT_SLICE, LEASE

Json = dict[str, Any]

_NODE_INFO = (
    "machineID",
    "systemUUID",
    "bootID",
    "kernelVersion",
    "osImage",
    "containerRuntimeVersion",
    "kubeletVersion",
    "kubeProxyVersion",
    "operatingSystem",
    "architecture",
)
_BY_TYPE = Shape(keys=("type",))


class Nodes(Behaviour):
    """A new node is tainted until a kubelet has said that it is ready."""

    def create(self, value: Json) -> None:
        taints = value["spec"].setdefault("taints", [])
        if not any(taint["key"] == "node.kubernetes.io/not-ready" for taint in taints):
            taints.append({"key": "node.kubernetes.io/not-ready", "effect": "NoSchedule"})

    def default(self, value: Json) -> None:
        value.setdefault("spec", {})
        status = value.setdefault("status", {})
        status.setdefault("daemonEndpoints", {"kubeletEndpoint": {"Port": 0}})
        info = status.setdefault("nodeInfo", {})
        for name in _NODE_INFO:
            info.setdefault(name, "")


class Namespaces(Behaviour):
    """A namespace carries its own name as a label."""

    def default(self, value: Json) -> None:
        name = value["metadata"].get("name", "")
        labels = value["metadata"].setdefault("labels", {})
        labels.setdefault("kubernetes.io/metadata.name", name)
        value.setdefault("spec", {}).setdefault("finalizers", ["kubernetes"])
        value.setdefault("status", {}).setdefault("phase", "Active")


class Slices(Behaviour):
    """EndpointSlices."""

    known = ENDPOINT_SLICE

    def default(self, value: Json) -> None:
        for endpoint in value.setdefault("endpoints", None) or ():
            endpoint.setdefault("conditions", {})
        for port in value.setdefault("ports", None) or ():
            port.setdefault("name", "")
            port.setdefault("protocol", "TCP")

    def check(self, old: Json | None, new: Json) -> list[Cause]:
        kinds = ("IPv4", "IPv6", "FQDN")
        given = new.get("addressType", "")
        if not given:
            return [required("addressType")]
        if given not in kinds:
            return [unsupported("addressType", f'"{given}"', kinds)]
        return [
            required(f"endpoints[{index}].addresses", "must contain at least 1 address")
            for index, endpoint in enumerate(new["endpoints"] or ())
            if not endpoint.get("addresses")
        ]


_MICROTIME = re.compile(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}(Z|[+-]\d\d:\d\d)$")


class Leases(Behaviour):
    """Leases, whose times have exactly six digits of a second."""

    known = LEASE

    def default(self, value: Json) -> None:
        value.setdefault("spec", {})

    def check(self, old: Json | None, new: Json) -> list[Cause]:
        spec = new["spec"]
        found: list[Cause] = []
        seconds = spec.get("leaseDurationSeconds")
        if seconds is not None and seconds <= 0:
            found.append(
                invalid("spec.leaseDurationSeconds", str(seconds), "must be greater than 0")
            )
        if spec.get("leaseTransitions", 0) < 0:
            found.append(
                invalid(
                    "spec.leaseTransitions",
                    str(spec["leaseTransitions"]),
                    "must be greater than or equal to 0",
                )
            )
        if spec.get("holderIdentity") == "":
            found.append(invalid("spec.holderIdentity", '""', "must not be empty"))
        return found


def misread_time(kind: str, value: Json) -> str:
    """What a reader of JSON says of a time that it cannot read; empty for none."""
    fields = {"Lease": ("acquireTime", "renewTime")}.get(kind, ())
    times = [value.get("spec", {}).get(name) for name in fields]
    times += [value.get("eventTime")] if kind == "Event" else []
    for given in times:
        if given is not None and not _MICROTIME.match(given):
            return f'parsing time "{given}" as "2006-01-02T15:04:05.000000Z07:00": cannot parse'
    return ""


class Secrets(Behaviour):
    """Secrets; what is written as text is kept encoded."""

    def default(self, value: Json) -> None:
        value.setdefault("type", "Opaque")
        for key, text in (value.pop("stringData", None) or {}).items():
            encoded = base64.b64encode(text.encode()).decode()
            value.setdefault("data", {})[key] = encoded

    def check(self, old: Json | None, new: Json) -> list[Cause]:
        found: list[Cause] = []
        data = new.get("data") or {}
        if new["type"] == "kubernetes.io/basic-auth" and not {"username", "password"} & set(data):
            found += [required(f"data[{key}]") for key in ("username", "password")]
        if old is not None and old["type"] != new["type"]:
            found.append(invalid("type", f'"{new["type"]}"', "field is immutable"))
        return found


class Pods(Behaviour):
    """Pods; nobody schedules or runs them here."""

    def default(self, value: Json) -> None:
        spec = value.setdefault("spec", {})
        spec.setdefault("restartPolicy", "Always")
        spec.setdefault("containers", [])
        value.setdefault("status", {}).setdefault("phase", "Pending")

    def check(self, old: Json | None, new: Json) -> list[Cause]:
        return [] if new["spec"]["containers"] else [required("spec.containers")]


def _nodes() -> Kind:
    zero: Json = {"metadata": {}}
    behaviour = Nodes()
    behaviour.default(zero)
    return Kind(
        "",
        "v1",
        "Node",
        "nodes",
        "node",
        namespaced=False,
        status=True,
        zero=zero,
        shape=Shape(
            fields={
                "metadata": METADATA,
                "status": Shape(fields={"addresses": _BY_TYPE, "conditions": _BY_TYPE}),
            }
        ),
        selectable={"spec.unschedulable": "false"},
        behaviour=behaviour,
        storage_hash="XwShjMxG9Fs=",
    )


def _namespaces() -> Kind:
    return Kind(
        "",
        "v1",
        "Namespace",
        "namespaces",
        "namespace",
        namespaced=False,
        status=True,
        name_is_label=True,
        zero={"metadata": {}, "spec": {}, "status": {}},
        selectable={"status.phase": ""},
        behaviour=Namespaces(),
        storage_hash="Q3oi5N2YM8M=",
    )


def _pods() -> Kind:
    return Kind(
        "",
        "v1",
        "Pod",
        "pods",
        "pod",
        status=True,
        answers_deleted=True,
        generation=("spec",),
        zero={"metadata": {}, "spec": {"containers": None}, "status": {}},
        shape=Shape(
            fields={
                "metadata": METADATA,
                "spec": Shape(fields={"containers": Shape(keys=("name",))}),
                "status": Shape(fields={"conditions": _BY_TYPE, "podIPs": Shape(keys=("ip",))}),
            }
        ),
        selectable={
            "spec.nodeName": "",
            "spec.restartPolicy": "",
            "spec.schedulerName": "",
            "spec.serviceAccountName": "",
            "spec.hostNetwork": "false",
            "status.phase": "",
            "status.podIP": "",
            "status.nominatedNodeName": "",
        },
        behaviour=Pods(),
        storage_hash="xPOwRZ+Yhw8=",
    )


def builtin_kinds(services: Kind) -> list[Served]:
    """Every built-in kind, as it is served."""
    kinds = [
        services,
        _nodes(),
        _namespaces(),
        _pods(),
        Kind(
            "",
            "v1",
            "Secret",
            "secrets",
            "secret",
            selectable={"type": ""},
            behaviour=Secrets(),
            storage_hash="S6u1pOWzb84=",
        ),
        Kind("", "v1", "ConfigMap", "configmaps", "configmap", storage_hash="qFsyl6wFWjQ="),
        Kind(
            "discovery.k8s.io",
            "v1",
            "EndpointSlice",
            "endpointslices",
            "endpointslice",
            generation=(),
            zero={"metadata": {}, "addressType": "", "endpoints": None, "ports": None},
            behaviour=Slices(),
            storage_hash="Nx3SIv6I0mE=",
        ),
        Kind(
            "coordination.k8s.io",
            "v1",
            "Lease",
            "leases",
            "lease",
            unconditional=False,
            create_on_update=True,
            zero={"metadata": {}, "spec": {}},
            behaviour=Leases(),
            storage_hash="gqkMMb/YqFM=",
        ),
    ]
    return [*(Served(kind, kind.group, kind.version) for kind in kinds), *event_kinds()]
