"""`proclaim log`: the facts, newest last."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Annotated

import typer
from proclaim.events import Recorded
from proclaim.ledger import decode, recorded

from proclaim_cli.opening import Opened, opened, settings_of
from proclaim_cli.options import LedgerURL, Output, SettingsFile, Shown
from proclaim_cli.single import as_command
from proclaim_cli.values.facts import FactRow, Remembered, concerned, row
from proclaim_cli.values.names import Filter
from proclaim_cli.values.plain import rfc3339
from proclaim_cli.values.when import position_at
from proclaim_cli.views.facts import oneline, paragraph
from proclaim_cli.views.say import note
from proclaim_cli.views.structured import document

POLL_SECONDS = 0.3


@as_command
def command(
    refs: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="REF", help="Only facts about these: web, shop/web, pool/public, pools."
        ),
    ] = None,
    since: Annotated[
        str | None, typer.Option(metavar="WHEN", help="Facts after this position, time or age.")
    ] = None,
    until: Annotated[
        str | None, typer.Option(metavar="WHEN", help="Facts up to this position, time or age.")
    ] = None,
    short: Annotated[bool, typer.Option("--oneline", help="One line each.")] = False,
    patch: Annotated[bool, typer.Option("--patch", "-p", help="Show what changed.")] = False,
    follow: Annotated[bool, typer.Option(help="Go on as facts are recorded.")] = False,
    ledger: LedgerURL = None,
    settings: SettingsFile = None,
    output: Shown = Output.TABLE,
) -> int:
    """Show facts; as JSON, one object on each line."""
    with opened(settings_of(settings, ledger)) as found:
        wanted = [Filter(ref, found.codec.kinds) for ref in refs or ()]
        now = time.time()
        first = position_at(found.log, found.codec, since, now) if since else 0
        last = position_at(found.log, found.codec, until, now) if until else None
        remembered = Remembered() if patch else None
        view = _view(output, short)
        items = _items(found, 0 if patch else first, last, follow)
        shown_any = False
        for item in items:
            if wanted and not _matches(wanted, item):
                continue
            shown = row(item, found.codec, remembered)
            if item.position > first:
                shown_any = True
                sys.stdout.write(view(shown))
        if not shown_any:
            note(_nothing(refs or (), found))
    return 0


def _nothing(refs: Sequence[str], found: Opened) -> str:
    """What to say where there is nothing to show."""
    first = decode(found.codec, found.log.read(0, 1))
    if not first:
        return "the ledger holds no fact yet"
    about = f" is about {' or '.join(refs)}" if refs else " lies there"
    return f"no fact{about}; the ledger begins at {rfc3339(first[0].time)}"


def _view(output: Output, short: bool) -> Callable[[FactRow], str]:
    if output in (Output.JSON, Output.YAML):
        return lambda shown: document(shown.record(), output)
    return oneline if short else paragraph


def _matches(wanted: list[Filter], item: Recorded) -> bool:
    return any(each.matches(ref) for each in wanted for ref in concerned(item.fact))


def _items(found: Opened, after: int, until: int | None, follow: bool) -> Iterator[Recorded]:
    """The facts after a position, in their order; with `follow`, without an end."""
    while True:
        for item in recorded(found.log, found.codec, after, until):
            after = item.position
            yield item
        if not follow or (until is not None and after >= until):
            return
        sys.stdout.flush()
        time.sleep(POLL_SECONDS)
