"""Two controllers and three nodes over an API server that loses, delays, forgets and goes away.

Each seed draws its own world: which faults there are and how hard they hit,
what users do, and whether somebody else writes statuses.  While things go
wrong nothing bad may happen (`laws`); afterwards everything good must come
about (`truth`), and then nothing more is asked of the server.

A failure says how to see it again.  To live through other worlds, or more:

    PROCLAIM_SIM_FROM=1000 PROCLAIM_SIM_SEEDS=2000 .venv/bin/pytest tests/sim/test_kubernetes.py
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from proclaim.builtin import KINDS
from proclaim.codec import Codec
from proclaim.verify import verify

from sim.kubernetes.life import Life, live

FIRST = int(os.environ.get("PROCLAIM_SIM_FROM", "0"))
SEEDS = range(FIRST, FIRST + int(os.environ.get("PROCLAIM_SIM_SEEDS", "24")))
TESTS = Path(__file__).parents[1]

DIGEST = """
from hashlib import sha256
from sim.kubernetes.life import live

ledgers = [process.ledger_bytes() for process in live({seed}).cluster.everyone]
print(sha256(b"|".join(ledgers)).hexdigest(), sum(map(len, ledgers)))
"""


def lived(seed: int) -> Life:
    """Live through one world; who fails says how to see it again."""
    try:
        return live(seed)
    except BaseException as error:
        again = "pytest tests/sim/test_kubernetes.py -k heals"
        error.add_note(f"again: PROCLAIM_SIM_FROM={seed} PROCLAIM_SIM_SEEDS=1 .venv/bin/{again}")
        raise


@pytest.mark.slow
@pytest.mark.parametrize("seed", SEEDS)
def test_a_cluster_survives_its_faults_and_heals(seed: int) -> None:
    life = lived(seed)
    for process in life.cluster.everyone:
        assert verify(process.log, Codec(KINDS)).problems == ()


@pytest.mark.slow
@pytest.mark.parametrize("seed", [11, 24])
def test_the_same_seed_gives_the_same_bytes_in_every_ledger(seed: int) -> None:
    """Also where texts hash otherwise, as in every Python that is started."""
    one, other = (_digest(seed, hashes) for hashes in ("1", "2"))
    assert one == other
    assert int(one.split()[1]) > 10_000


def _digest(seed: int, hashes: str) -> str:
    environment = {**os.environ, "PYTHONHASHSEED": hashes, "PYTHONPATH": str(TESTS)}
    done = subprocess.run(
        [sys.executable, "-c", DIGEST.format(seed=seed)],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
        timeout=100,
    )
    return done.stdout
