"""Telling the log what is wrong or doubtful, while the state changes.

Nothing is told before every source has been heard, for until then much is only
not known yet; and not at each change, for the rules look through all Services.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence

import trio

from proclaim.findings import Told, basis, examining, news
from proclaim.latest import Latest
from proclaim.ledger import paced
from proclaim.state import State

_LOG = logging.getLogger("proclaim.findings")

EXAMINE_EVERY_SECONDS = 10.0
"""How long to wait at least after one look through everything before the next."""
_AT_ONCE = 20
"""Lines of one sort that are logged at once; `proclaim get problems` has all of them."""


async def tell(state: Latest[State], heard: trio.Event) -> None:
    """Log each problem when it comes and when it goes, and each warning once; until cancelled.

    `heard` is set when every source has given its first listing.
    """
    await heard.wait()
    told = Told()
    known: tuple[object, ...] = ()
    async for now in state.changes():
        made_from = basis(now)
        if _same(known, made_from):
            continue
        known = made_from
        try:
            told, said = news(told, await paced(examining(now)))
        except Exception:  # noqa: BLE001 - what is only talk never stops what is announced
            _LOG.exception("the findings are not known")
        else:
            _log(logging.ERROR, [each.told for each in said.problems])
            _log(logging.INFO, [f"no longer: {each.told}" for each in said.over])
            _log(logging.WARNING, [each.told for each in said.warnings])
        await trio.sleep(EXAMINE_EVERY_SECONDS)


def _same(before: tuple[object, ...], after: tuple[object, ...]) -> bool:
    """Whether findings are made from the same parts; by identity, as a fold copies what changes."""
    return len(before) == len(after) and all(
        mine is theirs for mine, theirs in zip(before, after, strict=True)
    )


def _log(level: int, lines: Sequence[str]) -> None:
    for line in lines[:_AT_ONCE]:
        _LOG.log(level, "%s", line)
    if len(lines) > _AT_ONCE:
        _LOG.log(level, "and %d more; `proclaim get problems` has all", len(lines) - _AT_ONCE)
