"""What each pool answers to a Service: the address that it gave, or the first rule against it.

The same rules that `offers` applies, asked of every pool and told one by one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from proclaim import reasons
from proclaim.addresses import Address, parse_address
from proclaim.allocation import NAMES, Families, families_of
from proclaim.events import Reason, Why
from proclaim.model import Authority, Ref, Service
from proclaim.offers import Offers
from proclaim.pool_index import Ground
from proclaim.rations import quota_reached
from proclaim.sharing import refusal
from proclaim.state import State, addresses_of

GAVE = "Gave"
AVAILABLE = "Available"
NOT_ASKED_FOR = "NotAskedFor"
NOT_AUTOMATIC = "NotAutomatic"
NO_RANGE = "NoRange"


class PoolAnswer(NamedTuple):
    """What one pool answers to a Service."""

    pool: str
    code: str
    """`Gave`, `Available`, or the first rule that excludes the pool: a `Why`, or one of ours."""
    message: str
    addresses: tuple[str, ...] = ()
    """What it gave."""
    reason: Reason | None = None
    """The rule with its values, where it is one that refuses a Service as well."""


class Lacking(NamedTuple):
    """What a Service prefers to have beside what it has, and why its pool does not give it."""

    families: tuple[str, ...]
    pool: str
    code: str
    """As of a `PoolAnswer`; empty where no rule says so."""
    message: str


class _Rule(NamedTuple):
    """The rule that excludes a pool."""

    code: str
    message: str
    reason: Reason | None = None


def pool_answers(state: State, ref: Ref) -> list[PoolAnswer]:
    """What each pool in force answers to a Service, in the order in which they are asked.

    Who follows an allocator asks no pool; only what the status says came from one.
    """
    service = state.service(ref)
    if service is None:
        return []
    families = families_of(service)
    if isinstance(families, Reason):
        return []
    asked = _Asked(state, service, families)
    if state.authority is Authority.FOLLOW:
        return [asked.answer(ground) for ground in asked.gave()]
    first = {each.name: at for at, each in enumerate(state.pool_index.automatic(service))}
    names = sorted(state.pool_index.by_name, key=lambda name: (first.get(name, len(first)), name))
    return [asked.answer(state.pool_index.grounds[name]) for name in names]


def lacking(state: State, ref: Ref) -> Lacking | None:
    """Which family a Service would have as well as the one that it holds; None when it has all."""
    service, holding = state.service(ref), state.holdings.get(ref)
    if service is None or holding is None:
        return None
    families = families_of(service)
    if isinstance(families, Reason):
        return None
    held = {address.family for address in addresses_of(holding)}
    names = tuple(NAMES[family] for family in families.wanted if family not in held)
    if not names:
        return None
    code, text = "", "nothing keeps it from it"
    ground = state.pool_index.grounds.get(holding.pool)
    if state.authority is Authority.FOLLOW:
        text = "the allocator that this node follows has given no more"
    elif service.requested_addresses:
        text = "it asks for exactly what it has"
    elif ground is None:
        text = "the pool is not in force"
    elif found := _Asked(state, service, families).not_second(ground, addresses_of(holding)):
        code, text = found.code, found.message
    return Lacking(names, holding.pool, code, text)


class _Asked:
    """One Service, and the rules in their order."""

    def __init__(self, state: State, service: Service, families: Families) -> None:
        self._state = state
        self._service = service
        self._families = families
        self._wanted = tuple(parse_address(text) for text in service.requested_addresses)
        self._offers = Offers(state)
        self._holding = state.holdings.get(service.ref)
        self._rules: tuple[Callable[[Ground], _Rule | None], ...] = (
            self._another_asked_for,
            self._outside,
            self._excluded,
            self._shared,
            self._not_automatic,
            self._closed,
            self._without_family,
        )

    def gave(self) -> list[Ground]:
        """The pool that the Service has its addresses from, where that is in force."""
        ground = self._holding and self._state.pool_index.grounds.get(self._holding.pool)
        return [ground] if ground else []

    def answer(self, ground: Ground) -> PoolAnswer:
        name = ground.name
        if self._holding is not None and self._holding.pool == name:
            given = self._holding.addresses
            more = self.not_second(ground, addresses_of(self._holding))
            message, reason = more[1:] if more else ("", None)
            text = f"gave {' and '.join(given)}{'; ' if message else ''}{message}"
            return PoolAnswer(name, GAVE, text, given, reason)
        for rule in self._rules:
            if found := rule(ground):
                return PoolAnswer(name, found.code, found.message, (), found.reason)
        if self._holding is not None:
            return PoolAnswer(name, AVAILABLE, "could serve it, and it keeps what it has")
        return PoolAnswer(name, AVAILABLE, "could serve it")

    def not_second(self, ground: Ground, given: Sequence[Address]) -> _Rule | None:
        """Why the pool that gave one family of two does not give the other as well."""
        lacking = [
            family
            for family in self._families.wanted
            if family not in {address.family for address in given}
        ]
        if not lacking or self._wanted or self._state.authority is not Authority.ALLOCATE:
            return None
        if found := self._lacks(ground, lacking[0]):
            return found
        best = self._offers.best(self._service, ground, lacking[0])
        texts = (str(best.address),) if best else ()
        return _told(self._offers.rations.closed(self._service, ground.pool, texts))

    # --- the rules ---

    def _another_asked_for(self, ground: Ground) -> _Rule | None:
        wanted = self._service.requested_pool
        if not wanted or wanted == ground.name:
            return None
        return _Rule(NOT_ASKED_FOR, f"the Service asks for pool {wanted}")

    def _excluded(self, ground: Ground) -> _Rule | None:
        return _told(self._offers.excluded(ground.pool, self._service))

    def _outside(self, ground: Ground) -> _Rule | None:
        """What is wrong with the addresses that the Service asks for, whoever holds them."""
        if not self._wanted:
            return None
        outside = [
            each
            for each in self._wanted
            if self._state.pool_index.containing(each) is not ground.pool
        ]
        if outside:
            missing = " and ".join(map(str, outside))
            return _Rule(NOT_ASKED_FOR, f"does not give {missing}, which it asks for")
        texts = tuple(map(str, self._wanted))
        if sorted(each.family for each in self._wanted) != sorted(self._families.wanted):
            wanted = str(self._families)
            return _told(Reason(Why.FAMILY_CONTRADICTS_ADDRESS, addresses=texts, wanted=wanted))
        if not self._state.pool_index.covers(ground.pool, self._wanted):
            joined = " and ".join(texts)
            return _told(Reason(Why.ADDRESS_AVOIDED, pool=ground.name, wanted=joined))
        return None

    def _shared(self, ground: Ground) -> _Rule | None:
        """Who holds the addresses that the Service asks for, and does not share them with it."""
        texts = self._service.requested_addresses
        held = {
            text: [one for one in self._offers.taken.holders(text) if one != self._service.ref]
            for text in texts
        }
        return _told(refusal(self._service, held, self._state.service, " and ".join(texts)))

    def _not_automatic(self, ground: Ground) -> _Rule | None:
        if ground.pool.auto_assign or self._service.requested_pool or self._wanted:
            return None
        return _Rule(NOT_AUTOMATIC, "gives nothing by itself (autoAssign is false)")

    def _closed(self, ground: Ground) -> _Rule | None:
        """Whether the pool is closed; or, to one that asks for addresses, its quota is reached."""
        return _told(
            self._offers.rations.closed(
                self._service, ground.pool, self._service.requested_addresses
            )
        )

    def _without_family(self, ground: Ground) -> _Rule | None:
        """Which families the pool has no address of, or none within the quota."""
        if self._wanted:
            return None
        found = self._offers.found(self._service, ground, self._families)
        if not self._families.content_with(len(found)):
            lacking = list(self._lacking(ground))
            code = NO_RANGE if all(each.code == NO_RANGE for each in lacking) else Why.EXHAUSTED
            return _Rule(str(code), " and ".join(each.message for each in lacking))
        if self._families.content_with(
            len(self._offers.rations.affordable(self._service, ground, found))
        ):
            return None
        return _told(quota_reached((ground,), self._service.namespace))

    def _lacking(self, ground: Ground) -> Iterator[_Rule]:
        for family in self._families.wanted:
            if found := self._lacks(ground, family):
                yield found

    def _lacks(self, ground: Ground, family: int) -> _Rule | None:
        if not ground.spans[family]:
            return _Rule(NO_RANGE, f"has no {NAMES[family]} range")
        if self._offers.best(self._service, ground, family) is None:
            return _Rule(str(Why.EXHAUSTED), f"has no free {NAMES[family]} address")
        return None


def _told(reason: Reason | None) -> _Rule | None:
    return _Rule(str(reason.code), reasons.message(reason), reason) if reason else None
