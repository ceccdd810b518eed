"""`verify`: is the ledger whole, and would today's rules decide the same?

The store checks itself, every fact is decoded and its checksum compared, and
each transaction's inputs are settled again and compared with the decisions
that were recorded for them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import NamedTuple, get_args

from proclaim.codec import Codec
from proclaim.decide import affected, settle
from proclaim.errors import LedgerError
from proclaim.events import Decision, Fact, Recorded
from proclaim.fold import fold
from proclaim.ledger import recorded
from proclaim.log import EventLog
from proclaim.state import State

DECISIONS: tuple[type, ...] = get_args(Decision)


class Verdict(NamedTuple):
    """What the check found."""

    facts: int
    """Those that were found whole, up to the first difference; so are the transactions."""
    transactions: int
    unknown: int
    """Facts of kinds that are not known here; they were kept and had no effect."""
    problems: tuple[str, ...]
    """Empty when the ledger is clean; else what the store finds, then the first difference."""
    state: State


def verify(log: EventLog, codec: Codec) -> Verdict:
    """Check a ledger from its start to its end, up to the first difference."""
    state = State()
    transactions = 0
    problems = log.problems()
    try:
        for items in _transactions(recorded(log, codec)):
            before = state
            if difference := _difference(before, items):
                places = f"positions {items[0].position} to {items[-1].position}"
                problems.append(f"{places}: {difference}")
                break
            state = fold(state, items)
            transactions += 1
    except LedgerError as error:
        if error.message not in problems:
            problems.append(error.message)
    return Verdict(state.position, transactions, state.unknown, tuple(problems), state)


def _transactions(facts: Iterator[Recorded]) -> Iterator[list[Recorded]]:
    for _, items in groupby(facts, key=lambda item: item.transaction):
        yield list(items)


def _difference(before: State, items: Sequence[Recorded]) -> str:
    """How the recorded decisions differ from those that the inputs lead to now; "" if not."""
    inputs = [item for item in items if not isinstance(item.fact, DECISIONS)]
    decisions: list[Fact] = [item.fact for item in items if isinstance(item.fact, DECISIONS)]
    seen = fold(before, inputs)
    again = settle(seen, affected(before, [item.fact for item in inputs]))  # type: ignore[misc]
    for then, now in zip(decisions, again, strict=False):
        if then != now:
            return f"recorded {then}, today's rules give {now}"
    if len(decisions) > len(again):
        return f"recorded {decisions[len(again)]}, today's rules give nothing"
    if len(again) > len(decisions):
        return f"today's rules give {again[len(decisions)]}, nothing is recorded"
    return ""
