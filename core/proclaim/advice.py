"""What an operator should be told about a state, though nothing in it is wrong."""

from __future__ import annotations

from bisect import insort

from proclaim.allocation import no_business
from proclaim.model import Ref
from proclaim.state import State
from proclaim.steps import Steps, finish
from proclaim.terrain import fellows

_NAMED = 3
_AT_ONCE = 64
"""Services looked at between two pauses."""


def nameless(state: State, node: str) -> str:
    """Warn where Nodes are described and this one is not, so that it announces nothing."""
    nodes = state.nodes()
    if not nodes or node in nodes:
        return ""
    more = f" and {len(nodes) - _NAMED} more" if len(nodes) > _NAMED else ""
    return (
        f"no Node document describes {node}, so nothing is announced from here; described are "
        f"{', '.join(sorted(nodes)[:_NAMED])}{more}: say with --node which of them this is, or "
        "add a Node document for it"
    )


def unpinned(state: State, node: str) -> str:
    """Warn when nodes with ledgers of their own could give a Service different addresses.

    Empty when there is no other node, or when every Service asks for its address.
    """
    return finish(looking_for_unpinned(state, node))


def looking_for_unpinned(state: State, node: str) -> Steps[str]:
    """`unpinned` in small steps."""
    others = fellows(state, node)
    if not others:
        return ""
    first: list[Ref] = []
    count = 0
    for at, (ref, entry) in enumerate(state.of_kind("Service").items()):
        if at % _AT_ONCE == 0:
            yield
        if (
            no_business(entry.resource, state.load_balancer_class) is None
            and not entry.resource.requested_addresses
        ):
            count += 1
            insort(first, ref)
            del first[_NAMED:]
    if not first:
        return ""
    more = f" and {count - _NAMED} more" if count > _NAMED else ""
    return (
        f"{', '.join(ref.short for ref in first)}{more}: the address is not pinned, and "
        f"{', '.join(other.name for other in others[:_NAMED])} may keep a ledger with another "
        "history and give another one; ask for the address with the annotation "
        "metallb.io/loadBalancerIPs, or give every node the same history"
    )
