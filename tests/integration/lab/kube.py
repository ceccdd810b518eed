"""What a user of a cluster does: creates, patches, deletes and looks at objects over HTTPS."""

import json
import ssl
from http.client import HTTPException
from urllib.parse import urlencode

from apiserver.objects import METALLB
from integration.lab.inside import Connection
from netlab.processes import CommandFailed

_CUSTOM = {
    "BFDProfile": "bfdprofiles",
    "BGPAdvertisement": "bgpadvertisements",
    "Community": "communities",
    "ConfigurationState": "configurationstates",
    "IPAddressPool": "ipaddresspools",
    "L2Advertisement": "l2advertisements",
    "ServiceBGPStatus": "servicebgpstatuses",
    "ServiceL2Status": "servicel2statuses",
}
_ROOTS = {
    "Service": ("/api/v1", "services", "default"),
    "Event": ("/api/v1", "events", "default"),
    "Pod": ("/api/v1", "pods", METALLB),
    "Secret": ("/api/v1", "secrets", METALLB),
    "Node": ("/api/v1", "nodes", ""),
    "Namespace": ("/api/v1", "namespaces", ""),
    "EndpointSlice": ("/apis/discovery.k8s.io/v1", "endpointslices", "default"),
    "Lease": ("/apis/coordination.k8s.io/v1", "leases", METALLB),
    "BGPPeer": ("/apis/metallb.io/v1beta2", "bgppeers", METALLB),
    **{kind: ("/apis/metallb.io/v1beta1", plural, METALLB) for kind, plural in _CUSTOM.items()},
}
"""Where each kind is served, and its namespace when nobody says another."""
_WITH_STATUS = ("Node", "Pod", "Service")


class Kube:
    """The API server as one user sees it."""

    def __init__(self, namespace, server, certificate, token):
        host, _, port = server.rpartition(":")
        self._where = (namespace, host, int(port))
        self._context = ssl.create_default_context(cafile=str(certificate))
        self._token = token
        self._kept = Connection(*self._where, self._context)

    def close(self):
        """Close the connection."""
        self._kept.close()

    def ask(self, method, path, body=None, content="application/json"):
        """The object or the list that is answered; None for 404; raises CommandFailed."""
        headers = {"Authorization": f"Bearer {self._token}", "Content-Type": content}
        data = None if body is None else json.dumps(body)
        try:
            self._kept.request(method, path, data, {**headers, "User-Agent": "kubectl/test"})
            answer = self._kept.getresponse()
            said = answer.read()
        except (HTTPException, OSError) as error:
            self._kept.close()
            raise CommandFailed(f"{method} {path}: {error!r}") from None
        if answer.status == 404:
            return None
        if answer.status >= 400:
            raise CommandFailed(f"{method} {path}: {answer.status} {said.decode()}")
        return json.loads(said)

    def create(self, *objects):
        """Create objects, with the status that they have."""
        for each in objects:
            metadata = each["metadata"]
            self.ask("POST", path_of(each["kind"], namespace=metadata.get("namespace")), each)
            if "status" in each and each["kind"] in _WITH_STATUS:
                status = {"status": each["status"]}
                self.patch(each["kind"], metadata["name"], status, metadata.get("namespace"), True)

    def patch(self, kind, name, change, namespace=None, status=False):
        """Apply a merge patch; returns the object."""
        path = path_of(kind, name, namespace) + ("/status" if status else "")
        found = self.ask("PATCH", path, change, "application/merge-patch+json")
        if found is None:
            raise CommandFailed(f"there is no {kind} {name}")
        return found

    def change(self, kind, name, **fields):
        """Change fields of the spec; None takes one away."""
        self.patch(kind, name, {"spec": fields})

    def label(self, kind, name, **labels):
        """Set labels, `__` standing for a slash and `_` for a hyphen; None takes one away."""
        named = {key.replace("__", "/").replace("_", "-"): text for key, text in labels.items()}
        self.patch(kind, name, {"metadata": {"labels": named}})

    def network_unavailable(self, node, unavailable):
        """Have a Node's condition say that its network is not there."""
        said = {"type": "NetworkUnavailable", "status": "True" if unavailable else "False"}
        self.patch("Node", node, {"status": {"conditions": [said]}}, status=True)

    def delete(self, kind, *names, namespace=None):
        """Delete objects, where they are."""
        for name in names:
            self.ask("DELETE", path_of(kind, name, namespace))

    def get(self, kind, name, namespace=None):
        """An object, or None."""
        return self.ask("GET", path_of(kind, name, namespace))

    def list(self, kind):
        """All objects of a kind, whatever their namespace."""
        root, plural, _ = _ROOTS[kind]
        return self.ask("GET", f"{root}/{plural}")["items"]

    def control(self, command, **parameters):
        """Have the emulated server do something of its own, such as an outage."""
        once = Connection(*self._where, self._context)
        status, said = once.get(f"/emulator/{command}?{urlencode(parameters)}")
        assert status == 200, said
        return json.loads(said)

    def addresses(self, name, namespace=None):
        """What the status of a Service shows."""
        found = self.get("Service", name, namespace)
        ingress = found["status"]["loadBalancer"].get("ingress") or () if found else ()
        return [each.get("ip", "") for each in ingress]

    def pool_of(self, name):
        """What the annotation says that names the pool of a Service."""
        notes = self.get("Service", name)["metadata"].get("annotations", {})
        return notes.get("metallb.io/ip-allocated-from-pool")

    def events(self, name):
        """The reasons of the Events at a Service, in their order."""
        found = [each for each in self.list("Event") if each["involvedObject"]["name"] == name]
        found.sort(key=lambda each: int(each["metadata"]["resourceVersion"]))
        return [each["reason"] for each in found]

    def statuses(self, kind, service=None):
        """The status objects of Services, by the node that they tell of."""
        return {
            each["status"]["node"]: each["status"]
            for each in self.list(kind)
            if each.get("status") and service in (None, each["status"]["serviceName"])
        }

    def announcer(self, service):
        """The nodes whose ServiceL2Status tells of a Service."""
        return sorted(self.statuses("ServiceL2Status", service))

    def results(self):
        """The results of all ConfigurationStates, by name."""
        return {
            each["metadata"]["name"]: each.get("status", {}).get("result")
            for each in self.list("ConfigurationState")
        }

    def why(self, name):
        """The summary of one ConfigurationState."""
        return self.get("ConfigurationState", name)["status"]["errorSummary"]


def path_of(kind, name="", namespace=None):
    """The path of an object, or of a kind."""
    root, plural, usual = _ROOTS[kind]
    within = f"/namespaces/{namespace or usual}" if usual else ""
    return f"{root}{within}/{plural}" + (f"/{name}" if name else "")
