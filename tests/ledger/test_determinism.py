"""The same facts are the same state: in every process, order of hashes, zone and language."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from ledger.examples import CODEC, EXAMPLES
from ledger.worlds import GROUND, pool, record, service
from proclaim.checkpoint import digest
from proclaim.ledger import replay
from proclaim.log import Event, EventLog, MemoryLog, rows
from proclaim.model import Authority, Authorized, Change, Listing, Sourced, service_ref
from proclaim.sqlite_log import SQLiteLog
from proclaim.state import State
from proclaim.verify import verify

TESTS = Path(__file__).resolve().parents[1]

_SAY_DIGESTS = """
import locale, sys
locale.setlocale(locale.LC_ALL, "")
from ledger.examples import CODEC
from ledger.test_determinism import decide_anew
from proclaim.checkpoint import digest
from proclaim.ledger import replay
from proclaim.model import Spread
from proclaim.project import project
from proclaim.sqlite_log import SQLiteLog
log = SQLiteLog(sys.argv[1], "reader", read_only=True)
state = replay(log, CODEC, from_start=True)
print(digest(state, CODEC))
print(decide_anew())
print([sorted(project(state, "n1", spread).announcements.items()) for spread in Spread])
log.close()
"""


def live(log: EventLog) -> State:
    """A history with pools, dual stack, requests, refusals, sharing names and changes of mind."""
    state = record(log, State(), Authorized(Authority.ADOPT))
    everything = [Sourced(each, "/ground.yaml") for each in GROUND]
    everything += [pool("198.51.100.0/30", "q"), pool("2001:db8::/126", "six")]
    everything += [service(f"s{at}") for at in range(12)]
    everything += [service(f"d{at}", ip_family_policy="PreferDualStack") for at in range(3)]
    everything += [service("wants", requested_addresses=("198.51.100.2",)), service("größer")]
    state = record(log, state, Listing("files", tuple(everything)))
    state = record(log, state, Authorized(Authority.ALLOCATE))
    state = record(log, state, Change("files", (), (service_ref("default", "s3"),)))
    state = record(log, state, Change("files", (pool("198.51.100.0/31", "q"),)))
    return record(log, state, Listing("k8s", (service("s1"), service("other"))))


def decide_anew() -> str:
    """The digest of what deciding gives here."""
    return digest(live(MemoryLog()), CODEC)


@pytest.mark.slow
def test_every_process_replays_and_decides_the_same(tmp_path) -> None:
    url = f"sqlite://{tmp_path / 'ledger.db'}"
    log = SQLiteLog(url, "me", read_only=False)
    state = live(log)
    log.close()
    assert len(state.holdings) > 6
    assert state.refusals
    said = set()
    for seed, zone, language in (
        ("0", "UTC", "C"),
        ("1", "Asia/Kathmandu", "C.UTF-8"),
        ("77", "America/Caracas", "POSIX"),
        ("4294967295", "Pacific/Chatham", "C"),
    ):
        environment = {
            **os.environ,
            "PYTHONHASHSEED": seed,
            "TZ": zone,
            "LC_ALL": language,
            "PYTHONPATH": str(TESTS),
        }
        run = subprocess.run(
            [sys.executable, "-c", _SAY_DIGESTS, url],
            env=environment,
            capture_output=True,
            check=False,
        )
        assert run.stderr.decode() == ""
        said.add(run.stdout)
    assert len(said) == 1
    lines = said.pop().decode().splitlines()
    assert lines[0] == lines[1] == digest(state, CODEC)


def test_the_same_history_in_memory_and_in_a_file_is_the_same_bytes(tmp_path) -> None:
    memory, file = MemoryLog(), SQLiteLog(f"sqlite://{tmp_path / 'x.db'}", "me", read_only=False)
    assert live(memory) == live(file)
    assert list(rows(memory)) == list(rows(file))
    assert verify(memory, CODEC).problems == verify(file, CODEC).problems == ()
    assert replay(memory, CODEC) == replay(file, CODEC)
    file.close()


def test_any_legal_fact_can_be_folded_after_any_other() -> None:
    """Facts that were stored are never refused, whatever rules decided them."""
    log = MemoryLog()
    kept = [fact for fact in EXAMPLES if type(fact).__name__ != "AddressReleased"]
    for at, fact in enumerate(kept, start=1):
        log.append([Event(*CODEC.encode(fact, 1.5, at))])
    assert replay(log, CODEC).position == len(kept)
