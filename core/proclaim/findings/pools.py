"""Pools that nobody announces, nobody asks for, or that have not what is asked of them."""

from __future__ import annotations

from collections.abc import Iterable

from immutables import Map

from proclaim.addresses import parse_address
from proclaim.events import Why
from proclaim.findings.finding import Finding
from proclaim.findings.rules import Code
from proclaim.findings.world import AT_ONCE, Asked, Found, World, listed, said
from proclaim.model import Ref, selects_pool
from proclaim.pool_index import QUOTA
from proclaim.state import Entry

_ADVERTISEMENTS = ("BGPAdvertisement", "L2Advertisement")


def unadvertised(world: World) -> Found:
    """Pools that no advertisement covers."""
    if not world.is_sure_of(*_ADVERTISEMENTS):
        return
    every = [entry.resource for kind in _ADVERTISEMENTS for entry in world.entries(kind)]
    alone: list[Entry] = []
    for entry in world.entries("IPAddressPool"):
        yield None
        if not any(selects_pool(ad, entry.resource) for ad in every):
            alone.append(entry)
    holders = (yield from _holders(world)) if alone else {}
    for entry in alone:
        refs = holders.get(entry.resource.name, [])
        whom = f"; this concerns {listed([ref.short for ref in sorted(refs)])}" if refs else ""
        sentence = f"no advertisement covers the pool, so nobody announces its addresses{whom}"
        yield said(entry, "", Code.POOL_NOT_ADVERTISED, sentence)


def _holders(world: World) -> Asked[dict[str, list[Ref]]]:
    """The Services that hold an address of each pool."""
    found: dict[str, list[Ref]] = {}
    for at, (ref, holding) in enumerate(world.state.holdings.items()):
        if at % AT_ONCE == 0:
            yield
        found.setdefault(holding.pool, []).append(ref)
    return found


def unrequested(world: World) -> Found:
    """Pools that give nothing by themselves and that no Service asks for."""
    grounds = world.state.pool_index.grounds
    waiting = [
        entry
        for entry in world.entries("IPAddressPool")
        if not entry.resource.auto_assign and not grounds[entry.resource.name].closed
    ]
    if not waiting or not world.wanting or not world.is_sure_of("Service"):
        return
    asked = {holding.pool for holding in world.state.holdings.values()}
    for at, entry in enumerate(world.wanting):
        if at % AT_ONCE == 0:
            yield None
        service = entry.resource
        asked.add(service.requested_pool)
        asked.update(_pools_of(world, (*service.requested_addresses, *service.status_addresses)))
    for entry in waiting:
        if entry.resource.name not in asked:
            yield said(
                entry,
                "spec.autoAssign",
                Code.POOL_NOT_REQUESTED,
                "is false, and no Service asks for the pool or for one of its addresses",
            )


def _pools_of(world: World, texts: Iterable[str]) -> set[str]:
    found = map(world.state.pool_index.containing, map(parse_address, texts))
    return {pool.name if pool else "" for pool in found}


def exhausted(world: World) -> Found:
    """Pools for whose addresses Services wait."""
    if not world.is_sure_of("IPAddressPool"):
        return
    waiting: dict[tuple[str, str], list[str]] = {}
    for at, (ref, refusal) in enumerate(world.state.refusals.items()):
        if at % AT_ONCE == 0:
            yield None
        if refusal.reason.code is Why.EXHAUSTED:
            for pool in refusal.reason.pools:
                waiting.setdefault((pool, refusal.reason.wanted), []).append(ref.short)
    for (pool, wanted), names in sorted(waiting.items()):
        yield _about_pool(
            world,
            pool,
            Code.POOL_EXHAUSTED,
            f"no free {wanted} address for {listed(sorted(names))}",
        )


def uncovered(world: World) -> Found:
    """Pools that cover their holdings no more, as where another allocator is followed."""
    lost: dict[str, list[str]] = {}
    for at, (ref, holding) in enumerate(world.state.holdings.items()):
        if at % AT_ONCE == 0:
            yield None
        if _pools_of(world, holding.addresses) != {holding.pool}:
            lost.setdefault(holding.pool, []).append(
                f"{ref.short} ({' and '.join(holding.addresses)})"
            )
    for pool, names in sorted(lost.items()):
        yield _about_pool(
            world, pool, Code.HOLDING_NOT_COVERED, f"covers no longer what {_hold(sorted(names))}"
        )


def over_quota(world: World) -> Found:
    """Namespaces that hold more of a pool than its quota admits by now."""
    for name, ground in world.state.pool_index.grounds.items():
        yield None
        if ground.quota is None:
            continue
        for namespace, tenancy in sorted(world.state.tenants.get(name, Map()).items()):
            limit, held = ground.quota.of(namespace), len(tenancy.addresses)
            if limit is not None and held > limit:
                entry = world.state.of_kind("IPAddressPool")[ground.pool.ref]
                sentence = f"is {limit} for namespace {namespace}, which holds {held}"
                field = f"metadata.annotations[{QUOTA}]"
                yield said(entry, field, Code.QUOTA_EXCEEDED, sentence)


def _hold(names: list[str]) -> str:
    return f"{listed(names)} {'holds' if len(names) == 1 else 'hold'}"


def _about_pool(world: World, name: str, code: Code, sentence: str) -> Finding:
    """A finding about the addresses of a pool, which may be in force no more."""
    ref = Ref("IPAddressPool", "", name)
    entry = world.state.get(ref)
    return Finding(entry.origin if entry else "", 0, ref, "spec.addresses", code, sentence)
