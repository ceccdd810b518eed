"""`proclaim history`: who held an address, and what a Service held, from when to when."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from proclaim_cli.opening import Opened, opened, settings_of, state_at
from proclaim_cli.options import LedgerURL, Output, SettingsFile, Shown
from proclaim_cli.single import as_command
from proclaim_cli.values.history import last_of_service
from proclaim_cli.values.intervals import (
    claimed_in_vain,
    decisions,
    intervals,
    of_address,
    of_service,
)
from proclaim_cli.values.names import address_named, service_named
from proclaim_cli.values.plain import some
from proclaim_cli.values.unknown import unknown_service
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
            note(_never_held(found, address) if address else _never(found, subject))
    if not show(shown, output):
        sys.stdout.write(intervals_table(shown, output is Output.WIDE))
    return 0


def _never_held(found: Opened, address: str) -> str:
    """That nobody ever held an address, and whose status claimed it when another one was given."""
    by = claimed_in_vain(decisions(found.log, found.codec), address)
    claimed = f"; the status of {some(by)} claimed it in vain, as no pool contained it"
    return f"nobody ever held {address}{claimed if by else ''}"


def _never(found: Opened, subject: str) -> str:
    """That a Service never held an address; raises NotFound when there never was one."""
    ref, state = service_named(subject), state_at(found, None)
    if state.service(ref) is None and (
        last_of_service(found.log, found.codec, ref, state.position) is None
    ):
        raise unknown_service(state, ref)
    return f"Service {ref.short} never held an address"
