"""One command by itself: its function's parameters are its arguments and options."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import typer

PLAIN: dict[str, Any] = {
    "add_completion": False,
    "pretty_exceptions_enable": False,
    "rich_markup_mode": None,
}
"""How every part of the command line looks: text, and nothing that a terminal must understand."""


def as_command(function: Callable[..., int]) -> Any:  # noqa: ANN401 - Typer's, or click's before
    """The command that a function is; its docstring is the help."""
    app = typer.Typer(**PLAIN)
    app.command()(function)
    return typer.main.get_command(app)
