"""What a peer is still to be told: wanted minus sent, as the next UPDATE.

Messages are pulled when the stream can take bytes, so there is no queue: what
leaves is what is wanted at that moment, and a slow peer costs no memory.
Knows prefixes and what is said about them, not sessions or streams.  When
`next` has nothing more to give, what was sent equals what is wanted.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from typing import Generic, Protocol, TypeVar

from proclaim_bgp.wire import MAXIMUM_OCTETS, Family, Prefix, pack, pack_reach, pack_unreach

Content = TypeVar("Content", bound=Hashable)
_Said = TypeVar("_Said", bound=Hashable, contravariant=True)

_LOOK_AHEAD = 1024
"""Prefixes sorted in one call; small enough that the loop is not held."""
_ROOM_OCTETS = 32
"""The header, the lengths and the fixed part of MP_REACH_NLRI or MP_UNREACH_NLRI."""


class Form(Protocol[_Said]):
    """How one session says things."""

    def attributes(self, family: Family, content: _Said) -> bytes:
        """The path attributes, but for MP_REACH_NLRI."""

    def next_hop(self, family: Family) -> bytes:
        """The next hop in octets."""


class Outbox(Generic[Content]):
    """The routes that one peer is to have, and those it was given in this session."""

    def __init__(self) -> None:
        self._wanted: dict[Prefix, Content] = {}
        self._sent: dict[Prefix, Content] = {}
        self._families: frozenset[Family] = frozenset()
        self._backlog: dict[Prefix, None] = {}
        """Prefixes to be looked at, the next one last; a set that keeps its order."""
        self._announce: dict[tuple[Family, Content], dict[Prefix, None]] = {}
        self._withdraw: dict[Family, dict[Prefix, None]] = {}
        self._placed: dict[Prefix, tuple[Family, Content] | None] = {}
        """Where a prefix waits: under its key in `_announce`, or with None in `_withdraw`."""
        self._markers: set[Family] = set()
        """Families whose End-of-RIB is due."""
        self._incomplete = False
        """Whether End-of-RIB waits for `complete`."""
        self.unsendable: dict[Prefix, Content] = {}
        """Routes whose attributes do not fit into a message."""

    # --- what is wanted -------------------------------------------------------------------------

    def want(self, prefix: Prefix, content: Content) -> None:
        """The peer is to have this route, instead of any other for the prefix."""
        self._wanted[prefix] = content
        if self._families:
            self._backlog[prefix] = None

    def drop(self, prefix: Prefix) -> None:
        """The peer is to have no route for the prefix."""
        if self._wanted.pop(prefix, None) is not None and self._families:
            self._backlog[prefix] = None

    @property
    def wanted(self) -> int:
        """How many routes the peer is to have."""
        return len(self._wanted)

    @property
    def advertised(self) -> int:
        """How many routes the peer was given."""
        return len(self._sent)

    # --- the session ----------------------------------------------------------------------------

    def begin(
        self,
        families: Iterable[Family],
        incomplete: bool = False,
        agreed: Iterable[Family] = (),
    ) -> None:
        """A session is up: everything in these families is to be sent, then End-of-RIB.

        While what is wanted is `incomplete`, End-of-RIB waits: at it a peer
        forgets what it was told before this session and not in it.  So it is
        sent in all families that are `agreed` on, also where there is no next
        hop to say anything else with.
        """
        self.end()
        self._incomplete = incomplete
        self._families = frozenset(families)
        self._markers = {*self._families, *agreed}
        self._backlog = dict.fromkeys(reversed(self._wanted))

    def complete(self) -> None:
        """All that is wanted has been said here."""
        self._incomplete = False

    def end(self) -> None:
        """The session is over, and with it all that the peer was told."""
        self._sent = {}
        self._families = frozenset()
        self._backlog = {}
        self._announce = {}
        self._withdraw = {}
        self._placed = {}
        self._markers = set()
        self.unsendable = {}

    def refresh(self, family: Family) -> None:
        """Say everything of a family again (RFC 2918 section 4)."""
        if family not in self._families:
            return
        again = [prefix for prefix in self._sent if prefix.family is family]
        for prefix in again:
            if prefix in self._wanted:  # what is being withdrawn is still to be withdrawn
                del self._sent[prefix]
        self._backlog.update(dict.fromkeys(reversed(again)))

    # --- what to send ---------------------------------------------------------------------------

    @property
    def idle(self) -> bool:
        """Whether there is nothing to send."""
        return not (self._backlog or self._announce or self._withdraw or self._marked)

    @property
    def _marked(self) -> bool:
        return bool(self._markers) and not self._incomplete

    def next(self, form: Form[Content], limit: int = MAXIMUM_OCTETS) -> bytes | None:
        """The next message of at most `limit` octets, which from now on counts as sent.

        The work of one call is bounded, so None may come before `idle` is true.
        """
        self._sort(limit)
        for key in self._announce:
            return self._reach(form, key, limit)
        for family in self._withdraw:
            return self._unreach(family, limit)
        if not self._backlog and self._marked:
            for family in sorted(self._markers):
                self._markers.discard(family)
                return pack_unreach(family, b"")
        return None

    def _sort(self, limit: int) -> None:
        """Put prefixes of the backlog where they belong, until there is enough for a message."""
        for looked in range(min(_LOOK_AHEAD, len(self._backlog))):
            if looked % 64 == 0 and self._enough(limit):
                return
            prefix, _ = self._backlog.popitem()
            if prefix.family not in self._families:
                continue
            self._displace(prefix)
            wanted = self._wanted.get(prefix)
            if wanted is not None and self.unsendable.get(prefix) == wanted:
                wanted = None
            else:
                self.unsendable.pop(prefix, None)
            if wanted == self._sent.get(prefix):
                continue
            if wanted is None:
                self._placed[prefix] = None
                self._withdraw.setdefault(prefix.family, {})[prefix] = None
            else:
                self._placed[prefix] = key = (prefix.family, wanted)
                self._announce.setdefault(key, {})[prefix] = None

    def _enough(self, limit: int) -> bool:
        for bucket in self._announce.values():
            return len(bucket) * 5 >= limit
        return sum(map(len, self._withdraw.values())) * 5 >= limit

    def _displace(self, prefix: Prefix) -> None:
        """Take a prefix out of the bucket in which it waits."""
        if prefix not in self._placed:
            return
        key = self._placed.pop(prefix)
        bucket = self._withdraw[prefix.family] if key is None else self._announce[key]
        del bucket[prefix]
        if not bucket and key is None:
            del self._withdraw[prefix.family]
        elif not bucket and key is not None:
            del self._announce[key]

    def _reach(self, form: Form[Content], key: tuple[Family, Content], limit: int) -> bytes | None:
        family, content = key
        attributes, next_hop = form.attributes(family, content), form.next_hop(family)
        chosen = _fitting(
            self._announce[key], limit - _ROOM_OCTETS - len(attributes) - len(next_hop)
        )
        if not chosen:
            misfits = list(self._announce[key])
            self.unsendable.update(dict.fromkeys(misfits, content))
            self._backlog.update(dict.fromkeys(misfits))  # an older route may be to withdraw
            for prefix in misfits:
                self._displace(prefix)
            return None
        for prefix in chosen:
            self._displace(prefix)
            self._sent[prefix] = content
        return pack_reach(family, next_hop, attributes, pack(chosen))

    def _unreach(self, family: Family, limit: int) -> bytes:
        chosen = _fitting(self._withdraw[family], limit - _ROOM_OCTETS)
        for prefix in chosen:
            self._displace(prefix)
            self._sent.pop(prefix, None)
        return pack_unreach(family, pack(chosen))


def _fitting(bucket: Iterable[Prefix], room: int) -> list[Prefix]:
    """The first prefixes that fit into so many octets."""
    chosen = []
    for prefix in bucket:
        room -= len(prefix.wire)
        if room < 0:
            break
        chosen.append(prefix)
    return chosen
