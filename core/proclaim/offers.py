"""What a Service could be given now: what it claims, asks for, had before, or what is free.

Each question has one answer: an `Offer`, or the `Reason` why there is none.
Nothing here knows who asks first, or gives anything away; `settle` does.  An
offer always comes from one pool that admits the Service, and contains no
address that somebody holds who does not share it.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from proclaim.addresses import Address, parse_address
from proclaim.allocation import Families, families_of
from proclaim.events import Reason, Why
from proclaim.model import Authority, Pool, Ref, Service
from proclaim.pool_index import Ground
from proclaim.rations import Found, Rations, quota_reached
from proclaim.sharing import refusal
from proclaim.state import State
from proclaim.taken import Taken


class Offer(NamedTuple):
    """Addresses that a Service may have, all from one pool."""

    pool: Pool
    addresses: tuple[Address, ...]
    why: Why = Why.FREE
    """How they were found, where the pool was left to choose."""

    @property
    def texts(self) -> tuple[str, ...]:
        return tuple(map(str, self.addresses))


_TELLING = (Why.SHARED, Why.RETURNED, Why.LONGEST_RELEASED, Why.FREE)
"""Of several ways in which the addresses of one offer were found, the first is told."""


class Offers:
    """The rules, over one state and what is taken so far."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._authority = state.authority
        self.index = state.pool_index
        self.taken = Taken(state)
        self.rations = Rations(self.index, self.taken)

    def find(self, service: Ref) -> Service | None:
        """The Service of that name."""
        return self._state.service(service)

    # --- exactly these addresses ---

    def claimed(self, service: Service) -> Offer | Reason:
        """The addresses that the status of a Service names.

        What was claimed before anybody could decide stays, whatever is closed or full by now;
        later a status alone opens no pool.
        """
        families = families_of(service)
        if isinstance(families, Reason):
            return families
        addresses = tuple(parse_address(text) for text in service.status_addresses)
        if not families.accept(tuple(address.family for address in addresses)):
            return _wrong_families(addresses, families)
        # a follower leaves it to the allocator which pool was asked for
        follows = self._authority is Authority.FOLLOW
        offer = self._exactly(service, addresses, "" if follows else service.requested_pool)
        if not isinstance(offer, Offer) or self._authority is not Authority.ALLOCATE:
            return offer
        if not offer.pool.auto_assign and not service.requested_pool:
            return Reason(Why.NO_POOL_FOR_SERVICE, pools=(offer.pool.name,))
        return self.rations.closed(service, offer.pool, offer.texts) or offer

    def requested(self, service: Service) -> Offer | Reason:
        """The addresses that a Service asks for; they must name all its families."""
        families = families_of(service)
        if isinstance(families, Reason):
            return families
        addresses = tuple(parse_address(text) for text in service.requested_addresses)
        if sorted(address.family for address in addresses) != sorted(families.wanted):
            return _wrong_families(addresses, families)
        offer = self._exactly(service, addresses, service.requested_pool)
        if isinstance(offer, Offer):
            return self.rations.closed(service, offer.pool, offer.texts) or offer
        return offer

    def returned(self, service: Service) -> Offer | None:
        """What a Service had last: all of it, or the one family that will do."""
        texts = self.taken.former(service.ref)
        families = families_of(service)
        if not texts or isinstance(families, Reason):
            return None
        addresses = tuple(parse_address(text) for text in texts)
        alone = [(each,) for family in families.wanted for each in addresses if each[0] == family]
        for wanted in (addresses, *(alone if len(addresses) > 1 else ())):
            if families.accept(tuple(address.family for address in wanted)):
                offer = self._exactly(service, wanted, service.requested_pool)
                if isinstance(offer, Offer) and self._may_return(service, offer):
                    return offer._replace(why=Why.RETURNED)
        return None

    def _may_return(self, service: Service, offer: Offer) -> bool:
        """Whether a pool may give again what it gave before."""
        if self.rations.closed(service, offer.pool, offer.texts):
            return False
        return bool(service.requested_pool) or offer.pool.auto_assign

    def _exactly(
        self, service: Service, addresses: tuple[Address, ...], pool_asked: str
    ) -> Offer | Reason:
        texts = tuple(map(str, addresses))
        joined = " and ".join(texts)
        pool = self.index.owner(addresses)
        if pool is None:
            avoiding = self.index.around(addresses)
            if avoiding is not None:
                return Reason(Why.ADDRESS_AVOIDED, pool=avoiding.name, wanted=joined)
            return Reason(Why.ADDRESS_OUTSIDE_POOLS, wanted=joined)
        if excluded := self.excluded(pool, service):
            return excluded
        if pool_asked and pool_asked != pool.name:
            return Reason(
                Why.POOL_CONTRADICTS_ADDRESS, pool=pool.name, addresses=texts, wanted=pool_asked
            )
        held = {
            text: self.taken.holders(text) for text in texts if not self.taken.admits(service, text)
        }
        objected = refusal(service, held, self.find, joined) if held else None
        return objected or Offer(pool, addresses)

    def excluded(self, pool: Pool, service: Service) -> Reason | None:
        """Why a pool does not admit a Service; None when it does."""
        exclusion = self.index.exclusion(pool, service)
        if exclusion is None:
            return None
        return Reason(
            Why.NOT_PERMITTED, pool=pool.name, wanted=exclusion.value, found=exclusion.field
        )

    # --- whatever is free ---

    def free(self, service: Service) -> Offer | Reason:
        """Addresses of the first pool that has them for all the families of a Service."""
        families = families_of(service)
        if isinstance(families, Reason):
            return families
        candidates = self.candidates(service)
        if isinstance(candidates, Reason):
            return candidates
        single: dict[int, Offer] = {}
        rationed: list[Ground] = []
        for ground in self._unspent(service, candidates, families):
            found = self.found(service, ground, families)
            affordable = self.rations.affordable(service, ground, found)
            if len(affordable) == len(families.wanted):
                return _offer(ground, affordable)
            if len(affordable) < len(found) and families.content_with(len(found)):
                rationed.append(ground)
            for each in affordable:
                single.setdefault(each.address.family, _offer(ground, [each]))
        for family in families.wanted:
            if family in single and families.content_with(1):
                return single[family]
        if rationed:
            return quota_reached(rationed, service.namespace)
        names = tuple(each.name for each in candidates)
        return Reason(Why.EXHAUSTED, pools=names, wanted=families.needed)

    def _unspent(
        self, service: Service, candidates: list[Ground], families: Families
    ) -> Iterable[Ground]:
        """The pools that may have something for a Service; of many, most have nothing left."""
        if service.sharing_key or self.taken.former(service.ref):
            return candidates
        spent = self.taken.spent
        return (each for each in candidates if not spent(each).issuperset(families.wanted))

    def found(self, service: Service, ground: Ground, families: Families) -> list[Found]:
        """The best address of each family that a pool has for a Service, whatever its quota."""
        found = (self.best(service, ground, family) for family in sorted(families.wanted))
        return [each for each in found if each is not None]

    def best(self, service: Service, ground: Ground, family: int) -> Found | None:
        """The address of a pool that suits a Service best.

        What it had before; else one that it may share; else one that nobody ever held; else the
        one that was released longest ago.
        """
        for text in self.taken.former(service.ref):
            address = parse_address(text)
            inside = address.family == family and self.index.covers(ground.pool, (address,))
            if inside and self.taken.admits(service, text):
                return Found(address, Why.RETURNED)
        if address_shared := self.taken.shareable(service, ground, family):
            return Found(address_shared, Why.SHARED)
        if family in self.taken.spent(ground):
            return None
        if address_new := self.taken.never_held(ground, family):
            return Found(address_new, Why.FREE)
        if address_old := self.taken.longest_released(ground, family):
            return Found(address_old, Why.LONGEST_RELEASED)
        self.taken.spend(ground, family)
        return None

    def second(self, service: Service, addresses: tuple[Address, ...]) -> Offer | None:
        """What a Service that holds one address and prefers two families would then hold."""
        families = families_of(service)
        if isinstance(families, Reason) or len(families.wanted) != 2 or len(addresses) != 1:
            return None
        if service.requested_addresses:
            return None  # it has what it asks for
        pool = self.index.owner(addresses)
        if pool is None:
            return None
        ground = self.index.grounds[pool.name]
        other = self.best(service, ground, 6 if addresses[0].family == 4 else 4)
        if other is None or ground.closed:
            return None
        affordable = self.rations.affordable(service, ground, [other])
        return Offer(pool, (*addresses, affordable[0].address)) if affordable else None

    def candidates(self, service: Service) -> list[Ground] | Reason:
        """The pools to search, in order."""
        if service.requested_pool:
            return self._asked_for(service)
        if not self.index.by_name:
            return Reason(Why.NO_POOL)
        fitting = self.index.automatic(service)
        if not fitting:
            return Reason(Why.NO_POOL_FOR_SERVICE, pools=tuple(self.index.by_name))
        if not any(each.closed for each in fitting):
            return fitting
        opened = [each for each in fitting if not each.closed]
        return opened or Reason(Why.POOL_CLOSED, pools=tuple(each.name for each in fitting))

    def _asked_for(self, service: Service) -> list[Ground] | Reason:
        ground = self.index.grounds.get(service.requested_pool)
        if ground is None:
            return Reason(Why.POOL_UNKNOWN, wanted=service.requested_pool)
        if excluded := self.excluded(ground.pool, service):
            return excluded
        return Reason(Why.POOL_CLOSED, pool=ground.name) if ground.closed else [ground]

    # --- those who hold an address together ---

    def parted(self, ref: Ref, service: Service, texts: Iterable[str]) -> Reason | None:
        """Why a Service must leave an address to those who share it and were so before it.

        Who came last to what it says now has to go: the position of its Service decides.
        """
        mine = self._state.get(ref)
        held = {
            text: [
                other
                for other in self.taken.holders(text)
                if other != ref and self._position(other) < (mine.position if mine else 0)
            ]
            for text in texts
        }
        return refusal(service, held, self.find)

    def _position(self, ref: Ref) -> int:
        entry = self._state.get(ref)
        return entry.position if entry else 0


def _offer(ground: Ground, found: Iterable[Found]) -> Offer:
    every = list(found)
    ways = {each.why for each in every}
    why = next(way for way in _TELLING if way in ways)
    return Offer(ground.pool, tuple(each.address for each in every), why)


def _wrong_families(addresses: tuple[Address, ...], families: Families) -> Reason:
    return Reason(
        Why.FAMILY_CONTRADICTS_ADDRESS,
        addresses=tuple(map(str, addresses)),
        wanted=str(families),
    )
