"""The pools in force, prepared for many questions: whose address is it, who may use a pool.

Made anew when a pool or a namespace changes, and asked for every Service in
between.  A pool's ranges are found by bisection, so ten thousand of them cost
what one costs.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import NamedTuple

from proclaim.addresses import Address, Range, is_buggy, parse_range
from proclaim.model import Pairs, Pool, Service

ALLOCATION = "proclaim.io/allocation"
"""The annotation that says whether a pool gives anything new, or only keeps its holdings."""
OPEN, CLOSED = "open", "closed"
QUOTA = "proclaim.io/namespace-quota"
"""The annotation of a pool that limits how many of its addresses a namespace may hold."""
_NAMESPACES_REMEMBERED = 4096


class Quota(NamedTuple):
    """How many addresses of a pool each namespace may hold."""

    everyone: int | None = None
    """For the namespaces that are not named; None when there is no limit."""
    named: Mapping[str, int] = {}

    def of(self, namespace: str) -> int | None:
        """The limit of a namespace; None when it has none."""
        return self.named.get(namespace, self.everyone)


@lru_cache(maxsize=1024)
def parse_quota(text: str) -> Quota:
    """Read `5`, or `shop=10, *=2`: a count for each namespace, and `*` for all others.

    Raises ValueError saying what is wrong and what would be accepted.
    """
    everyone: int | None = None
    named: dict[str, int] = {}
    for part in text.split(","):
        name, equals, count_text = part.partition("=")
        name, count_text = (name.strip(), count_text.strip()) if equals else ("*", name.strip())
        if not (count_text.isascii() and count_text.isdigit() and len(count_text) <= 9):
            raise ValueError(
                f"{part.strip()[:63]!r} is no quota; a count, or namespace=count with commas "
                "between (* stands for every other namespace) is expected"
            )
        if name in named or (name == "*" and everyone is not None):
            raise ValueError(f"{name[:63]!r} is given twice; one count for each is expected")
        if name == "*":
            everyone = int(count_text)
        else:
            named[name] = int(count_text)
    return Quota(everyone, named)


class Ground(NamedTuple):
    """One pool, prepared."""

    pool: Pool
    spans: Mapping[int, tuple[Range, ...]]
    """Its ranges by family, in the order declared."""
    closed: bool
    quota: Quota | None

    @property
    def name(self) -> str:
        return self.pool.name


class Exclusion(NamedTuple):
    """Which part of `serviceAllocation` keeps a Service out of a pool."""

    field: str
    """`namespaces` or `serviceSelectors`."""
    value: str
    """What the Service has instead."""


class PoolIndex:
    """The pools in force, and the labels of the namespaces that are known."""

    def __init__(
        self, pools: Iterable[Pool] = (), namespaces: Mapping[str, Pairs] | None = None
    ) -> None:
        self.grounds: dict[str, Ground] = {
            pool.name: _prepared(pool) for pool in sorted(pools, key=lambda pool: pool.name)
        }
        self.by_name: dict[str, Pool] = {name: each.pool for name, each in self.grounds.items()}
        self._namespaces = dict(namespaces or {})
        claims = sorted(
            (span.family, span.first, span.last, name)
            for name, each in self.grounds.items()
            for spans in each.spans.values()
            for span in spans
        )
        self._starts = [(family, first) for family, first, _, _ in claims]
        self._claims = claims
        self._preferred = sorted(self.grounds.values(), key=_preference)
        self._admitted: dict[str, tuple[bool, list[Ground]]] = {}
        self._names: dict[tuple[str, str], bool] = {}

    def with_namespaces(self, namespaces: Mapping[str, Pairs]) -> PoolIndex:
        """The same pools beside other namespaces."""
        made = PoolIndex()
        made.grounds, made.by_name = self.grounds, self.by_name
        made._starts, made._claims, made._preferred = self._starts, self._claims, self._preferred
        made._namespaces = dict(namespaces)
        return made

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, PoolIndex):
            return NotImplemented
        return (self.by_name, self._namespaces) == (other.by_name, other._namespaces)

    __hash__ = None  # type: ignore[assignment]  # as large as a dict, and as seldom a key

    def __repr__(self) -> str:
        return f"PoolIndex({', '.join(self.by_name)})"

    # --- whose address is it? ---

    def containing(self, address: Address) -> Pool | None:
        """The pool in whose ranges an address lies, whether it would give it or not."""
        at = bisect_right(self._starts, address) - 1
        if at < 0:
            return None
        family, _, last, name = self._claims[at]
        inside = family == address.family and address.value <= last
        return self.by_name[name] if inside else None

    def around(self, addresses: tuple[Address, ...]) -> Pool | None:
        """The pool in whose ranges all the addresses lie."""
        pool = self.containing(addresses[0]) if addresses else None
        one = pool is not None and all(self.containing(each) is pool for each in addresses[1:])
        return pool if one else None

    def owner(self, addresses: tuple[Address, ...]) -> Pool | None:
        """The pool that covers all the addresses, each being one that it would give."""
        pool = self.around(addresses)
        avoided = pool is not None and pool.avoid_buggy_ips and any(map(is_buggy, addresses))
        return None if avoided else pool

    def covers(self, pool: Pool, addresses: tuple[Address, ...]) -> bool:
        """Whether every address lies in the pool and is one that it would give."""
        return self.owner(addresses) is pool

    # --- who may use a pool? ---

    def permits(self, pool: Pool, service: Service) -> bool:
        """Whether `serviceAllocation` admits the Service; a hard rule, also for requests."""
        return self.exclusion(pool, service) is None

    def exclusion(self, pool: Pool, service: Service) -> Exclusion | None:
        """What keeps a Service out of a pool; None when it is admitted."""
        if not self.admits_namespace(pool, service.namespace):
            return Exclusion("namespaces", service.namespace)
        if not _admits_labels(pool, service):
            labels = ",".join(f"{key}={value}" for key, value in service.labels)
            return Exclusion("serviceSelectors", labels or "a Service without labels")
        return None

    def admits_namespace(self, pool: Pool, namespace: str) -> bool:
        """Whether `serviceAllocation` admits the Services of a namespace, whatever their labels.

        A pool that is limited to namespaces of which none is there admits nobody.
        """
        allocation = pool.service_allocation
        if allocation is None or not (allocation.namespaces or allocation.namespace_selectors):
            return True
        known = self._names.get((pool.name, namespace))
        if known is None:
            labels = self._namespaces.get(namespace)
            known = namespace in allocation.namespaces or (
                labels is not None
                and any(selector.matches(labels) for selector in allocation.namespace_selectors)
            )
            if len(self._names) >= _NAMESPACES_REMEMBERED:
                self._names.clear()
            self._names[pool.name, namespace] = known
        return known

    def automatic(self, service: Service) -> list[Ground]:
        """The pools that may serve by themselves: pinned before unpinned, by priority and name."""
        found = self._admitted.get(service.namespace)
        if found is None:
            grounds = [
                each
                for each in self._preferred
                if each.pool.auto_assign and self.admits_namespace(each.pool, service.namespace)
            ]
            found = any(_selectors(each.pool) for each in grounds), grounds
            if len(self._admitted) >= _NAMESPACES_REMEMBERED:
                self._admitted.clear()
            self._admitted[service.namespace] = found
        by_labels, grounds = found
        if not by_labels:
            return grounds
        return [each for each in grounds if _admits_labels(each.pool, service)]


def _prepared(pool: Pool) -> Ground:
    spans: dict[int, list[Range]] = {4: [], 6: []}
    for text in pool.addresses:
        span = parse_range(text)
        spans[span.family].append(span)
    annotations = dict(pool.annotations)
    return Ground(
        pool,
        {family: tuple(found) for family, found in spans.items()},
        annotations.get(ALLOCATION) == CLOSED,
        _quota(annotations.get(QUOTA, "")),
    )


def _quota(text: str) -> Quota | None:
    """The quota of a pool; a limit that cannot be read lets nobody have more."""
    try:
        return parse_quota(text) if text else None
    except ValueError:
        return Quota(0)


def _selectors(pool: Pool) -> bool:
    return bool(pool.service_allocation and pool.service_allocation.service_selectors)


def _admits_labels(pool: Pool, service: Service) -> bool:
    allocation = pool.service_allocation
    if allocation is None or not allocation.service_selectors:
        return True
    return any(selector.matches(service.labels) for selector in allocation.service_selectors)


def _preference(ground: Ground) -> tuple[bool, bool, int, str]:
    allocation = ground.pool.service_allocation
    priority = allocation.priority if allocation else 0
    return allocation is None, priority == 0, priority, ground.name
