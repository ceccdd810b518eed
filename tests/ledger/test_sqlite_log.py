"""The log in a file: who may open it, what is told when it cannot be, and what a crash leaves."""

from __future__ import annotations

import errno
import os
import re
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import pytest
from proclaim.errors import LedgerBusy, LedgerDamaged, LedgerError, NotFound
from proclaim.log import Event, rows, stream
from proclaim.sqlite_log import SQLiteLog, path_of

ONE = [Event("t/1", b"one")]
TWO = [Event("t/1", b"two"), Event("t/1", b"three")]


@pytest.fixture
def path(tmp_path):
    return tmp_path / "ledger.db"


def writer(path: Path, name: str = "me") -> SQLiteLog:
    return SQLiteLog(f"sqlite://{path}", name, read_only=False)


def reader(path: Path) -> SQLiteLog:
    return SQLiteLog(f"sqlite://{path}", "reader", read_only=True)


def in_sql(path: Path, *statements: str) -> None:
    with closing(sqlite3.connect(path)) as connection:
        for statement in statements:
            connection.execute(statement)
        connection.commit()


# --- URLs ----------------------------------------------------------------------------------------


def test_urls_name_absolute_and_relative_files() -> None:
    assert path_of("sqlite:///var/lib/x.db") == Path("/var/lib/x.db")
    assert path_of("sqlite:x.db") == Path("x.db")
    assert path_of("sqlite:./a/x.db") == Path("a/x.db")
    assert path_of("sqlite:/x.db") == Path("/x.db")


@pytest.mark.parametrize(
    "url", ["sqlite:", "sqlite:.", "sqlite://", "sqlite:///", "sqlite://x", "sqlite:a/"]
)
def test_urls_that_name_no_file_are_refused_with_a_hint(url) -> None:
    with pytest.raises(LedgerError, match=re.escape(f"{url} names no file")) as caught:
        path_of(url)
    assert "sqlite:" in caught.value.hint


def test_a_name_that_looks_like_a_query_is_a_name(tmp_path) -> None:
    odd = tmp_path / "we ird%20?mode=memory&cache=shared#x.db"
    log = writer(odd)
    log.append(ONE)
    log.close()
    assert odd.exists()
    again = reader(odd)
    assert again.head() == 1
    again.close()


def test_missing_folders_are_made_for_a_writer(tmp_path) -> None:
    log = writer(tmp_path / "a" / "b" / "ledger.db")
    assert log.append(ONE) == 1
    log.close()


# --- the disk's word -----------------------------------------------------------------------------


def test_every_connection_waits_for_the_disk(path) -> None:
    log = writer(path)
    with log._datastore.transaction(commit=False) as cursor:  # noqa: SLF001 - nothing else shows it
        cursor.execute("PRAGMA synchronous")
        assert cursor.fetchone()[0] == 2
        cursor.execute("PRAGMA journal_mode")
        assert cursor.fetchone()[0] == "wal"
    log.close()


# --- one writer ----------------------------------------------------------------------------------


def test_a_second_writer_is_refused_at_once_and_told_who_owns_it(path) -> None:
    log = writer(path, "node-a")
    started = time.monotonic()
    with pytest.raises(LedgerBusy, match=rf"in use by process {os.getpid()} \(node-a\)") as caught:
        writer(path, "node-b")
    assert time.monotonic() - started < 1
    assert "--ledger" in caught.value.hint
    assert log.append(ONE) == 1, "the first is not disturbed"
    log.close()
    writer(path, "node-b").close()


@pytest.mark.parametrize("text", ["", "junk", "[]", "{}", '{"pid": 1}', "\0"])
def test_an_unreadable_owner_is_another_process(path, text) -> None:
    log = writer(path)
    Path(f"{path}.lock").write_text(text)
    with pytest.raises(LedgerBusy, match="in use by another process"):
        writer(path)
    log.close()


_HOLD = """
import sys
from proclaim.log import Event
from proclaim.sqlite_log import SQLiteLog
log = SQLiteLog(sys.argv[1], "first", read_only=False)
log.append([Event("t/1", b"one")])
print("open", flush=True)
sys.stdin.read()
"""


