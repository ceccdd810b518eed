"""What this distribution offers: the source `kubernetes`, its reporters, the elector `lease`.

All of them share one connection to the API server.  Imports inside the hooks:
every command loads this module, and few talk to a cluster.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

from proclaim import Elector, Host, Reporter, Settings, Source, Tools, hookimpl

if TYPE_CHECKING:
    import typer

    from proclaim_k8s_source.members import Members

_members: WeakKeyDictionary[Host, Members] = WeakKeyDictionary()
"""What was made for each host: the hooks are asked one after the other."""


@hookimpl
def proclaim_sources(settings: Settings, host: Host) -> Iterable[Source]:
    """The source, where the settings have the table `[k8s_source]`."""
    members = _members_of(settings, host)
    return () if members is None else members.sources()


@hookimpl
def proclaim_reporters(settings: Settings, host: Host) -> Iterable[Reporter]:
    """The writers of a controller and of a node, as the role demands."""
    members = _members_of(settings, host)
    return () if members is None else members.reporters()


@hookimpl
def proclaim_electors(settings: Settings, host: Host) -> Iterable[Elector]:
    """The Lease, for a process that may give addresses."""
    members = _members_of(settings, host)
    return () if members is None else members.electors()


@hookimpl
def proclaim_commands(tools: Tools) -> Iterable[typer.Typer]:
    """`proclaim k8s ...`."""
    from proclaim_k8s_source.commands import application

    return [application(tools)]


def _members_of(settings: Settings, host: Host) -> Members | None:
    from proclaim_k8s_source.options import read_options

    options = read_options(settings)
    if options is None:
        return None
    known = _members.get(host)
    if known is None:
        from proclaim_k8s_source.members import members_of

        known = _members[host] = members_of(options, settings.ledger, host)
    return known
