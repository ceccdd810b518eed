"""What a look at a cluster asks first: may everything be listed, and is there anything?

A source asks again and again until it may; somebody who waits at a terminal
wants to know at once.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import msgspec
from proclaim import ProclaimError

from proclaim_k8s_source.access.api import Api, Refused, checked
from proclaim_k8s_source.watch.kinds import Scope, Watched, watched

CREDENTIALS = "other credentials may do: --kubeconfig and --context name them"
_UNAUTHORIZED = 401
_FORBIDDEN = 403
_NOT_FOUND = 404


class _Meta(msgspec.Struct):
    remainingItemCount: int | None = None


class _List(msgspec.Struct):
    metadata: _Meta | None = None
    items: list[msgspec.Raw] | None = None


@dataclass(frozen=True, slots=True)
class Found:
    """How many objects there are of what is configured."""

    pools: int
    """IPAddressPools."""
    others: int
    """All other resources of `metallb.io` that somebody configures."""

    def sentence(self, server: str, namespace: str) -> str:
        """Where was looked, and what was there."""
        where = f"looked at {server}, namespace {namespace}"
        if not self.pools and not self.others:
            return f"{where}: it has no resource of metallb.io at all; is --namespace right?"
        return f"{where}: {self.pools} IPAddressPool{'' if self.pools == 1 else 's'}"


async def ask_first(api: Api, server: str, scope: Scope) -> Found:
    """Ask for one object of each kind that the source observes.

    Raises Unreachable, and ProclaimError when the server does not know who asks
    or forbids any of it.
    """
    counts: dict[str, int] = {}
    forbidden: dict[str, Refused] = {}
    for each in watched(scope):
        if not each.observed:
            continue
        try:
            count = await _count(api, each)
        except Refused as refused:
            if refused.status == _UNAUTHORIZED:
                said = f"{server} does not accept who asks: {refused}"
                raise ProclaimError(said, CREDENTIALS) from None
            if refused.status == _FORBIDDEN:
                forbidden[str(each)] = refused
        else:
            if each.optional:
                counts[each.kind] = count
    if forbidden:
        raise _missing_rights(server, forbidden)
    pools = counts.pop("IPAddressPool", 0)
    return Found(pools, sum(counts.values()))


def _missing_rights(server: str, forbidden: Mapping[str, Refused]) -> ProclaimError:
    what = ", ".join(forbidden)
    first = next(iter(forbidden.values()))
    return ProclaimError(
        f"{server} forbids to list {what}: {first}",
        f"the right that is missing: list {what}; {CREDENTIALS}",
    )


async def _count(api: Api, each: Watched) -> int:
    """How many there are, none where the server does not serve it; raises Refused."""
    for place in each.places:
        query = (*each.query, ("limit", "1"))
        response = await api.request("GET", place.path, query)
        if response.status == _NOT_FOUND:
            continue
        answer = msgspec.json.decode(checked(f"GET {place.path}", response).body, type=_List)
        more = answer.metadata.remainingItemCount if answer.metadata else 0
        return len(answer.items or ()) + (more or 0)
    return 0
