"""The emulator: the machinery with its clock, its clients, and a short way in for tests."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import msgspec
import trio

from apiserver.errors import ApiError
from apiserver.faults import Faults
from apiserver.kinds import Served
from apiserver.machinery import Machinery
from apiserver.memory import Connection
from apiserver.requests import Answer, Request
from apiserver.store import Copy
from apiserver.writing import APPLY, MERGE

Json = dict[str, Any]

EPOCH = 1767225600.0
"""The first second of 2026, when the time of an emulator without a clock begins."""
_NAMESPACES = ("default", "kube-node-lease", "kube-public", "kube-system")


class _TrioClock:
    """Counts from the epoch as trio's clock goes, the virtual one too; stands still outside."""

    def __init__(self) -> None:
        self._started: float | None = None

    def __call__(self) -> float:
        try:
            now = trio.current_time()
        except RuntimeError:
            return EPOCH
        if self._started is None:
            self._started = now
        return EPOCH + now - self._started


class ApiServer:
    """A small Kubernetes API server in memory.

    The same seed gives the same uids, names, addresses and ports.  `now` gives
    seconds since 1970; by default time begins with 2026 and goes as trio's
    clock.  `window` changes of each kind are remembered for watches and pages.

    The methods below `connect` act at once, as `by` (the field manager), and
    raise ApiError.
    """

    def __init__(
        self,
        seed: int = 0,
        *,
        now: Callable[[], float] | None = None,
        namespaces: Iterable[str] = ("metallb-system",),
        service_cidrs: Sequence[str] = ("10.96.0.0/12",),
        window: int = 20_000,
    ) -> None:
        dice = random.Random(seed)
        self.machinery = Machinery(now or _TrioClock(), dice, service_cidrs, window)
        self.connections: list[Connection] = []
        for name in (*_NAMESPACES, *namespaces):
            self.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})

    @property
    def revision(self) -> int:
        """The resourceVersion of the last change."""
        return self.machinery.store.revision

    def connect(
        self,
        user: str | None = "system:admin",
        user_agent: str = "",
        faults: Faults | None = None,
    ) -> Connection:
        """A client of its own, with what goes wrong for it; it needs no closing.

        A user of None is one whom the server does not know (401).
        """
        connection = Connection(self.machinery, user, user_agent, faults)
        self.connections.append(connection)
        return connection

    def requests(self) -> Counter[tuple[str, str]]:
        """How often all clients asked, by verb and resource."""
        total: Counter[tuple[str, str]] = Counter()
        for connection in self.connections:
            total += connection.requests
        return total

    # Trouble

    def compact(self, revision: int | None = None) -> None:
        """Forget history, up to now or to a revision: what builds on it is answered with 410."""
        self.machinery.store.compact(revision)

    def restart(self) -> None:
        """Break all watches and forget history; objects stay."""
        self.compact()
        for connection in self.connections:
            connection.cut()

    def restore(self, copy: Copy) -> None:
        """Go back to a copy of the store, as from a backup; all watches break."""
        self.machinery.store.restore(copy)
        for connection in self.connections:
            connection.cut()

    def undefine(self, *plurals: str) -> list[Served]:
        """Delete definitions of custom resources, and all objects; give them to `define` again."""
        gone = self.machinery.withdraw(plurals)
        for kind in {one.kind.plural: one.kind for one in gone}.values():
            for entry in list(self.machinery.store.table(kind).entries.values()):
                self.machinery.writing.deleting.remove(kind, entry)
        for connection in self.connections:
            for watch in connection.watches:
                if watch.plural in plurals:
                    watch.end()
        return gone

    def define(self, definitions: Iterable[Served]) -> None:
        """Make definitions that were deleted, without their objects."""
        self.machinery.serve(definitions)

    def outage(self, down: bool = True) -> None:
        """Be out of the reach of all clients, and break their watches; or be back."""
        for connection in self.connections:
            connection.faults.down = down
            if down:
                connection.cut()

    # Acting at once

    def create(self, value: Json, by: str = "user") -> Json:
        """Create an object, its namespace too if need be, and give it the status that it has."""
        served = self.machinery.find_kind(value["apiVersion"], value["kind"])
        namespace = self._namespace(served, value["metadata"].get("namespace"))
        if namespace and self.get("Namespace", namespace) is None:
            self.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}})
        path = _path(served, namespace)
        made = self._do("POST", path, value, by=by)
        status = value.get("status")
        if served.kind.status and status and made.get("status") != status:
            name = made["metadata"]["name"]
            return self._do("PATCH", f"{path}/{name}/status", {"status": status}, MERGE, by)
        return made

    def create_all(self, values: Iterable[Json], by: str = "user") -> None:
        """Create objects in turn."""
        for value in values:
            self.create(value, by)

    def get(self, kind: str, name: str, namespace: str | None = None) -> Json | None:
        """An object, if it is there; of the namespace `default` unless it says otherwise."""
        served = self._served(kind)
        key = _key(self._namespace(served, namespace), name)
        entry = self.machinery.store.table(served.kind).entries.get(key)
        if entry is None:
            return None
        found: Json = msgspec.json.decode(entry.full(served))
        return found

    def list(self, kind: str, namespace: str | None = None) -> list[Json]:
        """The objects of a kind, of all namespaces or of one, in order."""
        served = self._served(kind)
        table = self.machinery.store.table(served.kind)
        entries = [table.entries[key] for key in table.keys]
        return [
            msgspec.json.decode(entry.full(served))
            for entry in entries
            if namespace in (None, entry.namespace)
        ]

    def patch(
        self,
        kind: str,
        name: str,
        patch: Json,
        namespace: str | None = None,
        *,
        status: bool = False,
        by: str = "user",
    ) -> Json:
        """Merge a patch into an object, or into its status."""
        return self._do("PATCH", self._at(kind, name, namespace, status), patch, MERGE, by)

    def apply(
        self, value: Json, by: str = "user", *, status: bool = False, force: bool = True
    ) -> Json:
        """Apply an object, or its status, as its field manager."""
        metadata = value["metadata"]
        path = self._at(value["kind"], metadata["name"], metadata.get("namespace"), status)
        query = [("force", "true")] if force else []
        return self._do("PATCH", path, value, APPLY, by, query)

    def replace(self, value: Json, by: str = "user") -> Json:
        """Put an object in the place of its former version."""
        metadata = value["metadata"]
        path = self._at(value["kind"], metadata["name"], metadata.get("namespace"), False)
        return self._do("PUT", path, value, by=by)

    def delete(self, kind: str, name: str, namespace: str | None = None) -> None:
        """Delete an object."""
        self._do("DELETE", self._at(kind, name, namespace, False))

    def _served(self, kind: str) -> Served:
        for served in self.machinery.served:
            if served.kind.name == kind and not served.converts:
                return served
        raise KeyError(kind)

    def _namespace(self, served: Served, given: str | None) -> str:
        if not served.kind.namespaced:
            return ""
        return given or ("metallb-system" if served.kind.custom else "default")

    def _at(self, kind: str, name: str, namespace: str | None, status: bool) -> str:
        served = self._served(kind)
        path = f"{_path(served, self._namespace(served, namespace))}/{name}"
        return f"{path}/status" if status else path

    def _do(
        self,
        method: str,
        path: str,
        value: Json | None = None,
        content_type: str = "application/json",
        by: str = "user",
        query: Sequence[tuple[str, str]] = (),
    ) -> Json:
        body = b"" if value is None else msgspec.json.encode(value)
        request = Request(method, path, [("fieldManager", by), *query], body, content_type)
        found = self.machinery.handle(request)
        if not isinstance(found, Answer):
            raise TypeError(path)
        decoded: Json = msgspec.json.decode(found.body)
        if found.status >= 300:
            raise ApiError(
                found.status,
                decoded.get("reason", ""),
                decoded.get("message", ""),
                decoded.get("details"),
            )
        return decoded


def _path(served: Served, namespace: str) -> str:
    root = f"/apis/{served.api_version}" if served.group else f"/api/{served.version}"
    within = f"/namespaces/{namespace}" if namespace else ""
    return f"{root}{within}/{served.kind.plural}"


def _key(namespace: str, name: str) -> str:
    return f"{namespace}/{name}" if namespace else name
