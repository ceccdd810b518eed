"""What resources that are right by themselves make wrong in each other.

A `Ground` holds values that stand beside each other without contradiction, and
is asked of one more value what keeps it out.  Every answer names the other
resource, the values compared, and what would be accepted.  Which of two values
has to give way is not decided here; `admission` does that.
"""

from __future__ import annotations

from bisect import bisect_right, insort
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import NamedTuple, TypeAlias

from proclaim.addresses import BITS, Range, clip, parse_range, shortest_block
from proclaim.model import (
    BGPAdvertisement,
    BGPPeer,
    Community,
    Node,
    Pool,
    Ref,
    Selector,
    any_matches,
    is_literal,
    selects_pool,
)
from proclaim.state import ranges
from proclaim.steps import Steps, ordered

Contested: TypeAlias = Pool | Community | BGPPeer | BGPAdvertisement

CONTESTED = ("IPAddressPool", "Community", "BGPPeer", "BGPAdvertisement")
"""The kinds that can contradict each other, in the order in which they come into force."""

_BEYOND = 1 << 129
_AT_ONCE = 64
"""Ranges taken up between two pauses."""


def precedence(ref: Ref) -> tuple[int, str]:
    """Of two new values that contradict each other, the one that sorts lower comes in."""
    return CONTESTED.index(ref.kind), ref.name


class Session(NamedTuple):
    """What tells one BGP session of a node from another."""

    neighbor: str
    """The peer's address, or the interface that it is found on."""
    port: int
    vrf: str
    source: str

    def __str__(self) -> str:
        vrf = f" in VRF {self.vrf}" if self.vrf else ""
        source = f" from {self.source}" if self.source else ""
        return f"{self.neighbor} port {self.port}{vrf}{source}"


def session_of(peer: BGPPeer) -> Session | None:
    """The session that a peer asks for; None when it names nobody to speak with."""
    neighbor = peer.peer_address or peer.interface
    if not neighbor:
        return None
    return Session(neighbor, peer.peer_port, peer.vrf, peer.source_address)


class Places:
    """Which of the nodes that are known a list of selectors selects."""

    def __init__(self, nodes: Iterable[Node] = ()) -> None:
        self._labels = {node.name: node.labels for node in nodes}
        self._selected: dict[tuple[Selector, ...], frozenset[str]] = {}

    def meeting(self, one: tuple[Selector, ...], other: tuple[Selector, ...]) -> str:
        """Where two lists of selectors meet, in words; empty when they do not.

        With no node known they do: nobody can say that they will not.
        """
        if not self._labels:
            return "every node"
        both = self._of(one) & self._of(other)
        return f"node {min(both)}" if both else ""

    def _of(self, selectors: tuple[Selector, ...]) -> frozenset[str]:
        found = self._selected.get(selectors)
        if found is None:
            found = self._selected[selectors] = frozenset(
                name for name, labels in self._labels.items() if any_matches(selectors, labels)
            )
        return found


class Circumstances(NamedTuple):
    """What a verdict depends on besides the values that are compared."""

    before: Mapping[Ref, Contested]
    """The last good values."""
    places: Places
    aliases: frozenset[str] = frozenset()
    """The aliases that have ever had a value."""


class _Claim(NamedTuple):
    """One range that a pool covers; claims that stand never overlap."""

    family: int
    first: int
    last: int
    pool: str


