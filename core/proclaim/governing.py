"""`governing`: when this process may allocate, as a step function.

Three things must be so: every source has given a complete listing, what they
list can be judged (`doubt`), and every elector says that no other process
allocates.  When another process may have
allocated since our sources were last heard, what they said is not enough any
more: they are asked anew while we follow, so that what the other one gave is
known before anything is given here.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import NamedTuple

from proclaim.model import Authority


class Mandate(NamedTuple):
    """What an elector grants."""

    authority: Authority = Authority.ADOPT
    """ALLOCATE while nobody else allocates; FOLLOW while somebody does; ADOPT when unknown."""
    term: int = 0
    """Another number whenever somebody else may have allocated in between."""


UNCONTESTED = Mandate(Authority.ALLOCATE)
"""What a process has that asks no elector."""


@dataclass(frozen=True, slots=True)
class Governing:
    """What this process may decide at present, and what it waits for."""

    sources: frozenset[str]
    missing: frozenset[str]
    """The sources that have not been heard in this term."""
    authority: Authority
    mandate: Mandate
    term: int
    """The term in which the sources were asked."""
    anew: int = 0
    """How often the sources had to be asked anew."""
    doubtful: bool = False
    """Whether what was heard cannot be judged yet; of no account once something was given."""


def begin(asked: Authority, sources: Iterable[str], mandate: Mandate = UNCONTESTED) -> Governing:
    """How a process starts that was asked to ALLOCATE or to FOLLOW."""
    names = frozenset(sources)
    follows = asked is Authority.FOLLOW
    granted = Mandate(Authority.FOLLOW) if follows else mandate
    authority = Authority.FOLLOW if follows else Authority.ADOPT
    return _allocating(Governing(names, names, authority, granted, granted.term))


def heard(now: Governing, source: str) -> Governing:
    """A source has given a complete listing."""
    return _allocating(replace(now, missing=now.missing - {source}))


def doubted(now: Governing, doubtful: bool) -> Governing:
    """It is found out whether what was heard can be judged."""
    return _allocating(replace(now, doubtful=doubtful))


def mandated(now: Governing, mandate: Mandate) -> Governing:
    """The electors grant something else."""
    now = replace(now, mandate=mandate)
    match mandate.authority:
        case Authority.FOLLOW:
            return replace(now, authority=Authority.FOLLOW)
        case Authority.ADOPT:
            allocated = now.authority is Authority.ALLOCATE
            return replace(now, authority=Authority.ADOPT) if allocated else now
        case Authority.ALLOCATE:
            if mandate.term != now.term or now.authority is Authority.FOLLOW:
                now = replace(
                    now,
                    authority=Authority.FOLLOW,
                    missing=now.sources,
                    term=mandate.term,
                    anew=now.anew + 1,
                )
            return _allocating(now)


def _allocating(now: Governing) -> Governing:
    heard_all = not now.missing and not now.doubtful
    may = now.mandate.authority is Authority.ALLOCATE and heard_all
    return replace(now, authority=Authority.ALLOCATE) if may else now


def together(mandates: Iterable[Mandate]) -> Mandate:
    """What several electors grant together: the least of it; without any, all."""
    granted = list(mandates)
    for least in (Authority.FOLLOW, Authority.ADOPT):
        if any(mandate.authority is least for mandate in granted):
            break
    else:
        least = Authority.ALLOCATE
    return Mandate(least, sum(mandate.term for mandate in granted))
