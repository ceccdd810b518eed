"""What a Service could be given now: what it claims, what it asks for, or what is free.

Each question has one answer: an `Offer`, or the `Reason` why there is none.
Nothing here knows who asks first, or gives anything away; `settle` does.  An
offer always comes from one pool that admits the Service, and never contains an
address that somebody holds.
"""

from __future__ import annotations

from typing import NamedTuple

from proclaim.addresses import Address, Occupied, parse_address
from proclaim.allocation import Families, Pools, families_of
from proclaim.events import Reason, Why
from proclaim.model import Authority, Pool, Ref, Service
from proclaim.state import State, ranges


class Offer(NamedTuple):
    """Addresses that a Service may have, all from one pool."""

    pool: Pool
    addresses: tuple[Address, ...]

    @property
    def texts(self) -> tuple[str, ...]:
        return tuple(map(str, self.addresses))


class Taken:
    """Which addresses are held: those of a state, and what was decided on top of it."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._holders: dict[str, tuple[Ref, ...]] = {}
        self._occupied: Occupied | None = None

    def holders(self, text: str) -> tuple[Ref, ...]:
        """Who holds an address now."""
        known = self._holders.get(text)
        return self._state.holders.get(text, ()) if known is None else known

    def take(self, service: Ref, addresses: tuple[Address, ...]) -> None:
        """Note that a Service holds these from here on, some of them perhaps before."""
        for address in addresses:
            text = str(address)
            holders = self.holders(text)
            if not holders:
                self._own().add(address)
            if service not in holders:
                self._holders[text] = (*holders, service)

    def vacate(self, service: Ref, texts: tuple[str, ...]) -> None:
        """Note that a Service holds these no longer."""
        for text in texts:
            left = tuple(holder for holder in self.holders(text) if holder != service)
            self._holders[text] = left
            if not left:
                self._own().remove(parse_address(text))

    def lowest_free(self, pool: Pool, family: int) -> Address | None:
        """The first free address of a pool: its ranges in the order declared, lowest first."""
        occupied = self._state.occupied if self._occupied is None else self._occupied
        for span in ranges(pool):
            if span.family == family:
                free = occupied.first_free(span, pool.avoid_buggy_ips)
                if free is not None:
                    return free
        return None

    def _own(self) -> Occupied:
        if self._occupied is None:
            self._occupied = self._state.occupied.copy()
        return self._occupied


class Offers:
    """The rules, over one state and what is taken so far."""

    def __init__(self, state: State) -> None:
        self._follows = state.authority is Authority.FOLLOW
        self.pools = Pools(state)
        self.taken = Taken(state)

    def claimed(self, service: Service) -> Offer | Reason:
        """The addresses that the status of a Service names."""
        families = families_of(service)
        if isinstance(families, Reason):
            return families
        addresses = tuple(parse_address(text) for text in service.status_addresses)
        if not families.accept(tuple(address.family for address in addresses)):
            return _wrong_families(addresses, families)
        # a follower leaves it to the allocator which pool was asked for
        return self._exactly(service, addresses, "" if self._follows else service.requested_pool)

    def requested(self, service: Service) -> Offer | Reason:
        """The addresses that a Service asks for; they must name all its families."""
        families = families_of(service)
        if isinstance(families, Reason):
            return families
        addresses = tuple(parse_address(text) for text in service.requested_addresses)
        if sorted(address.family for address in addresses) != sorted(families.wanted):
            return _wrong_families(addresses, families)
        return self._exactly(service, addresses, service.requested_pool)

    def free(self, service: Service) -> Offer | Reason:
        """The lowest free addresses of the first pool that has them."""
        families = families_of(service)
        if isinstance(families, Reason):
            return families
        candidates = self._candidates(service)
        if isinstance(candidates, Reason):
            return candidates
        single: dict[int, Offer] = {}
        for pool in candidates:
            found = [self.taken.lowest_free(pool, family) for family in sorted(families.wanted)]
            addresses = tuple(address for address in found if address is not None)
            if len(addresses) == len(families.wanted):
                return Offer(pool, addresses)
            for address in addresses:
                single.setdefault(address.family, Offer(pool, (address,)))
        if not families.all_required:
            for family in families.wanted:
                if family in single:
                    return single[family]
        names = tuple(pool.name for pool in candidates)
        return Reason(Why.EXHAUSTED, pools=names, wanted=str(families))

    def second(self, service: Service, addresses: tuple[Address, ...]) -> Offer | None:
        """What a Service that holds one address and prefers two families would then hold."""
        families = families_of(service)
        if isinstance(families, Reason) or len(families.wanted) != 2 or len(addresses) != 1:
            return None
        if service.requested_addresses:
            return None  # it has what it asks for
        pool = self.pools.owner(addresses)
        other = pool and self.taken.lowest_free(pool, 6 if addresses[0].family == 4 else 4)
        return Offer(pool, (*addresses, other)) if pool and other else None

    def _exactly(
        self, service: Service, addresses: tuple[Address, ...], pool_asked: str
    ) -> Offer | Reason:
        texts = tuple(map(str, addresses))
        joined = " and ".join(texts)
        pool = self.pools.owner(addresses, first=pool_asked)
        if pool is None:
            avoiding = self.pools.containing(addresses)
            if avoiding is not None:
                return Reason(Why.ADDRESS_AVOIDED, pool=avoiding.name, wanted=joined)
            return Reason(Why.ADDRESS_OUTSIDE_POOLS, wanted=joined)
        if not self.pools.permits(pool, service):
            return Reason(Why.NOT_PERMITTED, pool=pool.name)
        if pool_asked and pool_asked != pool.name:
            return Reason(
                Why.POOL_CONTRADICTS_ADDRESS, pool=pool.name, addresses=texts, wanted=pool_asked
            )
        held = tuple(text for text in texts if self.taken.holders(text))
        if held:
            others = {holder for text in held for holder in self.taken.holders(text)}
            return Reason(
                Why.ADDRESS_IN_USE, addresses=held, services=tuple(sorted(others)), wanted=joined
            )
        return Offer(pool, addresses)

    def _candidates(self, service: Service) -> list[Pool] | Reason:
        """The pools to search, in order."""
        if service.requested_pool:
            pool = self.pools.by_name.get(service.requested_pool)
            if pool is None:
                return Reason(Why.POOL_UNKNOWN, wanted=service.requested_pool)
            if not self.pools.permits(pool, service):
                return Reason(Why.NOT_PERMITTED, pool=pool.name)
            return [pool]
        if not self.pools.by_name:
            return Reason(Why.NO_POOL)
        candidates = list(self.pools.automatic(service))
        if not candidates:
            return Reason(Why.NO_POOL_FOR_SERVICE, pools=tuple(self.pools.by_name))
        return candidates


def _wrong_families(addresses: tuple[Address, ...], families: Families) -> Reason:
    return Reason(
        Why.FAMILY_CONTRADICTS_ADDRESS,
        addresses=tuple(map(str, addresses)),
        wanted=str(families),
    )


def still_true(known: Reason, now: Reason) -> bool:
    """Whether an earlier refusal still says what is the case.

    One that names who holds the requested addresses stays, though others of
    them may be taken by now: what it named did not change.
    """
    if known.code is not Why.ADDRESS_IN_USE or now.code is not Why.ADDRESS_IN_USE:
        return known == now
    return (
        known.wanted == now.wanted
        and set(known.addresses) <= set(now.addresses)
        and set(known.services) <= set(now.services)
    )
