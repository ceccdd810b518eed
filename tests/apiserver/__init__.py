"""A small Kubernetes API server, for tests, simulations and benchmarks.

    server = ApiServer(seed=1)
    server.create(objects.service("web", ...))
    api = server.connect(user_agent="proclaim/1.0", faults=Faults(lost=0.1))
    await api.request("GET", "/api/v1/services")

`ApiServer.connect` gives an `Api` without sockets, which runs in virtual time
too; `python -m apiserver` is a process that speaks HTTP or HTTPS.  It answers
as a real server did in `transcripts/`; what it does not do is in the README.
"""

from apiserver.errors import ApiError
from apiserver.faults import Faults
from apiserver.memory import Connection
from apiserver.server import EPOCH, ApiServer

__all__ = ["EPOCH", "ApiError", "ApiServer", "Connection", "Faults"]
