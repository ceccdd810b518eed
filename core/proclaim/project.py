"""`project`: what each announcer on each node must keep visible, from the state alone.

What each Service contributes is `verdict`'s answer; here the contributions to
one prefix are merged, so that a peer is told one thing about it.  `project` is
the specification; `advance` redoes only what facts touched, and gives the same.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from immutables import Map

from proclaim.addresses import parse_address
from proclaim.concern import concerning, touching
from proclaim.events import (
    Recorded,
)
from proclaim.model import (
    Announcement,
    Attributes,
    Ref,
    Spread,
)
from proclaim.state import State
from proclaim.steps import Steps, finish, ordered
from proclaim.terrain import Terrain, survey
from proclaim.trail import Key
from proclaim.verdict import Findings, Part, Quiet, verdict

_AT_ONCE = 8
"""Services or prefixes projected between two pauses."""

_READ_AT_ONCE = 64
"""Facts read between two pauses."""


@dataclass(frozen=True, slots=True)
class Projection:
    """What one announcer on one node must keep visible, and what it was made from.

    The maps share what did not change with those they were made from, so one
    change costs the change.  Their order means nothing.
    """

    state: State
    terrain: Terrain
    parts: Map[Ref, tuple[Part, ...]]
    by_prefix: Map[str, tuple[Ref, ...]]
    """The Services that contribute to a prefix, by name."""
    announcements: Map[Key, Announcement]
    differing: Collection[Key] | None = field(default=None, compare=False, repr=False)
    """The keys under which there may be something else than in the projection that this one was
    advanced from; None where that may be all."""

    def contributions(self, prefix: str) -> list[Part]:
        """What is to be said about a prefix, by the names of the Services that say it."""
        return _contributions(self.parts, self.by_prefix.get(prefix, ()), prefix)


def projecting(state: State, node: str, spread: Spread) -> Steps[Projection]:
    """`project` in small steps."""
    return (yield from _anew(state, survey(state, node, spread), state.holdings))


def project(state: State, node: str, spread: Spread) -> Projection:
    """Everything that an announcer of that spread on that node must keep visible."""
    return finish(projecting(state, node, spread))


def project_some(state: State, terrain: Terrain, services: Iterable[Ref]) -> Projection:
    """The same of some Services alone: as if no other had anything announced."""
    return finish(_anew(state, terrain, services))


def _anew(state: State, terrain: Terrain, services: Iterable[Ref]) -> Steps[Projection]:
    empty = Projection(state, terrain, Map(), Map(), Map())
    return replace((yield from _redo(empty, state, terrain, services)), differing=None)


def advancing(
    projection: Projection, state: State, facts: Sequence[Recorded] | None
) -> Steps[Projection]:
    """`advance` in small steps."""
    terrain, before = projection.terrain, projection.state
    if facts is None:
        return (yield from projecting(state, terrain.node, terrain.spread))
    said = [item.fact for item in facts]
    if terrain.fits(state):
        services = yield from touching(before, state, said)
        return (yield from _redo(projection, state, terrain, services))
    found = yield from concerning(before, state, said)
    if found.everyone(terrain.node, terrain.spread):
        return (yield from projecting(state, terrain.node, terrain.spread))
    anew = survey(state, terrain.node, terrain.spread)
    return (yield from _redo(projection, state, anew, found.services[terrain.spread]))


def advance(projection: Projection, state: State, facts: Sequence[Recorded] | None) -> Projection:
    """The projection of a later state, given the facts between; None means they are not known."""
    return finish(advancing(projection, state, facts))


def differing(
    before: Projection, after: Projection, facts: Sequence[Recorded] | None
) -> Steps[list[Ref]]:
    """The Services of which something else is announced, given the facts between; sorted.

    Those that only meet them in a prefix are among them where that prefix goes
    to others now.
    """
    if before.parts is after.parts:
        return []
    asked: Iterable[Ref]
    if facts is None or before.terrain is not after.terrain:
        asked = (*before.parts, *after.parts)
    else:
        asked = yield from touching(before.state, after.state, [item.fact for item in facts])
    found: set[Ref] = set()
    prefixes: set[str] = set()
    for at, ref in enumerate(asked):
        if at % _READ_AT_ONCE == 0:
            yield
        old, new = before.parts.get(ref, ()), after.parts.get(ref, ())
        if old is not new and old != new:
            found.add(ref)
            prefixes.update(part.prefix for part in (*old, *new))
    for at, prefix in enumerate(prefixes):
        if at % _READ_AT_ONCE == 0:
            yield
        if _receivers(before, prefix) != _receivers(after, prefix):
            found.update(after.by_prefix.get(prefix, ()))
    return (yield from ordered(found))


def _receivers(projection: Projection, prefix: str) -> set[str]:
    return {receiver for part in projection.contributions(prefix) for receiver in part.to}


def _redo(
    projection: Projection, state: State, terrain: Terrain, services: Iterable[Ref]
) -> Steps[Projection]:
    """Ask again for some Services, and merge the prefixes that they touch."""
    services = yield from ordered(services)
    parts = projection.parts.mutate()
    findings = Findings(terrain, state)
    changed: dict[str, set[Ref]] = {}
    for at, ref in enumerate(services):
        if at % _AT_ONCE == 0:
            yield
        answer = verdict(terrain, state, ref, findings)
        new = () if isinstance(answer, Quiet) else answer
        old = parts.get(ref, ())
        if old == new:
            continue
        if new:
            parts[ref] = new
        else:
            del parts[ref]
        now = {part.prefix for part in new}
        for prefix in now.union(part.prefix for part in old):
            if prefix not in changed:
                changed[prefix] = set(projection.by_prefix.get(prefix, ()))
            if prefix in now:
                changed[prefix].add(ref)
            else:
                changed[prefix].discard(ref)
    if not changed:
        return replace(projection, state=state, terrain=terrain, differing=())
    after = replace(projection, state=state, terrain=terrain, parts=parts.finish())
    return (yield from _merging(projection, after, changed))


def _merging(
    before: Projection, after: Projection, changed: Mapping[str, set[Ref]]
) -> Steps[Projection]:
    """A projection with some prefixes merged anew, given who contributes to them now.

    What comes out as it was stays the same object, and so does the whole map
    when everything does: announcers compare by identity.
    """
    by_prefix, announcements = before.by_prefix.mutate(), before.announcements.mutate()
    differing: list[Key] = []
    for at, prefix in enumerate((yield from ordered(changed))):
        if at % _AT_ONCE == 0:
            yield
        refs = tuple(sorted(changed[prefix]))
        if refs:
            by_prefix[prefix] = refs
        else:
            del by_prefix[prefix]
        told = {receiver for part in before.contributions(prefix) for receiver in part.to}
        now = merge(prefix, _contributions(after.parts, refs, prefix))
        over = [(prefix, receiver) for receiver in ("", *told) if (prefix, receiver) not in now]
        differing += [key for key in over if announcements.pop(key, None) is not None]
        for key, announcement in now.items():
            if announcements.get(key) != announcement:
                announcements[key] = announcement
                differing.append(key)
    return replace(
        after,
        by_prefix=by_prefix.finish(),
        announcements=announcements.finish() if differing else before.announcements,
        differing=differing,
    )


def _contributions(
    parts: Map[Ref, tuple[Part, ...]], services: Iterable[Ref], prefix: str
) -> list[Part]:
    return [part for ref in services for part in parts[ref] if part.prefix == prefix]


def merge(prefix: str, contributions: list[Part]) -> dict[Key, Announcement]:
    """One announcement for each set of peers that is told the same about a prefix.

    Several Services, or several advertisements, may meet in one prefix: the
    communities are united and the highest LOCAL_PREF wins, so that the order in
    which they came has no say.
    """
    if len(contributions) == 1:  # as nearly all are
        to = contributions[0].to
        return {(prefix, to[0] if to else ""): _announcement(prefix, contributions, to)}
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


_PLAIN = Attributes()


def _attributes(parts: list[Part]) -> Attributes:
    if not any(part.communities or part.local_pref for part in parts):
        return _PLAIN
    communities = {community for part in parts for community in part.communities}
    return Attributes(
        local_pref=max(part.local_pref for part in parts),
        communities=tuple(sorted(communities, key=community_order)),
    )


def _announcement(prefix: str, parts: list[Part], to: tuple[str, ...]) -> Announcement:
    return Announcement(
        prefix=prefix,
        addresses=_by_value({part.address for part in parts}),
        services=tuple(sorted({part.service for part in parts})),
        to=to,
        attributes=_attributes(parts),
    )


def _by_value(addresses: set[str]) -> tuple[str, ...]:
    return tuple(addresses if len(addresses) == 1 else sorted(addresses, key=parse_address))


def community_order(text: str) -> tuple[int, tuple[int, ...]]:
    """Standard communities by value, then large ones."""
    numbers = tuple(int(part) for part in text.removeprefix("large:").split(":"))
    return len(numbers), numbers
