"""`objections`: why a resource could not come into force beside those that are.

For whoever has to say so before it is stored.  What is found is what `record`
would reject; but a name that nothing has yet (an alias, a profile, a Secret)
is no objection, so that resources may be written in any order.
"""

from __future__ import annotations

from collections.abc import Iterable

from proclaim.contradictions import CONTESTED, Circumstances, Contested, Ground, precedence
from proclaim.encounters import Places
from proclaim.model import Node, Problem, Ref, Resource
from proclaim.steps import finish


def objections(in_force: Iterable[Resource], new: Resource) -> tuple[Problem, ...]:
    """What a resource, valid by itself, contradicts of those in force; it replaces its namesake.

    Nodes in force tell whether selectors meet; without any, all of them do.
    """
    if not isinstance(new, Contested):
        return ()
    nodes: list[Node] = []
    before: dict[Ref, Contested] = {}
    for resource in in_force:
        if isinstance(resource, Node):
            nodes.append(resource)
        elif isinstance(resource, Contested):
            before[resource.ref] = resource
    ground = Ground(Circumstances(before, Places(nodes)))
    others = sorted((ref for ref in before if ref != new.ref), key=precedence)
    finish(ground.fill(before[ref] for ref in others))
    found = finish(ground.contradiction(new))
    if found is None:
        return ()
    ref = new.ref
    return (Problem(kind=ref.kind, name=ref.name, field=found.field, problem=found.sentence),)


KINDS = ("Node", *CONTESTED)
"""The kinds of those in force that matter."""
