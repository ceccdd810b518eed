"""Findings as the commands show them: rows with a place, and which of them to show."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from typing import NamedTuple

from proclaim.errors import Usage
from proclaim.events import Why
from proclaim.findings import Code, Finding, Severity


class RelatedRow(NamedTuple):
    """Another resource that a finding is about."""

    file: str
    line: int
    """0 when unknown."""
    kind: str
    name: str
    """As `namespace/name` where the kind has namespaces."""


class FindingRow(NamedTuple):
    """One thing that is wrong or doubtful."""

    file: str
    line: int
    """0 when unknown."""
    kind: str
    name: str
    """As `namespace/name` where the kind has namespaces."""
    field: str
    problem: str
    """The sentence, of a warning too."""
    severity: Severity
    code: Code
    reason: str
    """Of NoAddress: the code of the refusal."""
    related: list[RelatedRow]
    """The other resources that one has to look at, as those that a contradiction is with."""


class Ignored(NamedTuple):
    """The findings that a user does not want to see."""

    codes: frozenset[Code] = frozenset()
    reasons: frozenset[str] = frozenset()
    """Of NoAddress."""


def rows(found: Iterable[Finding]) -> list[FindingRow]:
    """Findings as rows, in the same order."""
    return [
        FindingRow(
            each.file,
            each.line,
            each.ref.kind,
            each.ref.short,
            each.field,
            each.sentence,
            each.severity,
            each.code,
            each.reason,
            [
                RelatedRow(other.file, other.line, other.ref.kind, other.ref.short)
                for other in each.related
            ],
        )
        for each in found
    ]


def problems_among(found: Iterable[Finding]) -> list[Finding]:
    """Those that are problems."""
    return [each for each in found if each.severity is Severity.PROBLEM]


def ignoring(texts: Iterable[str]) -> Ignored:
    """The rules, and reasons of NoAddress, that a user names, whatever the case.

    A reason may follow its rule, as in `NoAddress/PortInUse`.  Raises Usage for
    what does not exist.
    """
    codes = {code.lower(): code for code in Code}
    reasons = {why.lower(): str(why) for why in Why}
    prefix = f"{Code.NO_ADDRESS}/".lower()
    found, because = set(), set()
    for text in texts:
        asked = text.lower()
        if asked in codes:
            found.add(codes[asked])
        elif asked.removeprefix(prefix) in reasons:
            because.add(reasons[asked.removeprefix(prefix)])
        else:
            known = {**reasons, **codes}
            guess = get_close_matches(asked.removeprefix(prefix), known, n=1)
            hint = f"did you mean {known[guess[0]]}?" if guess else f"rules are {', '.join(Code)}"
            raise Usage(f"there is no rule {text!r}", hint=hint)
    return Ignored(frozenset(found), frozenset(because))


def without(found: Iterable[Finding], ignored: Ignored) -> list[Finding]:
    """Those that are not ignored."""
    return [
        each
        for each in found
        if each.code not in ignored.codes and each.reason not in ignored.reasons
    ]