@pytest.mark.slow
def test_a_writer_that_was_killed_leaves_the_ledger_to_the_next(path) -> None:
    first = subprocess.Popen(
        [sys.executable, "-c", _HOLD, f"sqlite://{path}"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    try:
        assert first.stdout.readline() == b"open\n"
        started = time.monotonic()
        with pytest.raises(LedgerBusy, match=rf"process {first.pid} \(first\)"):
            writer(path)
        assert time.monotonic() - started < 1
    finally:
        first.kill()
        first.communicate()
    log = writer(path)
    assert log.append(ONE) == 2
    log.close()


# --- readers -------------------------------------------------------------------------------------


def test_readers_see_what_is_stored_beside_a_writer(path) -> None:
    log = writer(path)
    log.append(ONE)
    one, other = reader(path), reader(path)
    assert one.head() == other.head() == 1
    log.append(TWO)
    assert [row.stored for row in rows(one)] == [b"one", b"two", b"three"]
    assert [row.stored for row in rows(other, after=1)] == [b"two", b"three"]
    for each in (one, other, log):
        each.close()


def test_a_reader_cannot_append(path) -> None:
    writer(path).close()
    log = reader(path)
    with pytest.raises(LedgerError, match="cannot be written"):
        log.append(ONE)
    log.close()


def test_a_reader_creates_nothing(tmp_path) -> None:
    for missing in (tmp_path / "none.db", tmp_path / "none" / "none.db", tmp_path / "x.db" / "y"):
        with pytest.raises(NotFound, match=f"there is no ledger at {missing}") as caught:
            reader(missing)
        assert "--ledger" in caught.value.hint
    assert list(tmp_path.iterdir()) == []


# --- what is no ledger ---------------------------------------------------------------------------


def test_junk_is_no_ledger_for_anyone_and_stays_as_it_is(path) -> None:
    path.write_bytes(b"junk" * 3000)
    for open_it in (reader, writer):
        with pytest.raises(LedgerError, match="cannot be opened: file is not a database"):
            open_it(path)
    assert path.read_bytes() == b"junk" * 3000


def test_another_programs_database_is_no_ledger_and_stays_as_it_is(path) -> None:
    in_sql(path, "CREATE TABLE theirs (a)")
    before = path.read_bytes()
    for open_it in (reader, writer):
        with pytest.raises(LedgerError, match="is not a ledger"):
            open_it(path)
    assert path.read_bytes() == before


def test_an_empty_file_is_a_ledger_for_a_writer_only(path) -> None:
    path.touch()
    with pytest.raises(LedgerError, match="is not a ledger"):
        reader(path)
    log = writer(path)
    assert log.append(ONE) == 1
    log.close()


def test_a_folder_is_no_ledger(tmp_path) -> None:
    with pytest.raises(LedgerError, match="is not a file"):
        reader(tmp_path)
    inner = tmp_path / "inner"
    inner.mkdir()
    with pytest.raises(LedgerError, match="is not a file"):
        writer(inner)


_AS_NOBODY = """
import os, sys
from proclaim.errors import LedgerError
from proclaim.sqlite_log import SQLiteLog
os.setgroups([]); os.setgid(65534); os.setuid(65534)
try:
    SQLiteLog(sys.argv[1], "x", read_only=sys.argv[2] == "reader")
except LedgerError as error:
    print(error.message)
"""


@pytest.mark.slow
@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become someone else")
@pytest.mark.parametrize("who", ["reader", "writer"])
def test_what_may_not_be_opened_is_one_clear_error(tmp_path, who) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    writer(closed / "ledger.db").close()
    said = subprocess.run(
        [sys.executable, "-c", _AS_NOBODY, f"sqlite://{closed / 'ledger.db'}", who],
        capture_output=True,
        text=True,
        check=True,
    )
    assert "ledger.db cannot be opened: " in said.stdout
    assert "Permission denied" in said.stdout
    assert said.stderr == ""


def test_a_lock_that_is_a_link_is_not_followed(path, tmp_path) -> None:
    target = tmp_path / "target"
    target.write_text("precious")
    Path(f"{path}.lock").symlink_to(target)
    with pytest.raises(LedgerError, match="cannot be opened"):
        writer(path)
    assert target.read_text() == "precious"


# --- what a crash, a failing disk or a hand in the file leaves -----------------------------------


def test_a_position_is_never_issued_twice(path) -> None:
    log = writer(path)
    log.append([*ONE, *TWO])
    log.close()
    in_sql(path, "DELETE FROM stored_events WHERE rowid = 3")
    log = reader(path)
    assert log.problems() == ["position 3 was stored once and is missing"]
    log.close()
    with pytest.raises(LedgerDamaged, match="position 3 was stored once and is missing"):
        writer(path)
    in_sql(
        path,
        "INSERT INTO stored_events (originator_id, originator_version, topic, state)"
        " VALUES ('me', 3, 't/1', x'00')",
    )
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT MAX(rowid) FROM stored_events").fetchone() == (4,)


def test_a_page_that_was_written_over_is_found(path) -> None:
    log = writer(path)
    log.append([Event("t/1", bytes(3000)) for _ in range(50)])
    log.close()
    size = path.stat().st_size
    with path.open("r+b") as file:
        file.seek(size // 2)
        file.write(b"\xff" * 4096)
    log = reader(path)
    assert log.problems() != []
    log.close()


class Refusing:
    """A recorder's stand-in that fails once, before or after storing."""

    def __init__(self, recorder, error: BaseException, stores: bool) -> None:
        self._recorder = recorder
        self._error: BaseException | None = error
        self._stores = stores

    def insert_events(self, events):
        error, self._error = self._error, None
        if error is None:
            return self._recorder.insert_events(events)
        if self._stores:
            self._recorder.insert_events(events)
        raise error

    def __getattr__(self, name):
        return getattr(self._recorder, name)


DISK = sqlite3.OperationalError("disk I/O error")


def break_once(log: SQLiteLog, error: BaseException, stores: bool) -> None:
    log._recorder = Refusing(log._recorder, error, stores)  # noqa: SLF001 - disks fail inside


def test_a_failed_append_stores_nothing_and_the_next_one_works(path) -> None:
    log = writer(path)
    log.append(ONE)
    break_once(log, DISK, stores=False)
    with pytest.raises(LedgerError, match=r"ledger\.db cannot be written: disk I/O error"):
        log.append(TWO)
    assert log.head() == 1
    assert log.append(TWO) == 3
    assert [row.stored for row in rows(log)] == [b"one", b"two", b"three"]
    log.close()


def test_a_commit_that_reports_an_error_and_is_stored_is_stored_once(path) -> None:
    log = writer(path)
    log.append(ONE)
    break_once(log, DISK, stores=True)
    assert log.append(TWO) == 3
    assert log.append(ONE) == 4
    assert [row.stored for row in rows(log)] == [b"one", b"two", b"three", b"one"]
    log.close()


def test_a_retry_of_what_was_stored_unnoticed_is_stored_once(path) -> None:
    log = writer(path)
    log._recorder.insert_events(  # noqa: SLF001 - as if the answer of the commit had been lost
        stream("me", 0, TWO)
    )
    assert log.append(TWO) == 2
    assert [row.stored for row in rows(log)] == [b"two", b"three"]
    log.close()


def test_a_transaction_left_open_by_a_failure_does_not_stay_open(path) -> None:
    log = writer(path)
    with log._datastore.get_connection(commit=True) as connection:  # noqa: SLF001 - as after a
        connection.cursor().execute("BEGIN")  # commit that failed and was not rolled back
    with pytest.raises(LedgerError):
        log.append(ONE)
    assert log.append(ONE) == 1
    log.close()


_FULL = """
import os, sys
from proclaim.errors import LedgerError
from proclaim.log import Event
from proclaim.sqlite_log import SQLiteLog
folder = sys.argv[1]
log = SQLiteLog(f"sqlite://{folder}/ledger.db", "me", read_only=False)
ballast = os.open(f"{folder}/ballast", os.O_WRONLY | os.O_CREAT)
stored = refused = 0
while refused < 3:
    try:
        head = log.append([Event("t/1", bytes(20000)), Event("t/1", b"end")])
        stored += 2
        assert head == stored
        if stored == 10:
            try:
                while os.write(ballast, bytes(65536)):
                    pass
            except OSError:
                pass
    except LedgerError as error:
        refused += 1
        assert "cannot be written" in str(error), error
        assert log.head() == stored
os.truncate(f"{folder}/ballast", 0)
assert log.append([Event("t/1", b"again")]) == stored + 1
assert log.problems() == []
log.close()
print(stored)
"""


@pytest.mark.slow
@pytest.mark.skipif(os.geteuid() != 0, reason="a small file system needs root")
def test_a_full_disk_refuses_whole_transactions_and_recovers_by_itself(tmp_path) -> None:
    """In a mount namespace of its own, so nothing is left of the file system."""
    said = subprocess.run(
        [
            *("unshare", "--mount", "--propagation", "private", "sh", "-c"),
            'mount -t tmpfs -o size=1m none "$1" && exec "$2" -c "$3" "$1"',
            *("sh", str(tmp_path), sys.executable, _FULL),
        ],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    if "permission denied" in said.stderr.lower() and "mount" in said.stderr:
        pytest.skip("file systems cannot be mounted here")
    assert said.stderr == ""
    assert int(said.stdout) >= 10


@pytest.mark.parametrize("value", ["state = CAST(state AS TEXT)", "state = 5", "topic = x'00ff'"])
def test_a_fact_stored_with_another_type_is_named_by_its_position(path, value) -> None:
    with closing(writer(path)) as log:
        log.append(ONE)
        log.append(TWO)
    in_sql(path, f"UPDATE stored_events SET {value} WHERE rowid = 2")
    with closing(reader(path)) as log, pytest.raises(LedgerDamaged, match="position 2: is stored"):
        log.read(0, 10)


@pytest.mark.parametrize("value", ["'text'", "5"])
def test_a_checkpoint_of_another_type_is_none(path, value) -> None:
    with closing(writer(path)) as log:
        log.save_checkpoint(1, b"saved")
    in_sql(path, f"UPDATE checkpoint SET saved = {value}")
    with closing(reader(path)) as log:
        assert log.load_checkpoint() is None


def test_a_count_of_positions_that_is_no_number_is_a_problem(path) -> None:
    with closing(writer(path)) as log:
        log.append(ONE)
    in_sql(path, "UPDATE sqlite_sequence SET seq = 'x'")
    with closing(reader(path)) as log:
        assert log.problems() == ["how many positions were stored is not a number any more"]
    with pytest.raises(LedgerDamaged, match="not a number"):
        writer(path)


def test_no_lock_is_left_beside_what_is_no_ledger(tmp_path) -> None:
    (tmp_path / "passwd").write_text("root:x:0:0")
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")
    for name in ("passwd", "folder", "pipe"):
        with pytest.raises(LedgerError, match="not a"):
            writer(tmp_path / name)
    assert not list(tmp_path.glob("*.lock"))


def test_a_disk_too_full_to_say_who_holds_the_lock_is_no_plugins_fault(path, monkeypatch) -> None:
    def full(*_: object) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("proclaim.sqlite_log.os.pwrite", full)
    with closing(writer(path)), pytest.raises(LedgerBusy, match="another process"):
        writer(path)


def test_a_ledger_on_a_disk_that_nobody_may_write_to_is_read(path, monkeypatch) -> None:
    with closing(writer(path)) as log:
        log.append(ONE)
    monkeypatch.setattr("proclaim.sqlite_log.os.access", lambda *_: False)
    with closing(reader(path)) as log:
        assert len(log.read(0, 10)) == 1
        assert not path.with_name(f"{path.name}-shm").exists()
        assert log.problems() == []


def test_nothing_is_stored_in_a_file_that_was_moved_replaced_or_deleted(path) -> None:
    with closing(writer(path)) as log:
        log.append(ONE)
        path.rename(path.with_name("away"))
        with pytest.raises(LedgerError, match="moved away or deleted"):
            log.append(TWO)
        path.write_bytes(b"")
        with pytest.raises(LedgerError, match="replaced by another file"):
            log.append(TWO)
        path.with_name("away").replace(path)
        assert log.append(TWO) == 3


def test_text_that_is_no_text_is_the_ledgers_fault_and_nobody_elses(tmp_path: Path) -> None:
    url = f"sqlite:{tmp_path}/l.db"
    log = SQLiteLog(url, "n1", read_only=False)
    log.append([Event("A/1", b"{}")])
    log.close()
    with sqlite3.connect(tmp_path / "l.db") as damaged:
        damaged.execute("UPDATE stored_events SET topic = CAST(x'ff' AS TEXT)")
    damaged.close()
    with pytest.raises(LedgerError):
        SQLiteLog(url, "n1", read_only=False)
