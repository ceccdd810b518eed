"""What the command line lends to the commands of plugins (`proclaim.Tools`)."""

from __future__ import annotations

import sys
from collections.abc import Iterable

from proclaim.model import Listing


class Lent:
    """The views of our own commands; they are imported when one is used."""

    def show_plan(
        self,
        listing: Listing,
        load_balancer_class: str,
        output: str,
        nodes: Iterable[str] = (),
    ) -> int:
        """Show what taking over a running cluster would change: `proclaim.Tools.show_plan`."""
        from proclaim_cli.options import Output
        from proclaim_cli.values.taking_over import taking_over
        from proclaim_cli.views.changes import changes_text
        from proclaim_cli.views.findings import tell
        from proclaim_cli.views.say import problem
        from proclaim_cli.views.structured import show

        planned, findings, doubt, none_served = taking_over(
            listing, load_balancer_class, tuple(nodes)
        )
        wrong = tell(findings)
        if doubt:
            problem(f"nothing would be given and no status written: {doubt}")
        if none_served:
            problem(none_served)
        if not show(planned, Output(output)):
            wide = Output(output) is Output.WIDE
            sys.stdout.write(changes_text(planned, wide, doubt or none_served))
        if wrong or doubt or none_served:
            return 1
        return 2 if planned.summary.changes else 0
