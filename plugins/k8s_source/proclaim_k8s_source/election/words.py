"""What the log says of an election: one line for each thing that became different."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from proclaim_k8s_source.election.lease import Election, ours


class Saying(NamedTuple):
    """A line for the log."""

    sentence: str
    alarming: bool = False


def sayings(before: Election, after: Election) -> Iterator[Saying]:
    """What there is to say of one step."""
    identity = after.rules.identity
    if after.failure and not before.failure:
        place = after.rules.place
        sentence = f"asking for Lease {place.namespace}/{place.name} failed: {after.failure}"
        yield Saying(sentence, alarming=True)
    if _namesake(after) and not _namesake(before):
        sentence = f"another process leads as {identity} too; give each an identity of its own"
        yield Saying(sentence, alarming=True)
    if after.leads and not before.leads:
        yield Saying(f"this process leads now, as {identity}")
    elif before.leads and not after.leads:
        yield Saying(f"this process does not lead any more: {_why(after)}", not after.stopping)
    elif _holder(after) != _holder(before) and not _is_ours(after):
        holder = _holder(after)
        yield Saying(f"{holder} leads" if holder else "nobody leads")


def _is_ours(election: Election) -> bool:
    """Whether who holds the Lease is no news to tell: it is us, or we lead or end."""
    return election.leads or election.stopping or ours(election)


def _why(election: Election) -> str:
    if election.stopping:
        return "it stops"
    if ours(election) or election.record is None:
        because = f": {election.failure}" if election.failure else ""
        return f"the Lease was not renewed for {election.rules.tenure_seconds:g} s{because}"
    holder = _holder(election)
    return f"{holder} holds the Lease" if holder else "somebody gave the Lease away"


def _holder(election: Election) -> str:
    return election.record.holder if election.record else ""


def _namesake(election: Election) -> bool:
    return _holder(election) == election.rules.identity and not ours(election)
