"""Whether this process lives and is ready, as pure functions: a reason for each `no`.

A full disk is no reason to be restarted: what is announced goes on, and a
restart would end it.  So it makes a process unready and not dead.
"""

from __future__ import annotations

from collections.abc import Collection

from proclaim import Authority
from proclaim.reporting import Projection, State

from proclaim_metrics.client import is_loaded

STUCK_SECONDS = 60.0
"""An observation that is not taken for so long is never taken, unless the ledger is failing."""

STUCK = f"the ledger's writer has taken nothing for more than {STUCK_SECONDS:.0f} s"


def dead(stuck: bool) -> list[str]:
    """Why this process should be restarted; empty when it should not."""
    return [STUCK] if stuck else []


def unready(
    state: State, failing: str, projections: Collection[Projection | None], stuck: bool
) -> list[str]:
    """Why this process is of no use yet, or at present; empty when it is.

    A process that announces is ready with what it remembers, whether or not its
    sources can be reached.  One that only allocates needs to have heard them.
    """
    reasons = dead(stuck)
    if failing:
        reasons.append(f"the ledger cannot be written: {' '.join(failing.split())}")
    if any(projection is None for projection in projections):
        reasons.append("what to announce has not been worked out yet")
    withdrawn = _withdrawn(projections)
    if withdrawn:
        reasons.append(f"this node announces nothing for now: {withdrawn}")
    elif not is_loaded(state):
        reasons.append("no source has been heard, now or before")
    elif state.authority is Authority.ADOPT and not projections:
        reasons.append(
            "nothing is allocated: not every source has been heard yet, what they said cannot be "
            "judged, or it is not known who is elected"
        )
    return reasons


def _withdrawn(projections: Collection[Projection | None]) -> str:
    """Why the node of these projections announces nothing; empty when it does."""
    terrains = (each.terrain for each in projections if each is not None)
    return next((each.withdrawn[each.node] for each in terrains if each.node in each.withdrawn), "")
