"""What is wrong with Services, and whether it was told (pure)."""

from __future__ import annotations

from collections.abc import Iterator

from proclaim import Problem
from proclaim.reporting import State

UNTOLD_SECONDS = 60.0
"""What came so short a time before we began to lead was told by nobody: the leader before us
was gone by then.  What is older was told by it."""


class Complaints:
    """The problems of Services, of which each is told once, by who leads."""

    def __init__(self, state: State) -> None:
        """What stands in a state already is no news."""
        self._problems = state.problems
        self._known = frozenset(_of_services(state))
        self._untold: dict[Problem, float] = {}
        """Since when each is there."""

    def news(self, state: State, leads: bool, now: float) -> list[Problem]:
        """What is to be told now (in seconds of any clock), in order."""
        if state.problems is not self._problems:
            found, untold = frozenset(_of_services(state)), self._untold
            fresh = (each for each in found if each in untold or each not in self._known)
            self._untold = {each: untold.get(each, now) for each in fresh}
            self._problems, self._known = state.problems, found
        if not leads:
            return []
        told = sorted(each for each, when in self._untold.items() if now - when < UNTOLD_SECONDS)
        self._untold = {}
        return told


def _of_services(state: State) -> Iterator[Problem]:
    return (each for found in state.problems.values() for each in found if each.kind == "Service")
