"""A ledger that was closed in good order, on a disk that is full by the next start."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

_SCRIPT = """
import os, sys
from proclaim.errors import LedgerError
from proclaim.log import Event
from proclaim.sqlite_log import SQLiteLog

folder = sys.argv[1]
url = f"sqlite://{folder}/ledger.db"
log = SQLiteLog(url, "w", read_only=False)
log.append([Event("t/1", b"before")])
log.close()
ballast = os.open(f"{folder}/ballast", os.O_WRONLY | os.O_CREAT)
try:
    while os.write(ballast, b"x" * 4096):
        pass
except OSError:
    pass
log = SQLiteLog(url, "w", read_only=False)
assert [row.stored for row in log.read(0, 10)] == [b"before"]
assert log.head() == 1
try:
    log.append([Event("t/1", b"too much")])
except LedgerError as error:
    print(error.message)
try:
    SQLiteLog(url, "other", read_only=False)
except LedgerError as error:
    print(type(error).__name__)
os.truncate(f"{folder}/ballast", 0)
assert log.append([Event("t/1", b"after")]) == 2
assert log.append([Event("t/1", b"again")]) == 3
assert log.problems() == []
log.close()
log = SQLiteLog(url, "w", read_only=False)
assert [row.stored for row in log.read(0, 10)] == [b"before", b"after", b"again"]
log.close()
"""


@pytest.mark.slow
@pytest.mark.skipif(os.geteuid() != 0, reason="a small file system needs root")
def test_what_is_stored_is_read_and_written_on_when_there_is_room(tmp_path) -> None:
    """In a mount namespace of its own, so nothing is left of the file system."""
    said = subprocess.run(
        [
            *("unshare", "--mount", "--propagation", "private", "sh", "-c"),
            'mount -t tmpfs -o size=1m none "$1" && exec "$2" -c "$3" "$1"',
            *("sh", str(tmp_path), sys.executable, _SCRIPT),
        ],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    if "permission denied" in said.stderr.lower() and "mount" in said.stderr:
        pytest.skip("file systems cannot be mounted here")
    assert said.stderr == ""
    refused, busy = said.stdout.splitlines()
    assert "cannot be written" in refused
    assert busy == "LedgerBusy"
