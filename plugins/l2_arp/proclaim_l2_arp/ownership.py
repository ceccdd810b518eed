"""Which addresses are owned on which interface, derived from announcements.

Knows announcements and interface names, not whether an interface is usable.
An address that several announcements carry is owned on the union of their
interfaces; an announcement that names none means every interface.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from ipaddress import ip_address

from proclaim import Announcement


@lru_cache(maxsize=1 << 16)
def packed(address: str) -> bytes:
    """The 4 or 16 bytes of an address; raises ValueError when it is none."""
    return ip_address(address).packed


class Ownership:
    """Collects announcements, then answers for each interface and family."""

    def __init__(self) -> None:
        self._everywhere: dict[int, set[bytes]] = {4: set(), 6: set()}
        self._only: dict[tuple[str, int], set[bytes]] = {}

    def add(self, announcements: Iterable[Announcement]) -> None:
        """Take these in as well; cheap enough to be called for a few hundred at a time."""
        for announcement in announcements:
            for address in map(packed, announcement.addresses):
                family = 4 if len(address) == 4 else 6
                if not announcement.to:
                    self._everywhere[family].add(address)
                for name in announcement.to:
                    self._only.setdefault((name, family), set()).add(address)

    def __bool__(self) -> bool:
        """Whether anything is owned at all."""
        return any(self._everywhere.values()) or bool(self._only)

    def __contains__(self, address: bytes) -> bool:
        """Whether a packed address is owned on any interface."""
        family = 4 if len(address) == 4 else 6
        only = self._only.values()
        return address in self._everywhere[family] or any(address in owned for owned in only)

    def on(self, interface: str, family: int) -> frozenset[bytes]:
        """The packed addresses of a family (4 or 6) that are owned on an interface."""
        return frozenset(self._everywhere[family].union(self._only.get((interface, family), ())))
