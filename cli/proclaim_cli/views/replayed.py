"""A replay as text."""

from __future__ import annotations

from proclaim_cli.values.replayed import Step
from proclaim_cli.views.receivers import receivers
from proclaim_cli.views.table import printable


def step_text(step: Step) -> str:
    """A transaction and what it changed."""
    lines = [f"@{step.position} {step.time} {step.cause}"]
    lines += [f"    {each.service}: {each.message}" for each in step.holdings]
    lines += [
        f"    {each.announcer} on {each.node}: {each.prefix} {each.change}, "
        f"to {receivers(each.announcer, each.to)}"
        for each in step.announcements
    ]
    return "".join(f"{printable(line)}\n" for line in lines)
