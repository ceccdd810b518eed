"""Services that get no address, that nobody announces, or that share one across namespaces."""

from __future__ import annotations

from collections.abc import Iterator

from proclaim import reasons
from proclaim.events import Why
from proclaim.findings.finding import Finding
from proclaim.findings.rules import Code
from proclaim.findings.wording import field_of
from proclaim.findings.world import AT_ONCE, Asked, Found, World, listed, said
from proclaim.model import Pool, Ref, Service, selects_pool
from proclaim.state import Entry, Refusal

_ADVERTISEMENTS = ("BGPAdvertisement", "L2Advertisement")

_TOLD_OF_THE_POOL = (Why.EXHAUSTED, Why.NO_POOL)
"""What is said once of the pool, or where there are no pools at all, not of each Service."""
_ABOUT_POOLS = (
    Why.ADDRESS_OUTSIDE_POOLS,
    Why.NO_POOL_FOR_SERVICE,
)
"""What may be otherwise when a pool that is not in force is there."""


def refused(world: World) -> Found:
    """Services that want an address and get none."""
    for at, entry in enumerate(world.wanting):
        if at % AT_ONCE == 0:
            yield None
        refusal = world.state.refusals.get(entry.resource.ref)
        if refusal is not None and (found := _refused(world, entry, refusal)):
            yield found


def _refused(world: World, entry: Entry, refusal: Refusal) -> Finding | None:
    reason = refusal.reason
    if reason.code in _TOLD_OF_THE_POOL or not world.pools:
        return None
    if reason.code in _ABOUT_POOLS and not world.is_sure_of("IPAddressPool"):
        return None
    if reason.code is Why.POOL_UNKNOWN:
        if not world.is_missing("IPAddressPool", reason.wanted):
            return None
        sentence = world.missing("IPAddressPool", reason.wanted)
        return said(entry, field_of(entry.resource, "address-pool"), Code.UNKNOWN_POOL, sentence)
    if reason.code is Why.ADDRESS_OUTSIDE_POOLS:
        field = field_of(entry.resource, "loadBalancerIPs") or "spec.loadBalancerIP"
        return said(entry, field, Code.ADDRESS_OUTSIDE_POOLS, reasons.message(reason))
    found = said(entry, "", Code.NO_ADDRESS, f"gets no address: {reasons.message(reason)}")
    return found._replace(reason=str(reason.code))


def left_out(world: World) -> Found:
    """Services with an address that no advertisement of its pool selects."""
    if not world.is_sure_of(*_ADVERTISEMENTS):
        return
    covered: dict[str, frozenset[str] | None] = {}
    for pool in world.pools:
        covered[pool.name] = yield from _covered(world, pool)
    for at, entry in enumerate(world.wanting):
        if at % AT_ONCE == 0:
            yield None
        ref = entry.resource.ref
        holding = world.state.holdings.get(ref)
        inside = covered.get(holding.pool) if holding is not None else None
        if holding is not None and inside is not None and ref.short not in inside:
            yield said(
                entry,
                "metadata.labels",
                Code.SERVICE_NOT_ADVERTISED,
                f"no advertisement of pool {holding.pool} selects the Service, so nobody "
                f"announces {' and '.join(holding.addresses)}",
            )


def _covered(world: World, pool: Pool) -> Asked[frozenset[str] | None]:
    """The Services that an advertisement of the pool selects; None where that is no question."""
    found: frozenset[str] = frozenset()
    any_covers = False
    for kind in _ADVERTISEMENTS:
        for entry in world.entries(kind):
            ad = entry.resource
            if not selects_pool(ad, pool):
                continue
            yield
            if not ad.service_selectors:
                return None
            any_covers = True
            found |= yield from world.services.of_any(ad.service_selectors)
    return found if any_covers else None  # where none covers it, that is said of the pool


def shared(world: World) -> Found:
    """Services that share an address with others of another namespace, under the policy Local."""
    by_key: dict[str, list[Entry]] = {}
    for at, entry in enumerate(world.wanting):
        if at % AT_ONCE == 0:
            yield None
        if key := entry.resource.sharing_key:
            by_key.setdefault(key, []).append(entry)
    for _, entries in sorted(by_key.items()):
        at_address: dict[str, list[Ref]] = {}
        for entry in entries:
            for text in _addresses(world, entry.resource):
                at_address.setdefault(text, []).append(entry.resource.ref)
        for entry in entries:
            yield None
            if entry.resource.external_traffic_policy == "Local":
                yield from _sharing(world, entry, at_address)


def _addresses(world: World, service: Service) -> tuple[str, ...]:
    """What a Service holds, else what it asks for."""
    holding = world.state.holdings.get(service.ref)
    return holding.addresses if holding is not None else service.requested_addresses


def _sharing(world: World, entry: Entry, at_address: dict[str, list[Ref]]) -> Iterator[Finding]:
    service: Service = entry.resource
    for text in _addresses(world, service):
        others = [ref.short for ref in at_address[text] if ref.namespace != service.namespace]
        if others:
            yield said(
                entry,
                "spec.externalTrafficPolicy",
                Code.SHARED_ACROSS_NAMESPACES,
                f"is Local, and {text} is shared with {listed(others)} of another namespace, "
                "whose endpoints may be on other nodes",
            )
            return
