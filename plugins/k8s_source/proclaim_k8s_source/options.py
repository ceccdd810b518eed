"""The table `[k8s_source]` of the settings file.

[k8s_source]
role = "node"                       # or "controller", or "both"
namespace = "metallb-system"        # of the metallb.io resources, the Lease and the Secrets
kubeconfig = "/etc/kubernetes/proclaim.conf"
context = "lab"
requests_per_second = 500
burst = 1000
page_size = 250
lease_name = "proclaim-controller"
lease_seconds = 15
identity = "a"                      # in the Lease; else made from the pod or node and the ledger
ignore_exclude_lb = false           # announce also from nodes that are excluded by their label
beside_metallb = "refuse"           # or "allow"

[k8s_source.webhook]
listen = "0.0.0.0:9443"
certificate = "/etc/proclaim/tls/tls.crt"
key = "/etc/proclaim/tls/tls.key"
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from enum import StrEnum
from ipaddress import ip_address
from typing import Any

from proclaim import Authority, Settings

SECTION = "k8s_source"
_KEYS = (
    "beside_metallb",
    "burst",
    "context",
    "enabled",
    "identity",
    "ignore_exclude_lb",
    "kubeconfig",
    "lease_name",
    "lease_seconds",
    "namespace",
    "page_size",
    "requests_per_second",
    "role",
    "webhook",
)
_ANNOUNCERS = ("bgp", "l2_arp")
"""The tables of the announcers, which run unless they are disabled."""
_WEBHOOK_KEYS = ("certificate", "key", "listen")
_NAME = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")


class Role(StrEnum):
    """What a process does in a cluster."""

    CONTROLLER = "controller"
    """Gives addresses while it holds the Lease, and writes them; announces nothing."""
    NODE = "node"
    """Announces what the controller gave."""
    BOTH = "both"


@dataclass(frozen=True, slots=True)
class WebhookOptions:
    """Where reviews of admission are answered, and with which certificate."""

    address: str
    port: int
    certificate: str
    key: str


@dataclass(frozen=True, slots=True)
class Options:
    """What the table said, checked."""

    role: Role
    load_balancer_class: str = ""
    namespace: str = ""
    """Empty: the namespace of the service account or of the context, or metallb-system."""
    kubeconfig: str = ""
    context: str = ""
    identity: str = ""
    requests_per_second: float = 500.0
    burst: int = 1000
    page_size: int = 250
    lease_name: str = "proclaim-controller"
    lease_seconds: float = 15.0
    ignore_exclude_lb: bool = False
    beside_metallb: bool = False
    webhook: WebhookOptions | None = None

    @property
    def allocates(self) -> bool:
        """Whether this process may give addresses, when it is elected."""
        return self.role is not Role.NODE

    @property
    def announces(self) -> bool:
        """Whether announcers may run in this process."""
        return self.role is not Role.CONTROLLER


def read_options(settings: Settings) -> Options | None:
    """Read the table; None when there is none, or it is not enabled.

    Raises SettingsError, naming the key and what would be accepted.
    """
    table = settings.section(SECTION)
    if SECTION not in settings.sections:
        return None
    read = _Reader(settings, SECTION, table)
    read.refuse_unknown(_KEYS)
    if not read.flag("enabled", True):
        return None
    return Options(
        role=_role(read, settings),
        load_balancer_class=settings.load_balancer_class,
        namespace=read.name("namespace", ""),
        kubeconfig=read.text("kubeconfig"),
        context=read.text("context"),
        identity=read.text("identity"),
        requests_per_second=read.number("requests_per_second", 500.0, 0.1, 1e6),
        burst=int(read.number("burst", 1000, 1, 1e6)),
        page_size=int(read.number("page_size", 250, 1, 10_000)),
        lease_name=read.name("lease_name", "proclaim-controller"),
        lease_seconds=read.number("lease_seconds", 15.0, 3, 3600),
        ignore_exclude_lb=read.flag("ignore_exclude_lb", False),
        beside_metallb=read.choice("beside_metallb", ("refuse", "allow"), "refuse") == "allow",
        webhook=_webhook(settings, table),
    )


def _role(read: _Reader, settings: Settings) -> Role:
    follows = settings.authority is Authority.FOLLOW
    role = Role(read.choice("role", tuple(Role), Role.NODE if follows else Role.BOTH))
    if role is Role.NODE and not follows:
        raise read.error("role", 'a node follows the controller; set authority = "follow" as well')
    if role is not Role.NODE and follows:
        raise read.error("role", f'the role {role} gives addresses; set authority = "allocate"')
    if role is Role.CONTROLLER and any(_announces(settings, each) for each in _ANNOUNCERS):
        raise read.error(
            "role",
            "a controller announces nothing; set enabled = false under [bgp] and [l2_arp], "
            'or role = "both"',
        )
    return role


def _announces(settings: Settings, table: str) -> bool:
    """Whether an announcer is not disabled; it reads and checks its table itself."""
    return settings.sections.get(table, {}).get("enabled", True) is not False


def _webhook(settings: Settings, table: Mapping[str, Any]) -> WebhookOptions | None:
    if "webhook" not in table:
        return None
    given = table["webhook"]
    if not isinstance(given, Mapping):
        raise settings.error(f"{SECTION}.webhook", "a table is expected")
    read = _Reader(settings, f"{SECTION}.webhook", given)
    read.refuse_unknown(_WEBHOOK_KEYS)
    address, port = read.endpoint("listen", "0.0.0.0:9443")
    return WebhookOptions(address, port, read.required("certificate"), read.required("key"))


class _Reader:
    """One table, read key by key."""

    def __init__(self, settings: Settings, path: str, table: Mapping[str, Any]) -> None:
        self._settings = settings
        self._path = path
        self._table = table

    def error(self, key: str, expected: str) -> Exception:
        return self._settings.error(f"{self._path}.{key}", expected)

    def refuse_unknown(self, keys: Collection[str]) -> None:
        for key in self._table:
            if key not in keys:
                raise self.error(key, f"unknown key; accepted are {', '.join(keys)}")

    def flag(self, key: str, default: bool) -> bool:
        value = self._table.get(key, default)
        if not isinstance(value, bool):
            raise self.error(key, f"{value!r} is not true or false")
        return value

    def text(self, key: str, default: str = "") -> str:
        value = self._table.get(key, default)
        if not isinstance(value, str):
            raise self.error(key, f"{value!r} is not a text")
        return value

    def required(self, key: str) -> str:
        value = self.text(key)
        if not value:
            raise self.error(key, "is missing; the path of a PEM file is expected")
        return value

    def name(self, key: str, default: str) -> str:
        value = self.text(key, default)
        if value and not _NAME.fullmatch(value):
            raise self.error(key, f"{value!r} is not a name of lower case letters, digits and -")
        return value

    def choice(self, key: str, choices: Collection[str], default: str) -> str:
        value = self.text(key, default)
        if value not in choices:
            raise self.error(key, f"{value!r} is not one of {', '.join(choices)}")
        return value

    def number(self, key: str, default: float, low: float, high: float) -> float:
        value = self._table.get(key, default)
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise self.error(key, f"{value!r} is not a number")
        if not low <= value <= high:
            raise self.error(key, f"{value} is not between {low:g} and {high:g}")
        return value

    def endpoint(self, key: str, default: str) -> tuple[str, int]:
        text = self.text(key, default)
        address, _, port = text.rpartition(":")
        try:
            return str(ip_address(address.removeprefix("[").removesuffix("]"))), int(port)
        except ValueError:
            raise self.error(key, f"{text!r} is not 'address:port'") from None
