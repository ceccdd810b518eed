"""Who is told about an announcement, in words."""

from __future__ import annotations

from collections.abc import Sequence

from proclaim.model import Spread

from proclaim_cli.values.resources import ANNOUNCERS


def receivers(announcer: str, to: Sequence[str]) -> str:
    """The peers or interfaces by name; where none is named, all interfaces but no peer is meant."""
    if to:
        return ",".join(to)
    return "(no peer)" if announcer == ANNOUNCERS[Spread.EVERY_NODE] else "(every interface)"
