"""An explanation as text, from the address to the wire."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from proclaim.answers import AVAILABLE, GAVE, NO_RANGE, NOT_ASKED_FOR, NOT_AUTOMATIC
from proclaim.events import Why
from proclaim.reality import Obstacle

from proclaim_cli.values.explained import Advertised, Announced, PoolSaid, ServiceExplained
from proclaim_cli.values.history import Past
from proclaim_cli.values.plain import some
from proclaim_cli.values.sharing import Apart, Sharer, Sharing
from proclaim_cli.values.whereabouts import AddressExplained, Free
from proclaim_cli.views.table import printable

_MANY = 12
"""Pools, or sharers, that have a line of their own, unless all are asked for."""
_FEW = 3
"""Addresses that are not shared, and holders of one, of which everything is said."""
_LITTLE: dict[str, int] = {
    GAVE: -2,
    AVAILABLE: -1,
    Why.NOT_PERMITTED: 1,
    NOT_AUTOMATIC: 2,
    NO_RANGE: 3,
    NOT_ASKED_FOR: 4,
}
"""How little an answer tells, beside the others."""


def service_text(found: ServiceExplained, wide: bool = False) -> str:
    """Everything about one Service, one rule on each line; many are counted unless all are asked.

    Pools that say most come first where there are many.
    """
    lines = [f"service {found.namespace}/{found.name}"]
    if not found.known:
        lines.append("  is gone" if found.last else "  is not known")
        if found.last:
            return _lines(lines + _last(found.last))
    if found.addresses:
        lines.append(f"  has {' and '.join(found.addresses)} from pool {found.pool}")
    else:
        lines.append("  has no address")
    code = f" [{found.reason.code}]" if found.reason.code else ""
    lines.append(f"  because {found.reason.message}{code}")
    if found.since:
        lines.append(f"  since {found.since.time}, position @{found.since.position}")
    lines += _beside(found)
    if found.last:
        lines += _last(found.last)
    if found.sharing:
        lines += _shared(found.sharing, wide)
    lines += _pools(found.pools, wide)
    if found.addresses:
        lines += _everywhere(found.announced, wide)
    if found.trap:
        lines.append(f"  not announced anywhere: {found.trap}")
    return _lines(lines)


def _beside(found: ServiceExplained) -> list[str]:
    """What it would have as well, and what its status says in vain."""
    lines = []
    if lacks := found.lacks:
        code = f" [{lacks.code}]" if lacks.code else ""
        wanted = " and ".join(lacks.families)
        lines.append(
            f"  prefers to have {wanted} as well; {_of_pool(lacks.pool, lacks.message)}{code}"
        )
    if claim := found.claim:
        lines.append(
            f"  its status says {' and '.join(claim.addresses)}, which is not adopted: "
            f"{claim.reason.message} [{claim.reason.code}]"
        )
    return lines


def _shared(found: Sharing, wide: bool, members: bool = False) -> list[str]:
    """Those who share, each with what must not be in common, and what must be.

    Of one address they are all its members; of a Service they are the others.
    """
    key = f"under the key {found.key}" if found.key else "without a key in common"
    if not found.services:
        alone = f"  would share an address {key}; nobody shares with it"
        return [alone, *_apart(found.apart, wide)]
    shown = found.services if wide else found.services[:_MANY]
    lines = [
        f"  {_with(each, members)} {key}: "
        f"{', '.join(each.ports) or 'no port'}; {each.traffic_policy or 'the Service is gone'}"
        for each in shown
    ]
    left = len(found.services) - len(shown)
    lines += [f"  and {left} more"] if left else []
    return lines + _apart(found.apart, wide)


def _apart(found: Sequence[Apart], wide: bool) -> list[str]:
    """Who has the same key and another address, and the first rule that keeps them apart."""
    shown = found if wide else found[:_FEW]
    lines = [
        f"  does not share with {some(each.services)}: {each.reason.message} [{each.reason.code}]"
        for each in shown
    ]
    left = len(found) - len(shown)
    return (
        [
            *lines,
            f"  nor at {left} more address{'' if left == 1 else 'es'} under that key (-o wide)",
        ]
        if left
        else lines
    )


def _with(each: Sharer, members: bool) -> str:
    if members:
        return f"shared by {each.service}"
    return f"shares {' and '.join(each.addresses)} with {each.service}"


def _pools(found: Sequence[PoolSaid], wide: bool) -> list[str]:
    """What the pools say; of many, the most telling, and how many say the rest."""
    shown = list(found)
    aside = [each for each in shown if each.code != NOT_ASKED_FOR]
    if not wide and len(shown) - len(aside) > 1:
        shown = aside  # what is asked for is elsewhere
    if not wide and len(shown) > _MANY:
        shown = sorted(shown, key=lambda each: _LITTLE.get(each.code, 0))[:_MANY]
    lines = [f"  {_of_pool(each.pool, each.message)}" for each in shown]
    told = {each.pool for each in shown}
    left = Counter(each.code for each in found if each.pool not in told)
    if left:
        counts = ", ".join(f"{count} {code}" for code, count in sorted(left.items()))
        lines.append(f"  and {left.total()} more pools: {counts}")
    return lines


def _of_pool(pool: str, message: str) -> str:
    """What is said of a pool, its name once."""
    return f"pool {pool}: {message.removeprefix(f'pool {pool} ')}"


def _last(last: Past) -> list[str]:
    """What a Service had, and how to ask about it as it was."""
    until = f"until {last.until.time}, position @{last.until.position}"
    if last.addresses:
        had = f"had {' and '.join(last.addresses)} from pool {last.pool} {until}"
    else:
        had = f"was there {until}, and had no address"
    return [
        f"  {had}",
        f"  because {last.reason.message} [{last.reason.code}]",
        f"  `proclaim explain {last.service} --at @{last.at}` explains it as it was",
    ]


def _everywhere(found: Sequence[Announced], wide: bool) -> list[str]:
    """What each node says in each way; what many say alike stands there once."""
    alike: dict[tuple[str, tuple[str, ...]], list[str]] = {}
    for each in found:
        alike.setdefault((each.announcer, tuple(_announced(each))), []).append(each.node)
    lines = []
    told: set[tuple[str, tuple[str, ...]]] = set()
    for each in found:
        key = each.announcer, (said := tuple(_announced(each)))
        nodes = alike[key]
        if wide or len(nodes) <= _FEW:
            lines += [f"  {each.node} {each.announcer}: {said[0]}", *said[1:]]
        elif key not in told:
            told.add(key)
            where = f"{len(nodes)} nodes ({some(nodes)})"
            lines += [f"  {each.announcer} on {where}: {said[0]}", *said[1:]]
    return lines


def _announced(each: Announced) -> list[str]:
    """What one node says: whether it announces, which routes, and to whom."""
    if each.announced:
        said = f"yes, {', '.join(each.prefixes)}; {each.message}"
    elif each.code == Obstacle.NOT_KNOWN_HERE:
        said = f"not known here: {each.message} [{each.code}]"
    else:
        said = f"no, {each.message} [{each.code}]"
    return [
        said,
        *map(_route, each.routes),
        *(f"    {outlet.name}: {outlet.state or 'not reported'}" for outlet in each.to),
    ]


def _route(each: Advertised) -> str:
    """Which advertisement has which prefix announced, to whom and with which attributes."""
    if each.prefix is None:
        return f"    nothing by BGPAdvertisement {each.advertisement}: {each.message} [{each.code}]"
    parts = [f"to {', '.join(each.to) or 'no peer'}"]
    parts += [f"localPref {each.local_pref}"] if each.local_pref else []
    if each.communities:
        noun = "community" if len(each.communities) == 1 else "communities"
        parts.append(f"{noun} {', '.join(each.communities)}")
    return f"    {each.prefix} by BGPAdvertisement {each.advertisement}: {'; '.join(parts)}"


def address_text(found: AddressExplained, wide: bool = False) -> str:
    """Everything about one address."""
    covered = f"is in pool {found.pool}" if found.pool else "is in no pool"
    held = "" if found.services else "; nobody holds it"
    lines = [f"address {found.address} {covered}{held}"]
    if found.last:
        lines.append(f"  the last to hold it was service {found.last.service}")
        lines += _last(found.last)
    elif not found.services:
        lines.append("  nobody ever held it")
    lines += [f"  {each}" for each in found.notes]
    if found.free:
        lines += _free(found.free, found.pool or "", wide)
    lines += _some(
        [
            f"  service {each.service} asks for it, and is refused: {each.reason.message} "
            f"[{each.reason.code}]"
            for each in found.asked_by
        ],
        wide,
    )
    if found.sharing and len(found.sharing.services) > 1:
        lines += _shared(found.sharing, wide, members=True)
    shown = found.services if wide else found.services[:_FEW]
    left = len(found.services) - len(shown)
    more = [f"and {left} more Services hold it (-o wide)"] if left else []
    return _lines(lines) + "".join(service_text(each, wide) for each in shown) + _lines(more)


def _some(lines: list[str], wide: bool) -> list[str]:
    """Lines of one sort; many are counted unless all are asked for."""
    if wide or len(lines) <= _MANY:
        return lines
    return [*lines[:_MANY], f"  and {len(lines) - _MANY} more"]


def _free(free: Free, pool: str, wide: bool) -> list[str]:
    """Who could get an address."""
    if not free.on_request:
        lines = ["  nobody can get it now"]
    elif free.by_itself:
        whom = "any Service" if _is_open(free) else "a Service that the pool admits"
        lines = [f"  {whom} can get it{'; the pool gives it next' if free.next else ''}"]
    else:
        lines = [f"  a Service can get it that asks for it, or for pool {pool}"]
    lines += _admitted(free)
    full = [
        f"  namespace {each.namespace} can get no more of pool {pool}: it holds "
        f"{each.addresses} of {each.limit} (proclaim.io/namespace-quota)"
        for each in free.full
    ]
    former = [f"  service {name} had it, and gets it back when it may" for name in free.former]
    return [*lines, *_some(full, wide), *_some(former, wide)]


def _is_open(free: Free) -> bool:
    return not (free.namespaces or free.namespace_selectors or free.service_selectors)


def _admitted(free: Free) -> list[str]:
    """Whom the pool is limited to."""
    lines = []
    if free.namespaces or free.namespace_selectors:
        named = [f"{each}" for each in free.namespaces]
        named += [f"any with {each or 'whatever labels'}" for each in free.namespace_selectors]
        lines.append(f"  the pool admits Services of these namespaces: {'; '.join(named)}")
    if free.service_selectors:
        texts = "; or ".join(each or "whatever" for each in free.service_selectors)
        lines.append(f"  the pool admits Services with these labels: {texts}")
    return lines


def _lines(lines: list[str]) -> str:
    return "".join(f"{printable(line)}\n" for line in lines)
