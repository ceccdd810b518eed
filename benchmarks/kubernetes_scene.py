"""A cluster of many Services as the objects of its API server, for the benchmark of that."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

Body = dict[str, Any]

NAMESPACE = "metallb-system"
NAMESPACES = 50
TRIAL = "trial"
"""The class of Services that nobody serves but a bare client."""
POOL = "198.18.0.0/15"
_ENDPOINTS = 3
_PORTS = [{"name": "http", "protocol": "TCP", "port": 80, "targetPort": 8080}]


def node_name(at: int) -> str:
    """One of the nodes; the first is the one that announces."""
    return f"node-{at:02}"


def place(at: int) -> tuple[str, str]:
    """The namespace and the name of one of the Services."""
    return f"team-{at % NAMESPACES:02}", f"service-{at:05}"


def service(at: int, balancer_class: str = "") -> Body:
    """One of the Services."""
    namespace, name = place(at)
    spec: Body = {
        "type": "LoadBalancer",
        "selector": {"app.kubernetes.io/name": name},
        "ports": _PORTS,
        "allocateLoadBalancerNodePorts": False,
    }
    if balancer_class:
        namespace = balancer_class
        spec["loadBalancerClass"] = balancer_class
    labels = {"app.kubernetes.io/name": name, "team": namespace}
    metadata = {"name": name, "namespace": namespace, "labels": labels}
    return {"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": spec}


def endpoints(at: int, which: int, nodes: int, generation: int = 0, shift: int = 0) -> list[Body]:
    """Those of one slice: another generation has other Pods, another shift other nodes."""
    name = place(at)[1]
    found: list[Body] = []
    for one in range(_ENDPOINTS):
        number = (at * 9 + which * _ENDPOINTS + one + generation * 7919) % 0xFFFF
        pod = f"{name}-{number:05x}"
        found.append(
            {
                "addresses": [f"10.{32 + generation % 200}.{number >> 8}.{number & 255}"],
                "conditions": {"ready": True, "serving": True, "terminating": False},
                "nodeName": node_name((at * 7 + which * 3 + one + shift) % nodes),
                "targetRef": {"kind": "Pod", "namespace": place(at)[0], "name": pod},
            }
        )
    return found


def endpoint_slice(at: int, which: int, nodes: int) -> Body:
    """One of the slices of a Service."""
    namespace, name = place(at)
    return {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {
            "name": slice_name(at, which),
            "namespace": namespace,
            "labels": {
                "kubernetes.io/service-name": name,
                "endpointslice.kubernetes.io/managed-by": "endpointslice-controller.k8s.io",
            },
        },
        "addressType": "IPv4",
        "endpoints": endpoints(at, which, nodes),
        "ports": [{"name": "http", "protocol": "TCP", "port": 8080}],
    }


def slice_name(at: int, which: int) -> str:
    """The name of one of the slices of a Service."""
    return f"{place(at)[1]}-{which}"


def node(at: int) -> Body:
    """A Node, with some of what a kubelet says of it."""
    name = node_name(at)
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": name, "labels": {"kubernetes.io/hostname": name}},
        "status": {
            "addresses": [{"type": "InternalIP", "address": f"172.16.0.{at + 1}"}],
            "conditions": heartbeat("2026-01-01T00:00:00Z")["status"]["conditions"],
            "images": [
                {"names": [f"registry.example/image-{one}:1"], "sizeBytes": 50_000_000 + one}
                for one in range(30)
            ],
        },
    }


def heartbeat(time: str) -> Body:
    """What a kubelet patches again and again."""
    conditions = [
        {"type": kind, "status": status, "lastHeartbeatTime": time}
        for kind, status in (("NetworkUnavailable", "False"), ("Ready", "True"))
    ]
    return {"status": {"conditions": conditions}}


def ground(nodes: int, port: int) -> Iterator[Body]:
    """The nodes, one pool, and one router on a port of this machine."""
    yield from (node(at) for at in range(nodes))
    spec: Body = {"addresses": [POOL]}
    yield _custom("IPAddressPool", "public", spec)
    yield _custom("BGPAdvertisement", "bgp", {})
    peer = {"myASN": 64512, "peerASN": 64513, "peerAddress": "127.0.0.1", "peerPort": port}
    yield _custom("BGPPeer", "tor", peer, "v1beta2")


def _custom(kind: str, name: str, spec: Body, version: str = "v1beta1") -> Body:
    metadata = {"name": name, "namespace": NAMESPACE}
    return {
        "apiVersion": f"metallb.io/{version}",
        "kind": kind,
        "metadata": metadata,
        "spec": spec,
    }


def write(path: Path, objects: Iterator[Body]) -> None:
    """Write objects as lines of JSON."""
    with path.open("w") as file:
        for each in objects:
            file.write(json.dumps(each) + "\n")
