"""`settle`: everything that must change so that nothing more must.

It first walks the holdings (keep, or release with a reason; those that share
an address in the order in which they came to be as they are), then takes
everyone who still lacks an address in passes: adopt what the status claims,
grant what is requested, give back what was held before, complete who has one
family of two, give what is free; who is left is refused.  One pass by name
would give a waiting Service the free address that a later one already claims.
Who now requires a second family keeps the first until it is clear whether there
is one to be had; where there is none, what it releases goes round once more.

What is offered to whom is the matter of `offers`; here is only who is asked
first.  Settling what is settled decides nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from heapq import nsmallest

from msgspec.structs import replace

from proclaim.addresses import Address, parse_address
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
from proclaim.offers import Offer, Offers
from proclaim.record import PAUSE_EVERY
from proclaim.refusals import plainly_wants, still_true
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
    yield from work.each(work.sharers(), work.part)
    waiting = yield from work.waiting()
    waiting = yield from work.serve(waiting, work.adopt)
    if state.authority is not Authority.ALLOCATE:
        return work.decisions
    waiting = yield from work.serve(waiting, work.grant)
    waiting = yield from work.serve(waiting, work.give_back)
    if work.extend():
        waiting = yield from work.waiting()
        for visit in (work.adopt, work.grant, work.give_back):
            waiting = yield from work.serve(waiting, visit)
    yield from work.each(work.incomplete(), work.complete)
    waiting = yield from work.serve(waiting, work.give)
    yield from work.each(waiting, work.refuse)
    return work.decisions


_PARTLY = (Why.NOT_COVERED, Why.FAMILY_CHANGED)
"""What may be true of one address of two only."""


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
        self._shared: list[Ref] = []
        """Who holds an address together with others, and breaks no other rule."""
        self._freed: set[str] = set()
        """The pools that have addresses again which were held."""
        self._vacant = 0
        """How many addresses those are, at most."""
        self._gaining: list[tuple[Ref, Reason]] = []
        """Who keeps what it has if it gets a second family, and must go otherwise, and why."""
        self._regrouped: dict[Ref, frozenset[str]] = {}
        """What those had whose families changed, of which they may keep one."""
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
        concerned = {ref for ref in self._lacking if not self._held.get(ref)}
        if self._freed and self._authority is Authority.ALLOCATE:
            concerned.update((yield from self._bystanders()))
        elif self._freed:  # nobody is refused here, so nobody's name is noted
            for at, (ref, entry) in enumerate(self._state.of_kind("Service").items()):
                if at % PAUSE_EVERY == 0:
                    yield
                if ref not in self._state.holdings and self._business(entry.resource) is None:
                    concerned.add(ref)
        return (yield from ordered(concerned))

    def _bystanders(self) -> Steps[list[Ref]]:
        """Who is refused, is as before, and may gain by what is free again.

        Of those who are alike the first by name are enough, as many as there are addresses: each
        who gains takes one of them, and where one gains nothing the next does not either.
        """
        found: list[Ref] = []
        alike: dict[tuple[object, ...], list[Ref]] = {}
        for at, (ref, refusal) in enumerate(self._state.refusals.items()):
            if at % PAUSE_EVERY == 0:
                yield
            if ref in self._lacking or ref in self._withdrawn or self._held.get(ref):
                continue
            service = self._state.service(ref)
            wants = service and plainly_wants(self._offers, service, refusal.reason)
            if wants:
                alike.setdefault(wants, []).append(ref)
            else:
                found.append(ref)
        for refs in alike.values():
            found += nsmallest(self._vacant, refs)
        return found

    def incomplete(self) -> list[Ref]:
        """Who holds one family of two and may gain the other now."""
        if self._freed:
            self._single.update(
                ref
                for ref in self._state.single
                if (holding := self._state.holdings.get(ref)) and holding.pool in self._freed
            )
        return sorted(self._single)

    def sharers(self) -> list[Ref]:
        """Who holds an address with others, the last to become what it is at the end."""
        return sorted(self._shared, key=lambda ref: (self._position(ref), ref))

    def _position(self, ref: Ref) -> int:
        entry = self._state.get(ref)
        return entry.position if entry else 0

    def _business(self, service: Service | None) -> Reason | None:
        return no_business(service, self._state.load_balancer_class)

    # --- those who hold addresses ---

    def keep(self, ref: Ref) -> None:
        """Keep a holding, or release it with the reason."""
        service = self._state.service(ref)
        holding = self._state.holdings.get(ref)
        business = self._business(service)
        if business is None:
            self._lacking.add(ref)
        if holding is None:
            self._reconsider_refusal(ref, business)
            return
        reason = business or (service and self._violation(service, holding))
        if reason:
            decides = self._authority is Authority.ALLOCATE
            if service and decides and self._may_gain(service, holding, reason):
                self._lacking.discard(ref)
                self._gaining.append((ref, reason))
            elif not (service and decides and self._reduce(service, holding, reason)):
                self._release(ref, holding, reason)
        elif service:
            self._lacking.discard(ref)
            if self._authority is Authority.ADOPT:
                return  # what is not listed yet may be what permits it
            if any(len(self._state.holders[text]) > 1 for text in holding.addresses):
                self._shared.append(ref)
            else:
                self._renew(service, holding)

    def _may_gain(self, service: Service, holding: Holding, reason: Reason) -> bool:
        """Whether all that a holding lacks is a second family, which may come beside the first."""
        families = families_of(service)
        shared = any(len(self._state.holders[text]) > 1 for text in holding.addresses)
        if reason.code is not Why.FAMILY_CHANGED or isinstance(families, Reason) or shared:
            return False
        (first, *more) = addresses_of(holding)
        wants_more = len(families.wanted) == 2 and first.family in families.wanted and not more
        return wants_more and self._misplaced(service, holding) is None

    def extend(self) -> bool:
        """Add the family that a Service wants now; whether some had to be released instead."""
        before = len(self._freed), self._vacant
        for ref, reason in self._gaining:
            service, holding = self._state.service(ref), self._state.holdings[ref]
            offer = service and self._offers.second(service, addresses_of(holding))
            if service and offer:
                self._assign(service, offer, Reason(Why.SECOND_FAMILY, pool=offer.pool.name))
            else:
                self._lacking.add(ref)
                self._release(ref, holding, reason)
        return (len(self._freed), self._vacant) != before

    def _reduce(self, service: Service, holding: Holding, reason: Reason) -> bool:
        """Let go one address of two where the other may stay; False where it may not."""
        families = families_of(service)
        shared = any(len(self._state.holders[text]) > 1 for text in holding.addresses)
        partly = len(holding.addresses) == 2 and reason.code in _PARTLY and not shared
        if not partly or isinstance(families, Reason):
            return False
        for text in holding.addresses:
            left = holding._replace(addresses=(text,))
            pool = self._offers.index.owner(addresses_of(left))
            if pool is not None and self._violation(service, left) is None:
                self._keep_one(service, holding, left._replace(pool=pool.name), reason)
                return True
        return False

    def _keep_one(self, service: Service, holding: Holding, left: Holding, reason: Reason) -> None:
        ref = service.ref
        lost = tuple(text for text in holding.addresses if text not in left.addresses)
        why = Reason(Why.FAMILY_LOST, pool=left.pool, addresses=lost, found=str(reason.code))
        self.decisions.append(AddressAssigned(ref, left.addresses, left.pool, why))
        self._offers.taken.vacate(ref, holding, left.addresses)
        if left.pool != holding.pool:
            kept = holding._replace(addresses=left.addresses)
            self._offers.taken.move(ref, kept, left.pool)
        self._lacking.discard(ref)
        self._held[ref] = addresses_of(left)
        self._freed.add(holding.pool)
        self._vacant += len(lost)
        if service.ip_family_policy == "PreferDualStack":
            self._single.add(ref)

    def part(self, ref: Ref) -> None:
        """Keep who may share an address still, and release who may not."""
        service, holding = self._state.service(ref), self._state.holdings[ref]
        assert service is not None, "who is gone shares nothing"
        if reason := self._offers.parted(ref, service, holding.addresses):
            self._lacking.add(ref)
            self._release(ref, holding, reason)
        else:
            self._renew(service, holding)

    def _release(self, ref: Ref, holding: Holding, reason: Reason) -> None:
        self.decisions.append(AddressReleased(ref, holding.addresses, holding.pool, reason))
        self._offers.taken.vacate(ref, holding)
        self._held[ref] = ()
        if reason.code is Why.FAMILY_CHANGED:
            self._regrouped[ref] = frozenset(holding.addresses)
        self._freed.add(holding.pool)
        self._vacant += len(holding.addresses)

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
        return self._misplaced(service, holding)

    def _misplaced(self, service: Service, holding: Holding) -> Reason | None:
        """Why a holding cannot stay, whatever its families."""
        addresses = addresses_of(holding)
        if reason := self._request_changed(service, holding):
            return reason
        pool = self._offers.index.owner(addresses)
        if pool is None:
            return Reason(Why.NOT_COVERED, pool=holding.pool, addresses=holding.addresses)
        if reason := self._offers.excluded(pool, service):
            return reason
        asked = service.requested_pool
        if asked and asked != pool.name and self._authority is not Authority.FOLLOW:
            return Reason(Why.POOL_REQUEST_CHANGED, wanted=asked, found=pool.name)
        return None

    def _request_changed(self, service: Service, holding: Holding) -> Reason | None:
        if self._authority is Authority.FOLLOW:
            if sorted(service.status_addresses) != sorted(holding.addresses):
                said = " and ".join(service.status_addresses) or "nothing"
                return Reason(Why.STATUS_CHANGED, wanted=said)
            return None
        requested = service.requested_addresses
        if requested and sorted(requested) != sorted(holding.addresses):
            return Reason(Why.REQUEST_CHANGED, wanted=" and ".join(requested))
        return None

    def _renew(self, service: Service, holding: Holding) -> None:
        """Note that the pool has another name, and who still lacks a family."""
        pool = self._offers.index.owner(addresses_of(holding))
        follows = self._authority is Authority.FOLLOW
        texts = service.status_addresses if follows else holding.addresses
        if pool is not None and pool.name != holding.pool:
            reason = Reason(Why.POOL_RENAMED, pool=pool.name)
            self._offers.taken.move(service.ref, holding, pool.name)
            self.decisions.append(AddressAssigned(service.ref, texts, pool.name, reason))
        elif texts != holding.addresses:  # the same in another order
            reason = Reason(Why.ADOPTED, pool=holding.pool, addresses=texts)
            self.decisions.append(AddressAssigned(service.ref, texts, holding.pool, reason))
        if service.ref in self._state.single:
            self._single.add(service.ref)

    def complete(self, ref: Ref) -> None:
        """Add the family that a Service which prefers dual stack could not have before."""
        service = self._state.service(ref)
        offer = service and self._offers.second(service, self._now(ref))
        if service and offer:
            self._assign(service, offer, Reason(Why.SECOND_FAMILY, pool=offer.pool.name))

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
            self._assign(service, offer, reason)

    def grant(self, ref: Ref) -> None:
        """Give the addresses that are requested."""
        service = self._state.service(ref)
        if service is None or not service.requested_addresses:
            return
        offer = self._offers.requested(service)
        if isinstance(offer, Offer):
            reason = Reason(Why.REQUESTED, pool=offer.pool.name, addresses=offer.texts)
            self._assign(service, offer, reason)

    def give_back(self, ref: Ref) -> None:
        """Give what a Service held before, where nobody else needs it now."""
        service = self._state.service(ref)
        if service is None or service.requested_addresses:
            return
        if offer := self._offers.returned(service):
            self._assign(service, offer, Reason(Why.RETURNED, pool=offer.pool.name))

    def give(self, ref: Ref) -> None:
        """Give what is free, from the requested pool or the automatic ones."""
        service = self._state.service(ref)
        if service is None or service.requested_addresses:
            return
        offer = self._offers.free(service)
        if isinstance(offer, Offer):
            name = offer.pool.name
            reason = Reason(offer.why, pool=name)
            if self._regrouped.get(ref, frozenset()).intersection(offer.texts):
                reason = Reason(Why.SECOND_FAMILY, pool=name)
            elif service.requested_pool:
                reason = Reason(Why.REQUESTED_POOL, pool=name, found=str(offer.why))
            if reason.code is not Why.SECOND_FAMILY:
                reason = replace(reason, addresses=self._claimed_in_vain(service))
            self._assign(service, offer, reason)

    def _claimed_in_vain(self, service: Service) -> tuple[str, ...]:
        """What the status names and no pool contains, unless it is what we took away ourselves."""
        ours = self._offers.taken.former(service.ref)
        containing = self._offers.index.containing
        return tuple(
            text
            for text in service.status_addresses
            if text not in ours and containing(parse_address(text)) is None
        )

    def refuse(self, ref: Ref) -> None:
        """Say why nothing was found; a refusal that still holds is not repeated."""
        service = self._state.service(ref)
        assert service is not None
        asked = service.requested_addresses
        verdict = self._offers.requested(service) if asked else self._offers.free(service)
        assert isinstance(verdict, Reason), "who may have an address was served before"
        known = self._state.refusals.get(ref)
        if known is None or not still_true(self._offers, service, known.reason, verdict):
            self.decisions.append(AddressRefused(ref, verdict))

    def _assign(self, service: Service, offer: Offer, reason: Reason) -> None:
        ref = service.ref
        self._offers.taken.take(service, offer.pool.name, offer.addresses)
        self._held[ref] = offer.addresses
        if len(offer.addresses) == 1 and service.ip_family_policy == "PreferDualStack":
            self._single.add(ref)
        self.decisions.append(AddressAssigned(ref, offer.texts, offer.pool.name, reason))
