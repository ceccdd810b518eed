"""Which of the resources that a source names come into force.

A resource is valid by itself before it gets here.  What is decided here is
whether it agrees with the others: two pools may not overlap, and one resource
has one place where it is written.  What is in force wins over what is new, and
of two new ones the first by name, so the verdict depends on no order.
"""

from __future__ import annotations

from bisect import bisect_right, insort
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from proclaim.addresses import Range
from proclaim.model import Pool, Ref, Sourced
from proclaim.state import State, ranges
from proclaim.steps import Steps, finish

_AT_ONCE = 64
"""Resources looked at between two pauses."""


class Claim(NamedTuple):
    """One range that a pool covers; claims that stand never overlap."""

    family: int
    first: int
    last: int
    pool: str


def one_place_each(state: State, resources: Iterable[Sourced]) -> dict[Ref, Sourced]:
    """Keep one value of each resource: the place in force wins, then the first by name.

    Of two values in one place the first given is kept.
    """
    return finish(placing(state, resources))


def placing(state: State, resources: Iterable[Sourced]) -> Steps[dict[Ref, Sourced]]:
    """`one_place_each` in small steps."""
    kept: dict[Ref, Sourced] = {}
    for at, sourced in enumerate(resources):
        if at % _AT_ONCE == 0:
            yield
        ref = sourced.resource.ref
        entry = state.get(ref)
        in_force = entry.origin if entry is not None else None
        if ref not in kept or _precedes(sourced.origin, kept[ref].origin, in_force):
            kept[ref] = sourced
    return kept


def _precedes(one: str, other: str, in_force: str | None) -> bool:
    return (one != in_force, one) < (other != in_force, other)


def overlapping_pools(in_force: Mapping[str, Pool], new: Mapping[str, Pool]) -> dict[str, str]:
    """The new pools that cannot come into force, each with the problem.

    `in_force` holds the last good values, which do not overlap each other, and
    `new` the values that differ from them.  All new values are tried together,
    for two pools may swap their ranges; one that overlaps what stands steps
    back to its last good value, which may push back others.  Where they hold
    each other up, each is tried alone.  In the end every problem names a pool
    that is in force.
    """
    standing = dict(in_force)
    waiting = dict(new)
    while True:
        admitted = _together(standing, waiting)
        if not admitted:
            problems = {name: _alone(standing, waiting[name]) for name in sorted(waiting)}
            admitted = [name for name, problem in problems.items() if not problem][:1]
            if not admitted:
                return problems
        for name in admitted:
            standing[name] = waiting.pop(name)


def _together(standing: Mapping[str, Pool], new: Mapping[str, Pool]) -> list[str]:
    """The new values that remain when all that overlap have stepped back."""
    back: set[str] = set()
    while True:
        claims = [
            claim
            for name, pool in standing.items()
            if name not in new or name in back
            for claim in _claims(pool)
        ]
        claims.sort()
        found: set[str] = set()
        for name in sorted(new.keys() - back):
            if _overlap(claims, new[name]):
                found.add(name)
                continue
            for claim in _claims(new[name]):
                insort(claims, claim)
        if not found:
            return sorted(new.keys() - back)
        back |= found


def _alone(standing: Mapping[str, Pool], pool: Pool) -> str:
    """What keeps one new value from coming into force beside all others as they are."""
    others = [one for name, one in standing.items() if name != pool.name]
    return _overlap(sorted(claim for one in others for claim in _claims(one)), pool)


def _claims(pool: Pool) -> list[Claim]:
    return [Claim(*span, pool.name) for span in ranges(pool)]


def _overlap(claims: list[Claim], pool: Pool) -> str:
    """The first overlap of a pool with claims that do not overlap each other; "" if none."""
    for span in ranges(pool):
        at = bisect_right(claims, Claim(span.family, span.last, 1 << 129, "")) - 1
        if at < 0:
            continue
        claim = claims[at]
        if claim.family == span.family and claim.last >= span.first:
            theirs = Range(*claim[:3])
            return f"{span} overlaps {theirs} of IPAddressPool {claim.pool}; pools must not overlap"
    return ""
