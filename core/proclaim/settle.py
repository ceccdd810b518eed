"""`settle`: everything that must change so that nothing more must.

It first walks the holdings (keep, or release with a reason), then takes
everyone who still lacks an address in passes: adopt what the status claims,
grant what is requested, complete who has one family of two, give what is free;
who is left is refused.  One pass by name would give a waiting Service the free
address that a later one already claims.

What is offered to whom is the matter of `offers`; here is only who is asked
first.  Settling what is settled decides nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from proclaim.addresses import Address
from proclaim.allocation import families_of, no_business
from proclaim.events import (
    AddressAssigned,
    AddressRefused,
    AddressReleased,
    Decision,
    Reason,
    RefusalWithdrawn,
    Why,
)
from proclaim.model import Authority, Ref, Service
from proclaim.offers import Offer, Offers, still_true
from proclaim.record import PAUSE_EVERY
from proclaim.state import Holding, State, addresses_of
from proclaim.steps import Steps, finish, ordered


def settle(state: State, services: Iterable[Ref] | None = None) -> list[Decision]:
    """Everything that must change so that nothing more must; all Services unless some are named."""
    return finish(settling(state, services))


def settling(state: State, services: Iterable[Ref] | None = None) -> Steps[list[Decision]]:
    """`settle` in small steps."""
    work = _Settlement(state)
    if services is None:
        every = {*state.of_kind("Service"), *state.holdings, *state.refusals}
        services = yield from ordered(every)
    yield from work.each(services, work.keep)
    waiting = yield from work.waiting()
    waiting = yield from work.serve(waiting, work.adopt)
    if state.authority is not Authority.ALLOCATE:
        return work.decisions
    waiting = yield from work.serve(waiting, work.grant)
    yield from work.each(work.incomplete(), work.complete)
    waiting = yield from work.serve(waiting, work.give)
    yield from work.each(waiting, work.refuse)
    return work.decisions


class _Settlement:
    """The work of one settlement: a state, and what is decided on top of it."""

    def __init__(self, state: State) -> None:
        self.decisions: list[Decision] = []
        self._state = state
        self._authority = state.authority
        self._offers = Offers(state)
        self._lacking: set[Ref] = set()
        self._withdrawn: set[Ref] = set()
        self._single: set[Ref] = set()
        self._freed: set[str] = set()
        """The pools that have addresses again which were held."""
        self._held: dict[Ref, tuple[Address, ...]] = {}
        """What was given or taken away by these decisions."""

    def each(self, services: Iterable[Ref], visit: Callable[[Ref], None]) -> Steps[None]:
        """Visit Services one after the other, with pauses."""
        for at, ref in enumerate(services):
            if at % PAUSE_EVERY == 0:
                yield
            visit(ref)

    def serve(self, waiting: list[Ref], visit: Callable[[Ref], None]) -> Steps[list[Ref]]:
        """Visit those who wait, and return who waits still."""
        left: list[Ref] = []
        for at, ref in enumerate(waiting):
            if at % PAUSE_EVERY == 0:
                yield
            visit(ref)
            if not self._held.get(ref):
                left.append(ref)
        return left

    def waiting(self) -> Steps[list[Ref]]:
        """Who may get an address now; a freed one concerns all who have none."""
        concerned = set(self._lacking)
        if self._freed and self._authority is Authority.ALLOCATE:
            concerned |= self._state.refusals.keys() - self._withdrawn
        elif self._freed:  # nobody is refused here, so nobody's name is noted
            for at, (ref, entry) in enumerate(self._state.of_kind("Service").items()):
                if at % PAUSE_EVERY == 0:
                    yield
                if ref not in self._state.holdings and no_business(entry.resource) is None:
                    concerned.add(ref)
        return (yield from ordered(concerned))

    def incomplete(self) -> list[Ref]:
        """Who holds one family of two and may gain the other now."""
        if self._freed:
            self._single.update(
                ref
                for ref in self._state.preferring
                if (holding := self._state.holdings.get(ref)) is not None
                and len(holding.addresses) == 1
                and holding.pool in self._freed
            )
        return sorted(self._single)

    # --- those who hold addresses ---

    def keep(self, ref: Ref) -> None:
        """Keep a holding, or release it with the reason."""
        service = self._state.service(ref)
        holding = self._state.holdings.get(ref)
        business = no_business(service)
        if business is None:
            self._lacking.add(ref)
        if holding is None:
            self._reconsider_refusal(ref, business)
            return
        reason = business or (service and self._violation(service, holding))
        if reason:
            self.decisions.append(AddressReleased(ref, holding.addresses, holding.pool, reason))
            self._offers.taken.vacate(ref, holding.addresses)
            self._held[ref] = ()
            self._freed.add(holding.pool)
        elif service:
            self._lacking.discard(ref)
            self._renew(service, holding)

    def _reconsider_refusal(self, ref: Ref, business: Reason | None) -> None:
        if ref in self._state.refusals and (business or self._authority is Authority.FOLLOW):
            self.decisions.append(RefusalWithdrawn(ref))
            self._withdrawn.add(ref)

    def _violation(self, service: Service, holding: Holding) -> Reason | None:
        """Why a holding cannot stay; the first rule that it breaks."""
        if self._authority is Authority.ADOPT:
            return None  # what is not listed yet may be what permits it
        addresses = addresses_of(holding)
        families = families_of(service)
        if isinstance(families, Reason):
            return families
        if not families.accept(tuple(address.family for address in addresses)):
            return Reason(Why.FAMILY_CHANGED, wanted=str(families))
        if reason := self._request_changed(service, holding):
            return reason
        pools = self._offers.pools
        pool = pools.owner(addresses, first=holding.pool)
        if pool is None:
            return Reason(Why.NOT_COVERED, pool=holding.pool, addresses=holding.addresses)
        if not pools.permits(pool, service):
            return Reason(Why.NOT_PERMITTED, pool=pool.name)
        asked = service.requested_pool
        if asked and asked != pool.name and self._authority is not Authority.FOLLOW:
            return Reason(Why.POOL_REQUEST_CHANGED, wanted=asked)
        return None

    def _request_changed(self, service: Service, holding: Holding) -> Reason | None:
        if self._authority is Authority.FOLLOW:
            if service.status_addresses != holding.addresses:
                said = " and ".join(service.status_addresses) or "nothing"
                return Reason(Why.STATUS_CHANGED, wanted=said)
            return None
        requested = service.requested_addresses
        if requested and sorted(requested) != sorted(holding.addresses):
            return Reason(Why.REQUEST_CHANGED, wanted=" and ".join(requested))
        return None

    def _renew(self, service: Service, holding: Holding) -> None:
        """Note that the pool has another name, and who still lacks a family."""
        if self._authority is Authority.ADOPT:
            return
        pool = self._offers.pools.owner(addresses_of(holding), first=holding.pool)
        if pool is not None and pool.name != holding.pool:
            reason = Reason(Why.POOL_RENAMED, pool=pool.name)
            self.decisions.append(
                AddressAssigned(service.ref, holding.addresses, pool.name, reason)
            )
        if len(holding.addresses) == 1 and service.ref in self._state.preferring:
            self._single.add(service.ref)

    def complete(self, ref: Ref) -> None:
        """Add the family that a Service which prefers dual stack could not have before."""
        service = self._state.service(ref)
        offer = service and self._offers.second(service, self._now(ref))
        if offer:
            self._assign(ref, offer, Reason(Why.SECOND_FAMILY, pool=offer.pool.name))

    def _now(self, ref: Ref) -> tuple[Address, ...]:
        """What a Service holds with the decisions so far."""
        if ref in self._held:
            return self._held[ref]
        holding = self._state.holdings.get(ref)
        return addresses_of(holding) if holding else ()

    # --- those who lack an address ---

    def adopt(self, ref: Ref) -> None:
        """Take over what the status claims, where the rules permit it."""
        service = self._state.service(ref)
        if service is None or not service.status_addresses:
            return
        asked = service.requested_addresses
        differs = asked and sorted(asked) != sorted(service.status_addresses)
        if differs and self._authority is not Authority.FOLLOW:
            return
        offer = self._offers.claimed(service)
        if isinstance(offer, Offer):
            reason = Reason(Why.ADOPTED, pool=offer.pool.name, addresses=offer.texts)
            self._assign(ref, offer, reason)

    def grant(self, ref: Ref) -> None:
        """Give the addresses that are requested."""
        service = self._state.service(ref)
        if service is None or not service.requested_addresses:
            return
        offer = self._offers.requested(service)
        if isinstance(offer, Offer):
            reason = Reason(Why.REQUESTED, pool=offer.pool.name, addresses=offer.texts)
            self._assign(ref, offer, reason)

    def give(self, ref: Ref) -> None:
        """Give what is free, from the requested pool or the automatic ones."""
        service = self._state.service(ref)
        if service is None or service.requested_addresses:
            return
        offer = self._offers.free(service)
        if isinstance(offer, Offer):
            code = Why.REQUESTED_POOL if service.requested_pool else Why.FREE
            self._assign(ref, offer, Reason(code, pool=offer.pool.name))

    def refuse(self, ref: Ref) -> None:
        """Say why nothing was found; a refusal that still holds is not repeated."""
        service = self._state.service(ref)
        assert service is not None
        asked = service.requested_addresses
        verdict = self._offers.requested(service) if asked else self._offers.free(service)
        assert isinstance(verdict, Reason), "who may have an address was served before"
        known = self._state.refusals.get(ref)
        if known is None or not still_true(known.reason, verdict):
            self.decisions.append(AddressRefused(ref, verdict))

    def _assign(self, ref: Ref, offer: Offer, reason: Reason) -> None:
        self._offers.taken.take(ref, offer.addresses)
        self._held[ref] = offer.addresses
        if len(offer.addresses) == 1 and ref in self._state.preferring:
            self._single.add(ref)
        self.decisions.append(AddressAssigned(ref, offer.texts, offer.pool.name, reason))
