"""`proclaim verify`: whether the ledger is whole and its decisions are today's."""

from __future__ import annotations

import sys
from typing import NamedTuple

from proclaim.checkpoint import digest
from proclaim.verify import verify

from proclaim_cli.opening import opened, settings_of
from proclaim_cli.options import LedgerURL, Output, SettingsFile, Shown
from proclaim_cli.single import as_command
from proclaim_cli.values.plain import counted
from proclaim_cli.views.structured import show
from proclaim_cli.views.table import printable


class Verified(NamedTuple):
    """What `verify` found."""

    clean: bool
    facts: int
    transactions: int
    unknown: int
    """Facts of kinds that are not known here."""
    digest: str
    """Of the state after the facts that were looked at."""
    problems: tuple[str, ...]


@as_command
def command(
    ledger: LedgerURL = None, settings: SettingsFile = None, output: Shown = Output.TABLE
) -> int:
    """Check a ledger from its start; 1 at the first difference."""
    with opened(settings_of(settings, ledger)) as found:
        seen = verify(found.log, found.codec)
        value = Verified(
            not seen.problems,
            seen.facts,
            seen.transactions,
            seen.unknown,
            digest(seen.state, found.codec),
            seen.problems,
        )
    if not show(value, output):
        sys.stdout.write(_text(value))
    return 0 if value.clean else 1


def _text(value: Verified) -> str:
    unknown = f", {value.unknown} of unknown kinds" if value.unknown else ""
    counts = (
        f"{counted(value.facts, 'fact')} in {counted(value.transactions, 'transaction')}{unknown}"
    )
    if value.clean:
        return f"clean: {counts}\ndigest {value.digest}\n"
    return "".join(
        f"{printable(each)}\n" for each in (*value.problems, f"whole before that: {counts}")
    )
