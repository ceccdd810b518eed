"""Offers the source `files` when the settings name paths."""

from __future__ import annotations

from collections.abc import Iterator

from proclaim import Host, Settings, Source, hookimpl

SECTION = "file_source"
_KEYS = ("max_file_bytes", "paths")


@hookimpl
def proclaim_sources(settings: Settings, host: Host) -> Iterator[Source]:
    """One source for all paths; none when no path is named."""
    options = settings.section(SECTION)
    for key in options:
        if key not in _KEYS:
            raise settings.error(f"{SECTION}.{key}", f"unknown key; accepted: {', '.join(_KEYS)}")
    paths = _paths(settings)
    max_bytes = _max_bytes(settings)
    if paths:
        from proclaim_file_source.source import FileSource  # only those who watch pay for it

        yield FileSource(paths, host, max_bytes)


def _paths(settings: Settings) -> tuple[str, ...]:
    given = settings.section(SECTION).get("paths", ())
    paths = (given,) if isinstance(given, str) else given
    if not isinstance(paths, (list, tuple)) or not all(
        isinstance(path, str) and path and "\0" not in path for path in paths
    ):
        raise settings.error(f"{SECTION}.paths", "a path or a list of paths is expected")
    if "-" in paths:
        raise settings.error(f"{SECTION}.paths", "standard input cannot be watched; name a file")
    return tuple(paths)


def _max_bytes(settings: Settings) -> int:
    from proclaim.manifests import MAX_BYTES

    given = settings.section(SECTION).get("max_file_bytes", MAX_BYTES)
    if not isinstance(given, int) or isinstance(given, bool) or given <= 0:
        raise settings.error(f"{SECTION}.max_file_bytes", "a number of bytes above 0 is expected")
    return given
