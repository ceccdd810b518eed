"""Holds the place of the Kubernetes source, and says so when it is chosen."""

from __future__ import annotations

from collections.abc import Iterable

from proclaim import PluginError, Settings, Source, hookimpl

SECTION = "k8s_source"


@hookimpl
def proclaim_sources(settings: Settings) -> Iterable[Source]:
    """No source; raises PluginError when the settings ask for this one."""
    if SECTION in settings.sections and settings.section(SECTION).get("enabled", True):
        raise PluginError(
            "the Kubernetes source is not built yet, and the settings ask for it",
            f"remove [{SECTION}] and name manifests under [file_source] paths instead",
        )
    return ()
