"""A watch: the events of one kind that a selection of objects sees, as lines of JSON."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import msgspec

from apiserver.errors import ApiError
from apiserver.kinds import Served
from apiserver.selectors import Predicate
from apiserver.store import Entry, Event, head

Json = dict[str, Any]
INITIAL_EVENTS_END = "k8s.io/initial-events-end"


@dataclass(frozen=True, slots=True)
class Selection:
    """Which objects of a kind are meant."""

    served: Served
    namespace: str
    predicates: tuple[Predicate, ...]

    def has(self, entry: Entry) -> bool:
        """Whether an object is meant."""
        if self.namespace and entry.namespace != self.namespace:
            return False
        if not self.predicates:
            return True
        value = self.served.from_storage(entry.value)
        return all(predicate(value) for predicate in self.predicates)


def _line(type_: str, encoded: bytes) -> bytes:
    return b'{"type":"%s","object":%s}\n' % (type_.encode(), encoded)


class Watch:
    """Events as they come, from those after `revision`; pulled by `take`."""

    def __init__(
        self, selection: Selection, revision: int, bookmarks: bool, seconds: float
    ) -> None:
        self.seconds = seconds
        """After how long the server ends it."""
        self.bookmarks = bookmarks
        self.initial = False
        """Whether it began with a list, whose end is marked."""
        self.ended = False
        """Whether nothing follows what can be taken now."""
        self.broken = False
        """Whether its connection broke, rather than that it was ended in order."""
        self.wake: Callable[[], None] = lambda: None
        """Called when there is something to take."""
        self.close: Callable[[], None] = lambda: None
        """Called by whoever has had enough of it."""
        self._selection = selection
        self._began = self._seen = revision
        self._lines: list[bytes] = []

    @property
    def plural(self) -> str:
        """Of the resource that is watched."""
        return self._selection.served.kind.plural

    def take(self) -> bytes:
        """The lines that nobody has taken yet."""
        found = b"".join(self._lines)
        self._lines.clear()
        return found

    def begin(self, entries: Iterable[Entry]) -> None:
        """Show what is there first, as if it had been added just now."""
        served = self._selection.served
        self._lines += (_line("ADDED", entry.full(served)) for entry in entries)

    def offer(self, event: Event) -> None:
        """Show a change, if it is one of the selection and not seen before."""
        if event.revision <= self._seen or self.ended:
            return
        self._seen = event.revision
        line = self._seen_as(event)
        if line is not None:
            self._lines.append(line)
            self.wake()

    def _seen_as(self, event: Event) -> bytes | None:
        served, has = self._selection.served, self._selection.has
        entry, before = event.entry, event.before
        was = before is not None and has(before)
        if event.type == "DELETED":
            return _line("DELETED", entry.full(served)) if was else None
        if has(entry):
            return _line("MODIFIED" if was else "ADDED", entry.full(served))
        if was and before is not None:
            metadata = {**before.metadata, "resourceVersion": str(event.revision)}
            gone = Entry(
                before.key, before.namespace, {**before.value, "metadata": metadata}, 0, ()
            )
            return _line("DELETED", gone.full(served))
        return None

    def bookmark(self) -> None:
        """Say up to which revision everything has been shown.

        Nothing while no object of the kind has changed since the watch began:
        the cache knows of no later revision then.
        """
        if self._seen > self._began:
            self._mark({})

    def mark_initial(self) -> None:
        """Say that what was there at the beginning has been shown."""
        self.initial = True
        self._mark({"annotations": {INITIAL_EVENTS_END: "true"}})

    def _mark(self, more: Json) -> None:
        served = self._selection.served
        metadata: Json = {"resourceVersion": str(self._seen), **more}
        encoded = msgspec.json.encode({**served.empty, "metadata": metadata})
        self._lines.append(_line("BOOKMARK", head(served) + encoded[1:]))
        self.wake()

    def fail(self, error: ApiError) -> None:
        """Say what is wrong, and end."""
        self._lines.append(_line("ERROR", msgspec.json.encode(error.status())))
        self.end()

    def end(self) -> None:
        """End after what can be taken now."""
        self.ended = True
        self.wake()
