"""AdmissionReviews as an API server sends them."""

import json

from proclaim_k8s_source.webhook.review import review

NAMESPACE = "metallb-system"


def admission(kind, spec, operation="CREATE", name="x", namespace=NAMESPACE, **more):
    """The body of a review; `more` goes into the request."""
    version = more.pop("version", "v1beta2" if kind == "BGPPeer" else "v1beta1")
    group = more.pop("group", "metallb.io")
    metadata = {
        "name": name,
        "namespace": namespace,
        "uid": "f7c340b5-af7e-4e81-862b-cbd09c53768c",
        "resourceVersion": "241",
        "generation": 1,
        "creationTimestamp": "2026-11-22T22:13:00Z",
        "managedFields": [
            {"manager": "kubectl", "operation": "Update", "fieldsV1": {"f:spec": {}}}
        ],
        **more.pop("metadata", {}),
    }
    written = {
        "apiVersion": f"{group}/{version}",
        "kind": kind,
        "metadata": metadata,
        "spec": spec,
        **more.pop("beside", {}),
    }
    gone = operation == "DELETE"
    request = {
        "uid": "705ab4f5-6393-11e8-b7cc-42010a800002",
        "kind": {"group": group, "version": version, "kind": kind},
        "resource": {"group": group, "version": version, "resource": f"{kind.lower()}s"},
        "requestKind": {"group": group, "version": version, "kind": kind},
        "name": name,
        "namespace": namespace,
        "operation": operation,
        "userInfo": {"username": "admin", "groups": ["system:masters"]},
        "object": None if gone else written,
        "oldObject": written if gone else None,
        "dryRun": False,
        "options": {"apiVersion": "meta.k8s.io/v1", "kind": "CreateOptions"},
        **more,
    }
    envelope = {"kind": "AdmissionReview", "apiVersion": "admission.k8s.io/v1"}
    return json.dumps(envelope | {"request": request}).encode()


def answer(*asked, in_force=(), **more):
    """The response to a review of these."""
    whole = json.loads(review(admission(*asked, **more), in_force, NAMESPACE))
    assert (whole["apiVersion"], whole["kind"]) == ("admission.k8s.io/v1", "AdmissionReview")
    response = whole["response"]
    assert response["uid"] == "705ab4f5-6393-11e8-b7cc-42010a800002"
    assert response["allowed"] is ("status" not in response)
    return response


def denial(*asked, **more):
    """Why a review of these is denied; empty when it is allowed."""
    return answer(*asked, **more).get("status", {}).get("message", "")
