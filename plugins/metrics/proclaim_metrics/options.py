"""The table `[metrics]` of the settings file; without it nothing is served.

[metrics]
enabled = true
listen = "127.0.0.1:9120"            # /metrics, /healthz, /readyz; or "[2001:db8::1]:9120"
health_listen = "0.0.0.0:17472"      # /healthz and /readyz alone, never encrypted
certificate = "/etc/proclaim/tls.crt"    # PEM; then `listen` speaks HTTPS
key = "/etc/proclaim/tls.key"
token_file = "/etc/proclaim/token"   # /metrics only with `Authorization: Bearer` and its contents
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Any, NamedTuple

from proclaim import Settings, SettingsError

SECTION = "metrics"
DEFAULT_LISTEN = "127.0.0.1:9120"
_KEYS = ("certificate", "enabled", "health_listen", "key", "listen", "token_file")


class Endpoint(NamedTuple):
    """Where to listen, and the key that says so."""

    key: str
    address: str
    port: int

    def __str__(self) -> str:
        host = f"[{self.address}]" if ":" in self.address else self.address
        return f"{host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Options:
    """What the table said, checked."""

    settings: Settings
    listen: Endpoint
    health_listen: Endpoint | None = None
    certificate: str = ""
    key: str = ""
    token_file: str = ""

    def error(self, key: str, problem: str) -> SettingsError:
        """The error about one key of the table."""
        return self.settings.error(f"{SECTION}.{key}", problem)


def read_options(settings: Settings) -> Options | None:
    """Read the table; None when nothing is to be served.

    Raises SettingsError, naming the key and what would be accepted.
    """
    table = settings.section(SECTION)
    for key in table:
        if key not in _KEYS:
            problem = f"unknown key; accepted are {', '.join(_KEYS)}"
            raise settings.error(f"{SECTION}.{key}", problem)
    enabled = table.get("enabled", SECTION in settings.sections)
    if not isinstance(enabled, bool):
        raise settings.error(f"{SECTION}.enabled", f"{enabled!r} is not true or false")
    listen = _endpoint(settings, table, "listen", DEFAULT_LISTEN)
    health = _endpoint(settings, table, "health_listen", "")
    files = {key: _path(settings, table, key) for key in ("certificate", "key", "token_file")}
    for one, other in (("certificate", "key"), ("key", "certificate")):
        if files[one] and not files[other]:
            raise settings.error(f"{SECTION}.{one}", f"is of no use without {SECTION}.{other}")
    if listen is None or not enabled:
        return None
    return Options(settings, listen, health, **files)


def _endpoint(
    settings: Settings, table: Mapping[str, Any], key: str, default: str
) -> Endpoint | None:
    text = table.get(key, default)
    if text == default == "":
        return None
    try:
        address, port = _address_and_port(text)
    except (AttributeError, ValueError):
        expected = f"{text!r} is not ADDRESS:PORT, as {DEFAULT_LISTEN} or [::1]:9120"
        raise settings.error(f"{SECTION}.{key}", expected) from None
    return Endpoint(key, address, port)


def _address_and_port(text: str) -> tuple[str, int]:
    """Raises AttributeError or ValueError when it is none."""
    host, _, port = text.rpartition(":")
    bracketed = host.startswith("[") and host.endswith("]")
    address = ip_address(host[1:-1] if bracketed else host)
    if (address.version == 6) != bracketed or not (port.isascii() and port.isdecimal()):
        raise ValueError(text)
    if not 0 < int(port) <= 0xFFFF:
        raise ValueError(text)
    return str(address), int(port)


def _path(settings: Settings, table: Mapping[str, Any], key: str) -> str:
    text = table.get(key, "")
    if not isinstance(text, str) or "\0" in text or (key in table and not text):
        raise settings.error(f"{SECTION}.{key}", f"{text!r} is not the path of a file")
    return text
