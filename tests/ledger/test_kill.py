"""`kill -9` at any moment loses at most what was not acknowledged, and tears nothing.

PROCLAIM_KILLS sets how many times the process is killed (20 by default), and
PROCLAIM_KILL_SEED the seed, which a failure prints.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from itertools import groupby
from pathlib import Path
from random import Random

import pytest
from ledger import burst
from ledger.examples import CODEC
from proclaim.ledger import decode, replay, resume
from proclaim.log import EventLog, rows
from proclaim.model import Node
from proclaim.sqlite_log import SQLiteLog
from proclaim.verify import verify

KILLS = int(os.environ.get("PROCLAIM_KILLS", "20"))
SEED = int(os.environ.get("PROCLAIM_KILL_SEED", "20240229"))
TESTS = Path(__file__).resolve().parents[1]


def run_and_kill(url: str, seed: int, after_seconds: float) -> list[str]:
    """Kill a burst some time after it is ready; return what it said was acknowledged."""
    child = subprocess.Popen(
        [sys.executable, burst.__file__, url, str(seed)],
        env={**os.environ, "PYTHONPATH": str(TESTS)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    try:
        first = child.stdout.readline()
        assert first == b"ready\n", child.stderr.read().decode()
        time.sleep(after_seconds)
    finally:
        child.kill()
        said, wrong = child.communicate()
    assert wrong == b"", wrong.decode()
    return said.decode().splitlines()


def markers(log: EventLog) -> dict[str, list[int]]:
    """The numbers of each source's observations in the order stored."""
    found: dict[str, list[int]] = {}
    for row in rows(log):
        if row.topic == "NodeObserved/1":
            fact = decode(CODEC, [row])[0].fact
            at = int(dict(fact.resource.labels)["at"])
            found.setdefault(fact.source, []).append(at)
    return found


@pytest.mark.slow
def test_a_killed_process_loses_nothing_acknowledged_and_tears_nothing(tmp_path) -> None:
    url = f"sqlite://{tmp_path / 'ledger.db'}"
    random = Random(SEED)
    acknowledged: dict[str, int] = {}
    heads = []
    checkpoints = 0
    for kill in range(KILLS):
        said = run_and_kill(url, kill, random.uniform(0.001, 0.2))
        for line in said:
            source, at = line.split()
            assert int(at) > acknowledged.get(source, 0)
            acknowledged[source] = int(at)
        log = SQLiteLog(url, "checker", read_only=False)  # the next owner is let in at once
        heads.append(log.head())
        _check(log, acknowledged, f"kill {kill} of PROCLAIM_KILL_SEED={SEED}")
        checkpoints += resume(log, CODEC).position > 0
        log.close()
    assert heads == sorted(heads)
    assert checkpoints or KILLS < 10, "restarts began with checkpoints, and were the same"
    assert sum(acknowledged.values()) > KILLS, "the bursts did something"


def _check(log: EventLog, acknowledged: dict[str, int], when: str) -> None:
    verdict = verify(log, CODEC)
    assert verdict.problems == (), when
    for source, order in markers(log).items():
        assert order == list(range(1, len(order) + 1)), f"{when}: each once, in order"
        assert len(order) >= acknowledged.get(source, 0), f"{when}: all that was acknowledged"
        entry = verdict.state.get(Node(f"marker-{source}").ref)
        assert dict(entry.resource.labels)["at"] == str(len(order)), when
    assert replay(log, CODEC) == verdict.state, f"{when}: a restart begins with the same state"
    positions = [row.position for row in rows(log)]
    assert positions == list(range(1, len(positions) + 1)), when
    numbers = [item.transaction for item in decode(CODEC, list(rows(log)))]
    starts = [number for number, _ in groupby(numbers)]
    assert starts == sorted(set(starts)), f"{when}: a transaction is in one piece"
