"""Facts as text: one line, or one paragraph each."""

from __future__ import annotations

import json
from typing import Any

from proclaim_cli.values.facts import FactRow, FieldChange
from proclaim_cli.views.table import printable


def oneline(row: FactRow) -> str:
    """A fact as one line: place, time, topic, resource, and a few words."""
    lines = [f"@{row.position} {row.time} {row.topic} {row.ref or '-'} {row.summary}"]
    return _text(lines + _changed(row, "    "))


def paragraph(row: FactRow) -> str:
    """A fact as a paragraph."""
    lines = [
        f"fact @{row.position} {row.topic}",
        f"time {row.time}, transaction @{row.transaction}",
    ]
    if row.ref:
        lines.append(f"ref  {row.ref}")
    return _text([*lines, f"    {row.summary}", *_changed(row, "    "), ""])


def _changed(row: FactRow, indent: str) -> list[str]:
    return [f"{indent}{line}" for each in row.changed or () for line in _field(each)]


def _field(each: FieldChange) -> list[str]:
    before = [f"- {each.field}: {_value(each.before)}"] if each.before is not None else []
    after = [f"+ {each.field}: {_value(each.after)}"] if each.after is not None else []
    return before + after


def _value(value: Any) -> str:  # noqa: ANN401 - whatever a field holds
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _text(lines: list[str]) -> str:
    return "".join(f"{printable(line)}\n" for line in lines)
