"""Who else insists on a status, and when to leave it to them: a step function.

A status that somebody else rewrites after us is written again a few times, as
it may have been an accident.  When they insist, writing on would only be a
fight that nobody wins and that every watcher of the API server pays for: we
stop, say who it is, and try again much later.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

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
