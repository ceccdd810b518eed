"""One version of an object and the next: what may change, what counts, what is valid."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from apiserver import owners
from apiserver.errors import conflict, invalid, invalid_object, required
from apiserver.kinds import Kind
from apiserver.limits import check_metadata
from apiserver.patches import clone
from apiserver.requests import Target
from apiserver.store import Entry, Managers

Json = dict[str, Any]

_LABEL = re.compile(r"^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$")
_SUBDOMAIN = re.compile(r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$")
_LABEL_RULE = (
    "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and "
    "must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used "
    "for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')"
)
_SUBDOMAIN_RULE = (
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or "
    "'.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used "
    "for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"
)
_KEPT = (
    "name",
    "namespace",
    "generateName",
    "uid",
    "creationTimestamp",
    "generation",
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
)
"""What of the metadata no update changes."""
_WRITTEN_BY_SERVER: Json = {"managedFields": None, "resourceVersion": None}


def make_entry(key: str, namespace: str, value: Json, revision: int, managers: Managers) -> Entry:
    """A version of an object that says itself which it is; `value` is kept, not copied."""
    metadata = value["metadata"]
    metadata["resourceVersion"] = str(revision)
    metadata["managedFields"] = owners.as_managed_fields(managers)
    if namespace:
        metadata["namespace"] = namespace
    return Entry(key, namespace, value, revision, managers)


def renewed(entry: Entry, revision: int) -> Entry:
    """The same version of an object at another revision."""
    value = {**entry.value, "metadata": dict(entry.metadata)}
    return make_entry(entry.key, entry.namespace, value, revision, entry.managers)


def expect_current(target: Target, entry: Entry, metadata: Json) -> None:
    """Refuse what is meant for another object or for another version of it."""
    served = target.served
    uid, version = metadata.get("uid"), metadata.get("resourceVersion")
    if uid and uid != entry.metadata["uid"]:
        why = (
            f"Precondition failed: UID in precondition: {uid}, "
            f"UID in object meta: {entry.metadata['uid']}"
        )
        raise conflict(served.group, served.kind.plural, target.name, why)
    if version and version != str(entry.revision):
        raise conflict(served.group, served.kind.plural, target.name)


def keep_identity(entry: Entry, metadata: Json) -> None:
    """Give a candidate what of the metadata no update changes."""
    metadata.pop("managedFields", None)
    for name in _KEPT:
        metadata.pop(name, None)
        if name in entry.metadata:
            metadata[name] = entry.metadata[name]


def reset(target: Target, old: Json, new: Json) -> None:
    """Take back what may not be changed on this way: status, or all but status.

    Metadata may be changed through the status of a built-in kind, not of a custom one.
    """
    kind = target.served.kind
    if not kind.status:
        return
    if not target.subresource:
        _restore(old, new, ("status",))
        return
    _restore(old, new, [name for name in {**old, **new} if name not in ("status", "metadata")])
    if kind.custom and old:
        version = new["metadata"].get("resourceVersion")
        new["metadata"] = {**old["metadata"], "resourceVersion": version}
        del new["metadata"]["managedFields"]


def _restore(old: Json, new: Json, names: Iterable[str]) -> None:
    for name in names:
        new.pop(name, None)
        if name in old:
            new[name] = clone(old[name])


def count_generation(kind: Kind, old: Json, new: Json) -> None:
    """Make it a new generation, if what counts has changed."""
    if kind.generation is None:
        return
    names = kind.generation or [
        name for name in {**old, **new} if name not in ("metadata", "status")
    ]
    changed = any(old.get(name) != new.get(name) for name in names)
    if not kind.custom and not kind.generation:
        labels = [value["metadata"].get("labels") for value in (old, new)]
        changed = changed or labels[0] != labels[1]
    if changed:
        new["metadata"]["generation"] = old["metadata"].get("generation", 0) + 1


def check(target: Target, old: Json | None, value: Json) -> None:
    """Refuse an object that is invalid, with all that is wrong with it."""
    kind = target.served.kind
    name = value["metadata"].get("name", "")
    causes = []
    if not name:
        causes.append(required("metadata.name", "name or generateName is required"))
    elif old is None and kind.name_is_label and not _LABEL.match(name):
        causes.append(invalid("metadata.name", f'"{name}"', _LABEL_RULE))
    elif old is None and not kind.name_is_label and not _SUBDOMAIN.match(name):
        causes.append(invalid("metadata.name", f'"{name}"', _SUBDOMAIN_RULE))
    causes += check_metadata(value["metadata"])
    causes += kind.behaviour.check(old, value)
    if causes:
        raise invalid_object(target.served.group, kind.name, name, causes)


def same(old: Json, new: Json) -> bool:
    """Whether two versions differ in nothing but what the server writes itself."""
    before = {**old["metadata"], **_WRITTEN_BY_SERVER}
    after = {**new["metadata"], **_WRITTEN_BY_SERVER}
    return before == after and {**old, "metadata": None} == {**new, "metadata": None}
