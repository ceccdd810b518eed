"""Tells the ledger about this node's interfaces, in a task of its own.

Knows interface statuses and `observe`, and nothing of answering: a ledger
that takes its time delays only this task.  What lies between two reports is
not told, only the newest.
"""

from __future__ import annotations

import logging

import trio
from proclaim import Change, InterfaceStatus, Latest, Listing, Observe, ProclaimError, Ref, Sourced

log = logging.getLogger("proclaim.l2")

_PAUSE = 0.2
"""Seconds between reports: an interface that comes up does so in several steps."""


async def report(
    source: str, statuses: Latest[tuple[InterfaceStatus, ...] | None], observe: Observe
) -> None:
    """Observe a `Listing` of the first statuses, then each `Change`, until cancelled."""
    said: dict[Ref, InterfaceStatus] | None = None
    async for now in statuses.changes():
        if now is None:
            continue
        observation = _difference(source, said, now)
        if observation is None or await tell(observe, observation):
            said = {status.ref: status for status in now}
        await trio.sleep(_PAUSE)


async def tell(observe: Observe, observation: Listing | Change) -> bool:
    """Observe; whether the ledger took it.  One that it refuses never stops the answering."""
    try:
        await observe(observation)
    except ProclaimError as error:
        log.error("the ledger did not take a report of %s: %s", observation.source, error)
        return False
    return True


def _difference(
    source: str, said: dict[Ref, InterfaceStatus] | None, now: tuple[InterfaceStatus, ...]
) -> Listing | Change | None:
    """What to say after `said`; None when nothing is new."""
    if said is None:
        return Listing(source, tuple(Sourced(status) for status in now))
    present = {status.ref for status in now}
    changed = tuple(Sourced(status) for status in now if said.get(status.ref) != status)
    gone = tuple(ref for ref in said if ref not in present)
    return Change(source, changed, gone) if changed or gone else None
