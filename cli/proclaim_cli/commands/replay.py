"""`proclaim replay`: the ledger once more, from its start."""

from __future__ import annotations

import math
import sys
import time
from typing import Annotated, Any

import typer
from proclaim.checkpoint import digest
from proclaim.errors import Usage
from proclaim.ledger import recorded
from proclaim.ledger import replay as folded

from proclaim_cli.opening import Opened, opened, settings_of
from proclaim_cli.options import LedgerURL, NodeName, Output, SettingsFile, Shown
from proclaim_cli.single import as_command
from proclaim_cli.values.plain import plain
from proclaim_cli.values.replayed import Replay, Step
from proclaim_cli.values.resources import known_nodes, named_nodes
from proclaim_cli.values.when import position_at
from proclaim_cli.views.replayed import step_text
from proclaim_cli.views.say import note
from proclaim_cli.views.structured import document


@as_command
def command(
    begin: Annotated[
        str | None, typer.Option("--from", metavar="WHEN", help="Show what comes after this.")
    ] = None,
    until: Annotated[str | None, typer.Option(metavar="WHEN", help="Fold up to this.")] = None,
    speed: Annotated[
        str | None, typer.Option(metavar="60x", help="Play it in time, that much faster.")
    ] = None,
    node: NodeName = None,
    ledger: LedgerURL = None,
    settings: SettingsFile = None,
    output: Shown = Output.TABLE,
) -> int:
    """Fold every fact again, show what changed, and end with the digest of the state."""
    factor = _factor(speed)
    with opened(settings_of(settings, ledger)) as found:
        now = time.time()
        first = position_at(found.log, found.codec, begin, now) if begin else 0
        last = position_at(found.log, found.codec, until, now) if until else found.log.head()
        replay = Replay([node] if node else _nodes(found, last))
        structured = output in (Output.JSON, Output.YAML)
        previous = None
        for step in replay.steps(recorded(found.log, found.codec, 0, last)):
            if step.position <= first:
                continue
            if previous is not None:
                _wait((step.seconds - previous) / factor)
            previous = step.seconds
            if step.holdings or step.announcements:
                sys.stdout.write(document(_record(step), output) if structured else step_text(step))
        named = digest(replay.state, found.codec)
    end = {"digest": named, "position": replay.state.position}
    sys.stdout.write(document(end, output) if structured else f"digest {named}\n")
    return 0


def _nodes(found: Opened, last: int) -> list[str]:
    """The nodes whose announcements are followed: those that `get announcements` shows there."""
    state = folded(found.log, found.codec, last)
    if not named_nodes(state):
        note(f"these are for node {found.node}, as no Node is described; --node names another")
    return known_nodes(state, found.node)


def _record(step: Step) -> dict[str, Any]:
    found: dict[str, Any] = plain(step)
    del found["seconds"]
    return found


def _factor(speed: str | None) -> float:
    """How much faster than it was; infinite when no speed is given."""
    if speed is None:
        return math.inf
    try:
        factor = float(speed.removesuffix("x"))
    except ValueError:
        factor = 0.0
    if not 0 < factor < math.inf:
        raise Usage(f"--speed: {speed!r} is no speed", hint="write 60x, or 0.5x")
    return factor


def _wait(seconds: float) -> None:
    if seconds > 0:
        sys.stdout.flush()
        time.sleep(seconds)
