"""Which fellows live, judged from what is heard of them and when.

Pure: datagrams are already authentic, and time is the `now` that is handed in
(monotonic seconds).  `step` is the only place where a verdict changes.  A
fellow lives until it has been unheard for `dead_after`, counted at the
earliest from when it became known, so that nobody takes over at start-up what
another still holds; a lost fellow lives again once it was heard twice in
quick succession.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import TypeAlias

from proclaim_l2_arp.heartbeat.datagram import Datagram, Saying


@dataclass(frozen=True, slots=True)
class Rules:
    """Times in seconds."""

    interval: float = 0.5
    dead_after: float = 2.0
    authentic: bool = False
    """Datagrams are signed, so a repeated old one is an attack and not a clock set back."""


@dataclass(frozen=True, slots=True)
class Fellow:
    """What is known of one fellow."""

    heard_at: float
    alive: bool = True
    knocked_at: float | None = None
    """When a lost fellow was heard once."""
    last: tuple[int, int] = (-1, -1)
    """Incarnation and sequence of the newest datagram."""


@dataclass(frozen=True, slots=True)
class Watch:
    """All fellows by name; treat the mapping as immutable."""

    rules: Rules
    fellows: Mapping[str, Fellow] = field(default_factory=dict)

    @property
    def verdicts(self) -> dict[str, bool]:
        """Whether each fellow lives."""
        return {name: fellow.alive for name, fellow in self.fellows.items()}


@dataclass(frozen=True, slots=True)
class Known:
    """These are all the fellows there are to watch."""

    names: frozenset[str]


@dataclass(frozen=True, slots=True)
class Heard:
    """An authentic datagram came."""

    datagram: Datagram


@dataclass(frozen=True, slots=True)
class Passed:
    """Time has passed."""


@dataclass(frozen=True, slots=True)
class StoodStill:
    """This process stood still, so its silence says nothing about the fellows."""


Input: TypeAlias = Known | Heard | Passed | StoodStill


class Ignored(StrEnum):
    """Why a datagram changed nothing."""

    STRANGER = "from a node that is no fellow"
    REPEATED = "repeated or overtaken"


def step(watch: Watch, came: Input, now: float) -> tuple[Watch, Ignored | None]:
    """What is known after an input, and why a datagram was ignored, if it was."""
    match came:
        case Known(names):
            fellows = {n: watch.fellows.get(n, Fellow(now)) for n in sorted(names)}
            return replace(watch, fellows=fellows), None
        case StoodStill():
            fellows = {
                name: replace(fellow, heard_at=now, alive=True, knocked_at=None)
                for name, fellow in watch.fellows.items()
            }
            return replace(watch, fellows=fellows), None
        case Passed():
            return _expire(watch, now), None
        case Heard(datagram):
            return _hear(watch, datagram, now)


def deadline(watch: Watch) -> float | None:
    """When the next fellow is lost unless it is heard; None when all are lost."""
    living = (f.heard_at for f in watch.fellows.values() if f.alive)
    earliest = min(living, default=None)
    return None if earliest is None else earliest + watch.rules.dead_after


def _expire(watch: Watch, now: float) -> Watch:
    lost = {
        name: replace(fellow, alive=False, knocked_at=None)
        for name, fellow in watch.fellows.items()
        if fellow.alive and now >= fellow.heard_at + watch.rules.dead_after
    }
    return replace(watch, fellows={**watch.fellows, **lost}) if lost else watch


def _hear(watch: Watch, datagram: Datagram, now: float) -> tuple[Watch, Ignored | None]:
    fellow = watch.fellows.get(datagram.node)
    if fellow is None:
        return watch, Ignored.STRANGER
    place = datagram.incarnation, datagram.sequence
    if place <= fellow.last and not _set_back(watch.rules, fellow, datagram, now):
        return watch, Ignored.REPEATED
    fellow = replace(fellow, last=place)
    if datagram.saying is Saying.GOODBYE:
        fellow = replace(fellow, alive=False, knocked_at=None)
    elif fellow.alive:
        fellow = replace(fellow, heard_at=now)
    elif fellow.knocked_at is not None and now - fellow.knocked_at <= 2 * watch.rules.interval:
        fellow = replace(fellow, heard_at=now, alive=True, knocked_at=None)
    else:
        fellow = replace(fellow, heard_at=now, knocked_at=now)
    return replace(watch, fellows={**watch.fellows, datagram.node: fellow}), None


def _set_back(rules: Rules, fellow: Fellow, datagram: Datagram, now: float) -> bool:
    """Whether a fellow that has long been silent came back with its clock set back.

    Believed only without a key, as a recording of an old incarnation looks the same.
    """
    silent = now - fellow.heard_at >= rules.dead_after
    return silent and not rules.authentic and datagram.incarnation < fellow.last[0]
