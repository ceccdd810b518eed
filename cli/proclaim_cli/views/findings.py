"""Findings as text: the table of `get problems`, and what `plan` and `apply` say of them."""

from __future__ import annotations

import os
from collections.abc import Sequence

from proclaim.findings import RULES, Finding, Severity

from proclaim_cli.values.findings import FindingRow, RelatedRow
from proclaim_cli.views.say import problem, warning
from proclaim_cli.views.table import table


def findings_table(rows: Sequence[FindingRow], wide: bool) -> str:
    """`get problems`."""
    header = ["SEVERITY", "CODE", "RESOURCE", "FIELD", "PLACE", "PROBLEM"]
    shown = [
        [
            row.severity,
            "/".join(part for part in (row.code, row.reason) if part),
            "/".join(part for part in (row.kind, row.name) if part),
            row.field,
            _place(row),
            _full(row),
            *([RULES[row.code].remedy] if wide else []),
        ]
        for row in rows
    ]
    return table([*header, "WHAT TO DO"] if wide else header, shown)


def _full(row: FindingRow) -> str:
    """The sentence, with the places of what it is about besides."""
    places = (f"{each.kind}/{each.name} is in {_place(each)}" for each in row.related if each.file)
    return "; ".join((row.problem, *places))


def _place(row: FindingRow | RelatedRow) -> str:
    file = _from_here(row.file)
    return f"{file}:{row.line}" if row.line else file


def _from_here(file: str) -> str:
    """A file below the working directory as it is called from there, as `check` has it."""
    return file.removeprefix(f"{os.getcwd().rstrip('/')}/")


def tell(found: Sequence[Finding]) -> bool:
    """Say on standard error what is wrong or doubtful; whether anything is wrong.

    Warnings about a Service are left out: its own line says what becomes of it.
    """
    for each in found:
        text = each._replace(file=_from_here(each.file)).told
        if each.severity is Severity.PROBLEM:
            problem(text)
        elif each.ref.kind != "Service":
            warning(text)
    return any(each.severity is Severity.PROBLEM for each in found)
