"""Everything that there is to say about a state: what was read, what was rejected, every rule."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

from proclaim.findings import advertising, carrying, pools, rejected, selecting, services, wording
from proclaim.findings.finding import Finding, of_problem
from proclaim.findings.world import Found, World, surveying, surveying_configuration
from proclaim.state import State
from proclaim.steps import Steps, finish, ordered

_Rules: TypeAlias = tuple[Callable[[World], Found], ...]

_OF_PROBLEMS: _Rules = (
    rejected.rejected,
    selecting.communities,
    selecting.giving_way,
)
"""Those that find problems; none of them looks at a Service."""
_OF_WARNINGS: _Rules = (
    selecting.names,
    selecting.selectors,
    selecting.unsupported,
    pools.unadvertised,
    pools.unrequested,
    pools.exhausted,
    pools.uncovered,
    pools.over_quota,
    advertising.reach,
    carrying.uncarried,
    services.refused,
    services.left_out,
    wording.unread,
    wording.old_words,
    services.shared,
)
_KINDS = (
    "BFDProfile",
    "BGPAdvertisement",
    "BGPPeer",
    "Community",
    "IPAddressPool",
    "L2Advertisement",
    "Namespace",
    "Node",
    "Service",
)


def examining(state: State) -> Steps[tuple[Finding, ...]]:
    """`examine` in small steps."""
    world = yield from surveying(state)
    return (yield from _asking(world, _OF_PROBLEMS + _OF_WARNINGS))


def standing(state: State) -> Steps[tuple[Finding, ...]]:
    """The problems among the findings; it looks at the configuration alone, however many Services.

    So it may be asked often.
    """
    world = yield from surveying_configuration(state)
    return (yield from _asking(world, _OF_PROBLEMS))


def _asking(world: World, rules: _Rules) -> Steps[tuple[Finding, ...]]:
    found: set[Finding] = set()
    for problems in world.state.problems.values():
        found.update(map(of_problem, problems))
    for rule in rules:
        for each in rule(world):
            yield  # after a finding as well: to guess what was meant takes long
            if each is not None:
                found.add(each)
    return tuple((yield from ordered(found)))


def examine(state: State) -> tuple[Finding, ...]:
    """Every finding about a state, sorted by place, each once."""
    return finish(examining(state))


def basis(state: State) -> tuple[Any, ...]:
    """The parts of a state that findings are made from; the same parts give the same findings."""
    kinds = tuple(state.resources.get(kind) for kind in _KINDS)
    return (*kinds, state.holdings, state.refusals, state.rejections, state.problems)
