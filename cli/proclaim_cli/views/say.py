"""Talk, which goes to standard error: errors, warnings and notes."""

from __future__ import annotations

import sys

NO_HINT = "`proclaim --help` lists the commands"


def note(text: str) -> None:
    """Tell the user something that is no result."""
    _write(f"proclaim: {text}")


def warning(text: str) -> None:
    """Tell the user about something that may be wrong, though the command goes on."""
    _write(f"warning: {text}")


def error(message: str, hint: str = "") -> None:
    """Say in one paragraph what is wrong, and what to do about it."""
    _write(f"error: {message}\nhint: {hint or NO_HINT}")


def _write(text: str) -> None:
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()
