"""`Tally`: what was recorded since this process started, counted as it comes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from proclaim.reporting import (
    AddressRefused,
    Fact,
    ProblemsReported,
    Recorded,
    Rejected,
    State,
    TaskFailed,
)

UNSEEN = "unseen"
"""Facts that were no longer in memory when they were to be counted."""


class Tally:
    """Counts the facts that follow a position; it outlives the task that feeds it."""

    def __init__(self) -> None:
        self.facts: Counter[str] = Counter()
        """By the name of the fact."""
        self.updates = 0
        """Transactions: each is one observation and what it caused."""
        self.errors = 0
        self.position: int | None = None
        """That of the newest fact that is counted; None before `begin`."""
        self._transaction = 0

    def begin(self, state: State) -> None:
        """Count what comes after a state."""
        self.position, self._transaction = state.position, state.transaction

    def count(self, facts: Sequence[Recorded]) -> None:
        """Count some facts that follow those counted before."""
        for item in facts:
            self.position = item.position
            if item.transaction != self._transaction:
                self._transaction = item.transaction
                self.updates += 1
            self.facts[type(item.fact).__name__] += 1
            self.errors += _is_error(item.fact)

    def skip(self, position: int) -> None:
        """Go on from a position; of what lies before it only the number is known."""
        self.facts[UNSEEN] += position - (self.position or 0)
        self.updates += 1
        self.position = position


def _is_error(fact: Fact) -> bool:
    match fact:
        case Rejected() | AddressRefused() | TaskFailed():
            return True
        case ProblemsReported(problems=problems):
            return bool(problems)
        case _:
            return False
