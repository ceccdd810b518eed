"""How much a namespace may hold of a pool, and what a pool gives to nobody any more.

A quota limits what is new to a namespace: what it holds already it may share
at no cost.  Whose address is which is for `taken` to say.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from proclaim.addresses import Address
from proclaim.allocation import Families, families_of
from proclaim.events import Reason, Why
from proclaim.model import Pool, Service
from proclaim.pool_index import Ground, PoolIndex
from proclaim.taken import Taken


class Found(NamedTuple):
    """One address of a pool, and how it was found."""

    address: Address
    why: Why


class Rations:
    """The limits of the pools, over what is taken so far."""

    def __init__(self, index: PoolIndex, taken: Taken) -> None:
        self._index = index
        self._taken = taken

    def closed(self, service: Service, pool: Pool, texts: Iterable[str]) -> Reason | None:
        """Why a pool gives a Service nothing new: it is closed, or the namespace has its share."""
        ground = self._index.grounds[pool.name]
        if ground.closed:
            return Reason(Why.POOL_CLOSED, pool=pool.name)
        left = self.left(ground, service.namespace)
        if left is None:
            return None
        new = [text for text in texts if not self._taken.has(pool.name, service.namespace, text)]
        return quota_reached((ground,), service.namespace) if len(new) > left else None

    def left(self, ground: Ground, namespace: str) -> int | None:
        """How many more addresses of a pool a namespace may hold; None when it has no limit."""
        limit = ground.quota.of(namespace) if ground.quota else None
        if limit is None:
            return None
        return max(0, limit - self._taken.count(ground.name, namespace))

    def affordable(self, service: Service, ground: Ground, found: list[Found]) -> list[Found]:
        """Those of the addresses that the namespace's quota admits: all of them, or some.

        Where it does not admit all, what the namespace has already is shared first.
        """
        left = self.left(ground, service.namespace) if ground.quota else None
        if left is None:
            return found
        if sum(self._is_new(service, ground, each) for each in found) > left:
            found = [self._own(service, ground, each.address.family) or each for each in found]
        families = families_of(service)
        first = families.wanted[0] if isinstance(families, Families) else 4
        kept = []
        for each in sorted(found, key=lambda each: each.address.family != first):
            new = self._is_new(service, ground, each)
            if left >= new:
                left -= new
                kept.append(each)
        return sorted(kept)

    def _is_new(self, service: Service, ground: Ground, found: Found) -> bool:
        return not self._taken.has(ground.name, service.namespace, str(found.address))

    def _own(self, service: Service, ground: Ground, family: int) -> Found | None:
        """An address that the namespace has already, and that a Service may share."""
        shared = self._taken.shareable(service, ground, family, own=True)
        return Found(shared, Why.SHARED) if shared else None


def quota_reached(grounds: Iterable[Ground], namespace: str) -> Reason:
    """The reason when a namespace may have no more of these pools."""
    limits = {each.name: each.quota.of(namespace) for each in grounds if each.quota}
    return Reason(
        Why.QUOTA_REACHED,
        pools=tuple(limits),
        wanted=namespace,
        found=", ".join(map(str, limits.values())),
    )
