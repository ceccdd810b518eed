"""Tells the ledger about this node's interfaces, in a task of its own.

Knows interface statuses and `observe`, and nothing of answering: a ledger
that takes its time delays only this task.  What lies between two reports is
not told, only the newest.
"""

from __future__ import annotations

import trio
from proclaim import Change, InterfaceStatus, Latest, Listing, Observe, Sourced

_PAUSE = 0.2
"""Seconds between reports: an interface that comes up does so in several steps."""


async def report(
    source: str, statuses: Latest[tuple[InterfaceStatus, ...] | None], observe: Observe
) -> None:
    """Observe a `Listing` of the first statuses, then each `Change`, until cancelled."""
    said: dict[object, InterfaceStatus] | None = None
    async for now in statuses.changes():
        if now is None:
            continue
        if said is None:
            await observe(Listing(source, tuple(Sourced(status) for status in now)))
        else:
            present = {status.ref for status in now}
            changed = tuple(Sourced(s) for s in now if said.get(s.ref) != s)
            gone = tuple(s.ref for s in said.values() if s.ref not in present)
            if changed or gone:
                await observe(Change(source, changed, gone))
        said = {status.ref: status for status in now}
        await trio.sleep(_PAUSE)
