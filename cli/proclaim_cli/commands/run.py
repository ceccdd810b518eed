"""`proclaim run`: the service of one node, from start to an orderly end."""

from __future__ import annotations

import signal
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import Annotated

import trio
import typer
from proclaim import engine
from proclaim.codec import Codec
from proclaim.engine import Cast
from proclaim.errors import ProclaimError, SettingsError, Usage
from proclaim.host import SystemHost
from proclaim.ledger import Ledger
from proclaim.log import EventLog
from proclaim.model import Authority
from proclaim.plugins import Plugins, choose, installed
from proclaim.settings import Settings, read_settings

from proclaim_cli.opening import settings_of, watching
from proclaim_cli.options import LedgerURL, NodeName, SettingsFile
from proclaim_cli.records import show_records
from proclaim_cli.single import as_command
from proclaim_cli.views.say import note

_OPTIONAL = ("reporters", "electors")
_STOP = (signal.SIGTERM, signal.SIGINT)


@dataclass(frozen=True, slots=True)
class Service:
    """Everything that one running node is made of."""

    settings: Settings
    host: SystemHost
    cast: Cast
    codec: Codec
    log: EventLog


@as_command
def command(
    manifests: Annotated[
        list[str] | None,
        typer.Argument(metavar="MANIFESTS", help="Files or directories to watch."),
    ] = None,
    node: NodeName = None,
    settings: SettingsFile = None,
    ledger: LedgerURL = None,
    authority: Annotated[
        str | None,
        typer.Option(metavar="allocate|follow", help="Whether to give addresses or adopt them."),
    ] = None,
    source: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="Use this source only; repeatable.")
    ] = None,
    announcer: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="Use this announcer only; repeatable.")
    ] = None,
    verbose: Annotated[
        int,
        typer.Option(
            "--verbose", "-v", count=True, help="Log in detail; twice, the libraries as well."
        ),
    ] = 0,
) -> int:
    """Serve one node until SIGTERM or SIGINT."""
    show_records(verbose)
    found = _authorized(settings_of(settings, ledger, node), authority)
    if manifests:
        found = watching(found, manifests)
    host = SystemHost(found.node)
    plugins = installed()
    cast = _cast(plugins, found, host, (source or [], announcer or []))
    log = plugins.event_log(found.ledger, False, host.node)
    try:
        trio.run(_serve, Service(found, host, cast, plugins.codec(), log))
    finally:
        log.close()
    return 0


def _authorized(settings: Settings, authority: str | None) -> Settings:
    if authority is None:
        return settings
    if authority not in (Authority.ALLOCATE, Authority.FOLLOW):
        raise Usage(f"--authority: {authority!r} is unknown", hint="use allocate or follow")
    return replace(settings, authority=Authority(authority))


def _cast(
    plugins: Plugins,
    settings: Settings,
    host: SystemHost,
    chosen: tuple[Sequence[str], Sequence[str]],
) -> Cast:
    sources = choose(plugins.sources(settings, host), chosen[0], "source")
    if not sources:
        raise SettingsError(
            "there is nothing to watch: no source is configured",
            hint="name manifests, as in `proclaim run manifests/`, or write into the settings file "
            "paths under [file_source], or the table [k8s_source]",
        )
    announcers = choose(plugins.announcers(settings, host), chosen[1], "announcer")
    cast = Cast(
        sources,
        announcers,
        plugins.detectors(settings, host),
        plugins.reporters(settings, host),
        plugins.electors(settings, host),
    )
    for name in settings.unread():
        note(f"{settings.path}: [{name}]: no installed plugin reads this table")
    return cast


async def _serve(service: Service) -> None:
    ledger = Ledger(service.log, service.codec, service.host)
    await ledger.replay()
    with ExitStack() as listening:
        signals = listening.enter_context(trio.open_signal_receiver(*_STOP, signal.SIGHUP))

        async def wait_for_shutdown() -> None:
            note(_ready(service, ledger.state.value.position))
            async for signum in signals:
                if signum in _STOP:
                    break
                await trio.to_thread.run_sync(_look_at_settings, service.settings.path)
            note(f"node {service.host.node} is ending; a second signal ends it at once")
            listening.close()

        await engine.run(
            ledger, service.cast, service.host, service.settings.authorized, wait_for_shutdown
        )
    note(f"node {service.host.node} has ended at position {ledger.state.value.position}")


def _ready(service: Service, position: int) -> str:
    """The one line that says that the service is up."""
    cast = service.cast
    names = {
        "sources": [each.name for each in cast.sources],
        "announcers": [each.name for each in cast.announcers],
        "detectors": [each.name for each in cast.detectors],
        "reporters": [each.name for each in cast.reporters],
        "electors": [each.name for each in cast.electors],
    }
    said = ", ".join(
        f"{what} {' '.join(found) or 'none'}"
        for what, found in names.items()
        if found or what not in _OPTIONAL
    )
    return (
        f"node {service.host.node} is running: ledger {service.log.url}, position {position}, "
        f"authority {service.settings.authority}, {said}"
    )


def _look_at_settings(path: str) -> None:
    """Check the settings file again; a running service takes nothing from it."""
    if not path:
        note("there is no settings file to read again")
        return
    try:
        read_settings(path)
    except ProclaimError as error:
        note(f"the settings stay as they are: {error.message}")
    else:
        note(f"{path} is valid; a restart applies it")
