"""`decide`: an observation and a state give facts, and nothing else does.

`decide` records what the observation says (`record`), and settles what follows
from it.  `settle` first walks the holdings (keep, or release with a reason),
then takes everyone who still lacks an address in three passes: adopt what the
status claims, grant what is requested, give what is free; who is left is
refused.  One pass by name would give a waiting Service the free address that a
later one already claims.

A full settlement is the specification.  `affected` names the Services that an
observation can concern, and settling those alone gives the same answer.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from proclaim.addresses import Address, Occupied, parse_address
from proclaim.allocation import Families, Pools, families_of, no_business
from proclaim.events import (
    AddressAssigned,
    AddressRefused,
    AddressReleased,
    AuthorityTaken,
    Decision,
    Fact,
    Input,
    Observed,
    Reason,
    RefusalWithdrawn,
    Removed,
    Why,
)
from proclaim.model import Authority, Namespace, Observation, Pool, Ref, Service
from proclaim.record import PAUSE_EVERY, record
from proclaim.state import Holding, State, addresses_of, fold, number, ranges
from proclaim.steps import Steps, finish


@dataclass(frozen=True, slots=True)
class Decided:
    """What an observation led to: the facts in their order, and the state after them."""

    inputs: tuple[Input, ...]
    decisions: tuple[Decision, ...]
    state: State

    @property
    def facts(self) -> tuple[Fact, ...]:
        return (*self.inputs, *self.decisions)


def deciding(state: State, observation: Observation, time: float) -> Steps[Decided]:
    """`decide` in small steps."""
    inputs = yield from record(state, observation)
    if not inputs:
        return Decided((), (), state)
    seen = fold(state, number(state, inputs, time))
    decisions = yield from settling(seen, affected(seen, inputs))
    after = fold(seen, number(seen, decisions, time, transaction=state.position + 1))
    return Decided(tuple(inputs), tuple(decisions), after)


def decide(state: State, observation: Observation, time: float = 0.0) -> Decided:
    """Record an observation and settle what follows; `time` is only stamped on it."""
    return finish(deciding(state, observation, time))


def settle(state: State, services: Iterable[Ref] | None = None) -> list[Decision]:
    """Everything that must change so that nothing more must; all Services unless some are named."""
    return finish(settling(state, services))


def affected(state: State, inputs: Sequence[Input]) -> list[Ref] | None:
    """The Services that these facts can concern, sorted; None means every one."""
    services: set[Ref] = set()
    for fact in inputs:
        match fact:
            case Observed(resource=Service() as service):
                services.add(service.ref)
            case Removed(ref=ref) if ref.kind == "Service":
                services.add(ref)
            case Observed(resource=Pool() | Namespace()) | AuthorityTaken():
                return None
            case Removed(ref=ref) if ref.kind in ("IPAddressPool", "Namespace"):
                return None
            case _:
                pass  # no other resource has a say in who holds an address
    return sorted(services)


def settling(state: State, services: Iterable[Ref] | None = None) -> Steps[list[Decision]]:
    """`settle` in small steps."""
    work = _Settlement(state)
    if services is None:
        services = sorted({*state.of_kind("Service"), *state.holdings, *state.refusals})
    yield from work.each(services, work.keep)
    waiting = work.waiting()
    for one_pass in work.passes():
        yield from work.each(waiting, one_pass)
        waiting = [ref for ref in waiting if ref not in work.served]
    if state.authority is Authority.ALLOCATE:
        yield from work.each(work.incomplete(), work.complete)
        yield from work.each(waiting, work.give)
        yield from work.each([ref for ref in waiting if ref not in work.served], work.refuse)
    return work.decisions


class _Settlement:
    """The work of one settlement: a state, and what is decided on top of it."""

    def __init__(self, state: State) -> None:
        self.state = state
        self.decisions: list[Decision] = []
        self.lacking: set[Ref] = set()
        self.served: set[Ref] = set()
        self.freed = False
        self.gone: set[Ref] = set()
        self.single: set[Ref] = set()
        self._assigned: dict[Ref, tuple[tuple[Address, ...], Pool]] = {}
        self.withdrawn: set[Ref] = set()
        self._pools = Pools(state)
        self._holders: dict[str, tuple[Ref, ...]] = {}
        self._occupied: Occupied = state.occupied
        self._own = False

    def each(self, services: Iterable[Ref], visit: Callable[[Ref], None]) -> Steps[None]:
        for at, ref in enumerate(services):
            if at % PAUSE_EVERY == 0:
                yield
            visit(ref)

    def waiting(self) -> list[Ref]:
        """Who may get an address now; a freed one concerns all who were refused."""
        refused = self.state.refusals.keys() - self.withdrawn if self.freed else set()
        return sorted(self.lacking | refused)

    def incomplete(self) -> list[Ref]:
        """Who holds one family of two and may gain the other now."""
        if self.freed:
            self.single.update(
                ref
                for ref in self.state.preferring
                if (holding := self.state.holdings.get(ref)) and len(holding.addresses) == 1
            )
        return sorted(self.single)

    def passes(self) -> tuple[Callable[[Ref], None], ...]:
        """What is done first, in this order, for those who lack an address."""
        match self.state.authority:
            case Authority.ALLOCATE:
                return (self.adopt, self.grant)
            case Authority.ADOPT | Authority.FOLLOW:
                return (self.adopt,)

    # --- those who hold addresses ---

    def keep(self, ref: Ref) -> None:
        """Keep a holding, or release it with the reason."""
        service = self.state.service(ref)
        holding = self.state.holdings.get(ref)
        business = no_business(service)
        if holding is None:
            if business is None:
                self.lacking.add(ref)
            elif ref in self.state.refusals:
                self.decisions.append(RefusalWithdrawn(ref))
                self.withdrawn.add(ref)
            return
        reason = business or (service and self._violation(service, holding))
        if reason:
            self.decisions.append(AddressReleased(ref, holding.addresses, holding.pool, reason))
            self._vacate(holding.addresses)
            self.gone.add(ref)
            if business is None:
                self.lacking.add(ref)
        elif service:
            self._renew(service, holding)

    def _violation(self, service: Service, holding: Holding) -> Reason | None:
        """Why a holding cannot stay; the first rule that it breaks."""
        if self.state.authority is Authority.ADOPT:
            return None  # what is not listed yet may be what permits it
        addresses = addresses_of(holding)
        families = families_of(service)
        if isinstance(families, Reason):
            return families
        if not families.accept(tuple(address.family for address in addresses)):
            return Reason(Why.FAMILY_CHANGED, wanted=str(families))
        if reason := self._request_changed(service, holding):
            return reason
        pool = self._pools.owner(addresses, first=holding.pool)
        if pool is None:
            return Reason(Why.NOT_COVERED, pool=holding.pool, addresses=holding.addresses)
        if not self._pools.permits(pool, service):
            return Reason(Why.NOT_PERMITTED, pool=pool.name)
        if service.requested_pool and service.requested_pool != pool.name:
            return Reason(Why.POOL_REQUEST_CHANGED, wanted=service.requested_pool)
        return None

    def _request_changed(self, service: Service, holding: Holding) -> Reason | None:
        if self.state.authority is Authority.FOLLOW:
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
        if self.state.authority is Authority.ADOPT:
            return
        pool = self._pools.owner(addresses_of(holding), first=holding.pool)
        assert pool is not None
        if pool.name != holding.pool:
            reason = Reason(Why.POOL_RENAMED, pool=pool.name)
            self.decisions.append(
                AddressAssigned(service.ref, holding.addresses, pool.name, reason)
            )
        if len(holding.addresses) == 1 and service.ip_family_policy == "PreferDualStack":
            self.single.add(service.ref)

    def complete(self, ref: Ref) -> None:
        """Add the family that a Service which prefers dual stack could not have before."""
        service = self.state.service(ref)
        if service is None or (ref in self.gone and ref not in self._assigned):
            return
        addresses, pool = self._now_holds(ref)
        families = families_of(service)
        if len(addresses) != 1 or isinstance(families, Reason) or len(families.wanted) != 2:
            return
        if service.requested_addresses or pool is None:
            return
        second = self._free(pool, 6 if addresses[0].family == 4 else 4)
        if second is not None:
            reason = Reason(Why.SECOND_FAMILY, pool=pool.name)
            self._assign(ref, (*addresses, second), pool, reason)

    def _now_holds(self, ref: Ref) -> tuple[tuple[Address, ...], Pool | None]:
        """What a Service holds with the decisions so far."""
        if ref in self._assigned:
            return self._assigned[ref]
        holding = self.state.holdings[ref]
        addresses = addresses_of(holding)
        return addresses, self._pools.owner(addresses, first=holding.pool)

    # --- those who lack an address ---

    def adopt(self, ref: Ref) -> None:
        """Take over what the status claims, where the rules permit it."""
        service = self.state.service(ref)
        assert service is not None
        if not service.status_addresses:
            return
        addresses = tuple(parse_address(text) for text in service.status_addresses)
        follows = self.state.authority is Authority.FOLLOW
        asked = sorted(service.requested_addresses or service.status_addresses)
        if not follows and asked != sorted(service.status_addresses):
            return
        verdict = self._may_have(service, addresses)
        if isinstance(verdict, Pool):
            texts = tuple(map(str, addresses))
            self._assign(
                ref, addresses, verdict, Reason(Why.ADOPTED, pool=verdict.name, addresses=texts)
            )

    def grant(self, ref: Ref) -> None:
        """Give the addresses that are requested."""
        service = self.state.service(ref)
        if service is None or not service.requested_addresses:
            return
        addresses = tuple(parse_address(text) for text in service.requested_addresses)
        verdict = self._may_have(service, addresses)
        if isinstance(verdict, Pool):
            texts = tuple(map(str, addresses))
            self._assign(
                ref, addresses, verdict, Reason(Why.REQUESTED, pool=verdict.name, addresses=texts)
            )

    def give(self, ref: Ref) -> None:
        """Give what is free, from the requested pool or the automatic ones."""
        service = self.state.service(ref)
        if service is None or service.requested_addresses:
            return
        found = self._search(service)
        if not isinstance(found, Reason):
            pool, addresses = found
            code = Why.REQUESTED_POOL if service.requested_pool else Why.FREE
            self._assign(ref, addresses, pool, Reason(code, pool=pool.name))

    def refuse(self, ref: Ref) -> None:
        """Say why nothing was found; the same refusal twice is one fact."""
        service = self.state.service(ref)
        assert service is not None
        verdict: Pool | Reason | tuple[Pool, tuple[Address, ...]]
        if service.requested_addresses:
            requested = tuple(parse_address(text) for text in service.requested_addresses)
            verdict = self._may_have(service, requested)
        else:
            verdict = self._search(service)
        assert isinstance(verdict, Reason), "who may have an address was served before"
        known = self.state.refusals.get(ref)
        if known is None or known.reason != verdict:
            self.decisions.append(AddressRefused(ref, verdict))

    # --- the rules ---

    def _may_have(self, service: Service, addresses: tuple[Address, ...]) -> Pool | Reason:
        """The pool from which a Service may have exactly these addresses, or why not."""
        families = families_of(service)
        if isinstance(families, Reason):
            return families
        texts = tuple(map(str, addresses))
        joined = " and ".join(texts)
        if not self._families_fit(service, families, addresses):
            return Reason(Why.FAMILY_CONTRADICTS_ADDRESS, addresses=texts, wanted=str(families))
        pool = self._pools.owner(addresses, first=service.requested_pool)
        if pool is None:
            return Reason(Why.ADDRESS_OUTSIDE_POOLS, wanted=joined)
        if not self._pools.permits(pool, service):
            return Reason(Why.NOT_PERMITTED, pool=pool.name)
        asked = service.requested_pool
        if asked and asked != pool.name and self.state.authority is not Authority.FOLLOW:
            return Reason(
                Why.POOL_CONTRADICTS_ADDRESS, pool=pool.name, addresses=texts, wanted=asked
            )
        others = sorted({holder for text in texts for holder in self._holding(text)})
        if others:
            return Reason(Why.ADDRESS_IN_USE, services=tuple(others), wanted=joined)
        return pool

    def _families_fit(
        self, service: Service, families: Families, addresses: tuple[Address, ...]
    ) -> bool:
        have = tuple(address.family for address in addresses)
        if service.requested_addresses:  # a request names all the families, or is a mistake
            return sorted(have) == sorted(families.wanted)
        return families.accept(have)

    def _search(self, service: Service) -> tuple[Pool, tuple[Address, ...]] | Reason:
        """The first pool with free addresses for a Service, or why there is none."""
        families = families_of(service)
        if isinstance(families, Reason):
            return families
        candidates = self._candidates(service)
        if isinstance(candidates, Reason):
            return candidates
        single: dict[int, tuple[Pool, tuple[Address, ...]]] = {}
        for pool in candidates:
            found = {family: self._free(pool, family) for family in sorted(families.wanted)}
            addresses = tuple(address for address in found.values() if address is not None)
            if len(addresses) == len(families.wanted):
                return pool, addresses
            for address in addresses:
                single.setdefault(address.family, (pool, (address,)))
        if not families.all_required:
            for family in families.wanted:
                if family in single:
                    return single[family]
        names = tuple(pool.name for pool in candidates)
        return Reason(Why.EXHAUSTED, pools=names, wanted=str(families))

    def _candidates(self, service: Service) -> list[Pool] | Reason:
        """The pools to search, in order."""
        if service.requested_pool:
            pool = self._pools.by_name.get(service.requested_pool)
            if pool is None:
                return Reason(Why.POOL_UNKNOWN, wanted=service.requested_pool)
            if not self._pools.permits(pool, service):
                return Reason(Why.NOT_PERMITTED, pool=pool.name)
            return [pool]
        if not self._pools.by_name:
            return Reason(Why.NO_POOL)
        candidates = list(self._pools.automatic(service))
        if not candidates:
            return Reason(Why.NO_POOL_FOR_SERVICE, pools=tuple(self._pools.by_name))
        return candidates

    def _free(self, pool: Pool, family: int) -> Address | None:
        for span in ranges(pool):
            if span.family == family:
                free = self._occupied.first_free(span, pool.avoid_buggy_ips)
                if free is not None:
                    return free
        return None

    # --- the work in progress ---

    def _holding(self, text: str) -> tuple[Ref, ...]:
        if text in self._holders:
            return self._holders[text]
        return self.state.holders.get(text, ())

    def _occupy(self) -> Occupied:
        if not self._own:
            self._occupied, self._own = self._occupied.copy(), True
        return self._occupied

    def _vacate(self, addresses: tuple[str, ...]) -> None:
        for text in addresses:
            self._holders[text] = ()
            self._occupy().remove(parse_address(text))
        self.freed = True

    def _assign(self, ref: Ref, addresses: tuple[Address, ...], pool: Pool, reason: Reason) -> None:
        texts = tuple(map(str, addresses))
        for address, text in zip(addresses, texts, strict=True):
            if not self._holding(text):
                self._occupy().add(address)
                self._holders[text] = (ref,)
        self.served.add(ref)
        self._assigned[ref] = addresses, pool
        if len(addresses) == 1 and ref in self.state.preferring:
            self.single.add(ref)
        self.decisions.append(AddressAssigned(ref, texts, pool.name, reason))
