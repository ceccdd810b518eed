"""What was rejected: where it contradicts what, asked again of what is in force.

The ledger records a contradiction as a sentence.  Its field, and the places of
what it is with, follow from the resources, and so are found out here.
"""

from __future__ import annotations

from typing import Any

from proclaim.contradictions import CONTESTED, Circumstances, Contradiction, Ground, precedence
from proclaim.encounters import Places
from proclaim.findings.finding import Finding, Related
from proclaim.findings.rules import Code
from proclaim.findings.world import Found, World
from proclaim.model import Ref
from proclaim.state import Rejection, State


def rejected(world: World) -> Found:
    """Resources that contradict others in force."""
    state = world.state
    if not state.rejections:
        return
    before: dict[Ref, Any] = {
        ref: entry.resource for kind in CONTESTED for ref, entry in state.of_kind(kind).items()
    }
    places = Places(state.nodes().values())
    ground = Ground(Circumstances(before, places, frozenset(state.aliases)))
    for _ in ground.fill(before[ref] for ref in sorted(before, key=precedence)):
        yield None
    for ref, rejection in sorted(state.rejections.items()):
        value: Any = rejection.resource
        asking = ground.problem(value)
        while True:
            try:
                next(asking)
            except StopIteration as answer:
                yield _told(state, ref, rejection, answer.value)
                break
            yield None


def _told(state: State, ref: Ref, rejection: Rejection, now: Contradiction | None) -> Finding:
    """What is recorded; its field and places only where it is what would be said now."""
    found = Finding(rejection.origin, 0, ref, "", Code.CONTRADICTION, rejection.problem)
    if now is None or now.sentence != rejection.problem:
        return found
    others = ((other, state.get(other)) for other in now.others)
    related = tuple(Related(entry.origin, 0, other) for other, entry in others if entry)
    return found._replace(field=now.field, related=related)
