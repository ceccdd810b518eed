"""Why nobody announces a Service that has an address."""

from __future__ import annotations

from collections.abc import Iterable

from proclaim.explain import Explanation, Said, kept_out
from proclaim.reality import Obstacle
from proclaim.state import State
from proclaim.verdict import Silence

from proclaim_cli.values.plain import some
from proclaim_cli.values.resources import ANNOUNCERS

_SAYS_LITTLE = (Silence.POOL_NOT_ADVERTISED, Silence.NOT_ELECTED)
"""What is the case of every Service that is announced in the other way, or from elsewhere."""


def trap(found: Explanation, state: State) -> str:
    """Why a Service with an address is announced nowhere; empty when it is, or has none.

    Where that is not known here, it may be.
    """
    if not found.addresses or any(map(_may_be_announced, found.announced)):
        return ""
    return why_silent(found.announced, found.pool, kept_out(state, found.pool))


def _may_be_announced(said: Said) -> bool:
    return said.announced or said.code == Obstacle.NOT_KNOWN_HERE


def why_silent(announced: Iterable[Said], pool: str, rejected: str) -> str:
    """The reasons of nodes that announce nothing, each once, with the first nodes that it is for.

    `rejected` is what `kept_out` says of the pool.
    """
    said = list(announced)
    if said and all(each.code == Silence.POOL_NOT_ADVERTISED for each in said):
        if rejected:
            return f"no advertisement in force covers the pool {pool}{rejected}"
        return (
            f"no advertisement covers the pool {pool}, so nobody announces the address; "
            f"write a BGPAdvertisement or an L2Advertisement whose ipAddressPools name {pool}"
        )
    by_message: dict[str, list[str]] = {}
    for each in said:
        if each.code not in _SAYS_LITTLE:
            who = f"{each.node} {ANNOUNCERS[each.spread]}"
            by_message.setdefault(each.message, []).append(who)
    return "; ".join(f"{text} ({some(who)})" for text, who in by_message.items())
