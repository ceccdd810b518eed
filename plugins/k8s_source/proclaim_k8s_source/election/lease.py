"""Leader election over a Lease, as a step function.

Pure: `now` is this process's monotonic time in seconds; the clocks of others
are never compared with ours.  Three rules keep two processes from leading at
once:

- Our tenure counts from when the request was *sent* that took or renewed the
  Lease, and lasts two thirds of the time that others grant it.
- Another's Lease has run out when its record has not been seen to change for
  as long as it says, counted from when the answer came that showed it.  A
  Lease that is gone does not shorten that: its holder may not know yet.
- Every write names the version that was read.  A write without an answer may
  have happened, so the next thing is to read.

Who deletes the Lease while it is held makes a process that has seen no holder
yet believe that there is none; nothing that is stored there can prevent that.

What a process may do follows from what it knows, see `mandate`.  ALLOCATE
while it holds the Lease.  FOLLOW once the Lease has been seen in other hands,
or released by somebody of whom it is not known who it was: others may have
given addresses, so FOLLOW always comes right before ALLOCATE then, and the
term grows.  ADOPT otherwise: not asked yet, no Lease there yet, or our own ran
out and nobody else took it; from there ALLOCATE follows directly, in the same
term.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import inf

from proclaim import Authority, Mandate

from proclaim_k8s_source.election.messages import (
    Ask,
    Failed,
    Found,
    Input,
    Overtaken,
    Passed,
    Rules,
    Stopped,
    Stored,
    Verb,
)
from proclaim_k8s_source.election.record import Record, stamp, written

_AT_ONCE = 2
"""Requests that may follow an answer without a pause: to read, and to write again."""
_REMEMBERED = 8
"""Attempts to take the Lease of which one may yet turn out to have worked."""
_RELEASED_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Election:
    """What one process knows of the Lease."""

    rules: Rules
    valid_until: float = -inf
    """Until when we lead; others may from a third of the lease later."""
    leads: bool = False
    """Whether we led at the last step."""
    strange: bool = False
    """Somebody else may have led since we did."""
    term: int = 0
    """How often we began to lead after somebody else may have led."""
    record: Record | None = None
    """What was read or written last."""
    current: bool = False
    """Whether nothing was written since that record; if so, we may write over it."""
    rival_until: float = -inf
    """Until when somebody else may lead, for all that we have seen."""
    tokens: tuple[str, ...] = ()
    """The `acquireTime`s by which we know a record as our own, and not that of a namesake."""
    asked_at: float | None = None
    """When the request was sent that has no answer yet."""
    next_at: float = -inf
    """When to ask next."""
    hurried: int = 0
    """Requests in a row that followed an answer without a pause."""
    hasty: bool = False
    """Whether the next one does."""
    failure: str = ""
    """Why writing fails, or reading what others wrote; empty when it does not."""
    stopping: bool = False


def mandate(election: Election) -> Mandate:
    """What this process may do now."""
    if election.leads:
        return Mandate(Authority.ALLOCATE, election.term)
    return Mandate(Authority.FOLLOW if election.strange else Authority.ADOPT, election.term)


def deadline(election: Election) -> float:
    """When to step with `Passed`; infinity when only an answer matters, or nothing at all."""
    times = [election.valid_until] if election.leads else []
    if election.asked_at is None:
        times.append(election.next_at)
    return min(times, default=inf)


def resumed(election: Election) -> Election:
    """How to begin once more after `Stopped`: with what is known, and nothing asked."""
    return replace(election, stopping=False, asked_at=None, current=False, next_at=-inf)


def step(election: Election, came: Input, now: float) -> tuple[Election, Ask | None]:
    """What is known after an input, and what there is to send."""
    asked_at = now if election.asked_at is None else election.asked_at
    after = election if isinstance(came, Passed) else replace(election, asked_at=None)
    match came:
        case Passed():
            pass
        case Found(record):
            after = _found(after, record, now)
        case Stored(record):
            after = _stored(after, record, asked_at, now)
        case Overtaken():
            after = _hurry(after, now)
        case Failed(why, answering):
            after = replace(after, failure=why)
            after = _hurry(after, now) if answering else after
        case Stopped():
            after = replace(after, stopping=True, valid_until=-inf, next_at=now)
    after = replace(after, leads=now < after.valid_until)
    if isinstance(came, Passed) and after.asked_at is None and now >= after.next_at:
        return _ask(after, came, now)
    return after, None


def ours(election: Election) -> bool:
    """Whether the record that was seen last is our own."""
    return election.record is not None and _ours(election, election.record)


def finished(election: Election) -> bool:
    """Whether nothing is left to do after `Stopped`."""
    unclear = bool(election.tokens) and not election.current
    return election.stopping and not unclear and not ours(election)


def _ours(election: Election, record: Record) -> bool:
    """Whether we wrote a record; of the first that is read, the name is enough."""
    same_name = record.holder == election.rules.identity
    return same_name and (not election.tokens or record.acquired in election.tokens)


# --- what the answers mean ----------------------------------------------------------------------


def _found(before: Election, record: Record | None, now: float) -> Election:
    known = replace(before, record=record, current=True)
    if record is None:
        held = before.record is not None or before.valid_until > -inf
        lapsed = held and now >= before.valid_until
        known = replace(known, strange=before.strange or lapsed)
    elif not _ours(before, record):
        known = _foreign(known, before.record, record, now)
    elif not before.tokens:  # written by the process that we were before a restart
        known = replace(known, tokens=(record.acquired,))
    return _hurry(known, now) if now >= known.rival_until else known


def _foreign(known: Election, before: Record | None, record: Record, now: float) -> Election:
    """Somebody else has the Lease, or had it and gave it back."""
    known = replace(known, strange=True, valid_until=-inf)
    if not record.holder:  # whoever gives it back has stepped down before
        return replace(known, rival_until=-inf)
    rival_until = known.rival_until
    if before is None or before.face != record.face:
        seconds = known.rules.lease_seconds if record.seconds is None else record.seconds
        rival_until = now + seconds
    if rival_until <= now:
        return replace(known, rival_until=rival_until)
    next_at = min(known.next_at, rival_until)
    return replace(known, rival_until=rival_until, next_at=next_at, failure="")


def _stored(before: Election, record: Record, asked_at: float, now: float) -> Election:
    known = replace(before, record=record, current=True, failure="")
    if before.stopping:
        return known
    next_at = asked_at + before.rules.retry_seconds
    known = replace(known, tokens=(record.acquired,), next_at=next_at)
    valid_until = asked_at + before.rules.tenure_seconds
    if valid_until <= now:  # the answer took too long, and is good for nothing but its version
        return known
    term = before.term + 1 if before.strange else before.term
    return replace(known, valid_until=valid_until, strange=False, term=term)


def _hurry(election: Election, now: float) -> Election:
    """Ask on without a pause, unless that was done too often already."""
    if election.hurried >= _AT_ONCE:
        return election
    return replace(election, next_at=now, hasty=True)


# --- what to ask --------------------------------------------------------------------------------


def _ask(election: Election, came: Passed, now: float) -> tuple[Election, Ask | None]:
    """Read, or write when it is known what stands there and that it may be replaced."""
    if finished(election):
        return replace(election, next_at=inf), None
    pause = election.rules.retry_seconds * (1.0 if election.leads else 1.0 + came.jitter)
    asking = replace(
        election,
        asked_at=now,
        next_at=now + pause,
        hurried=election.hurried + 1 if election.hasty else 0,
        hasty=False,
    )
    if not election.current or now < election.rival_until:
        return asking, Ask(Verb.GET)
    record = _next_record(election, stamp(came.wall, _renewed(election)))
    tokens = tuple(dict.fromkeys((*election.tokens, record.acquired)))[-_REMEMBERED:]
    verb = Verb.POST if election.record is None else Verb.PUT
    body = written(election.rules.place, record)
    return replace(asking, tokens=tokens, current=False), Ask(verb, body)


def _renewed(election: Election) -> str:
    return election.record.renewed if election.record else ""


def _next_record(election: Election, now: str) -> Record:
    """The record with which we take the Lease, keep it, or give it back."""
    rules, before = election.rules, election.record
    if before is None:
        return Record("", rules.identity, rules.lease_seconds, now, now)
    if election.stopping:
        return before._replace(holder="", seconds=_RELEASED_SECONDS, acquired=now, renewed=now)
    taken = before._replace(holder=rules.identity, seconds=rules.lease_seconds, renewed=now)
    if not ours(election):
        return taken._replace(acquired=now, transitions=before.transitions + 1)
    # a restarted process writes another token than the one before it, which may not be dead
    return taken if election.valid_until > -inf else taken._replace(acquired=now)
