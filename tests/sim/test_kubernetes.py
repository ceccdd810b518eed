"""Two controllers and three nodes over an API server that loses, delays, forgets and goes away.

Each seed draws its own world: which faults there are and how hard they hit,
what users do, and whether somebody else writes statuses.  While things go
wrong nothing bad may happen (`laws`); afterwards everything good must come
about (`truth`), and then nothing more is asked of the server.

A failure prints the command that shows it again.  To live through other
worlds, or more of them:

    PROCLAIM_SIM_FROM=1000 PROCLAIM_SIM_SEEDS=2000 .venv/bin/pytest tests/sim/test_kubernetes.py
"""

from __future__ import annotations

import os

import pytest
from proclaim.builtin import KINDS
from proclaim.codec import Codec
from proclaim.verify import verify

from sim.kubernetes.life import Life, live

FIRST = int(os.environ.get("PROCLAIM_SIM_FROM", "0"))
SEEDS = range(FIRST, FIRST + int(os.environ.get("PROCLAIM_SIM_SEEDS", "30")))


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
