"""What `replay` shows: the changes that each transaction made, folded one after the other."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from typing import NamedTuple

from proclaim.events import AddressAssigned, AddressRefused, AddressReleased, Recorded
from proclaim.fold import fold
from proclaim.model import Announcement, Ref, Spread
from proclaim.project import Projection, advance, project
from proclaim.state import State
from proclaim.verify import DECISIONS

from proclaim_cli.values.facts import reason_of, ref_of, summary
from proclaim_cli.values.plain import Because, rfc3339
from proclaim_cli.values.resources import ANNOUNCERS

_NAMED = 3


class HoldingChange(NamedTuple):
    """What a fact changed in who holds what."""

    service: str
    before: tuple[str, ...]
    after: tuple[str, ...]
    message: str
    reason: Because | None


class Announcing(NamedTuple):
    """An announcement that a transaction changed on one node."""

    node: str
    announcer: str
    prefix: str
    change: str
    to: tuple[str, ...]


class Step(NamedTuple):
    """A transaction that changed something."""

    position: int
    """Of its last fact."""
    time: str
    seconds: float
    """The same time, since the epoch."""
    cause: str
    """What was learnt in it."""
    holdings: tuple[HoldingChange, ...]
    announcements: tuple[Announcing, ...]


class Replay:
    """Folds facts, and keeps the state and the announcements of some nodes."""

    def __init__(self, nodes: Sequence[str]) -> None:
        self.state = State()
        self._projections = [
            project(self.state, node, spread) for node in nodes for spread in Spread
        ]

    def steps(self, recorded: Iterable[Recorded]) -> Iterator[Step]:
        """Each transaction, whether it changed something or not."""
        for _, group in groupby(recorded, key=lambda item: item.transaction):
            items = list(group)
            before = self.state
            self.state = fold(before, items)
            yield Step(
                items[-1].position,
                rfc3339(items[-1].time),
                items[-1].time,
                _cause(items),
                tuple(_holdings(before, items)),
                tuple(self._announcements(items)),
            )

    def _announcements(self, items: Sequence[Recorded]) -> Iterator[Announcing]:
        advanced = [advance(each, self.state, items) for each in self._projections]
        for old, new in zip(self._projections, advanced, strict=True):
            yield from _difference(old, new)
        self._projections = advanced


def _cause(items: Sequence[Recorded]) -> str:
    """What was learnt in a transaction: the fact, or how many and the first of them."""
    learnt = [item for item in items if not isinstance(item.fact, DECISIONS)] or items[:1]
    if len(learnt) == 1:
        return _fact(learnt[0])
    named = [str(ref_of(item.fact) or type(item.fact).__name__) for item in learnt]
    more = f" and {len(named) - _NAMED} more" if len(named) > _NAMED else ""
    return f"{len(named)} facts: {', '.join(named[:_NAMED])}{more}"


def _fact(item: Recorded) -> str:
    ref = ref_of(item.fact)
    return f"{type(item.fact).__name__} {ref or ''} {summary(item.fact)}".replace("  ", " ")


def _holdings(before: State, items: Sequence[Recorded]) -> Iterator[HoldingChange]:
    held: dict[Ref, tuple[str, ...]] = {}
    for item in items:
        fact = item.fact
        match fact:
            case AddressAssigned(service=ref, addresses=after):
                pass
            case AddressReleased(service=ref) | AddressRefused(service=ref):
                after = ()
            case _:
                continue
        holding = before.holdings.get(ref)
        was = held.get(ref, holding.addresses if holding else ())
        held[ref] = after
        yield HoldingChange(ref.short, was, after, summary(fact), reason_of(fact))


def _difference(old: Projection, new: Projection) -> Iterator[Announcing]:
    if old.announcements is new.announcements:
        return
    terrain = new.terrain
    for key in sorted({*old.announcements, *new.announcements}):
        was, is_ = old.announcements.get(key), new.announcements.get(key)
        if was == is_:
            continue
        change = "added" if was is None else "removed" if is_ is None else "changed"
        shown: Announcement | None = is_ or was
        to = shown.to if shown else ()
        yield Announcing(terrain.node, ANNOUNCERS[terrain.spread], key[0], change, to)
