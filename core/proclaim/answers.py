"""What each pool answers to a Service: the address that it gave, or the first rule against it.

The same rules that `offers` applies, asked of every pool and told one by one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

from proclaim import reasons
from proclaim.addresses import parse_address
from proclaim.allocation import NAMES, Families, families_of
from proclaim.events import Reason, Why
from proclaim.model import Ref, Service
from proclaim.offers import Offers
from proclaim.pool_index import Ground
from proclaim.sharing import refusal
from proclaim.state import State

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


def pool_answers(state: State, ref: Ref) -> list[PoolAnswer]:
    """What each pool in force answers to a Service, in the order in which they are asked."""
    service = state.service(ref)
    if service is None:
        return []
    families = families_of(service)
    if isinstance(families, Reason):
        return []
    asked = _Asked(state, service, families)
    first = {each.name: at for at, each in enumerate(state.pool_index.automatic(service))}
    names = sorted(state.pool_index.by_name, key=lambda name: (first.get(name, len(first)), name))
    return [asked.answer(state.pool_index.grounds[name]) for name in names]


class _Asked:
    """One Service, and the rules in their order."""

    def __init__(self, state: State, service: Service, families: Families) -> None:
        self._state = state
        self._service = service
        self._families = families
        self._offers = Offers(state)
        self._holding = state.holdings.get(service.ref)
        self._rules: tuple[Callable[[Ground], tuple[str, str] | None], ...] = (
            self._another_asked_for,
            self._excluded,
            self._requested,
            self._not_automatic,
            self._closed,
            self._without_family,
            self._rationed,
        )

    def answer(self, ground: Ground) -> PoolAnswer:
        name = ground.name
        if self._holding is not None and self._holding.pool == name:
            given = self._holding.addresses
            return PoolAnswer(name, GAVE, f"gave {' and '.join(given)}", given)
        for rule in self._rules:
            if found := rule(ground):
                return PoolAnswer(name, *found)
        if self._holding is not None:
            return PoolAnswer(name, AVAILABLE, "could serve it, and it keeps what it has")
        return PoolAnswer(name, AVAILABLE, "could serve it")

    def _another_asked_for(self, ground: Ground) -> tuple[str, str] | None:
        wanted = self._service.requested_pool
        if not wanted or wanted == ground.name:
            return None
        return NOT_ASKED_FOR, f"the Service asks for pool {wanted}"

    def _excluded(self, ground: Ground) -> tuple[str, str] | None:
        return _told(self._offers.excluded(ground.pool, self._service))

    def _requested(self, ground: Ground) -> tuple[str, str] | None:
        """What is wrong with the addresses that the Service asks for, as far as this pool goes."""
        texts = self._service.requested_addresses
        outside = [text for text in texts if not self._covers(ground, text)]
        if outside:
            return NOT_ASKED_FOR, f"does not give {' and '.join(outside)}, which it asks for"
        held = {
            text: [one for one in self._offers.taken.holders(text) if one != self._service.ref]
            for text in texts
        }
        return _told(refusal(self._service, held, self._state.service, " and ".join(texts)))

    def _covers(self, ground: Ground, text: str) -> bool:
        return self._state.pool_index.covers(ground.pool, (parse_address(text),))

    def _not_automatic(self, ground: Ground) -> tuple[str, str] | None:
        service = self._service
        if ground.pool.auto_assign or service.requested_pool or service.requested_addresses:
            return None
        return NOT_AUTOMATIC, "gives nothing by itself (autoAssign is false)"

    def _closed(self, ground: Ground) -> tuple[str, str] | None:
        return _told(Reason(Why.POOL_CLOSED, pool=ground.name) if ground.closed else None)

    def _without_family(self, ground: Ground) -> tuple[str, str] | None:
        if self._service.requested_addresses:
            return None
        lacking = list(self._lacking(ground))
        if self._families.content_with(len(self._families.wanted) - len(lacking)):
            return None
        code = NO_RANGE if all(rangeless for rangeless, _ in lacking) else str(Why.EXHAUSTED)
        return code, " and ".join(text for _, text in lacking)

    def _lacking(self, ground: Ground) -> Iterator[tuple[bool, str]]:
        for family in self._families.wanted:
            if not ground.spans[family]:
                yield True, f"has no {NAMES[family]} range"
            elif self._offers.best(self._service, ground, family) is None:
                yield False, f"has no free {NAMES[family]} address"

    def _rationed(self, ground: Ground) -> tuple[str, str] | None:
        namespace = self._service.namespace
        left = self._offers.left(ground, namespace)
        needed = len(self._families.wanted) if self._families.all_required else 1
        if left is None or left >= needed:
            return None
        return _told(self._offers.quota_reached((ground,), namespace))


def _told(reason: Reason | None) -> tuple[str, str] | None:
    return (str(reason.code), reasons.message(reason)) if reason else None
