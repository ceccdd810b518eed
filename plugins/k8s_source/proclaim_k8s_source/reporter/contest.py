"""Who else insists on a status, and when to leave it to them: a step function.

A status that somebody else rewrites after us is written again a few times, as
it may have been an accident.  When they insist, writing on would only be a
fight that nobody wins and that every watcher of the API server pays for: we
stop, say who it is, and try again much later.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, field, replace
from typing import Any, Generic, NamedTuple, TypeVar

K = TypeVar("K", bound=Hashable)

PATIENCE = 3
"""How often a status is put right before it is left to who insists."""
MEMORY_SECONDS = 600.0
"""After so long without a rewrite an earlier one counts no more."""
FIRST_TRUCE_SECONDS = 300.0
LONGEST_TRUCE_SECONDS = 3600.0


@dataclass(frozen=True, slots=True)
class Contest:
    """What is known of the rewrites of one object's status."""

    rewrites: int = 0
    """After ours, without a longer peace in between."""
    last: float = 0.0
    truce: float = 0.0
    """How long the last truce lasted, in seconds."""
    until: float | None = None
    """While it is left to others: until when."""


def rewritten(contest: Contest, now: float) -> Contest:
    """Somebody else replaced what we had written; `until` is set when that was too often."""
    if contest.until is not None:
        return replace(contest, last=now)
    fresh = now - contest.last <= max(MEMORY_SECONDS, 2 * contest.truce)
    rewrites = contest.rewrites + 1 if fresh else 1
    truce = contest.truce if fresh else 0.0
    if rewrites < PATIENCE:
        return Contest(rewrites, now, truce)
    truce = min(truce * 2 or FIRST_TRUCE_SECONDS, LONGEST_TRUCE_SECONDS)
    return Contest(rewrites, now, truce, now + truce)


def may_write(contest: Contest | None, now: float) -> bool:
    """Whether an object is ours to write."""
    return contest is None or contest.until is None or contest.until <= now


def resumed(contest: Contest) -> Contest:
    """The truce is over, and we try once more: one more rewrite is enough to stop again."""
    return replace(contest, rewrites=PATIENCE - 1, until=None)


class Version(NamedTuple):
    """What an object's status was in one version of it."""

    resource_version: str
    content: Any
    """Comparable; equal where the status says the same."""
    life: str = ""
    """Another one where the object was made anew: what was written to the old one is gone."""


@dataclass(slots=True)
class Contests(Generic[K]):
    """The contests over several objects, and what was last written to each."""

    contests: dict[K, Contest] = field(default_factory=dict)
    _written: dict[K, Version] = field(default_factory=dict)

    def wrote(self, key: K, version: Version) -> None:
        """We have written a status."""
        self._written[key] = version

    def look(self, key: K, shown: Version, wanted: Any, now: float) -> bool:  # noqa: ANN401
        """Note what is shown of an object; whether it has just become one to leave to others."""
        written = self._written.get(key)
        if written is not None and written.life != shown.life:
            self.forget(key)
            written = None
        if written is None or not follows(shown.resource_version, written.resource_version):
            return False
        if wanted != written.content or shown.content == written.content:
            return False  # it is ours that changes, or nothing was changed
        self._written[key] = written._replace(resource_version=shown.resource_version)
        before = self.contests.get(key, Contest())
        after = self.contests[key] = rewritten(before, now)
        return before.until is None and after.until is not None

    def until(self, key: K, now: float) -> float | None:
        """Until when an object is left to others; None when it is ours to write."""
        contest = self.contests.get(key)
        if contest is None or contest.until is None:
            return None
        if may_write(contest, now):
            self.contests[key] = resumed(contest)
            return None
        return contest.until

    def end(self, key: K) -> bool:
        """What is wanted is shown while it was left to others; whether it was."""
        contest = self.contests.get(key)
        if contest is None or contest.until is None:
            return False
        self.contests[key] = resumed(contest)
        return True

    def forget(self, key: K) -> None:
        """An object is gone."""
        self.contests.pop(key, None)
        self._written.pop(key, None)

    @property
    def left(self) -> list[K]:
        """The objects that are left to others."""
        return [key for key, contest in self.contests.items() if contest.until is not None]


def follows(one: str, other: str) -> bool:
    """Whether a resourceVersion is later than another.

    They are decimal numbers that grow, which the API promises since 1.35 and
    kept before; where one is not, nothing is known.
    """
    return one.isdecimal() and other.isdecimal() and int(one) > int(other)
