"""What resources that are right by themselves make wrong in each other.

A `Ground` holds values that stand beside each other without contradiction, and
is asked of one more value what keeps it out.  Every answer names the other
resource, the values compared, and what would be accepted.  Which of two values
has to give way is not decided here; `admission` does that.
"""

from __future__ import annotations

from bisect import bisect_right, insort
from collections.abc import Iterable, Mapping
from typing import NamedTuple, TypeAlias

from proclaim.addresses import BITS, Range, clip, parse_range
from proclaim.encounters import Places, Session, beyond, both_announce, same_prefixes, session_of
from proclaim.model import (
    BGPAdvertisement,
    BGPPeer,
    Community,
    Pool,
    Ref,
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


class Contradiction(NamedTuple):
    """What keeps a value out; the sentence is what is recorded of it."""

    sentence: str
    field: str = ""
    """The field of the value that contradicts, such as `spec.addresses[1]`; may be empty."""
    others: tuple[Ref, ...] = ()
    """What it contradicts."""


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

    def problem(self, value: Contested) -> Steps[Contradiction | None]:
        """What keeps a value out; None when nothing does."""
        return (yield from self.contradiction(value)) or self._lacks(value)

    def contradiction(self, value: Contested) -> Steps[Contradiction | None]:
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

    def _overlaps(self, pool: Pool) -> Steps[Contradiction | None]:
        """A pool that covers what another covers."""
        for at, span in enumerate((yield from _spans(pool))):
            if at % _AT_ONCE == 0:
                yield
            if claim := self._claimed(span, pool.name):
                return Contradiction(
                    f"{span} overlaps {Range(*claim[:3])} of IPAddressPool {claim.pool}; "
                    "pools must not overlap",
                    f"spec.addresses[{at}]",
                    (_pool(claim.pool),),
                )
        return None

    def _claimed(self, span: Range, name: str) -> _Claim | None:
        """What another pool covers of a range; the last of it."""
        at = bisect_right(self._claims, _Claim(span.family, span.last, _BEYOND, "")) - 1
        while at >= 0:
            claim = self._claims[at]
            if claim.family != span.family or claim.last < span.first:
                return None
            if claim.pool != name:
                return claim
            at -= 1
        return None

    def _outgrown(self, pool: Pool) -> Contradiction | None:
        """A pool with an entry that is smaller than what an advertisement makes of it."""
        for name in sorted(self._ads):
            ad = self._ads[name]
            for field, length, _, entry in beyond(ad, pool):
                at = [str(span) for span in ranges(pool)].index(entry)
                return Contradiction(
                    f"{entry} is smaller than the /{length} that {field} of BGPAdvertisement "
                    f"{name} announces; an entry that holds a whole /{length} is accepted",
                    f"spec.addresses[{at}]",
                    (ad.ref,),
                )
        return None

    def _torn(self, pool: Pool) -> Contradiction | None:
        """A pool that two advertisements would announce with two LOCAL_PREFs."""
        names = [
            name
            for name in sorted(self._ads)
            if not self._ads[name].service_selectors and selects_pool(self._ads[name], pool)
        ]
        before = self._circumstances.before.get(pool.ref)
        for at, one in enumerate(names):
            for other in names[at + 1 :]:
                pair = self._ads[one], self._ads[other]
                where = self._quarrel(*pair)
                if not where or not same_prefixes(*pair, pool):
                    continue
                if isinstance(before, Pool) and both_announce(*pair, before):
                    continue  # they did so before; this pool did not bring it about
                return Contradiction(
                    f"BGPAdvertisements {one} and {other} would announce it from {where} with "
                    f"localPref {pair[0].local_pref} and {pair[1].local_pref}; {_ONE_PREFERENCE}",
                    others=(pair[0].ref, pair[1].ref),
                )
        return None

    # --- communities ---

    def _defined_twice(self, community: Community) -> Contradiction | None:
        """A Community that defines what another one defines."""
        mine: dict[str, str] = {}
        for at, (alias, text) in enumerate(community.communities):
            field = f"spec.communities[{at}].name"
            if mine.setdefault(alias, text) != text:
                sentence = f"{clip(alias)} is {mine[alias]} and {text}; one value is accepted"
                return Contradiction(sentence, field)
            theirs, name = self._aliases.get(alias, ("", community.name))
            if name != community.name:
                return Contradiction(
                    f"{clip(alias)} is {text} here and {theirs} in Community {name}; "
                    "an alias is accepted from one Community",
                    field,
                    (Ref("Community", "", name),),
                )
        return None

    # --- peers ---

    def _same_session(self, peer: BGPPeer) -> Contradiction | None:
        """A peer that would run the session of another on one node."""
        session = session_of(peer)
        standing = self._peers.get(session, {}) if session else {}
        for name in sorted(standing):
            other = standing[name]
            where = self._circumstances.places.meeting(peer.node_selectors, other.node_selectors)
            if name != peer.name and where:
                return Contradiction(
                    f"would run the session of BGPPeer {name} on {where} too ({session}); another "
                    "peerAddress, interface, peerPort, vrf or sourceAddress is accepted, or "
                    "nodeSelectors that select other nodes",
                    "spec.peerAddress" if peer.peer_address else "spec.interface",
                    (other.ref,),
                )
        return None

    # --- advertisements ---

    def _too_wide(self, ad: BGPAdvertisement) -> Steps[Contradiction | None]:
        """An advertisement that would announce more than a pool has, in one family or in both."""
        found: dict[str, tuple[str, Ref]] = {}
        wide = (ad.aggregation_length < BITS[4]) + (ad.aggregation_length_v6 < BITS[6])
        for name in sorted(self._pools):
            if len(found) == wide:
                break
            yield
            for field, length, needed, entry in beyond(ad, self._pools[name]):
                bits = BITS[6] if field.endswith("V6") else BITS[4]
                sentence = (
                    f"{field} {length} would announce more than {entry} of IPAddressPool {name}; "
                    f"{f'{needed} to ' if needed < bits else 'only '}{bits} is accepted"
                )
                found.setdefault(field, (sentence, _pool(name)))
        if not found:
            return None
        said = [found[field] for field in sorted(found)]
        others = tuple(dict.fromkeys(ref for _, ref in said))
        sentence = ", and ".join(sentence for sentence, _ in said)
        return Contradiction(sentence, f"spec.{min(found)}", others)

    def _other_preference(self, ad: BGPAdvertisement) -> Steps[Contradiction | None]:
        """An advertisement that would announce a pool with another LOCAL_PREF than one here."""
        if ad.service_selectors:
            return None  # whether two meet in a Service shows when there is one
        mine = [name for name in sorted(self._pools) if selects_pool(ad, self._pools[name])]
        for name in sorted(self._ads):
            other = self._ads[name]
            yield
            where = self._quarrel(ad, other) if name != ad.name else ""
            if not where:
                continue
            for pool in mine:
                if both_announce(ad, other, self._pools[pool]):
                    return Contradiction(
                        f"localPref {ad.local_pref} contradicts {other.local_pref} of "
                        f"BGPAdvertisement {name}, which announces IPAddressPool {pool} from "
                        f"{where} too; {_ONE_PREFERENCE}",
                        "spec.localPref",
                        (other.ref, _pool(pool)),
                    )
        return None

    def _quarrel(self, one: BGPAdvertisement, other: BGPAdvertisement) -> str:
        """Where two advertisements would tell one peer two LOCAL_PREFs; empty when nowhere."""
        if one.service_selectors or other.service_selectors or one.local_pref == other.local_pref:
            return ""
        if one.peers and other.peers and set(one.peers).isdisjoint(other.peers):
            return ""
        return self._circumstances.places.meeting(one.node_selectors, other.node_selectors)

    def _lacks(self, value: Contested) -> Contradiction | None:
        """An advertisement that names an alias without a value, where it named none before."""
        if not isinstance(value, BGPAdvertisement):
            return None
        before = self._circumstances.before.get(value.ref)
        unknown = self._unknown(value)
        if not unknown or not isinstance(before, BGPAdvertisement) or self._unknown(before):
            return None  # a new one is silent until the alias is there, and loses nothing by it
        return Contradiction(
            f"{clip(unknown)} is an alias that no Community defines yet; a:b, large:a:b:c or a "
            "defined alias is accepted",
            f"spec.communities[{value.communities.index(unknown)}]",
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


def _pool(name: str) -> Ref:
    return Ref("IPAddressPool", "", name)


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
