"""The local network as an argument: what the driver asks of the world.

`linux.py` is the real one; a simulation brings its own on virtual time.  All
of it belongs to one node.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, Protocol, TypeAlias

from proclaim import Latest

from proclaim_l2_arp.eligibility import Interface

Family: TypeAlias = Literal[4, 6]
"""4 for ARP, 6 for Neighbor Discovery."""

Interfaces: TypeAlias = tuple[Interface, ...]


class Port(Protocol):
    """One family on one interface, open for answering."""

    async def receive(self) -> Sequence[bytes]:
        """Wait for frames, and return those that have come, some tens at most.

        Frames that this node sent, or that were not meant for it (other
        stations', other VLANs'), may be left out.  Raises OSError when the
        interface is gone or down.
        """

    def send(self, frame: bytes) -> None:
        """Send a whole Ethernet frame now; raises OSError when that cannot be."""

    def set_filter(self, owned: frozenset[bytes]) -> None:
        """From now on let pass what concerns these addresses; more may pass."""

    def set_group(self, group: bytes, member: bool) -> None:
        """Join or leave an IPv6 multicast group; raises OSError when that cannot be."""

    def close(self) -> None:
        """Stop at once; groups are left."""


class Link(Protocol):
    """This node's network interfaces."""

    def obstacle(self) -> str:
        """Why nothing can be answered at all; empty when it can."""

    async def watch(self, interfaces: Latest[Interfaces | None]) -> None:
        """Keep `interfaces` equal to what exists, until cancelled; raises OSError."""

    def open(self, interface: Interface, family: Family, owned: frozenset[bytes]) -> Port:
        """Open a port with its filter in place; raises OSError."""
