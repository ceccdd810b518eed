"""`proclaim apply`: records manifests and what is decided from them."""

from __future__ import annotations

import sys
import time

from proclaim.decide import decide
from proclaim.events import Fact
from proclaim.ledger import record_now
from proclaim.model import Listing
from proclaim.state import State

from proclaim_cli.opening import Opened, absolute, opened, settings_of, state_at
from proclaim_cli.options import LedgerURL, Manifests, NodeName, Output, SettingsFile, Shown
from proclaim_cli.single import as_command
from proclaim_cli.values.changes import Decisions, changes, views
from proclaim_cli.values.plain import counted
from proclaim_cli.values.reading import findings, observations, reading_of
from proclaim_cli.views.changes import changes_text
from proclaim_cli.views.findings import tell
from proclaim_cli.views.say import note
from proclaim_cli.views.structured import show


@as_command
def command(
    manifests: Manifests,
    node: NodeName = None,
    ledger: LedgerURL = None,
    settings: SettingsFile = None,
    output: Shown = Output.TABLE,
) -> int:
    """Record one complete listing, and announce nothing; 1 on problems.

    Complete means: what the manifests do not name is gone, and its addresses are released.
    """
    reading = reading_of(absolute(manifests))
    with opened(settings_of(settings, ledger), read_only=False) as found:
        before = state_at(found, None)
        made = _recorded(found, before, reading.listing)
        was, is_ = views(before, made.state, node, found.node)
    applied = changes(was, made, is_)
    wrong = tell(findings(reading, made.state))
    if not show(applied, output):
        sys.stdout.write(changes_text(applied, output is Output.WIDE))
    note(f"{counted(len(made.facts), 'fact')} recorded, position {made.state.position}")
    return 1 if wrong else 0


def _recorded(found: Opened, state: State, listing: Listing) -> Decisions:
    """Decide and store one observation after the other, each in a transaction of its own."""
    facts: list[Fact] = []
    for observation in observations(state, listing, found.settings.authorized):
        now = round(time.time(), 6)
        decided = decide(state, observation, now)
        record_now(found.log, found.codec, state, decided, now)
        facts.extend(decided.facts)
        state = decided.state
    return Decisions(tuple(facts), state)
