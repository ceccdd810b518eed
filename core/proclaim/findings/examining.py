"""Everything that there is to say about a state: what was read, what was rejected, every rule."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from proclaim.findings import advertising, carrying, pools, rejected, selecting, services, wording
from proclaim.findings.finding import Finding, of_problem
from proclaim.findings.world import Found, World, surveying
from proclaim.state import State
from proclaim.steps import Steps, finish, ordered

_RULES: tuple[Callable[[World], Found], ...] = (
    rejected.rejected,
    selecting.communities,
    selecting.giving_way,
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
    found: set[Finding] = set()
    for problems in state.problems.values():
        found.update(map(of_problem, problems))
    world = yield from surveying(state)
    for rule in _RULES:
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
