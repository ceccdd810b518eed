"""Appending facts, beside a bare insert of the same bytes in transactions of the same size.

The yardstick is the standard library's sqlite3: one table with the same
columns, the same pragmas (WAL, synchronous=FULL), one `executemany` for each
transaction.
"""

from __future__ import annotations

import sqlite3
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from itertools import count
from pathlib import Path

from proclaim.log import Event, EventLog, MemoryLog
from proclaim.sqlite_log import SQLiteLog
from scenes import settled, show

SIZES = (1, 10, 100, 1000)
ROUNDS = 5
_TABLE = (
    "CREATE TABLE events (id INTEGER PRIMARY KEY AUTOINCREMENT, writer TEXT NOT NULL,"
    " version INTEGER NOT NULL, topic TEXT NOT NULL, state BLOB NOT NULL,"
    " UNIQUE (writer, version))"
)
_INSERT = "INSERT INTO events (writer, version, topic, state) VALUES (?, ?, ?, ?)"


def batches(events: Sequence[Event], size: int) -> list[list[Event]]:
    enough = events[: min(len(events), size * 300 if size > 1 else 1000)]
    return [list(enough[at : at + size]) for at in range(0, len(enough), size)]


def through_log(log: EventLog, work: list[list[Event]]) -> float:
    started = time.perf_counter()
    for batch in work:
        log.append(batch)
    took = time.perf_counter() - started
    log.close()
    return took


def bare(path: Path, work: list[list[Event]]) -> float:
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute(_TABLE)
        version = count(1)
        started = time.perf_counter()
        for batch in work:
            connection.execute("BEGIN")
            connection.executemany(
                _INSERT, [("me", next(version), each.topic, each.stored) for each in batch]
            )
            connection.execute("COMMIT")
        return time.perf_counter() - started


def main() -> None:
    _, events = settled(20_000)
    size_of_one = statistics.mean(len(event.stored) for event in events)
    print(f"{len(events)} facts of {size_of_one:.0f} bytes on average")
    with tempfile.TemporaryDirectory() as folder:
        names = (Path(folder) / f"{at}.db" for at in count())
        ways: dict[str, Callable[[list[list[Event]]], float]] = {
            "bare sqlite3": lambda work: bare(next(names), work),
            "SQLite log": lambda work: through_log(
                SQLiteLog(f"sqlite://{next(names)}", "me", read_only=False), work
            ),
            "memory log": lambda work: through_log(MemoryLog("me"), work),
        }
        for size in SIZES:
            work = batches(events, size)
            facts = sum(map(len, work))
            rounds = [{name: way(work) for name, way in ways.items()} for _ in range(ROUNDS)]
            took = {name: statistics.median(each[name] for each in rounds) for name in ways}
            for name in ways:
                show(
                    f"{name}, {size} in a transaction",
                    f"{facts / took[name]:,.0f} facts/s",
                    took[name] / took["bare sqlite3"],
                    "the time of the bare insert",
                )


if __name__ == "__main__":
    main()