class Ground:
    """Values that stand beside each other, and what another one would contradict.

    Mutable; a value of a name that stands already is compared with all others.
    """

    def __init__(self, circumstances: Circumstances) -> None:
        self._circumstances = circumstances
        self._claims: list[_Claim] = []
        self._pools: dict[str, Pool] = {}
        self._aliases: dict[str, tuple[str, str]] = {}
        self._peers: dict[Session, dict[str, BGPPeer]] = {}
        self._ads: dict[str, BGPAdvertisement] = {}

    def copy(self) -> Ground:
        made = Ground(self._circumstances)
        made._claims = self._claims[:]
        made._pools = dict(self._pools)
        made._aliases = dict(self._aliases)
        made._peers = {session: dict(peers) for session, peers in self._peers.items()}
        made._ads = dict(self._ads)
        return made

    def fill(self, values: Iterable[Contested]) -> Steps[None]:
        """Let the first values stand, in small steps."""
        claims: list[_Claim] = []
        for value in values:
            yield
            if isinstance(value, Pool):
                claims += yield from _claims(value)
                self._pools[value.name] = value
            else:
                yield from self.add(value)
        self._claims = yield from ordered(claims)

    def add(self, value: Contested) -> Steps[None]:
        """Let a value stand that contradicts nothing here."""
        match value:
            case Pool():
                self._pools[value.name] = value
                for at, claim in enumerate((yield from _claims(value))):
                    if at % _AT_ONCE == 0:
                        yield
                    insort(self._claims, claim)
            case Community():
                for alias, text in value.communities:
                    self._aliases[alias] = (text, value.name)
            case BGPPeer():
                if session := session_of(value):
                    self._peers.setdefault(session, {})[value.name] = value
            case BGPAdvertisement():
                self._ads[value.name] = value

    def problem(self, value: Contested) -> Steps[str]:
        """What keeps a value out; empty when nothing does."""
        return (yield from self.contradiction(value)) or self._lacks(value)

    def contradiction(self, value: Contested) -> Steps[str]:
        """What of that which stands a value contradicts; more that stands never cures it."""
        match value:
            case Pool():
                overlap = yield from self._overlaps(value)
                return overlap or self._outgrown(value) or self._torn(value)
            case Community():
                return self._defined_twice(value)
            case BGPPeer():
                return self._same_session(value)
            case BGPAdvertisement():
                beyond = yield from self._too_wide(value)
                return beyond or (yield from self._other_preference(value))

    # --- pools ---

    def _overlaps(self, pool: Pool) -> Steps[str]:
        """A pool that covers what another covers."""
        for at, span in enumerate((yield from _spans(pool))):
            if at % _AT_ONCE == 0:
                yield
            if found := self._claimed(span, pool.name):
                return found
        return ""

    def _claimed(self, span: Range, name: str) -> str:
        at = bisect_right(self._claims, _Claim(span.family, span.last, _BEYOND, "")) - 1
        while at >= 0:
            claim = self._claims[at]
            if claim.family != span.family or claim.last < span.first:
                return ""
            if claim.pool != name:
                theirs = Range(*claim[:3])
                return (
                    f"{span} overlaps {theirs} of IPAddressPool {claim.pool}; "
                    "pools must not overlap"
                )
            at -= 1
        return ""

    def _outgrown(self, pool: Pool) -> str:
        """A pool with an entry that is smaller than what an advertisement makes of it."""
        for name in sorted(self._ads):
            ad = self._ads[name]
            for field, length, _, entry in _beyond(ad, pool):
                return (
                    f"{entry} is smaller than the /{length} that {field} of BGPAdvertisement "
                    f"{name} announces; an entry that holds a whole /{length} is accepted"
                )
        return ""

    def _torn(self, pool: Pool) -> str:
        """A pool that two advertisements would announce with two LOCAL_PREFs."""
        names = [name for name in sorted(self._ads) if selects_pool(self._ads[name], pool)]
        before = self._circumstances.before.get(pool.ref)
        for at, one in enumerate(names):
            for other in names[at + 1 :]:
                pair = self._ads[one], self._ads[other]
                where = self._quarrel(*pair)
                if not where or not _same_prefixes(*pair, pool):
                    continue
                if isinstance(before, Pool) and _both_announce(*pair, before):
                    continue  # they did so before; this pool did not bring it about
                return (
                    f"BGPAdvertisements {one} and {other} would announce it from {where} with "
                    f"localPref {pair[0].local_pref} and {pair[1].local_pref}; {_ONE_PREFERENCE}"
                )
        return ""

    # --- communities ---

    def _defined_twice(self, community: Community) -> str:
        """A Community that defines what another one defines."""
        mine: dict[str, str] = {}
        for alias, text in community.communities:
            if mine.setdefault(alias, text) != text:
                return f"{clip(alias)} is {mine[alias]} and {text}; one value is accepted"
            theirs, name = self._aliases.get(alias, ("", community.name))
            if name != community.name:
                return (
                    f"{clip(alias)} is {text} here and {theirs} in Community {name}; "
                    "an alias is accepted from one Community"
                )
        return ""

    # --- peers ---

    def _same_session(self, peer: BGPPeer) -> str:
        """A peer that would run the session of another on one node."""
        session = session_of(peer)
        standing = self._peers.get(session, {}) if session else {}
        for name in sorted(standing):
            other = standing[name]
            where = self._circumstances.places.meeting(peer.node_selectors, other.node_selectors)
            if name != peer.name and where:
                return (
                    f"would run the session of BGPPeer {name} on {where} too ({session}); another "
                    "peerAddress, interface, peerPort, vrf or sourceAddress is accepted, or "
                    "nodeSelectors that select other nodes"
                )
        return ""

    # --- advertisements ---

    def _too_wide(self, ad: BGPAdvertisement) -> Steps[str]:
        """An advertisement that would announce more than a pool has."""
        if (ad.aggregation_length, ad.aggregation_length_v6) == (BITS[4], BITS[6]):
            return ""
        for name in sorted(self._pools):
            yield
            for field, length, needed, entry in _beyond(ad, self._pools[name]):
                bits = BITS[6] if field.endswith("V6") else BITS[4]
                return (
                    f"{field} {length} would announce more than {entry} of IPAddressPool {name}; "
                    f"{needed} to {bits} is accepted"
                )
        return ""

    def _other_preference(self, ad: BGPAdvertisement) -> Steps[str]:
        """An advertisement that would announce a pool with another LOCAL_PREF than one here."""
        for name in sorted(self._ads):
            other = self._ads[name]
            yield
            where = self._quarrel(ad, other) if name != ad.name else ""
            if not where:
                continue
            for pool in sorted(self._pools):
                if _both_announce(ad, other, self._pools[pool]):
                    return (
                        f"localPref {ad.local_pref} contradicts {other.local_pref} of "
                        f"BGPAdvertisement {name}, which announces IPAddressPool {pool} from "
                        f"{where} too; {_ONE_PREFERENCE}"
                    )
        return ""

    def _quarrel(self, one: BGPAdvertisement, other: BGPAdvertisement) -> str:
        """Where two advertisements would tell one peer two LOCAL_PREFs; empty when nowhere."""
        if one.service_selectors or other.service_selectors or one.local_pref == other.local_pref:
            return ""
        if one.peers and other.peers and set(one.peers).isdisjoint(other.peers):
            return ""
        return self._circumstances.places.meeting(one.node_selectors, other.node_selectors)

    def _lacks(self, value: Contested) -> str:
        """An advertisement that names an alias without a value, where it named none before."""
        if not isinstance(value, BGPAdvertisement):
            return ""
        before = self._circumstances.before.get(value.ref)
        unknown = self._unknown(value)
        if not unknown or not isinstance(before, BGPAdvertisement) or self._unknown(before):
            return ""  # a new one is silent until the alias is there, and loses nothing by it
        return (
            f"{clip(unknown)} is an alias that no Community defines yet; a:b, large:a:b:c or a "
            "defined alias is accepted"
        )

    def _unknown(self, ad: BGPAdvertisement) -> str:
        known = self._circumstances.aliases
        return next(
            (
                text
                for text in ad.communities
                if text not in self._aliases and text not in known and not is_literal(text)
            ),
            "",
        )


