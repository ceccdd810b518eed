"""Announcements: what goes out, as a wanted set that an announcer keeps true."""

from __future__ import annotations

from enum import StrEnum

from proclaim.model.names import Ref, Struct


class Attributes(Struct, frozen=True):
    """How a route is announced; all empty for an announcer that knows no routes."""

    local_pref: int = 0
    communities: tuple[str, ...] = ()
    """`a:b` and `large:a:b:c`, aliases resolved, sorted by value, no duplicates."""


class Announcement(Struct, frozen=True):
    """One thing that one announcer on one node keeps visible on the network."""

    prefix: str
    """CIDR text; /32 or /128 unless routes are aggregated."""
    addresses: tuple[str, ...]
    """The services' addresses that lie in the prefix, sorted by value."""
    services: tuple[Ref, ...]
    to: tuple[str, ...] = ()
    """Names of peers, or of interfaces; empty means all of them."""
    attributes: Attributes = Attributes()


class Spread(StrEnum):
    """Where an announcer makes an address visible."""

    EVERY_NODE = "every-node"
    """From each eligible node at once, as routes are; BGPAdvertisements select."""
    ONE_NODE = "one-node"
    """From one elected node, as ARP demands; L2Advertisements select."""
