"""`EventLog`: where stored events are kept, on the recorders of `eventsourcing`.

A log knows bytes and positions, and no fact.  It is used by one writer at a
time.  Its calls may block (`blocking`), and then belong in a thread; `ledger`
is the one who sees to that.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple, Protocol

from eventsourcing.persistence import StoredEvent
from eventsourcing.popo import POPOApplicationRecorder

PAGE = 2000
"""Events read at once: faster pages need more memory without being faster."""


class Row(NamedTuple):
    """A stored event with its place."""

    position: int
    topic: str
    stored: bytes


class Event(NamedTuple):
    """What is appended."""

    topic: str
    stored: bytes


class EventLog(Protocol):
    """An append-only log of events in one global order, written by one process."""

    url: str
    blocking: bool
    """Whether calls may wait for a disk or a server."""

    def append(self, events: Sequence[Event]) -> int:
        """Store events in one transaction, and return the position of the last.

        Raises LedgerError; then none of them is stored.
        """

    def read(self, after: int, limit: int) -> list[Row]:
        """The next events after a position, in order; fewer than `limit` at the end."""

    def head(self) -> int:
        """The newest position; 0 when there is none."""

    def problems(self) -> list[str]:
        """What the store itself finds wrong with what it keeps."""

    def save_checkpoint(self, position: int, saved: bytes) -> None:
        """Keep one checkpoint in place of the one before; a log may choose to keep none.

        Raises LedgerError; then the one before is kept.
        """

    def load_checkpoint(self) -> bytes | None:
        """The checkpoint that is kept, as it was saved; None when there is none."""

    def close(self) -> None:
        """Give up the log; another process may own it then."""


def rows(log: EventLog, after: int = 0) -> Iterator[Row]:
    """All events after a position, read page by page."""
    while True:
        page = log.read(after, PAGE)
        yield from page
        if len(page) < PAGE:
            return
        after = page[-1].position


class MemoryLog:
    """A log that lives as long as the process; for trials, tests and simulations."""

    blocking = False
    url = "memory:"

    def __init__(self, writer: str = "memory") -> None:
        self._recorder = POPOApplicationRecorder()
        self._writer = writer
        self._version = 0

    def append(self, events: Sequence[Event]) -> int:
        self._recorder.insert_events(list(stream(self._writer, self._version, events)))
        self._version += len(events)
        return self.head()

    def read(self, after: int, limit: int) -> list[Row]:
        if limit == 0:  # which the recorder takes for no limit
            return []
        found = self._recorder.select_notifications(after, limit, inclusive_of_start=False)
        return [Row(each.id, each.topic, each.state) for each in found]

    def head(self) -> int:
        return self._recorder.max_notification_id() or 0

    def problems(self) -> list[str]:
        return []

    def save_checkpoint(self, position: int, saved: bytes) -> None:
        """Nothing outlives the process, so there is nothing to begin again with."""

    def load_checkpoint(self) -> bytes | None:
        return None

    def close(self) -> None:
        """Nothing is held."""


def stream(writer: str, version: int, events: Sequence[Event]) -> Iterator[StoredEvent]:
    """Events as the next ones of a writer's stream, whose versions count from 1."""
    for at, event in enumerate(events, start=1):
        yield StoredEvent(writer, version + at, event.topic, event.stored)
