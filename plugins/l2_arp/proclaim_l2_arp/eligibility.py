"""Network interfaces as values, and whether addresses are answered for on them.

Knows neither netlink nor sockets.  The rules are those of MetalLB's speaker,
so that a cluster which runs both treats each interface alike.  An interface
is usable exactly when `why_not` has nothing to say.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address

from proclaim import InterfaceStatus

UP, BROADCAST_CAPABLE, LOOPBACK, RUNNING, NOARP = 0x1, 0x2, 0x8, 0x40, 0x80  # <net/if.h>

DEFAULT_EXCLUDED = (
    "^docker.*",
    "^cbr.*",
    "^dummy.*",
    "^virbr.*",
    "^lxcbr.*",
    "^veth.*",
    "^lo$",
    "^cali.*",
    "^tunl.*",
    "^flannel.*",
    "^kube-ipvs.*",
    "^cni.*",
    "^nodelocaldns.*",
    "^lxc.*",
)


@dataclass(frozen=True, slots=True)
class Interface:
    """One network interface of this node."""

    index: int
    name: str
    mac: bytes = b""
    flags: int = 0
    master: int = 0
    """Index of the bridge, bond or VRF that it belongs to; 0 when there is none."""
    addresses: tuple[str, ...] = ()
    """Canonical text without prefix lengths, sorted by value."""

    @property
    def carrier(self) -> bool:
        """Whether frames can leave now."""
        return bool(self.flags & RUNNING)

    @property
    def link_local(self) -> bytes | None:
        """The packed IPv6 link-local address, when there is one."""
        for text in self.addresses:
            address = ip_address(text)
            if isinstance(address, IPv6Address) and address.is_link_local:
                return address.packed
        return None


def compile_patterns(patterns: Iterable[str]) -> tuple[re.Pattern[str], ...]:
    """Exclusions ready for use, matched anywhere in a name; raises re.error."""
    return tuple(re.compile(pattern) for pattern in patterns)


def why_not(
    interface: Interface, excluded: Sequence[re.Pattern[str]], names: Mapping[int, str]
) -> str:
    """Why an interface is not answered on; empty when it is.  `names` are all, by index."""
    for pattern in excluded:
        if pattern.search(interface.name):
            return f"its name matches exclude_interfaces {pattern.pattern!r}"
    if interface.flags & LOOPBACK:
        return "it is a loopback interface"
    if not interface.flags & UP:
        return "it is down"
    if interface.master:
        return f"it belongs to {names.get(interface.master, f'interface {interface.master}')}"
    if interface.flags & NOARP:
        return "it does without ARP (NOARP)"
    if not interface.flags & BROADCAST_CAPABLE or len(interface.mac) != 6:
        return "it is not an Ethernet"
    return ""


def status(node: str, interface: Interface, reason: str) -> InterfaceStatus:
    """The fact about an interface; `reason` as `why_not` gave it."""
    return InterfaceStatus(
        node=node,
        name=interface.name,
        index=interface.index,
        mac=interface.mac.hex(":"),
        usable=not reason,
        why_not=reason,
        addresses=interface.addresses,
    )
