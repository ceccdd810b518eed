"""Which announcements changed lately, so that who follows need not compare all of them."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Collection, Iterable
from itertools import takewhile
from typing import TypeAlias

Key: TypeAlias = tuple[str, str]
"""Prefix and discriminator of an announcement."""

REMEMBERED = 8192
"""Keys whose last change is remembered."""


class Trail:
    """Each key stands once, in the order of its last change.

    Only somebody who fell very far behind must look at everything.
    """

    def __init__(self) -> None:
        self.version = 0
        self._floor = 0
        self._changes: OrderedDict[Key, int] = OrderedDict()

    def note(self, keys: Iterable[Key] | None) -> None:
        """Something else stands under these keys now; None where that may be all."""
        self.version += 1
        if keys is None:
            self._changes.clear()
            self._floor = self.version
            return
        for key in keys:
            self._changes[key] = self.version
            self._changes.move_to_end(key)
        while len(self._changes) > REMEMBERED:
            _, self._floor = self._changes.popitem(last=False)

    def since(self, version: int) -> Collection[Key] | None:
        """What was noted after a version; None where it is not known any more."""
        if version < self._floor:
            return None
        newest = takewhile(lambda each: each[1] > version, reversed(self._changes.items()))
        return [key for key, _ in newest]
