"""What the server keeps: objects by kind, one counter of revisions, and a window of history.

Values are never changed once they are stored.  Each version of an object is
encoded once, however many lists and watches it appears in.
"""

from __future__ import annotations

import bisect
from collections import defaultdict, deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import msgspec

from apiserver.fields import Path
from apiserver.kinds import Kind, Served

Json = dict[str, Any]

_encode = msgspec.json.Encoder().encode


class Manager:
    """Who owns which fields."""

    __slots__ = ("api_version", "name", "operation", "owned", "subresource", "time", "tree")

    def __init__(
        self,
        name: str,
        operation: str,
        api_version: str,
        subresource: str,
        time: str,
        owned: frozenset[Path],
        tree: Json,
    ) -> None:
        self.name = name
        self.operation = operation
        self.api_version = api_version
        self.subresource = subresource
        self.time = time
        self.owned = owned
        self.tree = tree
        """The owned paths as `fieldsV1` has them."""

    @property
    def identity(self) -> tuple[str, str, str, str]:
        """What tells one entry from another; an applier is the same in every version."""
        version = "" if self.operation == "Apply" else self.api_version
        return (self.name, self.operation, version, self.subresource)


Managers = tuple[Manager, ...]


class Entry:
    """One version of an object."""

    __slots__ = ("_forms", "key", "managers", "namespace", "revision", "value")

    def __init__(
        self, key: str, namespace: str, value: Json, revision: int, managers: Managers
    ) -> None:
        self.key = key
        self.namespace = namespace
        self.value = value
        """Without apiVersion and kind, in the version that is stored."""
        self.revision = revision
        self.managers = managers
        self._forms: dict[str, bytes] = {}

    @property
    def metadata(self) -> Json:
        """Of the object."""
        found: Json = self.value["metadata"]
        return found

    def item(self, served: Served) -> bytes:
        """As an item of a list: a built-in one without its apiVersion and kind."""
        return self.full(served) if served.kind.custom else self._form(served)

    def full(self, served: Served) -> bytes:
        """As an answer or in an event."""
        return head(served) + self._form(served)[1:]

    def _form(self, served: Served) -> bytes:
        name = served.api_version
        found = self._forms.get(name)
        if found is None:
            found = self._forms[name] = _encode(served.from_storage(self.value))
        return found


def head(served: Served) -> bytes:
    """How an encoded object begins."""
    return b'{"kind":"%s","apiVersion":"%s",' % (
        served.kind.name.encode(),
        served.api_version.encode(),
    )


class Event:
    """A change of one object; `entry` is what it became, or how it was when it was deleted."""

    __slots__ = ("before", "entry", "revision", "type")

    def __init__(self, type_: str, entry: Entry, before: Entry | None) -> None:
        self.type = type_
        self.entry = entry
        self.before = before
        self.revision = entry.revision


@dataclass(frozen=True, slots=True)
class Copy:
    """A backup of a store."""

    revision: int
    entries: dict[str, dict[str, Entry]]
    """By the name of a table, each object by its key."""


Listener = Callable[[Event], None]


class Table:
    """The objects of one kind."""

    __slots__ = ("entries", "floor", "history", "keys", "kind", "listeners")

    def __init__(self, kind: Kind, floor: int) -> None:
        self.kind = kind
        self.entries: dict[str, Entry] = {}
        self.keys: list[str] = []
        """In order."""
        self.history: deque[Event] = deque()
        self.floor = floor
        """The revision up to which history is forgotten."""
        self.listeners: dict[int, Listener] = {}

    def snapshot(self, revision: int) -> tuple[list[str], dict[str, Entry]]:
        """The objects as they were at a revision that is not below the floor."""
        if not self.history or self.history[-1].revision <= revision:
            return self.keys, self.entries
        entries = dict(self.entries)
        for event in reversed(self.history):
            if event.revision <= revision:
                break
            if event.before is None:
                entries.pop(event.entry.key, None)
            else:
                entries[event.entry.key] = event.before
        return sorted(entries), entries

    def since(self, revision: int) -> list[Event]:
        """The changes after a revision that is not below the floor."""
        found: list[Event] = []
        for event in reversed(self.history):
            if event.revision <= revision:
                break
            found.append(event)
        return found[::-1]


