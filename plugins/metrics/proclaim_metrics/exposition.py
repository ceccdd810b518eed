"""`Exposition`: the text of one scrape, made in small pieces on the loop."""

from __future__ import annotations

import trio
from proclaim.reporting import View
from prometheus_client import CollectorRegistry, ProcessCollector

from proclaim_metrics.allocator import allocator
from proclaim_metrics.client import client, speaker
from proclaim_metrics.counting import Tally
from proclaim_metrics.family import Families, render
from proclaim_metrics.lag import Lag
from proclaim_metrics.ours import ours
from proclaim_metrics.registered import registered


class Exposition:
    """Everything that this process tells a scraper."""

    def __init__(self, tally: Tally, lag: Lag, registry: CollectorRegistry) -> None:
        self._tally = tally
        self._lag = lag
        self._registry = registry
        self._process = ProcessCollector(registry=None)
        self._one_at_a_time = trio.Lock()

    def families(self, view: View) -> Families:
        """All families, of one moment as far as they come from the state.

        The state and the projections are immutable: that the ledger goes on
        while they are read makes no difference.
        """
        state = view.state.value
        projections = {spread: latest.value for spread, latest in view.projections.items()}
        yield from allocator(state)
        yield from client(state, view.node, self._tally)
        yield from speaker(view.node, projections)
        yield from ours(view, state, self._tally)
        yield from self._lag.families()
        yield from registered(self._registry.collect())
        yield from registered(self._process.collect())

    async def text(self, view: View) -> list[bytes]:
        """The body of an answer in parts, made while everything else goes on."""
        parts: list[bytes] = []
        async with self._one_at_a_time:
            for piece in render(self.families(view)):
                if piece:
                    parts.append(piece.encode())
                await trio.lowlevel.checkpoint()
        return parts
