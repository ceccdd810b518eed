"""Objects as plain dicts, with what tests care for as parameters."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

Json = dict[str, Any]
METALLB = "metallb-system"


def _metadata(
    name: str,
    namespace: str = "",
    labels: Mapping[str, str] | None = None,
    annotations: Mapping[str, str] | None = None,
) -> Json:
    metadata: Json = {"name": name}
    if namespace:
        metadata["namespace"] = namespace
    if labels:
        metadata["labels"] = dict(labels)
    if annotations:
        metadata["annotations"] = dict(annotations)
    return metadata


def service(
    name: str,
    namespace: str = "default",
    *,
    type: str = "LoadBalancer",  # noqa: A002 - the name of the field
    ports: Iterable[int | tuple[str, int]] = (80,),
    labels: Mapping[str, str] | None = None,
    annotations: Mapping[str, str] | None = None,
    ingress: Iterable[str] = (),
    **spec: Any,
) -> Json:
    """A Service; a port is a number or (protocol, number), `ingress` are addresses of its status.

    Other fields of the spec go by their names (`loadBalancerIP=...`).
    """
    pairs = [("TCP", port) if isinstance(port, int) else port for port in ports]
    value: Json = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": _metadata(name, namespace, labels, annotations),
        "spec": {
            "type": type,
            "selector": {"app": name},
            "ports": [
                {"name": f"{protocol.lower()}-{port}", "protocol": protocol, "port": port}
                for protocol, port in pairs
            ],
            **spec,
        },
    }
    addresses = [{"ip": address} for address in ingress]
    if addresses:
        value["status"] = {"loadBalancer": {"ingress": addresses}}
    return value


def endpoint(
    address: str,
    node: str | None = None,
    *,
    ready: bool | None = True,
    serving: bool | None = None,
    terminating: bool | None = None,
) -> Json:
    """An endpoint of a slice; a condition that is None is left out."""
    conditions = {"ready": ready, "serving": serving, "terminating": terminating}
    value: Json = {
        "addresses": [address],
        "conditions": {name: state for name, state in conditions.items() if state is not None},
    }
    if node:
        value["nodeName"] = node
    return value


def endpoint_slice(
    service_name: str,
    endpoints: Sequence[Json] = (),
    namespace: str = "default",
    *,
    name: str | None = None,
    family: str = "IPv4",
    port: int = 8080,
) -> Json:
    """An EndpointSlice of a Service, named SERVICE-1 unless it says otherwise."""
    labels = {"kubernetes.io/service-name": service_name}
    return {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": _metadata(name or f"{service_name}-1", namespace, labels),
        "addressType": family,
        "endpoints": list(endpoints),
        "ports": [{"name": "http", "port": port}],
    }


def node(
    name: str,
    *addresses: str,
    labels: Mapping[str, str] | None = None,
    network_unavailable: bool | None = None,
) -> Json:
    """A Node with its InternalIPs, and a condition NetworkUnavailable unless that is None."""
    status: Json = {"addresses": [{"type": "InternalIP", "address": one} for one in addresses]}
    if network_unavailable is not None:
        said = "True" if network_unavailable else "False"
        status["conditions"] = [{"type": "NetworkUnavailable", "status": said}]
    every = {"kubernetes.io/hostname": name, **(labels or {})}
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": _metadata(name, labels=every),
        "status": status,
    }


def namespace(name: str, labels: Mapping[str, str] | None = None) -> Json:
    """A Namespace."""
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": _metadata(name, labels=labels)}


def pod(
    name: str,
    namespace: str = METALLB,
    *,
    node: str | None = None,
    labels: Mapping[str, str] | None = None,
    phase: str = "Running",
    image: str = "example.org/image:1",
) -> Json:
    """A Pod with one container."""
    spec: Json = {"containers": [{"name": "main", "image": image}]}
    if node:
        spec["nodeName"] = node
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": _metadata(name, namespace, labels),
        "spec": spec,
        "status": {"phase": phase},
    }


def secret(
    name: str,
    password: str,
    namespace: str = METALLB,
    type: str = "kubernetes.io/basic-auth",  # noqa: A002 - the name of the field
) -> Json:
    """A Secret with a password."""
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": _metadata(name, namespace),
        "type": type,
        "data": {"password": base64.b64encode(password.encode()).decode()},
    }


def _custom(
    kind: str,
    name: str,
    namespace: str,
    spec: Json,
    *,
    version: str = "v1beta1",
    annotations: Mapping[str, str] | None = None,
    labels: Mapping[str, str] | None = None,
) -> Json:
    return {
        "apiVersion": f"metallb.io/{version}",
        "kind": kind,
        "metadata": _metadata(name, namespace, labels, annotations),
        "spec": spec,
    }


def pool(
    name: str,
    *addresses: str,
    namespace: str = METALLB,
    annotations: Mapping[str, str] | None = None,
    labels: Mapping[str, str] | None = None,
    **spec: Any,
) -> Json:
    """An IPAddressPool."""
    spec = {"addresses": list(addresses), **spec}
    return _custom("IPAddressPool", name, namespace, spec, annotations=annotations, labels=labels)


def l2_advertisement(name: str, *pools: str, namespace: str = METALLB, **spec: Any) -> Json:
    """An L2Advertisement; without pools of all of them."""
    if pools:
        spec["ipAddressPools"] = list(pools)
    return _custom("L2Advertisement", name, namespace, spec)


def bgp_advertisement(name: str, *pools: str, namespace: str = METALLB, **spec: Any) -> Json:
    """A BGPAdvertisement; without pools of all of them."""
    if pools:
        spec["ipAddressPools"] = list(pools)
    return _custom("BGPAdvertisement", name, namespace, spec)


def bgp_peer(
    name: str,
    address: str,
    *,
    asn: int = 64512,
    peer_asn: int = 64513,
    namespace: str = METALLB,
    version: str = "v1beta2",
    **spec: Any,
) -> Json:
    """A BGPPeer."""
    spec = {"myASN": asn, "peerASN": peer_asn, "peerAddress": address, **spec}
    return _custom("BGPPeer", name, namespace, spec, version=version)


def bfd_profile(name: str, *, namespace: str = METALLB, **spec: Any) -> Json:
    """A BFDProfile."""
    return _custom("BFDProfile", name, namespace, spec)


def community(name: str, values: Mapping[str, str], *, namespace: str = METALLB) -> Json:
    """A Community with its aliases."""
    aliases = [{"name": alias, "value": value} for alias, value in values.items()]
    return _custom("Community", name, namespace, {"communities": aliases})


def lease(
    name: str,
    holder: str,
    renewed: str,
    *,
    namespace: str = METALLB,
    seconds: int = 15,
    transitions: int = 0,
) -> Json:
    """A Lease; times are as `2026-01-01T00:00:00.000000Z`."""
    return {
        "apiVersion": "coordination.k8s.io/v1",
        "kind": "Lease",
        "metadata": _metadata(name, namespace),
        "spec": {
            "holderIdentity": holder,
            "leaseDurationSeconds": seconds,
            "acquireTime": renewed,
            "renewTime": renewed,
            "leaseTransitions": transitions,
        },
    }
