"""Which of the resources that a source names come into force.

A resource is valid by itself before it gets here.  What is decided here is
whether it agrees with the others (`contradictions` says when it does not), and
that one resource has one place where it is written.  What is in force wins over
what is new, and of two new ones the first by kind and name, so the verdict
depends on no order.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from proclaim.contradictions import Circumstances, Contested, Ground, precedence
from proclaim.model import Ref, Sourced
from proclaim.state import State
from proclaim.steps import Steps, finish

_AT_ONCE = 64
"""Resources looked at between two pauses."""


def one_place_each(state: State, source: str, resources: Iterable[Sourced]) -> dict[Ref, Sourced]:
    """Keep one value of each resource: the place in force wins, then the first by name.

    Of two values in one place the first given is kept.
    """
    return finish(placing(state, source, resources))


def placing(state: State, source: str, resources: Iterable[Sourced]) -> Steps[dict[Ref, Sourced]]:
    """`one_place_each` in small steps."""
    kept: dict[Ref, Sourced] = {}
    for at, sourced in enumerate(resources):
        if at % _AT_ONCE == 0:
            yield
        ref = sourced.resource.ref
        entry = state.get(ref)
        ours = entry is not None and entry.source == source
        in_force = entry.origin if entry is not None and ours else None
        if ref not in kept or _precedes(sourced.origin, kept[ref].origin, in_force):
            kept[ref] = sourced
    return kept


def _precedes(one: str, other: str, in_force: str | None) -> bool:
    return (one != in_force, one) < (other != in_force, other)


def contradicting(
    new: Mapping[Ref, Contested], circumstances: Circumstances
) -> Steps[dict[Ref, str]]:
    """The new values that cannot come into force, each with the problem.

    The last good values are those `before`, and `new` holds the values that
    differ from them.  All new values are tried together, for two pools may swap
    their ranges; one that contradicts what stands steps back to its last good
    value, which may push back others.  Where they hold each other up, each is
    tried alone.  In the end every problem names what is in force.
    """
    standing = dict(circumstances.before)
    waiting = dict(new)
    while waiting:
        admitted = yield from _together(standing, waiting, circumstances)
        if not admitted:
            ground = yield from _ground(standing, standing, circumstances)
            problems: dict[Ref, str] = {}
            for ref in _by_precedence(waiting):
                found = yield from ground.problem(waiting[ref])
                problems[ref] = found.sentence if found else ""
            admitted = [ref for ref, problem in problems.items() if not problem][:1]
            if not admitted:
                return problems
        for ref in admitted:
            standing[ref] = waiting.pop(ref)
    return {}


def _by_precedence(refs: Iterable[Ref]) -> list[Ref]:
    return sorted(refs, key=precedence)


def _ground(
    standing: Mapping[Ref, Contested], refs: Iterable[Ref], circumstances: Circumstances
) -> Steps[Ground]:
    ground = Ground(circumstances)
    yield from ground.fill(standing[ref] for ref in _by_precedence(refs))
    return ground


def _together(
    standing: Mapping[Ref, Contested], new: Mapping[Ref, Contested], circumstances: Circumstances
) -> Steps[list[Ref]]:
    """The new values that remain when all that contradict something have stepped back.

    First those step back that contradict what stays in force; only between
    those that are left does precedence decide.
    """
    left = _by_precedence(new)
    ground = yield from _ground(standing, standing.keys() - new.keys(), circumstances)
    while True:
        back: list[Ref] = []
        for ref in left:
            yield
            if (yield from ground.contradiction(new[ref])):
                back.append(ref)
        if not back:
            back = yield from _among(ground.copy(), {ref: new[ref] for ref in left})
        if not back:
            return left
        left = [ref for ref in left if ref not in set(back)]
        for ref in back:
            if ref in standing:
                yield from ground.add(standing[ref])


def _among(ground: Ground, new: Mapping[Ref, Contested]) -> Steps[list[Ref]]:
    """Those of new values, given by precedence, that contradict or miss one before them."""
    back: list[Ref] = []
    for ref, value in new.items():
        yield
        if (yield from ground.problem(value)):
            back.append(ref)
        else:
            yield from ground.add(value)
    return back
