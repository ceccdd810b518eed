"""Delete, and what goes with what is deleted."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from apiserver.bodies import json_body
from apiserver.errors import not_found
from apiserver.kinds import Kind
from apiserver.patches import clone
from apiserver.requests import Answer, Request, Target, answer
from apiserver.store import Entry, Store
from apiserver.versions import expect_current, make_entry, renewed

Json = dict[str, Any]


class Deleting:
    """Carries out deletions; `now` gives the time of day as meta/v1 writes it.

    What is in a deleted namespace, and what has lost its last owner, goes at
    once: that is the work of controllers in a cluster, and takes a while there.
    """

    def __init__(self, store: Store, now: Callable[[], str]) -> None:
        self._store = store
        self._now = now

    def delete(self, request: Request, target: Target) -> Answer:
        """Delete an object, or mark it so while finalizers hold it."""
        served, kind = target.served, target.served.kind
        entry = self._store.table(kind).entries.get(target.key(target.name))
        if entry is None:
            raise not_found(served.group, kind.plural, target.name)
        options = json_body(request.body) if request.body else {}
        expect_current(target, entry, options.get("preconditions") or {})
        if entry.metadata.get("finalizers"):
            return Answer(200, self._marked(request, kind, entry).full(served))
        if not request.get("dryRun"):
            self.remove(kind, entry)
        if kind.answers_deleted:
            return Answer(200, entry.full(served))
        details: Json = {"name": target.name, "kind": kind.plural, "uid": entry.metadata["uid"]}
        if served.group:
            details["group"] = served.group
        return answer(
            {
                "kind": "Status",
                "apiVersion": "v1",
                "metadata": {},
                "status": "Success",
                "details": details,
            }
        )

    def _marked(self, request: Request, kind: Kind, entry: Entry) -> Entry:
        if "deletionTimestamp" in entry.metadata:
            return entry
        value = clone(entry.value)
        metadata = value["metadata"]
        metadata["deletionTimestamp"] = self._now()
        metadata["deletionGracePeriodSeconds"] = 0
        if "generation" in metadata:
            metadata["generation"] += 1
        revision = self._store.tick()
        made = make_entry(entry.key, entry.namespace, value, revision, entry.managers)
        if not request.get("dryRun"):
            self._store.put(kind, made)
        return made

    def remove(self, kind: Kind, last: Entry) -> None:
        """Delete an object; who watches sees it with the revision of its deletion."""
        self._store.remove(kind, renewed(last, self._store.tick()))
        self._store.tick(kind.behaviour.cost(last.value, None)[1])
        if kind.plural == "namespaces":
            for inner, entry in self._store.within(last.metadata["name"]):
                self.remove(inner, entry)
        for inner, entry in self._store.orphans(last.metadata["uid"]):
            self.remove(inner, entry)
