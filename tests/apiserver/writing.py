"""Create, update and patch."""

from __future__ import annotations

import random
import uuid
from collections.abc import Callable
from typing import Any

from apiserver import owners
from apiserver.bodies import json_body, object_body, read_object
from apiserver.deleting import Deleting
from apiserver.errors import (
    ApiError,
    already_exists,
    bad_request,
    invalid,
    invalid_object,
    not_found,
    required,
    unsupported_media_type,
)
from apiserver.fields import difference
from apiserver.kinds import Kind
from apiserver.patches import clone, json_patched, merged
from apiserver.requests import Answer, Request, Target
from apiserver.store import Entry, Manager, Managers, Store
from apiserver.versions import (
    check,
    count_generation,
    expect_current,
    keep_identity,
    make_entry,
    reset,
    same,
)

Json = dict[str, Any]

MERGE = "application/merge-patch+json"
JSON_PATCH = "application/json-patch+json"
APPLY = "application/apply-patch+yaml"

_SUFFIX = "bcdfghjklmnpqrstvwxz2456789"


class Writing:
    """Carries out what writes; `now` gives the time of day as meta/v1 writes it."""

    def __init__(
        self, store: Store, dice: random.Random, now: Callable[[], str], namespaces: Kind
    ) -> None:
        self._store = store
        self._dice = dice
        self._now = now
        self._namespaces = namespaces
        self.deleting = Deleting(store, now)

    # Create

    def create(self, request: Request, target: Target) -> Answer:
        """Make a new object."""
        value, warnings = read_object(target, object_body(request))
        entry = self._created(request, target, value, "Update")
        return Answer(201, entry.full(target.served), headers=warnings)

    def _created(self, request: Request, target: Target, value: Json, operation: str) -> Entry:
        served, kind = target.served, target.served.kind
        self._expect_namespace(target)
        self._identify(value["metadata"])
        if kind.status and kind.name != "Node":
            value.pop("status", None)
        applied = clone(value) if operation == "Apply" else value
        value = served.to_storage(value)
        kind.behaviour.default(value)
        writer = self._writer(request, target, operation)
        managers = _first_managers(target, value, applied, writer)
        kind.behaviour.create(value)
        if kind.generation is not None:
            value["metadata"]["generation"] = 1
        check(target, None, value)
        name = value["metadata"]["name"]
        key = target.key(name)
        if key in self._store.table(kind).entries:
            raise already_exists(served.group, kind.plural, name)
        before, after = kind.behaviour.cost(None, value)
        self._store.tick(before)
        entry = make_entry(key, target.namespace, value, self._store.tick(), managers)
        self._keep(request, kind, entry)
        self._store.tick(after)
        return entry

    def _expect_namespace(self, target: Target) -> None:
        known = self._store.table(self._namespaces).entries
        if target.namespace and target.namespace not in known:
            raise not_found("", "namespaces", target.namespace)

    def _identify(self, metadata: Json) -> None:
        if metadata.pop("resourceVersion", ""):
            why = "resourceVersion should not be set on objects to be created"
            raise ApiError(500, "InternalError", f"Internal error occurred: {why}")
        if not metadata.get("name") and metadata.get("generateName"):
            suffix = "".join(self._dice.choice(_SUFFIX) for _ in range(5))
            metadata["name"] = metadata["generateName"] + suffix
        metadata["uid"] = str(uuid.UUID(int=self._dice.getrandbits(128), version=4))
        metadata["creationTimestamp"] = self._now()

    # Update

    def replace(self, request: Request, target: Target) -> Answer:
        """Put another version in the place of an object."""
        value, warnings = read_object(target, object_body(request))
        served, kind = target.served, target.served.kind
        entry = self._store.table(kind).entries.get(target.key(target.name))
        if entry is None and kind.create_on_update and not target.subresource:
            made = self._created(request, target, value, "Update")
            return Answer(201, made.full(served), headers=warnings)
        if entry is None:
            raise not_found(served.group, kind.plural, target.name)
        if not value["metadata"].get("resourceVersion") and not kind.unconditional:
            cause = invalid("metadata.resourceVersion", "0", "must be specified for an update")
            raise invalid_object(served.group, kind.name, target.name, [cause])
        changed = self._updated(request, target, entry, value)
        return Answer(200, changed.full(served), headers=warnings)

    def patch(self, request: Request, target: Target) -> Answer:
        """Change an object in part, or apply what it should be."""
        served, kind = target.served, target.served.kind
        media = request.content_type.split(";")[0].strip()
        entry = self._store.table(kind).entries.get(target.key(target.name))
        if media == APPLY:
            return self._applied(request, target, entry)
        if media not in (MERGE, JSON_PATCH):
            raise unsupported_media_type((JSON_PATCH, MERGE, APPLY))
        change = json_body(request.body)
        if entry is None:
            raise not_found(served.group, kind.plural, target.name)
        live = {
            "apiVersion": served.api_version,
            "kind": kind.name,
            **served.from_storage(entry.value),
        }
        patched = merged(live, change) if media == MERGE else json_patched(live, change)
        value, warnings = read_object(target, clone(patched))
        changed = self._updated(request, target, entry, value)
        return Answer(200, changed.full(served), headers=warnings)

    def _applied(self, request: Request, target: Target, entry: Entry | None) -> Answer:
        served, kind = target.served, target.served.kind
        if not request.get("fieldManager"):
            cause = required("fieldManager", "is required for apply patch")
            raise invalid_object("meta.k8s.io", "PatchOptions", "", [cause])
        applied, warnings = read_object(target, object_body(request))
        if "managedFields" in applied["metadata"]:
            raise bad_request("metadata.managedFields must be nil")
        if entry is None and target.subresource:
            raise not_found(served.group, kind.plural, target.name)
        if entry is None:
            made = self._created(request, target, applied, "Apply")
            return Answer(201, made.full(served), headers=warnings)
        reset(target, {}, applied)
        writer = self._writer(request, target, "Apply")
        live = served.from_storage(entry.value)
        result, managers = owners.apply(
            live, entry.managers, applied, writer, kind.shape, request.flag("force")
        )
        changed = self._updated(request, target, entry, clone(result), managers)
        return Answer(200, changed.full(served), headers=warnings)

    def _updated(
        self,
        request: Request,
        target: Target,
        entry: Entry,
        value: Json,
        managers: Managers | None = None,
    ) -> Entry:
        """The version that a candidate becomes; the old one when nothing differs."""
        served, kind = target.served, target.served.kind
        expect_current(target, entry, value["metadata"])
        keep_identity(entry, value["metadata"])
        value = served.to_storage(value)
        kind.behaviour.default(value)
        reset(target, entry.value, value)
        if managers is None:
            old, new = served.from_storage(entry.value), served.from_storage(value)
            changed = difference(old, new, kind.shape)
            writer = self._writer(request, target, "Update")
            managers = owners.after_update(entry.managers, writer, changed)
        if not target.subresource:
            kind.behaviour.update(entry.value, value)
        count_generation(kind, entry.value, value)
        check(target, entry.value, value)
        if managers == entry.managers and same(entry.value, value):
            return entry
        return self._put(request, kind, entry, value, managers)

    def _put(
        self, request: Request, kind: Kind, entry: Entry, value: Json, managers: Managers
    ) -> Entry:
        metadata = value["metadata"]
        if "deletionTimestamp" in metadata and not metadata.get("finalizers"):
            last = make_entry(entry.key, entry.namespace, value, entry.revision, managers)
            if not request.get("dryRun"):
                self.deleting.remove(kind, last)
            return last
        before, after = kind.behaviour.cost(entry.value, value)
        self._store.tick(before)
        made = make_entry(entry.key, entry.namespace, value, self._store.tick(), managers)
        self._keep(request, kind, made)
        self._store.tick(after)
        return made

    # What all writes share

    def _writer(self, request: Request, target: Target, operation: str) -> Manager:
        return Manager(
            request.manager,
            operation,
            target.served.api_version,
            target.subresource,
            self._now(),
            frozenset(),
            {},
        )

    def _keep(self, request: Request, kind: Kind, entry: Entry) -> None:
        if not request.get("dryRun"):
            self._store.put(kind, entry)


def _first_managers(target: Target, value: Json, applied: Json, writer: Manager) -> Managers:
    served = target.served
    if writer.operation == "Apply":
        return owners.apply({}, (), applied, writer, served.kind.shape, force=True)[1]
    changed = difference(served.empty, served.from_storage(value), served.kind.shape)
    return owners.after_update((), writer, changed)
