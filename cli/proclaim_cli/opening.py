"""What a command works with: the settings, the plugins and a ledger, opened as it needs them.

A reading command opens the ledger beside a running service, and never creates it.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from proclaim.codec import Codec
from proclaim.errors import Usage
from proclaim.host import SystemHost
from proclaim.ledger import decode, replay
from proclaim.log import EventLog
from proclaim.plugins import Plugins, installed
from proclaim.settings import Settings, read_settings
from proclaim.state import State

from proclaim_cli.values.plain import rfc3339
from proclaim_cli.values.when import position_at
from proclaim_cli.views.say import note


@dataclass(frozen=True, slots=True)
class Opened:
    """A ledger, and what is needed to understand it."""

    log: EventLog
    codec: Codec
    plugins: Plugins
    settings: Settings
    node: str


def settings_of(path: str | None, ledger: str | None = None, node: str | None = None) -> Settings:
    """Read the settings file and put what the command line says in its place.

    Raises SettingsError.
    """
    settings = read_settings(path or None)
    return replace(settings, ledger=ledger or settings.ledger, node=node or settings.node)


def watching(settings: Settings, manifests: Iterable[str]) -> Settings:
    """Settings whose file source reads these manifests instead of its own."""
    sections: Mapping[str, Mapping[str, Any]] = settings.sections
    section = {**settings.section("file_source"), "paths": absolute(manifests)}
    return replace(settings, sections={**sections, "file_source": section})


def absolute(paths: Iterable[str]) -> list[str]:
    """Paths from the root, with links left as they are: a ConfigMap's change.

    Raises Usage like `named`.
    """
    return [path if path == "-" else str(Path(os.path.abspath(path))) for path in named(paths)]


def named(paths: Iterable[str]) -> list[str]:
    """Paths as they were given; raises Usage for an empty one, as of a variable not set."""
    found = list(paths)
    if "" in found:
        raise Usage("an empty text names no manifests", hint="write . for the working directory")
    return found


@contextmanager
def opened(settings: Settings, read_only: bool = True) -> Iterator[Opened]:
    """Open the ledger that the settings name, and close it at the end.

    Raises LedgerError or PluginError.
    """
    plugins = installed()
    codec = plugins.codec()
    node = SystemHost(settings.node).node
    log = plugins.event_log(settings.ledger, read_only, node)
    try:
        yield Opened(log, codec, plugins, settings, node)
    finally:
        log.close()


def state_at(found: Opened, when: str | None) -> State:
    """The state now, or at another time.

    Raises Usage when `when` means nothing, and LedgerDamaged.
    """
    until = position_at(found.log, found.codec, when, time.time()) if when else None
    if until == 0 and (first := decode(found.codec, found.log.read(0, 1))):
        note(f"{when} is before the ledger, which begins at {rfc3339(first[0].time)}")
    return replay(found.log, found.codec, until)
