"""Findings as the commands show them: rows with a place, and which of them to show."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from difflib import get_close_matches
from typing import NamedTuple

from proclaim.errors import Usage
from proclaim.findings import Code, Finding, Severity


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
        )
        for each in found
    ]


def problems_among(found: Iterable[Finding]) -> list[Finding]:
    """Those that are problems."""
    return [each for each in found if each.severity is Severity.PROBLEM]


def codes_named(texts: Iterable[str]) -> frozenset[Code]:
    """The rules that a user names, whatever the case; raises Usage for one that does not exist."""
    known = {code.lower(): code for code in Code}
    found = set()
    for text in texts:
        if text.lower() not in known:
            guess = get_close_matches(text.lower(), known, n=1)
            hint = f"did you mean {known[guess[0]]}?" if guess else f"rules are {', '.join(Code)}"
            raise Usage(f"there is no rule {text!r}", hint=hint)
        found.add(known[text.lower()])
    return frozenset(found)


def without(found: Iterable[Finding], ignored: Collection[Code]) -> list[Finding]:
    """Those of other rules."""
    return [each for each in found if each.code not in ignored]
