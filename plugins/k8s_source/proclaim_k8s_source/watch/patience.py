"""Waiting before a status is believed that takes an address away (pure).

A status that somebody else overwrites is put right within moments.  A node
that withdrew a route in between would cost its users what nobody meant to
take.  So where nothing of a Service changed but that its status lost an
address, the change is told only when it has lasted.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from proclaim import Ref
from proclaim.model import Resource, Service

from proclaim_k8s_source.shown import asked
from proclaim_k8s_source.watch.assembly import Old

BELIEVED_AFTER_SECONDS = 1.0


class _Held(NamedTuple):
    told: Service
    new: Service
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
            if not (isinstance(old, Service) and isinstance(new, Service)):
                told[ref] = (old, new)
            elif loses_by_status_alone(old, new):
                until = held.until if held else now + BELIEVED_AFTER_SECONDS
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


def loses_by_status_alone(old: Service, new: Service) -> bool:
    """Whether a Service is what it was, but for an address that its status shows no longer."""
    if set(old.status_addresses) <= set(new.status_addresses):
        return False
    return asked(old) == asked(new)