def _name(kind: Kind) -> str:
    return f"{kind.plural}.{kind.group}"


class Store:
    """All tables and their revisions; `window` changes of each kind are remembered."""

    def __init__(self, window: int) -> None:
        self.revision = 1
        self._window = window
        self._floor = 0
        self._tables: dict[str, Table] = {}
        self._uids: set[str] = set()
        self._owned: defaultdict[str, set[tuple[str, str]]] = defaultdict(set)
        """By the uid of an owner: the names of tables and the keys in them."""

    def table(self, kind: Kind) -> Table:
        """The objects of a kind."""
        name = _name(kind)
        found = self._tables.get(name)
        if found is None:
            found = self._tables[name] = Table(kind, self._floor)
        return found

    def tick(self, count: int = 1) -> int:
        """Spend revisions; the last of them."""
        self.revision += count
        return self.revision

    def put(self, kind: Kind, entry: Entry) -> None:
        """Keep a new version of an object, at the revision that it was given."""
        table = self.table(kind)
        before = table.entries.get(entry.key)
        table.entries[entry.key] = entry
        if before is None:
            bisect.insort(table.keys, entry.key)
            self._uids.add(entry.metadata["uid"])
        for owner in entry.metadata.get("ownerReferences", ()):
            self._owned[owner["uid"]].add((_name(kind), entry.key))
        self._tell(table, Event("ADDED" if before is None else "MODIFIED", entry, before))

    def remove(self, kind: Kind, last: Entry) -> None:
        """Delete an object; `last` is how it is shown to those who watch."""
        table = self.table(kind)
        before = table.entries.pop(last.key)
        self._uids.discard(before.metadata["uid"])
        del table.keys[bisect.bisect_left(table.keys, last.key)]
        self._tell(table, Event("DELETED", last, before))

    def _tell(self, table: Table, event: Event) -> None:
        table.history.append(event)
        if len(table.history) > self._window:
            table.floor = table.history.popleft().revision
        for listener in list(table.listeners.values()):
            listener(event)

    def within(self, namespace: str) -> list[tuple[Kind, Entry]]:
        """All that is in a namespace."""
        return [
            (table.kind, entry)
            for table in self._tables.values()
            for entry in list(table.entries.values())
            if entry.namespace == namespace
        ]

    def orphans(self, uid: str) -> list[tuple[Kind, Entry]]:
        """All that was owned by what had this uid, and has no other owner."""
        found = []
        for name, key in sorted(self._owned.pop(uid, ())):
            table = self._tables[name]
            entry = table.entries.get(key)
            owners = entry.metadata.get("ownerReferences", ()) if entry else ()
            if entry and not any(owner["uid"] in self._uids for owner in owners):
                found.append((table.kind, entry))
        return found

    def copy(self) -> Copy:
        """All objects as they are now."""
        return Copy(
            self.revision, {name: dict(table.entries) for name, table in self._tables.items()}
        )

    def restore(self, copy: Copy) -> None:
        """Have the objects of a copy, as from a backup: without history, revisions go back."""
        self.revision = self._floor = copy.revision
        self._uids.clear()
        for name, table in self._tables.items():
            table.entries = dict(copy.entries.get(name, {}))
            table.keys = sorted(table.entries)
            table.history.clear()
            table.floor = copy.revision
            self._uids.update(entry.metadata["uid"] for entry in table.entries.values())

    def compact(self, revision: int | None = None) -> None:
        """Forget history up to a revision; all of it by default."""
        floor = self._floor = self.revision if revision is None else revision
        for table in self._tables.values():
            while table.history and table.history[0].revision <= floor:
                table.history.popleft()
            table.floor = max(table.floor, floor)
