"""As much of an API server as Helm's `lookup` asks for: discovery, and objects by name."""

import json
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import yaml

RESOURCES = {
    "v1": ("ConfigMap", "Secret", "Service", "ServiceAccount"),
    "admissionregistration.k8s.io/v1": ("ValidatingWebhookConfiguration",),
    "apiextensions.k8s.io/v1": ("CustomResourceDefinition",),
    "apps/v1": ("DaemonSet", "Deployment"),
    "policy/v1": ("PodDisruptionBudget",),
    "rbac.authorization.k8s.io/v1": (
        "ClusterRole",
        "ClusterRoleBinding",
        "Role",
        "RoleBinding",
    ),
}
"""The kinds of the chart; Helm asks whether they are served."""
CLUSTER_WIDE = {
    "ClusterRole",
    "ClusterRoleBinding",
    "CustomResourceDefinition",
    "ValidatingWebhookConfiguration",
}


def discovery():
    """The documents that say what is served."""
    documents = {
        "/version": {"major": "1", "minor": "35", "gitVersion": "v1.35.0"},
        "/api": {"kind": "APIVersions", "versions": ["v1"]},
    }
    groups = []
    for group_version, kinds in RESOURCES.items():
        group, _, version = group_version.rpartition("/")
        listed = [
            {
                "name": f"{kind.lower()}s",
                "kind": kind,
                "namespaced": kind not in CLUSTER_WIDE,
                "verbs": ["get"],
            }
            for kind in kinds
        ]
        path = f"/apis/{group_version}" if group else f"/api/{group_version}"
        documents[path] = {
            "kind": "APIResourceList",
            "apiVersion": "v1",
            "groupVersion": group_version,
            "resources": listed,
        }
        if group:
            known = {"groupVersion": group_version, "version": version}
            groups.append({"name": group, "versions": [known], "preferredVersion": known})
    documents["/apis"] = {"kind": "APIGroupList", "apiVersion": "v1", "groups": groups}
    return documents


def path_of(each):
    kind, metadata = each["kind"], each["metadata"]
    root = f"/apis/{each['apiVersion']}" if "/" in each["apiVersion"] else "/api/v1"
    inside = "" if kind in CLUSTER_WIDE else f"namespaces/{metadata['namespace']}/"
    return f"{root}/{inside}{kind.lower()}s/{metadata['name']}"


@contextmanager
def cluster(folder, *objects):
    """Serve objects on loopback; the path of a kubeconfig for them."""
    documents = {**discovery(), **{path_of(each): each for each in objects}}
    missing = {"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": "NotFound"}

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            found = documents.get(self.path.partition("?")[0])
            body = json.dumps(found or {**missing, "code": 404}).encode()
            self.send_response(200 if found else 404)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            """Nobody reads a log of this."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield _kubeconfig(folder, server.server_port)
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _kubeconfig(folder, port):
    path = folder / "kubeconfig"
    described = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "c", "cluster": {"server": f"http://127.0.0.1:{port}"}}],
        "users": [{"name": "u", "user": {}}],
        "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u"}}],
        "current-context": "x",
    }
    path.write_text(yaml.safe_dump(described), encoding="utf-8")
    return path
