"""Talk, which goes to standard error: errors, warnings and notes."""

from __future__ import annotations

import sys

from proclaim_cli.views.table import printable

NO_HINT = "`proclaim --help` lists the commands"


def note(text: str) -> None:
    """Tell the user something that is no result."""
    _write(f"proclaim: {text}")


def warning(text: str) -> None:
    """Tell the user about something that may be wrong, though the command goes on."""
    _write(f"warning: {text}")


def problem(text: str) -> None:
    """Tell the user what is wrong with a manifest, though the command goes on."""
    _write(f"problem: {text}")


def error(message: str, hint: str = "") -> None:
    """Say in one paragraph what is wrong, and what to do about it."""
    _write(f"error: {message}", f"hint: {hint or NO_HINT}")


def _write(*paragraphs: str) -> None:
    sys.stderr.write("".join(f"{printable(' '.join(each.split()))}\n" for each in paragraphs))
    sys.stderr.flush()
