"""Tables of text: columns by name, as wide as what they hold, nothing cut off."""

from __future__ import annotations

from collections.abc import Sequence


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Lines with aligned columns; empty cells show as `-`."""
    shown = [list(header), *([_cell(cell) for cell in row] for row in rows)]
    widths = [max(len(row[at]) for row in shown) for at in range(len(header))]
    return "".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        + "\n"
        for row in shown
    )


def _cell(text: str) -> str:
    return printable(text) or "-"


def printable(text: str) -> str:
    """A text that no terminal takes for a command; some of it was said by strangers."""
    if text.isprintable():
        return text
    return "".join(each if each.isprintable() else "?" for each in text)
