"""One contract for every log; what only a file can do wrong is in test_sqlite_log."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from proclaim.log import Event, MemoryLog, rows
from proclaim.sqlite_log import SQLiteLog


class MemoryPlace:
    """Where a memory log is; opening it again finds what was there."""

    def __init__(self, _folder: Path) -> None:
        self._log = MemoryLog("me")

    def open(self):
        return self._log


class FilePlace:
    """Where a file log is."""

    def __init__(self, folder: Path) -> None:
        self._url = f"sqlite://{folder / 'ledger.db'}"

    def open(self):
        return SQLiteLog(self._url, "me", read_only=False)


@pytest.fixture(params=[MemoryPlace, FilePlace], ids=["memory", "sqlite"])
def place(request, tmp_path):
    return request.param(tmp_path)


def events(*texts: str) -> list[Event]:
    return [Event(f"{text}/1", text.encode()) for text in texts]


def test_a_new_log_is_empty(place) -> None:
    log = place.open()
    assert log.head() == 0
    assert log.read(0, 10) == []
    assert list(rows(log)) == []
    assert log.problems() == []
    log.close()


def test_positions_count_from_one_without_a_gap(place) -> None:
    log = place.open()
    assert log.append(events("a", "b")) == 2
    assert log.append(events("c")) == 3
    assert log.read(0, 10) == [(1, "a/1", b"a"), (2, "b/1", b"b"), (3, "c/1", b"c")]
    assert log.head() == 3
    log.close()


def test_reading_gives_pages_in_order(place) -> None:
    log = place.open()
    log.append(events(*"abcdefg"))
    assert [row.position for row in log.read(2, 3)] == [3, 4, 5]
    assert [row.position for row in log.read(5, 3)] == [6, 7]
    assert log.read(7, 3) == []
    assert log.read(700, 3) == []
    assert log.read(0, 0) == []
    log.close()


def test_rows_crosses_pages(place, monkeypatch) -> None:
    monkeypatch.setattr("proclaim.log.PAGE", 3)
    log = place.open()
    log.append(events(*"abcdef"))
    assert [row.position for row in rows(log)] == [1, 2, 3, 4, 5, 6]
    assert [row.position for row in rows(log, after=3)] == [4, 5, 6]
    log.close()


def test_what_was_appended_is_there_after_reopening(place) -> None:
    log = place.open()
    log.append(events("a", "b"))
    log.close()
    again = place.open()
    assert again.head() == 2
    assert again.append(events("c")) == 3
    assert [row.stored for row in rows(again)] == [b"a", b"b", b"c"]
    again.close()


def test_appending_nothing_changes_nothing(place) -> None:
    log = place.open()
    log.append(events("a"))
    assert log.append([]) == 1
    assert log.append(events("b")) == 2
    log.close()


def test_any_bytes_are_kept_as_they_are(place) -> None:
    log = place.open()
    kept = [b"", b"\0", bytes(range(256)), "größer".encode(), b"x" * 100_000]
    log.append([Event("größer/1", each) for each in kept])
    assert [(row.topic, row.stored) for row in rows(log)] == [("größer/1", each) for each in kept]
    log.close()


def test_a_checkpoint_is_kept_whole_or_not_at_all(place) -> None:
    log = place.open()
    assert log.load_checkpoint() is None
    log.save_checkpoint(3, b"first")
    log.save_checkpoint(5, b"\0second\xff")
    assert log.load_checkpoint() in (None, b"\0second\xff")
    assert log.head() == 0, "a checkpoint is no event"
    log.close()


@settings(max_examples=25)
@given(st.lists(st.lists(st.binary(max_size=20), max_size=4), max_size=5))
def test_every_log_keeps_the_same(batches) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        memory, file = MemoryLog("me"), FilePlace(Path(folder)).open()
        for batch in batches:
            appended = [Event("t/1", each) for each in batch]
            assert memory.append(appended) == file.append(appended)
        assert list(rows(memory)) == list(rows(file))
        file.close()
