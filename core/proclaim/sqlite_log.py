"""The log in an SQLite file: durable, one writer, readable by others beside it.

WAL mode with `synchronous=FULL`, so that what was acknowledged survives a
power cut.  The writer holds a lock on a file beside the database, in which it
says who it is; the kernel gives the lock up whenever and however the process
ends.
"""

from __future__ import annotations

import fcntl
import json
import os
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from stat import S_ISREG
from typing import Final
from urllib.parse import quote

from eventsourcing.persistence import PersistenceError, StoredEvent
from eventsourcing.sqlite import (
    SQLiteApplicationRecorder,
    SQLiteConnection,
    SQLiteConnectionPool,
    SQLiteDatastore,
)

from proclaim.errors import LedgerBusy, LedgerDamaged, LedgerError, NotFound
from proclaim.log import Event, Row, stream

TABLE: Final = "stored_events"
_MAGIC: Final = b"SQLite format 3\0"


class _Pool(SQLiteConnectionPool):
    """Connections that wait for the disk at each commit."""

    def _create_connection(self) -> SQLiteConnection:
        made = super()._create_connection()
        with made.cursor() as cursor:
            cursor.execute("PRAGMA synchronous=FULL")
        return made


class _Recorder(SQLiteApplicationRecorder):
    """The stock recorder, but positions are never issued twice.

    AUTOINCREMENT remembers the highest position even when the newest row is
    lost; the column must be named `rowid` for the stock queries.
    """

    def __init__(self, datastore: SQLiteDatastore) -> None:
        super().__init__(datastore, TABLE)
        self.insert_events_statement = (
            f"INSERT INTO {TABLE} (originator_id, originator_version, topic, state)"
            " VALUES (?,?,?,?)"
        )

    def construct_create_table_statements(self) -> list[str]:
        return [
            f"CREATE TABLE IF NOT EXISTS {TABLE} ("
            "rowid INTEGER PRIMARY KEY AUTOINCREMENT, originator_id TEXT NOT NULL,"
            " originator_version INTEGER NOT NULL, topic TEXT NOT NULL, state BLOB NOT NULL,"
            " UNIQUE (originator_id, originator_version))",
            "CREATE TABLE IF NOT EXISTS checkpoint (one INTEGER PRIMARY KEY CHECK (one = 1),"
            " position INTEGER NOT NULL, saved BLOB NOT NULL)",
        ]

    def insert_events(
        self, stored_events: Iterable[StoredEvent], **_: object
    ) -> Sequence[int] | None:
        """Take one event after the other, and give the interpreter lock up between them."""
        with self.datastore.transaction(commit=True) as cursor:
            cursor.executemany(
                self.insert_events_statement,
                ((e.originator_id, e.originator_version, e.topic, e.state) for e in stored_events),
            )
        return None  # one writer: positions follow from the head


