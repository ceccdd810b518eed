"""`proclaim plan`: what `apply` would change."""

from __future__ import annotations

import sys

from proclaim.errors import NotFound
from proclaim.host import SystemHost
from proclaim.settings import Settings
from proclaim.state import State

from proclaim_cli.opening import absolute, opened, settings_of, state_at
from proclaim_cli.options import LedgerURL, Manifests, NodeName, Output, SettingsFile, Shown
from proclaim_cli.single import as_command
from proclaim_cli.values.changes import changes, decisions, views
from proclaim_cli.values.reading import findings, observations, reading_of
from proclaim_cli.views.changes import changes_text
from proclaim_cli.views.findings import tell
from proclaim_cli.views.say import note
from proclaim_cli.views.structured import show

CHANGES = 2


@as_command
def command(
    manifests: Manifests,
    node: NodeName = None,
    ledger: LedgerURL = None,
    settings: SettingsFile = None,
    output: Shown = Output.TABLE,
) -> int:
    """Compare manifests with the ledger, and record nothing.

    The status is 0 when nothing would change, 2 when something would, and 1 when there are
    problems.  `-o wide` lists what is kept as well.
    """
    found = settings_of(settings, ledger)
    reading = reading_of(absolute(manifests))
    before = _present(found)
    made = decisions(before, observations(before, reading.listing, found.authorized))
    was, will_be = views(before, made.state, node, SystemHost(found.node).node)
    planned = changes(was, made, will_be)
    wrong = tell(findings(reading, made.state))
    if not show(planned, output):
        sys.stdout.write(changes_text(planned, output is Output.WIDE))
    if wrong:
        return 1
    return CHANGES if planned.summary.changes else 0


def _present(settings: Settings) -> State:
    """The state now; the empty one where there is no ledger yet."""
    try:
        with opened(settings) as found:
            return state_at(found, None)
    except NotFound:
        note("there is no ledger yet; everything is new")
        return State()
