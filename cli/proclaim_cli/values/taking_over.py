"""What a first start in a running cluster would change: what is there, against what would be."""

from __future__ import annotations

from collections.abc import Sequence

from proclaim.findings import Finding, examine
from proclaim.model import Authority, Authorized, Listing
from proclaim.reach import View
from proclaim.state import State

from proclaim_cli.values.changes import Changes, changes, decisions
from proclaim_cli.values.resources import named_nodes


def taking_over(
    listing: Listing, load_balancer_class: str, nodes: Sequence[str] = ()
) -> tuple[Changes, list[Finding]]:
    """The difference between what the statuses say and what an empty ledger would make of them.

    Without nodes named, those of the listing count.
    """
    follow, adopt, allocate = (
        Authorized(authority, load_balancer_class)
        for authority in (Authority.FOLLOW, Authority.ADOPT, Authority.ALLOCATE)
    )
    before = decisions(State(), [follow, listing]).state
    made = decisions(State(), [adopt, listing, allocate])
    known = list(nodes) or named_nodes(made.state)
    planned = changes(View(before, known), made, View(made.state, known))
    return planned, sorted(examine(made.state))