_ONE_PREFERENCE = (
    "one localPref is accepted, or peers, nodeSelectors or aggregation lengths that keep them apart"
)


def _spans(pool: Pool) -> Steps[tuple[Range, ...]]:
    """The ranges of a pool, each read beforehand so that nothing is left to do at once."""
    for at, text in enumerate(pool.addresses):
        if at % _AT_ONCE == 0:
            yield
        parse_range(text)  # remembers what it read
    return ranges(pool)


def _claims(pool: Pool) -> Steps[list[_Claim]]:
    claims: list[_Claim] = []
    for at, span in enumerate((yield from _spans(pool))):
        if at % _AT_ONCE == 0:
            yield
        claims.append(_Claim(*span, pool.name))
    return claims


@lru_cache(maxsize=1024)
def _narrowest(addresses: tuple[str, ...]) -> Mapping[int, tuple[int, str]]:
    """For each family of a pool, the entry whose largest block is smallest, and its length."""
    found: dict[int, tuple[int, Range]] = {}
    for span in ranges(Pool("", addresses=addresses)):
        length = shortest_block(span)
        if span.family not in found or length > found[span.family][0]:
            found[span.family] = (length, span)
    return {family: (length, str(span)) for family, (length, span) in found.items()}


@lru_cache(maxsize=1024)
def _families(addresses: tuple[str, ...]) -> frozenset[int]:
    return frozenset(span.family for span in ranges(Pool("", addresses=addresses)))


class _Beyond(NamedTuple):
    """An aggregation length that leads out of a pool."""

    field: str
    length: int
    needed: int
    entry: str


def _beyond(ad: BGPAdvertisement, pool: Pool) -> list[_Beyond]:
    """The aggregation lengths of an advertisement that would announce more than a pool has."""
    given = (
        (4, "aggregationLength", ad.aggregation_length),
        (6, "aggregationLengthV6", ad.aggregation_length_v6),
    )
    wide = [each for each in given if each[2] < BITS[each[0]]]
    if not wide or not selects_pool(ad, pool):
        return []
    narrowest = _narrowest(pool.addresses)
    found = [(each, narrowest[each[0]]) for each in wide if each[0] in narrowest]
    return [
        _Beyond(field, length, needed, entry)
        for (_, field, length), (needed, entry) in found
        if length < needed
    ]


def _same_prefixes(one: BGPAdvertisement, other: BGPAdvertisement, pool: Pool) -> bool:
    """Whether both make the same prefixes of a pool, in one of its families at least."""
    families = _families(pool.addresses)
    return (4 in families and one.aggregation_length == other.aggregation_length) or (
        6 in families and one.aggregation_length_v6 == other.aggregation_length_v6
    )


def _both_announce(one: BGPAdvertisement, other: BGPAdvertisement, pool: Pool) -> bool:
    return (
        selects_pool(one, pool) and selects_pool(other, pool) and _same_prefixes(one, other, pool)
    )
