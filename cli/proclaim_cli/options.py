"""The options that several commands share, written once."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer


class Output(StrEnum):
    """How a value is shown."""

    TABLE = "table"
    WIDE = "wide"
    JSON = "json"
    YAML = "yaml"


Manifests = Annotated[
    list[str],
    typer.Argument(metavar="MANIFESTS", help="Files or directories of YAML; - for stdin."),
]
LedgerURL = Annotated[
    str | None,
    typer.Option(
        "--ledger",
        metavar="URL",
        envvar="PROCLAIM_LEDGER",
        help="The ledger: sqlite:///absolute.db, sqlite:relative.db, memory:",
    ),
]
SettingsFile = Annotated[
    str | None,
    typer.Option(
        "--settings",
        metavar="PATH",
        envvar="PROCLAIM_SETTINGS",
        help="The settings file (TOML), or a directory of them.",
    ),
]
NodeName = Annotated[
    str | None,
    typer.Option(
        "--node", metavar="NAME", envvar="PROCLAIM_NODE", help="The node, as in its metadata.name."
    ),
]
At = Annotated[
    str | None,
    typer.Option(
        "--at", metavar="WHEN", help="A position (@120), a time (RFC 3339) or an age (2h)."
    ),
]
Shown = Annotated[Output, typer.Option("--output", "-o", help="How to show it.")]
