"""One Lease as the API server keeps it: versions, and writes that name the one they change.

Statuses are those of the transcript of Leases among the recorded ones.
"""

import json


class LeaseStore:
    def __init__(self):
        self.lease = None
        self.version = 240
        self.served = 0

    def handle(self, method, body=b""):
        """Answer a request for the one Lease: a status and a body."""
        self.served += 1
        match method:
            case "GET":
                return (404, _status(404, "NotFound")) if self.lease is None else self._give(200)
            case "POST":
                if self.lease is not None:
                    return 409, _status(409, "AlreadyExists")
                self._keep(json.loads(body))
                return self._give(201)
            case "PUT":
                return self._put(json.loads(body))

    def _put(self, new):
        if self.lease is None:
            return 404, _status(404, "NotFound")
        if new["metadata"].get("resourceVersion") != str(self.version):
            return 409, _status(409, "Conflict")
        if new != self.lease:  # a write that changes nothing makes no new version
            self._keep(new)
        return self._give(200)

    def _keep(self, new):
        self.version += 1
        self.lease = new
        self.lease["metadata"]["resourceVersion"] = str(self.version)

    def _give(self, status):
        return status, json.dumps(self.lease).encode()

    def edit(self, **labels):
        """Somebody else labels the Lease."""
        metadata = {**self.lease["metadata"], "labels": labels}
        self._keep({**self.lease, "metadata": metadata})

    def delete(self):
        self.lease = None

    @property
    def spec(self):
        return self.lease["spec"]

    @property
    def holder(self):
        return self.spec.get("holderIdentity") or "" if self.lease else None


def _status(code, reason):
    said = {"kind": "Status", "status": "Failure", "reason": reason, "code": code}
    return json.dumps(said | {"message": f"{reason} it is"}).encode()
