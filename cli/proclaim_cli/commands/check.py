"""`proclaim check`: everything that is wrong or doubtful in manifests."""

from __future__ import annotations

import json
import os
import sys
from enum import StrEnum
from importlib.metadata import version
from typing import Annotated

import typer
from proclaim.findings import Finding

from proclaim_cli.opening import named, settings_of
from proclaim_cli.options import Manifests, Output, SettingsFile
from proclaim_cli.single import as_command
from proclaim_cli.values.findings import ignoring, problems_among, rows, without
from proclaim_cli.values.plain import counted
from proclaim_cli.values.reading import check, reading_of
from proclaim_cli.values.sarif import sarif
from proclaim_cli.views.say import note
from proclaim_cli.views.structured import show
from proclaim_cli.views.table import printable


class Form(StrEnum):
    """How findings are shown."""

    TABLE = "table"
    WIDE = "wide"
    JSON = "json"
    YAML = "yaml"
    SARIF = "sarif"


@as_command
def command(
    manifests: Manifests,
    strict: Annotated[bool, typer.Option("--strict", help="Fail on warnings too.")] = False,
    ignore: Annotated[
        list[str] | None,
        typer.Option(
            "--ignore", metavar="CODE", help="Leave out this rule, or reason; repeatable."
        ),
    ] = None,
    settings: SettingsFile = None,
    output: Annotated[
        Form, typer.Option("--output", "-o", help="How to show it; sarif is for code scanning.")
    ] = Form.TABLE,
) -> int:
    """Check manifests; 1 when anything is wrong, with --strict when anything is doubtful."""
    ignored = ignoring(ignore or ())
    ours = settings_of(settings).load_balancer_class
    reading = reading_of(named(manifests))
    found = without(check(reading, ours), ignored)
    problems = len(problems_among(found))
    _show(found, output)
    note(
        f"{counted(len(reading.listing.resources), 'resource')}, {counted(problems, 'problem')}, "
        f"{counted(len(found) - problems, 'warning')}"
    )
    return 1 if problems or (strict and found) else 0


def _show(found: list[Finding], form: Form) -> None:
    if form is Form.SARIF:
        log = sarif(found, version("proclaim"), os.getcwd())
        sys.stdout.write(json.dumps(log, indent=2, ensure_ascii=False) + "\n")
    elif not show(rows(found), Output(form)):
        sys.stdout.write("".join(f"{printable(str(each))}\n" for each in found))
