"""Telling the log what is decided, and what is wrong or doubtful, while the state changes.

Of what is wrong nothing is told before every source has been heard, for until then much is only
not known yet; and not at each change, for the rules look through all Services.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from itertools import groupby, islice
from operator import attrgetter
from typing import TypeAlias

import trio

from proclaim.events import AddressAssigned, AddressRefused, AddressReleased, Recorded
from proclaim.findings import Told, basis, examining, news
from proclaim.latest import Latest
from proclaim.ledger import Ledger, paced
from proclaim.model import Ref
from proclaim.reasons import message
from proclaim.state import State
from proclaim.steps import Steps

_LOG = logging.getLogger("proclaim.findings")
_DECISIONS = logging.getLogger("proclaim.services")

EXAMINE_EVERY_SECONDS = 10.0
"""How long to wait at least after one look through everything before the next."""
_AT_ONCE = 20
"""Lines of one sort that are logged at once; `proclaim get problems` has all of them."""
_OF_A_TRANSACTION = 5
"""Lines of what was decided at once that are logged; `proclaim log` has all of them."""
_OF_A_LOOK = 50
"""Lines of that sort at most before others have their turn."""
_BETWEEN_PAUSES = 64

_Decision: TypeAlias = AddressAssigned | AddressReleased | AddressRefused


async def tell_decisions(ledger: Ledger) -> None:
    """Log each address that is assigned, moved, released or refused; until cancelled."""
    told = ledger.state.value.position
    async for _ in ledger.state.changes():
        since, told = told, ledger.state.value.position
        if not _DECISIONS.isEnabledFor(logging.INFO):
            continue
        facts = ledger.since(since)
        if facts is None:
            _DECISIONS.info("much was decided after position %d; `proclaim log` has it", since)
            continue
        try:
            lines = await paced(deciding_lines(facts))
        except Exception:  # noqa: BLE001 - what is only talk never stops what is announced
            _DECISIONS.exception("what was decided after position %d is not told", since)
            continue
        for line in lines:
            _DECISIONS.info("%s", line)
            await trio.lowlevel.checkpoint()


def deciding_lines(facts: Iterable[Recorded]) -> Steps[list[str]]:
    """What the log says of facts: a few lines of each transaction, and how many more there are."""
    lines: list[str] = []
    left = 0
    for _, items in groupby(facts, key=attrgetter("transaction")):
        found: dict[Ref, list[_Decision]] = {}
        for at, item in enumerate(items):
            if at % _BETWEEN_PAUSES == 0:
                yield
            if isinstance(item.fact, AddressAssigned | AddressReleased | AddressRefused):
                found.setdefault(item.fact.service, []).append(item.fact)
        room = min(_OF_A_TRANSACTION, _OF_A_LOOK - len(lines))
        lines += [f"{ref.short}: {_became(of)}" for ref, of in islice(found.items(), room)]
        left += max(0, len(found) - room)
    return [*lines, f"and {left} more; `proclaim log` has all"] if left else lines


def _became(facts: Sequence[_Decision]) -> str:
    """What it was given, lost or denied, in one line with every reason."""
    lost = next((each.addresses for each in facts if isinstance(each, AddressReleased)), ())
    has = next((each.addresses for each in facts if isinstance(each, AddressAssigned)), ())
    why = "; ".join(f"{message(each.reason)} [{each.reason.code}]" for each in facts)
    gone = [text for text in lost if text not in has]
    if has and gone:
        return f"moved {','.join(lost)} -> {','.join(has)} ({why})"
    if has:
        return f"assigned {','.join(has)} ({why})"
    return f"released {','.join(lost)} ({why})" if lost else f"refused ({why})"


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
