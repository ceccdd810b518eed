"""What BGP offers to Proclaim: an announcer, and the command group `bgp`."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from proclaim import Announcer, Host, Settings, hookimpl

if TYPE_CHECKING:
    import typer


@hookimpl
def proclaim_announcers(settings: Settings, host: Host) -> Iterable[Announcer]:
    """One announcer, unless the settings say `enabled = false`."""
    from proclaim_bgp.options import read_options

    options = read_options(settings)
    if not options.enabled:
        return []
    from proclaim_bgp.driver import BGPAnnouncer

    return [BGPAnnouncer(host, options)]


@hookimpl
def proclaim_commands() -> Iterable[typer.Typer]:
    """`proclaim bgp ...`."""
    from proclaim_bgp.commands import app

    return [app]
