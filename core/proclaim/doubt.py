"""Whether what the statuses claim can be judged at all, before anything is given.

A status names an address that was given once, by whoever was here before.  A
ledger that knows nothing of it takes it over when a pool covers it.  Where no
pool in force does, and one is broken, or none is to be seen, the reason may be
that alone; an address is a promise, and is not taken away for a slip of the
pen.
"""

from __future__ import annotations

from proclaim.addresses import parse_address
from proclaim.allocation import no_business
from proclaim.model import Ref, Service
from proclaim.state import State
from proclaim.steps import Steps, finish

_AT_ONCE = 64
_NAMED = 3


def doubt(state: State) -> str:
    """Why nothing may be given yet, as one sentence; empty when nothing stands against it."""
    return finish(doubting(state))


def doubting(state: State) -> Steps[str]:
    """`doubt` in small steps."""
    broken = broken_pools(state)
    if state.pools() and not broken:
        return ""
    unexplained: list[Ref] = []
    for at, (ref, entry) in enumerate(state.of_kind("Service").items()):
        if at % _AT_ONCE == 0:
            yield
        if ref not in state.holdings and _is_unexplained(state, entry.resource):
            unexplained.append(ref)
    if not unexplained:
        return ""
    names = ", ".join(ref.short for ref in sorted(unexplained)[:_NAMED])
    more = len(unexplained) - _NAMED
    who = f"{names} and {more} more" if more > 0 else names
    why = (
        f"not in force {'is' if len(broken) == 1 else 'are'} IPAddressPool {', '.join(broken)}"
        if broken
        else "there is no IPAddressPool at all"
    )
    return f"no pool in force covers what the status of {who} shows, and {why}"


def broken_pools(state: State) -> list[str]:
    """The pools that cannot be read or contradict others, and have no last good value; sorted."""
    named = {
        problem.name
        for found in state.problems.values()
        for problem in found
        if problem.kind == "IPAddressPool"
    }
    named |= {ref.name for ref in state.rejections if ref.kind == "IPAddressPool"}
    return sorted(name for name in named if name and state.pool(name) is None)


def _is_unexplained(state: State, service: Service) -> bool:
    """Whether a status claims what no pool covers, and we did not take away ourselves."""
    claimed = service.status_addresses
    if not claimed or no_business(service, state.load_balancer_class) is not None:
        return False
    former = state.former.get(service.ref)
    if former is not None and set(claimed) <= set(former.addresses):
        return False
    return state.pool_index.owner(tuple(parse_address(text) for text in claimed)) is None
