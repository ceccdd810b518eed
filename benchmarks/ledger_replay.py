"""Replaying a ledger from empty: read, decode and fold, in facts per second on one core.

Times are of the processor.  The yardstick reads the same rows with bare
sqlite3, parses each as JSON with the standard library, and does nothing with
them.
"""

from __future__ import annotations

import json
import sqlite3
import tempfile
from contextlib import closing
from pathlib import Path

from proclaim.checkpoint import encode, seal
from proclaim.ledger import replay
from proclaim.log import Event, MemoryLog
from proclaim.sqlite_log import SQLiteLog
from scenes import CODEC, decided, listing, seconds, settled, show

SERVICES = 10_000
LATER_LISTINGS = 8


def history() -> list[Event]:
    """A first listing, and then listings in which every tenth Service is different."""
    state, events = settled(SERVICES)
    for port in range(LATER_LISTINGS):
        first, other = listing(SERVICES), listing(SERVICES, port=8000 + port)
        mixed = tuple(
            new if at % 10 == port else old
            for at, (old, new) in enumerate(zip(first.resources, other.resources, strict=True))
        )
        state, stored = decided(state, type(first)("files", mixed))
        events += stored
    return events


def parse_all(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        for _, stored in connection.execute("SELECT topic, state FROM stored_events"):
            json.loads(stored)


def main() -> None:
    events = history()
    print(f"{len(events)} facts")
    memory = MemoryLog("me")
    memory.append(events)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "ledger.db"
        file = SQLiteLog(f"sqlite://{path}", "me", read_only=False)
        file.append(events)
        yardstick = seconds(lambda: parse_all(path))
        compared = "the time of reading and json.loads"
        show("bare sqlite3 and json.loads", f"{len(events) / yardstick:,.0f} facts/s")
        for name, log in (("SQLite log", file), ("memory log", memory)):
            took = seconds(lambda log=log: replay(log, CODEC, from_start=True))  # type: ignore[misc]
            show(
                f"replay of the {name}",
                f"{len(events) / took:,.0f} facts/s",
                took / yardstick,
                compared,
            )
        state = replay(file, CODEC)
        file.save_checkpoint(state.position, seal(encode(state, CODEC)))
        took = seconds(lambda: replay(file, CODEC))
        show("restart from a checkpoint", f"{took * 1000:.1f} ms", took / yardstick, compared)
        file.close()


if __name__ == "__main__":
    main()
