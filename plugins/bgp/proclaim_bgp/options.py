"""The table `[bgp]` of the settings file.

[bgp]
enabled = true
listen = ["127.0.0.1:1790"]     # also accept connections of configured peers
next_hop_ipv4 = "192.0.2.1"     # instead of an address of the session's interface
next_hop_ipv6 = "2001:db8::1"
restart_seconds = 120           # how long peers that would wait for this node do so
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import Any

from proclaim import Settings

from proclaim_bgp.neighbor import DEFAULT_RESTART_SECONDS
from proclaim_bgp.wire import MOST_RESTART_SECONDS, Family

_AS_IN = """ of 'address:port', as in ["0.0.0.0:179", "[::]:179"]"""
_KEYS = ("enabled", "listen", "next_hop_ipv4", "next_hop_ipv6", "restart_seconds")


@dataclass(frozen=True, slots=True)
class Options:
    """What the table said, checked."""

    enabled: bool = True
    listen: tuple[tuple[str, int], ...] = ()
    """Addresses and ports to accept connections at."""
    next_hops: Mapping[Family, str] = field(default_factory=dict)
    restart_seconds: int = DEFAULT_RESTART_SECONDS
    """How long peers with graceful restart keep the routes of a node that is away."""


def read_options(settings: Settings) -> Options:
    """Read the table; raises SettingsError, naming the key and what would be accepted."""
    table = settings.section("bgp")
    for key in table:
        if key not in _KEYS:
            raise settings.error(f"bgp.{key}", f"unknown key; accepted are {', '.join(_KEYS)}")
    enabled = table.get("enabled", True)
    if not isinstance(enabled, bool):
        raise settings.error("bgp.enabled", f"{enabled!r} is not true or false")
    return Options(
        enabled,
        _listen(settings, table),
        _next_hops(settings, table),
        _restart_seconds(settings, table),
    )


def _listen(settings: Settings, table: Mapping[str, Any]) -> tuple[tuple[str, int], ...]:
    listed = table.get("listen", [])
    if not isinstance(listed, list):
        raise settings.error("bgp.listen", f"{listed!r} is not a list{_AS_IN}")
    found = []
    for text in listed:
        try:
            found.append(endpoint(text))
        except (AttributeError, ValueError):
            raise settings.error("bgp.listen", f"{text!r} is not one{_AS_IN}") from None
    return tuple(found)


def _next_hops(settings: Settings, table: Mapping[str, Any]) -> dict[Family, str]:
    found = {}
    for family in Family:
        key = f"next_hop_ipv{family.version}"
        if key not in table:
            continue
        text = table[key]
        try:
            if "%" in str(text) or ip_address(str(text)).version != family.version:
                raise ValueError(text)
        except ValueError:
            raise settings.error(f"bgp.{key}", f"{text!r} is no {family.label} address") from None
        found[family] = str(ip_address(text))
    return found


def _restart_seconds(settings: Settings, table: Mapping[str, Any]) -> int:
    seconds = table.get("restart_seconds", DEFAULT_RESTART_SECONDS)
    if type(seconds) is not int or not 1 <= seconds <= MOST_RESTART_SECONDS:
        accepted = f"a whole number from 1 to {MOST_RESTART_SECONDS}"
        raise settings.error("bgp.restart_seconds", f"{seconds!r} is not {accepted}")
    return seconds


def endpoint(text: str) -> tuple[str, int]:
    """Read `192.0.2.1:179` or `[2001:db8::1]:179`; raises ValueError when it is neither."""
    address, _, port = text.rpartition(":")
    if address.startswith("[") and address.endswith("]"):
        address = address[1:-1]
        if ip_address(address).version != 6:
            raise ValueError(text)
    elif ip_address(address).version != 4:
        raise ValueError(text)
    number = int(port)
    if not 0 <= number <= 0xFFFF:
        raise ValueError(text)
    return str(ip_address(address)), number
