"""What an operator should be told about a state, though nothing in it is wrong."""

from __future__ import annotations

from proclaim.allocation import no_business
from proclaim.state import State
from proclaim.terrain import fellows

_NAMED = 3


def unpinned(state: State, node: str) -> str:
    """Warn when nodes with ledgers of their own could give a Service different addresses.

    Empty when there is no other node, or when every Service asks for its address.
    """
    others = fellows(state, node)
    if not others:
        return ""
    names = [
        ref.short
        for ref, entry in sorted(state.of_kind("Service").items())
        if no_business(entry.resource) is None and not entry.resource.requested_addresses
    ]
    if not names:
        return ""
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return (
        f"{', '.join(names[:_NAMED])}{more}: the address is not pinned, and "
        f"{', '.join(other.name for other in others[:_NAMED])} may keep a ledger with another "
        "history and give another one; ask for the address with the annotation "
        "metallb.io/loadBalancerIPs, or give every node the same history"
    )
