"""`proclaim plugins`: what is installed, and what each plugin provides."""

from __future__ import annotations

import sys
from importlib.metadata import entry_points
from typing import NamedTuple

from proclaim.errors import ProclaimError
from proclaim.host import SystemHost
from proclaim.plugins import GROUP, Plugin, Plugins, installed
from proclaim.settings import Settings

from proclaim_cli.lent import Lent
from proclaim_cli.opening import settings_of
from proclaim_cli.options import Output, SettingsFile, Shown
from proclaim_cli.single import as_command
from proclaim_cli.views.structured import show
from proclaim_cli.views.table import table

_OFFERED = ("sources", "announcers", "detectors", "reporters", "electors")


class PluginRow(NamedTuple):
    """An installed plugin."""

    name: str
    distribution: str
    version: str
    hooks: tuple[str, ...]
    kinds: tuple[str, ...]
    sources: tuple[str, ...]
    """Those that these settings give; so are the next four."""
    announcers: tuple[str, ...]
    detectors: tuple[str, ...]
    reporters: tuple[str, ...]
    electors: tuple[str, ...]
    commands: tuple[str, ...]
    problem: str
    """Why these settings do not suit it."""


@as_command
def command(settings: SettingsFile = None, output: Shown = Output.TABLE) -> int:
    """List the plugins, with what the settings make them provide."""
    found = settings_of(settings)
    rows = plugin_rows(found)
    if not show(rows, output):
        sys.stdout.write(_text(rows, output is Output.WIDE))
    return 1 if any(row.problem for row in rows) else 0


def plugin_rows(settings: Settings) -> list[PluginRow]:
    """Every plugin, each asked alone."""
    points = {point.name: point for point in entry_points(group=GROUP)}
    host = SystemHost(settings.node)
    return [
        _row(plugin, Plugins([(plugin.name, points[plugin.name].load())]), settings, host)
        for plugin in installed().describe()
    ]


def _row(plugin: Plugin, alone: Plugins, settings: Settings, host: SystemHost) -> PluginRow:
    offered: dict[str, tuple[str, ...]] = dict.fromkeys(_OFFERED, ())
    problem = ""
    try:
        for sort in _OFFERED:
            offered[sort] = tuple(each.name for each in getattr(alone, sort)(settings, host))
    except ProclaimError as error:
        problem = error.message
    return PluginRow(
        plugin.name,
        plugin.distribution,
        plugin.version,
        plugin.hooks,
        tuple(alone.codec().kinds),
        **offered,
        commands=tuple(str(group.info.name) for _, group in alone.commands(Lent())),
        problem=problem,
    )


def _text(rows: list[PluginRow], wide: bool) -> str:
    header = ["NAME", "DISTRIBUTION", "VERSION", "PROVIDES"]
    shown = [
        [
            row.name,
            row.distribution,
            row.version,
            row.problem or _provides(row),
            *([" ".join(row.hooks)] if wide else []),
        ]
        for row in rows
    ]
    return table([*header, "HOOKS"] if wide else header, shown)


def _provides(row: PluginRow) -> str:
    what = {
        "kinds": row.kinds,
        "sources": row.sources,
        "announcers": row.announcers,
        "detectors": row.detectors,
        "reporters": row.reporters,
        "electors": row.electors,
        "commands": row.commands,
    }
    return "; ".join(
        f"{name} {', '.join(found)}" if found else f"{name}, where the settings ask for them"
        for name, found in what.items()
        if found or f"proclaim_{name}" in row.hooks
    )
