"""What every router under trial can be asked, whatever daemon it runs.

Knows no daemon.  Addresses and prefixes are canonical text.
"""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import ip_network
from typing import Protocol

from netlab.namespaces import Namespace


@dataclass(frozen=True, slots=True)
class Neighbor:
    """One BGP session as the router sees it."""

    address: str
    state: str
    """RFC 4271 section 8.2.2, such as `Established`."""
    last_error: str = ""
    """Why the session ended last, in the daemon's own words."""


class Router(Protocol):
    """A routing daemon that runs in a namespace."""

    name: str

    def command(self, text: str) -> list[str]:
        """The call of its own command line with a command; with none it asks for some."""

    def routes(self, version: int) -> dict[str, frozenset[str]]:
        """Prefixes learned by BGP, each with the next hops of all its paths."""

    def neighbors(self) -> dict[str, Neighbor]:
        """The configured sessions by the address of the other end."""


def kernel_next_hops(router: Namespace, prefix: str) -> frozenset[str]:
    """The gateways that the kernel would forward a prefix to; none when it has no such route."""
    network = ip_network(prefix)
    found = router.ip_json(f"-{network.version}", "route", "show", str(network))
    legs = [leg for route in found for leg in route.get("nexthops", [route])]
    return frozenset(str(leg["gateway"]) for leg in legs if "gateway" in leg)
