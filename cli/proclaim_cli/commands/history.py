"""`proclaim history`: who held an address, and what a Service held, from when to when."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from proclaim_cli.opening import opened, settings_of
from proclaim_cli.options import LedgerURL, Output, SettingsFile, Shown
from proclaim_cli.single import as_command
from proclaim_cli.values.intervals import decisions, intervals, of_address, of_service
from proclaim_cli.values.names import address_named, service_named
from proclaim_cli.views.intervals import intervals_table
from proclaim_cli.views.say import note
from proclaim_cli.views.structured import show


@as_command
def command(
    subject: Annotated[
        str, typer.Argument(metavar="ADDRESS|SERVICE", help="An IP address; web, or shop/web.")
    ],
    ledger: LedgerURL = None,
    settings: SettingsFile = None,
    output: Shown = Output.TABLE,
) -> int:
    """Show who held an address, or what a Service held, and why it ended."""
    address = address_named(subject)
    asked = of_address(address) if address else of_service(service_named(subject))
    with opened(settings_of(settings, ledger)) as found:
        shown = intervals(decisions(found.log, found.codec), asked)
    if not shown:
        name = address or f"Service {service_named(subject).short}"
        note(f"nobody ever held {name}" if address else f"{name} never held an address")
    if not show(shown, output):
        sys.stdout.write(intervals_table(shown, output is Output.WIDE))
    return 0
