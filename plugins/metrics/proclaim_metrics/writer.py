"""`Writer`: whether the ledger's writer still takes observations, found out by asking."""

from __future__ import annotations

import trio
from proclaim import Change, Latest, Observe

from proclaim_metrics.health import STUCK_SECONDS

_EVERY_SECONDS = 10.0
_NOTHING = Change("metrics")
"""An observation that is true of every state, so that it costs the ledger nothing."""


class Writer:
    """Asks now and then; silence counts from when the ledger last changed its health."""

    def __init__(self, failing: Latest[str]) -> None:
        self._failing = failing
        self._silent_since: float | None = None

    async def watch(self, observe: Observe) -> None:
        """Ask until cancelled."""
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._forgive)
                while True:
                    self._silent_since = trio.current_time()
                    await observe(_NOTHING)
                    self._silent_since = None
                    await trio.sleep(_EVERY_SECONDS)
        finally:
            self._silent_since = None

    async def _forgive(self) -> None:
        """While the log fails the writer waits for it, and that is known already."""
        async for _ in self._failing.changes():
            if self._silent_since is not None:
                self._silent_since = trio.current_time()

    @property
    def stuck(self) -> bool:
        """Whether it takes nothing, and nobody knows why."""
        if self._silent_since is None or self._failing.value:
            return False
        return trio.current_time() - self._silent_since > STUCK_SECONDS
