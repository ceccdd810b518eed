"""What happened on the recorded cluster beside the recorded requests.

`BEFORE` a request, by file and number of its line: revisions that were spent on
other things, a compaction, a restart.  `DURING` a watch: what others wrote.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from apiserver import EPOCH, ApiServer, objects

Json = dict[str, Any]
Step = Callable[[ApiServer], object]
BY = "unknown"
"""The recorder sent no User-Agent."""


def new_cluster() -> ApiServer:
    """The cluster as it was when the record began."""
    server = ApiServer(now=lambda: EPOCH, namespaces=())
    spend_up_to(77)(server)
    server.create(_KUBERNETES, by="kube-apiserver")
    server.create(objects.namespace("metallb-system"))
    for name, rack in (("n1", "a"), ("n2", "a"), ("n3", "b")):
        node = objects.node(name, labels={"rack": rack})
        del node["status"]
        server.create(node, BY)
    return server


_KUBERNETES: Json = {
    "apiVersion": "v1",
    "kind": "Service",
    "metadata": {
        "name": "kubernetes",
        "namespace": "default",
        "labels": {"component": "apiserver", "provider": "kubernetes"},
    },
    "spec": {
        "type": "ClusterIP",
        "clusterIP": "10.96.0.1",
        "ipFamilyPolicy": "SingleStack",
        "sessionAffinity": "None",
        "ports": [{"name": "https", "port": 443, "protocol": "TCP", "targetPort": 6443}],
    },
}


def spend_up_to(revision: int) -> Step:
    """Revisions that were spent on what the record does not show."""

    def spend(server: ApiServer) -> None:
        if server.revision > revision:
            raise AssertionError(f"already at {server.revision}, the record at {revision}")
        server.machinery.store.tick(revision - server.revision)

    return spend


def _label(name: str, labels: Json) -> Step:
    return lambda server: server.patch("Service", name, {"metadata": {"labels": labels}}, by=BY)


def _assign(name: str, address: str) -> Step:
    patch = {"status": {"loadBalancer": {"ingress": [{"ip": address}]}}}
    return lambda server: server.patch("Service", name, patch, status=True, by=BY)


def _create_w1(server: ApiServer) -> None:
    service = objects.service("w1")
    service["spec"]["ports"] = [{"name": "http", "port": 80, "protocol": "TCP"}]
    server.create(service, BY)


_UNAVAILABLE: Json = {
    "status": {
        "addresses": [{"type": "InternalIP", "address": "10.0.0.11"}],
        "conditions": [
            {
                "type": "NetworkUnavailable",
                "status": "True",
                "reason": "Test",
                "lastHeartbeatTime": "2026-01-01T00:00:00Z",
                "lastTransitionTime": "2026-01-01T00:00:00Z",
            }
        ],
    }
}
_EXCLUDED: Json = {
    "metadata": {"labels": {"node.kubernetes.io/exclude-from-external-load-balancers": ""}}
}
_ELSEWHERE: Json = {
    "apiVersion": "v1",
    "kind": "ConfigMap",
    "metadata": {"name": "other", "namespace": "metallb-system"},
}

_ERRORS = "01-discovery-and-errors.jsonl"
_LISTS = "02-list-and-paging.jsonl"
_WATCHES = "03-watch.jsonl"
_WRITES = "04-writes.jsonl"
_CUSTOM = "05-custom-resources.jsonl"
_OTHERS = "06-nodes-slices-leases-events.jsonl"

BEFORE: dict[tuple[str, int], Sequence[Step]] = {
    (_ERRORS, 14): [spend_up_to(115)],
    (_LISTS, 17): [spend_up_to(139)],
    (_LISTS, 21): [spend_up_to(142), lambda server: server.compact()],
    (_WATCHES, 1): [spend_up_to(148)],
    (_WATCHES, 4): [spend_up_to(160)],
    (_WATCHES, 8): [spend_up_to(170)],
    (_WATCHES, 9): [spend_up_to(192), lambda server: server.restart()],
    (_WRITES, 1): [spend_up_to(204)],
    (_CUSTOM, 16): [spend_up_to(235)],
    (_OTHERS, 2): [spend_up_to(239)],
}
DURING: dict[tuple[str, int], Sequence[Step]] = {
    (_WATCHES, 2): [
        _label("s1", {"x": "1"}),
        _assign("s1", "192.0.2.10"),
        _create_w1,
        lambda server: server.delete("Service", "w1"),
        _label("s1", {"x": "1"}),
    ],
    (_WATCHES, 4): [spend_up_to(161), _label("s2", {"x": "2"})],
    (_WATCHES, 6): [spend_up_to(163), _label("s3", {"app": "x"}), _label("s3", {"app": "web"})],
    (_WATCHES, 8): [lambda server: server.create(_ELSEWHERE, BY)],
    (_CUSTOM, 15): [
        lambda server: server.patch(
            "IPAddressPool", "first", {"spec": {"addresses": ["192.0.2.0/25"]}}, by=BY
        ),
        lambda server: server.delete("IPAddressPool", "first"),
    ],
    (_OTHERS, 1): [
        lambda server: server.patch("Node", "n1", _UNAVAILABLE, status=True, by=BY),
        lambda server: server.patch("Node", "n2", _EXCLUDED, by=BY),
        lambda server: server.delete("Node", "n3"),
    ],
}
LISTENED: dict[tuple[str, int], float] = {(_WATCHES, 7): 4.0, (_WATCHES, 8): 75.0}
"""For how many seconds a watch was listened to that the server did not end."""
