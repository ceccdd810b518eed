"""`proclaim check`: everything that is wrong with manifests."""

from __future__ import annotations

import sys

from proclaim_cli.opening import named
from proclaim_cli.options import Manifests, Output, Shown
from proclaim_cli.single import as_command
from proclaim_cli.values.reading import check, listing_of
from proclaim_cli.views.say import advice, note
from proclaim_cli.views.structured import show
from proclaim_cli.views.table import printable


@as_command
def command(manifests: Manifests, output: Shown = Output.TABLE) -> int:
    """Check manifests; 1 when anything is wrong."""
    listing = listing_of(named(manifests))
    found = check(listing)
    if not show(found.problems, output):
        sys.stdout.write("".join(f"{printable(str(each))}\n" for each in found.problems))
    for each in found.notes:
        advice(str(each))
    note(f"{len(listing.resources)} resources, {len(found.problems)} problems")
    return 1 if found.problems else 0