class SQLiteLog:
    """A log in a file, opened by its one writer or by any number of readers."""

    blocking = True

    def __init__(self, url: str, writer: str, read_only: bool) -> None:
        """Open the file; a writer creates it and takes the lock.

        Raises NotFound when a reader's file does not exist, LedgerBusy when
        another process writes to it, LedgerError when it cannot be opened.
        """
        self.url = url
        self._path = path_of(url)
        self._writer = writer
        self._lock: int | None = None
        self._confined = False
        """Whether the disk had no room to open the file for writing, so that it is only read."""
        if not read_only:
            with self._named("cannot be opened"):
                self._find_nothing_else()
            self._lock = _take_lock(self._path, writer)
        try:
            with self._named("cannot be opened"):
                self._open(read_only)
        except BaseException:
            self._unlock()
            raise

    def _open(self, read_only: bool) -> None:
        if read_only:
            self._find()
        else:
            os.close(os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o640))
        try:
            self._connect(self._mode(read_only), read_only)
        except (PersistenceError, sqlite3.Error):
            # SQLite wants room beside the file even to read it.  What it holds is announced
            # all the same; whoever writes is refused until there is room.
            if read_only or _size(self._beside("-wal")) or not _size(self._path):
                raise
            self._connect("ro&immutable=1", read_only=True)
            self._confined = True

    def _connect(self, mode: str, read_only: bool) -> None:
        self._name = f"file:{quote(str(self._path))}?mode={mode}"
        tables = _tables(self._name)
        if TABLE not in tables and (read_only or tables):
            raise LedgerError(
                f"{self._path} is not a ledger", hint="--ledger names another file or URL"
            )
        self._datastore = SQLiteDatastore(self._name, originator_id_type="text")
        self._renew_connections()
        self._recorder = _Recorder(self._datastore)
        if not read_only:
            self._recorder.create_table()
            if lost := self._lost():
                raise LedgerDamaged(
                    f"the ledger {self._path}: {lost}",
                    hint="restore the file, or start with another ledger",
                )
        self._opened = self._identity()
        last = self._recorder.select_events(self._writer, desc=True, limit=1)
        self._version = last[0].originator_version if last else 0
        self._head = self._recorder.max_notification_id() or 0

    def _mode(self, read_only: bool) -> str:
        """How SQLite is to open it: without the files beside it, where none are nor can be."""
        if not read_only:
            return "rw"
        if self._beside("-wal").exists() or os.access(self._path.absolute().parent, os.W_OK):
            return "ro"
        return "ro&immutable=1"

    def _beside(self, suffix: str) -> Path:
        return self._path.with_name(self._path.name + suffix)

    def _find(self) -> None:
        """Tell what is not there, or not a file, from what cannot be read."""
        try:
            found = self._path.stat()
        except (FileNotFoundError, NotADirectoryError):
            raise NotFound(
                f"there is no ledger at {self._path}",
                hint="`proclaim run` or `proclaim apply` creates one; --ledger names another",
            ) from None
        if not S_ISREG(found.st_mode):
            raise LedgerError(f"the ledger {self._path} is not a file")

    def _find_nothing_else(self) -> None:
        """Refuse what is there and no database, before a lock is left beside it."""
        if not self._path.exists():
            return
        self._find()
        with self._path.open("rb") as file:
            begins = file.read(len(_MAGIC))
        if begins not in (b"", _MAGIC):
            raise LedgerError(
                f"the ledger {self._path} cannot be opened: file is not a database",
                hint="--ledger names another file or URL",
            )

    def _identity(self) -> tuple[int, int]:
        status = self._path.stat()
        return status.st_dev, status.st_ino

    def _stay_with_the_file(self) -> None:
        """Refuse to write into a file that nobody finds any more: what it took would be lost."""
        try:
            if self._identity() == self._opened:
                return
        except FileNotFoundError:
            raise LedgerError(f"the ledger {self._path} was moved away or deleted") from None
        raise LedgerError(f"the ledger {self._path} was replaced by another file")

    def _renew_connections(self) -> None:
        self._datastore.pool.close()
        self._datastore.pool = _Pool(db_name=self._name)

    def append(self, events: Sequence[Event]) -> int:
        with self._named("cannot be written"):
            self._stay_with_the_file()
            self._leave_confinement()
            try:
                self._recorder.insert_events(stream(self._writer, self._version, events))
            except BaseException:
                # A commit can succeed and still report an error: ask what is stored, on
                # another connection, as this one may be in a transaction still.
                self._renew_connections()
                if self.read(self._head, len(events) + 1) != self._as_rows(events):
                    raise
        self._version += len(events)
        self._head += len(events)
        return self._head

    def _leave_confinement(self) -> None:
        """Open the file for writing where it only could be read; raises while it cannot be."""
        if not self._confined:
            return
        datastore = self._datastore
        self._connect("rw", read_only=False)
        datastore.close()
        self._confined = False

    def _as_rows(self, events: Sequence[Event]) -> list[Row]:
        return [Row(at, *event) for at, event in enumerate(events, start=self._head + 1)]

    def read(self, after: int, limit: int) -> list[Row]:
        with self._named("cannot be read"), self._datastore.transaction(commit=False) as cursor:
            cursor.execute(
                f"SELECT rowid, topic, state FROM {TABLE} WHERE rowid > ? ORDER BY rowid LIMIT ?",
                (after, limit),
            )
            return [_row(*row) for row in cursor.fetchall()]

    def head(self) -> int:
        with self._named("cannot be read"):
            return self._recorder.max_notification_id() or 0

    def problems(self) -> list[str]:
        try:
            lost = self._lost()
            return [*self._quick_check(), *([lost] if lost else ())]
        except LedgerError as error:
            return [error.message]

    def _quick_check(self) -> list[str]:
        with self._named("cannot be read"), self._datastore.transaction(commit=False) as cursor:
            cursor.execute("PRAGMA quick_check(10)")
            found = [str(row[0]) for row in cursor.fetchall()]
        return [] if found == ["ok"] else found

    def _lost(self) -> str:
        """What is missing at the end, which nothing in the rows themselves tells."""
        with self._named("cannot be read"), self._datastore.transaction(commit=False) as cursor:
            cursor.execute(
                f"SELECT (SELECT seq FROM sqlite_sequence WHERE name = '{TABLE}'),"
                f" (SELECT MAX(rowid) FROM {TABLE})"
            )
            issued, head = (value or 0 for value in cursor.fetchone())
        if not isinstance(issued, int):
            return "how many positions were stored is not a number any more"
        if issued <= head:
            return ""
        if issued == head + 1:
            return f"position {issued} was stored once and is missing"
        return f"positions {head + 1} to {issued} were stored once and are missing"

    def save_checkpoint(self, position: int, saved: bytes) -> None:
        with (
            self._named("cannot keep a checkpoint"),
            self._datastore.transaction(commit=True) as cursor,
        ):
            cursor.execute("INSERT OR REPLACE INTO checkpoint VALUES (1, ?, ?)", (position, saved))

    def load_checkpoint(self) -> bytes | None:
        with (
            self._named("cannot read its checkpoint"),
            self._datastore.transaction(commit=False) as cursor,
        ):
            cursor.execute("SELECT saved FROM checkpoint")
            found = cursor.fetchone()
        return found[0] if found and isinstance(found[0], bytes) else None

    def close(self) -> None:
        self._datastore.close()
        self._unlock()

    def _unlock(self) -> None:
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    @contextmanager
    def _named(self, what: str) -> Iterator[None]:
        try:
            yield
        except (PersistenceError, sqlite3.Error, OSError, UnicodeDecodeError) as error:
            raise LedgerError(f"the ledger {self._path} {what}: {error}") from error


