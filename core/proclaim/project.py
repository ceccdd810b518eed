"""`project`: what each announcer on each node must keep visible, from the state alone.

What each Service contributes is `verdict`'s answer; here the contributions to
one prefix are merged, so that a peer is told one thing about it.  `project` is
the specification; `advance` redoes only what facts touched, and gives the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from proclaim.addresses import parse_address
from proclaim.events import (
    AddressAssigned,
    AddressReleased,
    Observed,
    Recorded,
    Removed,
)
from proclaim.model import (
    Announcement,
    Attributes,
    EndpointSlice,
    Ref,
    Service,
    Spread,
    service_ref,
)
from proclaim.state import State
from proclaim.steps import Steps, finish, ordered
from proclaim.terrain import Terrain, survey
from proclaim.verdict import Part, Quiet, verdict

_AT_ONCE = 8
"""Services or prefixes projected between two pauses."""

Key: TypeAlias = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Projection:
    """What one announcer on one node must keep visible, and what it was made from."""

    state: State
    terrain: Terrain
    parts: Mapping[Ref, tuple[Part, ...]]
    by_prefix: Mapping[str, Mapping[Ref, tuple[Part, ...]]]
    announcements: Mapping[Key, Announcement]


def projecting(state: State, node: str, spread: Spread) -> Steps[Projection]:
    """`project` in small steps."""
    terrain = survey(state, node, spread)
    empty = Projection(state, terrain, {}, {}, {})
    return (yield from _redo(empty, state, terrain, state.holdings))


def project(state: State, node: str, spread: Spread) -> Projection:
    """Everything that an announcer of that spread on that node must keep visible."""
    return finish(projecting(state, node, spread))


def advancing(
    projection: Projection, state: State, facts: Sequence[Recorded] | None
) -> Steps[Projection]:
    """`advance` in small steps."""
    terrain = projection.terrain
    if facts is None or not terrain.fits(state):
        return (yield from projecting(state, terrain.node, terrain.spread))
    return (yield from _redo(projection, state, terrain, touched(projection.state, facts)))


def advance(projection: Projection, state: State, facts: Sequence[Recorded] | None) -> Projection:
    """The projection of a later state, given the facts between; None means they are not known."""
    return finish(advancing(projection, state, facts))


def touched(before: State, facts: Iterable[Recorded]) -> set[Ref]:
    """The Services that facts can make announced otherwise, the terrain being the same."""
    services: set[Ref] = set()
    for item in facts:
        match item.fact:
            case AddressAssigned(service=ref) | AddressReleased(service=ref):
                services.add(ref)
            case Observed(resource=Service() as service):
                services.add(service.ref)
            case Observed(resource=EndpointSlice() as slice_):
                services.add(service_ref(slice_.namespace, slice_.service))
                services.update(_owner_before(before, slice_.ref))
            case Removed(ref=ref) if ref.kind == "Service":
                services.add(ref)
            case Removed(ref=ref) if ref.kind == "EndpointSlice":
                services.update(_owner_before(before, ref))
            case _:
                pass
    return services


def _owner_before(before: State, ref: Ref) -> list[Ref]:
    entry = before.get(ref)
    return [service_ref(ref.namespace, entry.resource.service)] if entry else []


def _redo(
    projection: Projection, state: State, terrain: Terrain, services: Iterable[Ref]
) -> Steps[Projection]:
    """Ask again for some Services, and merge the prefixes that they touch."""
    services = yield from ordered(services)
    if not services:
        return Projection(
            state, terrain, projection.parts, projection.by_prefix, projection.announcements
        )
    parts = dict(projection.parts)
    by_prefix = dict(projection.by_prefix)
    own: set[str] = set()
    for at, ref in enumerate(services):
        if at % _AT_ONCE == 0:
            yield
        answer = verdict(terrain, state, ref)
        new = () if isinstance(answer, Quiet) else answer
        old = parts.pop(ref, ())
        if new:
            parts[ref] = new
        if old == new:
            continue
        for part in old:
            _own(by_prefix, own, part.prefix).pop(ref, None)
        for part in new:
            group = _own(by_prefix, own, part.prefix)
            group[ref] = (*group.get(ref, ()), part)
    announcements = yield from _merging(projection, by_prefix, own)
    return Projection(state, terrain, parts, by_prefix, announcements)


def _merging(
    projection: Projection, by_prefix: dict[str, Mapping[Ref, tuple[Part, ...]]], own: set[str]
) -> Steps[Mapping[Key, Announcement]]:
    """The announcements with those of some prefixes merged anew; drops prefixes left empty."""
    announcements = dict(projection.announcements)
    for at, prefix in enumerate((yield from ordered(own))):
        if at % _AT_ONCE == 0:
            yield
        before = projection.by_prefix.get(prefix, {})
        receivers = {
            receiver for parts in before.values() for part in parts for receiver in part.to
        }
        for receiver in ("", *receivers):
            announcements.pop((prefix, receiver), None)
        if by_prefix[prefix]:
            announcements.update(merge(prefix, by_prefix[prefix]))
        else:
            del by_prefix[prefix]
    return announcements


def _own(
    by_prefix: dict[str, Mapping[Ref, tuple[Part, ...]]], own: set[str], prefix: str
) -> dict[Ref, tuple[Part, ...]]:
    """The contributions to a prefix, copied before the first change."""
    if prefix not in own:
        own.add(prefix)
        by_prefix[prefix] = dict(by_prefix.get(prefix, {}))
    group = by_prefix[prefix]
    assert isinstance(group, dict)
    return group


def merge(prefix: str, group: Mapping[Ref, tuple[Part, ...]]) -> dict[Key, Announcement]:
    """One announcement for each set of peers that is told the same about a prefix.

    Several Services, or several advertisements, may meet in one prefix: the
    communities are united and the highest LOCAL_PREF wins, so that the order in
    which they came has no say.
    """
    contributions = [part for _, found in sorted(group.items()) for part in found]
    receivers: dict[str, list[Part]] = {}
    for part in contributions:
        for receiver in part.to or ("",):
            receivers.setdefault(receiver, []).append(part)
    if "" in receivers:  # someone tells everyone, and then nobody needs to be named
        receivers = {"": contributions}
    told: dict[tuple[object, ...], list[str]] = {}
    for receiver in sorted(receivers):
        told.setdefault(_content(receivers[receiver]), []).append(receiver)
    return {
        (prefix, to[0]): _announcement(prefix, receivers[to[0]], tuple(filter(None, to)))
        for to in told.values()
    }


def _content(parts: list[Part]) -> tuple[object, ...]:
    return (
        _attributes(parts),
        tuple(sorted({part.address for part in parts})),
        tuple(sorted({part.service for part in parts})),
    )


def _attributes(parts: list[Part]) -> Attributes:
    communities = {community for part in parts for community in part.communities}
    return Attributes(
        local_pref=max(part.local_pref for part in parts),
        communities=tuple(sorted(communities, key=community_order)),
    )


def _announcement(prefix: str, parts: list[Part], to: tuple[str, ...]) -> Announcement:
    addresses = sorted({parse_address(part.address) for part in parts})
    return Announcement(
        prefix=prefix,
        addresses=tuple(map(str, addresses)),
        services=tuple(sorted({part.service for part in parts})),
        to=to,
        attributes=_attributes(parts),
    )


def community_order(text: str) -> tuple[int, tuple[int, ...]]:
    """Standard communities by value, then large ones."""
    numbers = tuple(int(part) for part in text.removeprefix("large:").split(":"))
    return len(numbers), numbers
