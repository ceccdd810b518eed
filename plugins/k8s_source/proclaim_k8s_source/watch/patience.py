"""Waiting before a change is believed that takes addresses away by mistake (pure).

A status that somebody else overwrites is put right within moments.  A node
that withdrew a route in between would cost its users what nobody meant to
take.  So where nothing of a Service changed but that its status lost an
address, the change is told only when it has lasted.  A pool that is replaced
is deleted and made anew, so it is gone only when it has stayed away.

All this is for who follows.  An allocator puts a status right itself, and must
not give addresses of a pool that is going: it holds back everything, see
`source`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from proclaim import Ref
from proclaim.model import Pool, Resource, Service

from proclaim_k8s_source.shown import asked
from proclaim_k8s_source.watch.assembly import Old

BELIEVED_AFTER_SECONDS = 1.0
"""How long a status must have lost an address."""
GONE_AFTER_SECONDS = 1.0
"""How long a pool must have been deleted."""


class _Held(NamedTuple):
    told: Old
    new: Resource | None
    until: float


class Patience:
    """The changes that are held back."""

    def __init__(self) -> None:
        self._held: dict[Ref, _Held] = {}

    def sift(
        self, changes: Mapping[Ref, tuple[Old, Resource | None]], now: float
    ) -> dict[Ref, tuple[Old, Resource | None]]:
        """What of some changes is to be told now, with what was held back and has lasted."""
        told: dict[Ref, tuple[Old, Resource | None]] = {}
        for ref, (old, new) in changes.items():
            held = self._held.pop(ref, None)
            old = held.told if held else old
            seconds = _waits(old, new)
            if seconds:
                until = held.until if held else now + seconds
                self._held[ref] = _Held(old, new, until)
            elif old != new:
                told[ref] = (old, new)
        for ref, held in list(self._held.items()):
            if held.until <= now:
                del self._held[ref]
                told[ref] = (held.told, held.new)
        return told

    def deadline(self) -> float:
        """When something that is held back will be told; infinite when nothing is."""
        return min((held.until for held in self._held.values()), default=float("inf"))


def _waits(old: Old, new: Resource | None) -> float:
    match old, new:
        case Pool(), None:
            return GONE_AFTER_SECONDS
        case Service(), Service() if loses_by_status_alone(old, new):
            return BELIEVED_AFTER_SECONDS
        case _:
            return 0.0


def loses_by_status_alone(old: Service, new: Service) -> bool:
    """Whether a Service is what it was, but for an address that its status shows no longer."""
    if set(old.status_addresses) <= set(new.status_addresses):
        return False
    return asked(old) == asked(new)
