"""What of the findings is new since one was last told: for a log that says each thing once."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

from proclaim.findings.finding import Finding
from proclaim.findings.rules import Code, Severity

_Key: TypeAlias = tuple[object, ...]

_TOLD_BY_SOURCES = (Code.INVALID_MANIFEST, Code.UNREADABLE)
"""What a source logs itself when it reads it, whether the ledger can be written or not."""

_REMEMBERED = 50_000
"""Warnings that are remembered when they are over; where more come and go, some are told again."""


@dataclass(frozen=True, slots=True)
class Told:
    """What has been said so far."""

    problems: tuple[Finding, ...] = ()
    """Those that were there when last looked at."""
    warnings: frozenset[_Key] = frozenset()
    """Those that were ever there: one that comes back is no news."""


class News(NamedTuple):
    """What to say now."""

    problems: list[Finding]
    over: list[Finding]
    """Problems that are there no more."""
    warnings: list[Finding]


def news(told: Told, found: Iterable[Finding]) -> tuple[Told, News]:
    """Compare findings with what was said before."""
    found = tuple(found)
    problems = tuple(each for each in found if each.severity is Severity.PROBLEM)
    warnings = [each for each in found if each.severity is Severity.WARNING]
    before = {_problem_key(each) for each in told.problems}
    now = {_problem_key(each) for each in problems}
    said = News(
        problems=[
            each
            for each in problems
            if _problem_key(each) not in before and each.code not in _TOLD_BY_SOURCES
        ],
        over=[each for each in told.problems if _problem_key(each) not in now],
        warnings=[each for each in warnings if _warning_key(each) not in told.warnings],
    )
    present = frozenset(map(_warning_key, warnings))
    ever = told.warnings | present
    return Told(problems, ever if len(ever) <= _REMEMBERED else present), said


def _problem_key(found: Finding) -> _Key:
    """Without the line: what moved in its file is no news."""
    return (found.file, found.ref, found.field, found.code, found.sentence)


def _warning_key(found: Finding) -> _Key:
    """Without the sentence too, which may count: that one more Service waits is no news."""
    return (found.ref, found.field, found.code)
