"""The task that hands a `Tally` what is recorded."""

from __future__ import annotations

import trio
from proclaim.reporting import View

from proclaim_metrics.counting import Tally

_AT_ONCE = 256
"""Facts counted between two pauses."""


async def follow(view: View, tally: Tally) -> None:
    """Count what is recorded from the first call on, until cancelled."""
    async for state in view.state.changes():
        if tally.position is None:
            tally.begin(state)
            continue
        facts = view.since(tally.position)
        if facts is None:
            tally.skip(state.position)
            continue
        for at in range(0, len(facts), _AT_ONCE):
            tally.count(facts[at : at + _AT_ONCE])
            await trio.lowlevel.checkpoint()
