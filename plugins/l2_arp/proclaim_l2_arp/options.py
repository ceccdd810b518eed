"""What `[l2_arp]` in the settings file may say.

Knows the settings, reads the key file that they name, and touches nothing
else.  Every key that is not listed here is refused.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from proclaim import Settings

from proclaim_l2_arp.eligibility import DEFAULT_EXCLUDED, compile_patterns

_KEYS = {"enabled", "exclude_interfaces", "heartbeat"}
_HEARTBEAT_KEYS = {"enabled", "interval_ms", "dead_after_ms", "port", "key_file"}


@dataclass(frozen=True, slots=True)
class HeartbeatOptions:
    """How fellow nodes are watched; times in seconds."""

    enabled: bool = True
    interval: float = 0.5
    dead_after: float = 2.0
    port: int = 7473
    key: bytes = field(default=b"", repr=False)
    """Shared by all nodes; empty when datagrams are not authenticated."""


@dataclass(frozen=True, slots=True)
class Options:
    """The whole table, checked."""

    enabled: bool = True
    excluded: tuple[re.Pattern[str], ...] = compile_patterns(DEFAULT_EXCLUDED)
    heartbeat: HeartbeatOptions = HeartbeatOptions()


def read_options(settings: Settings) -> Options:
    """Check the table `[l2_arp]`; raises SettingsError with the key and what it accepts."""
    table = settings.section("l2_arp")
    _refuse_unknown(settings, "l2_arp", table, _KEYS)
    heartbeat = table.get("heartbeat", {})
    if not isinstance(heartbeat, Mapping):
        raise settings.error("l2_arp.heartbeat", "must be a table")
    return Options(
        enabled=_boolean(settings, "l2_arp.enabled", table.get("enabled", True)),
        excluded=_patterns(settings, table.get("exclude_interfaces", list(DEFAULT_EXCLUDED))),
        heartbeat=_heartbeat(settings, heartbeat),
    )


def _heartbeat(settings: Settings, table: Mapping[str, Any]) -> HeartbeatOptions:
    _refuse_unknown(settings, "l2_arp.heartbeat", table, _HEARTBEAT_KEYS)

    def number(key: str, default: int, low: int, high: int) -> int:
        value = table.get(key, default)
        if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
            raise settings.error(
                f"l2_arp.heartbeat.{key}", f"{value!r} is not a whole number from {low} to {high}"
            )
        return value

    interval = number("interval_ms", 500, 50, 60_000)
    dead_after = number("dead_after_ms", 2000, 100, 600_000)
    if dead_after < 2 * interval:
        said = "" if "dead_after_ms" in table else ", the default,"
        raise settings.error(
            "l2_arp.heartbeat.dead_after_ms",
            f"{dead_after}{said} is less than twice interval_ms = {interval}; raise dead_after_ms "
            f"to {2 * interval} or more, or lower interval_ms",
        )
    return HeartbeatOptions(
        enabled=_boolean(settings, "l2_arp.heartbeat.enabled", table.get("enabled", True)),
        interval=interval / 1000,
        dead_after=dead_after / 1000,
        port=number("port", 7473, 1, 65535),
        key=_key(settings, table.get("key_file", "")),
    )


def _key(settings: Settings, path: object) -> bytes:
    name = "l2_arp.heartbeat.key_file"
    if not isinstance(path, str):
        raise settings.error(name, f"{path!r} is not a path")
    if not path:
        return b""
    try:
        key = Path(path).read_bytes().strip()
    except OSError as error:
        raise settings.error(name, f"{path}: {error.strerror}") from None
    if not key:
        raise settings.error(name, f"{path}: is empty")
    return key


def _patterns(settings: Settings, value: object) -> tuple[re.Pattern[str], ...]:
    name = "l2_arp.exclude_interfaces"
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise settings.error(name, "must be a list of regular expressions")
    try:
        return compile_patterns(value)
    except re.error as error:
        raise settings.error(name, f"{error.pattern!r}: {error}") from None


def _boolean(settings: Settings, name: str, value: object) -> bool:
    if not isinstance(value, bool):
        raise settings.error(name, f"{value!r} is neither true nor false")
    return value


def _refuse_unknown(
    settings: Settings, name: str, table: Mapping[str, Any], accepted: set[str]
) -> None:
    for key in sorted(table.keys() - accepted):
        raise settings.error(
            f"{name}.{key}", f"unknown key; accepted are {', '.join(sorted(accepted))}"
        )
