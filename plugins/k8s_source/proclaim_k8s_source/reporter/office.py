"""What every writer works with, and how it patches."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import msgspec
from proclaim import Host, Ref

from proclaim_k8s_source.access.api import JSON, MERGE_PATCH, Api
from proclaim_k8s_source.reporter.bars import done
from proclaim_k8s_source.reporter.documents import Owner, path_of, service_path
from proclaim_k8s_source.reporter.managers import version_of
from proclaim_k8s_source.shown import Shown

APPLY = "application/apply-patch+yaml"


@dataclass(frozen=True, slots=True)
class Office:
    """The API server, what it shows, and who we are to it."""

    api: Api
    host: Host
    shown: Shown
    namespace: str
    """Of the resources of `metallb.io`."""
    manager: str
    """Whom the server names as the owner of the fields that we write."""
    instance: str
    """Who we are, in Events."""
    owner: Owner

    def path(self, ref: Ref) -> str:
        """A Service, or an object of `metallb.io` by its own name."""
        if ref.kind == "Service":
            return service_path(ref)
        return path_of(ref.kind, self.namespace, ref.name)

    async def patch_status(self, path: str, body: Any) -> str:  # noqa: ANN401 - JSON
        """Merge-patch the status of what is at a path; the new resourceVersion.

        Raises Refused and Unreachable.
        """
        query = (("fieldManager", self.manager),)
        data = msgspec.json.encode(body)
        response = await self.api.request("PATCH", f"{path}/status", query, data, MERGE_PATCH)
        return version_of(done("PATCH", f"{path}/status", response).body)

    async def apply_status(self, path: str, body: Any, manager: str) -> None:  # noqa: ANN401
        """Apply a status server-side, in the name of a manager of its own."""
        query = (("fieldManager", manager), ("force", "true"))
        data = msgspec.json.encode(body)
        response = await self.api.request("PATCH", f"{path}/status", query, data, APPLY)
        done("PATCH", f"{path}/status", response)

    async def create(self, path: str, body: Any) -> None:  # noqa: ANN401
        """Create an object; one that is there already is as good."""
        query = (("fieldManager", self.manager),)
        response = await self.api.request("POST", path, query, msgspec.json.encode(body), JSON)
        if response.status != 409:
            done("POST", path, response)

    async def delete(self, path: str) -> None:
        """Delete an object; one that is gone already is as good."""
        response = await self.api.request("DELETE", path)
        if response.status != 404:
            done("DELETE", path, response)