def _row(position: int, topic: object, stored: object) -> Row:
    """A row as it was read; SQLite keeps any type in any column.

    Raises LedgerDamaged where it is none that a log stored.
    """
    if not isinstance(topic, str) or not isinstance(stored, bytes):
        raise LedgerDamaged(f"position {position}: is stored with the types of another program")
    return Row(position, topic, stored)


def _tables(name: str) -> set[str]:
    """The names of the tables that a database has."""
    with closing(sqlite3.connect(name, uri=True, isolation_level=None)) as connection:
        found = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
        return {str(row[0]) for row in found}


def _size(path: Path) -> int:
    """The size of a file; 0 where there is none."""
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


def path_of(url: str) -> Path:
    """The file that an `sqlite:` URL names: `sqlite:///absolute` or `sqlite:relative`.

    Raises LedgerError when it names none.
    """
    rest = url.removeprefix("sqlite:")
    text = rest[2:] if rest.startswith("///") else rest
    if not text or text.startswith("//") or text.endswith("/") or not Path(text).name:
        raise LedgerError(
            f"{url} names no file",
            hint="write sqlite:///var/lib/proclaim/ledger.db, or sqlite:relative.db",
        )
    return Path(text)


def _take_lock(path: Path, writer: str) -> int:
    """Lock the file beside the database and write into it who holds it."""
    lock_path = path.with_name(path.name + ".lock")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
        lock = os.open(lock_path, flags, 0o640)
    except OSError as error:
        raise LedgerError(
            f"the ledger {path} cannot be opened: {error}",
            hint="--ledger sqlite:PATH names a place that you may write to",
        ) from None
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        owner = _owner(lock)
        os.close(lock)
        raise LedgerBusy(
            f"the ledger {path} is in use by {owner}",
            hint="end that process first, or give this one another ledger with --ledger",
        ) from None
    text = json.dumps({"pid": os.getpid(), "writer": writer})
    with suppress(OSError):  # the lock holds without it, and a full disk stops no announcements
        os.ftruncate(lock, 0)
        os.pwrite(lock, text.encode(), 0)
    return lock


def _owner(lock: int) -> str:
    try:
        said = json.loads(os.pread(lock, 4096, 0))
        return f"process {said['pid']} ({said['writer']})"
    except (ValueError, KeyError, TypeError):
        return "another process"
