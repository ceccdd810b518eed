"""Keeping up with one resource of an API server: list, watch, and begin again.

Every change of phase happens in `step`, and nowhere else.  It knows nothing of
what is listed, and time only as the `now` it is handed (monotonic seconds).
Versions never go backwards: an event that is not newer than what was delivered
is dropped, and a list that is older is asked for again.  While a list or a
watch is asked for there is exactly one of them; otherwise there is a deadline.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Generic, TypeAlias

from proclaim_k8s_source.watch.signals import (
    Answering,
    Bookmark,
    Changed,
    Complete,
    Ended,
    Event,
    Failed,
    Input,
    List,
    Opened,
    Output,
    Page,
    Recovered,
    Start,
    T,
    Tick,
    Trouble,
    Watch,
)

FIRST_PAUSE_SECONDS = 0.5
LONGEST_PAUSE_SECONDS = 30.0
LONGEST_AWAY_SECONDS = 10.0
"""The longest pause while the server is away; of all who pause, one is the first to find it."""
ANSWERING_SECONDS = 0.1
"""How soon to try again when the server is known to answer, so that not all come at once."""
LONGEST_RETRY_AFTER_SECONDS = 300.0
WATCH_SECONDS = 450.0
"""How long a watch shall last, give or take a third."""
SHORTEST_WATCH_SECONDS = 300
LONGEST_WATCH_SECONDS = 600
STEADY_SECONDS = 10.0
"""A watch that lasted this long had not failed."""
SILENCE_SECONDS = 120.0
"""A server sends a bookmark each minute or so; one that says nothing for so long may be gone.

Give or take a twelfth: where it is less than a server's minute, an idle watch
is taken for a silent one, and after a failure everything is listed again.
"""
SILENCES = 5
"""Silent watches in a row after which the list is asked for again, should its version be bad.

One is enough after a failure: a store that was restored from a backup says
nothing until it has come to that version again.
"""
ABSENT_AGAIN_SECONDS = 30.0
ABSENT_TIMES = 3
"""A server that is starting answers 404 as well, so once is not enough."""
ABSENT_SECONDS = 60.0
"""How long what had items must be unknown to the server before they count as gone."""
REFUSALS = 8
"""Watches refused in a row after which the list is asked for again."""
OLDER_TIMES = 8
"""Lists in a row that are older than what is known, before the store must have been restored."""
LARGER_TIMES = 5
"""How often the size of the pages is doubled when a list expires before it is complete."""

_DENIED = (401, 403)
_FORBIDDEN = 403
_NOT_FOUND = 404
_EXPIRED = 410


class Phase(StrEnum):
    """What a reflector waits for."""

    IDLE = "idle"
    LISTING = "listing"
    WATCHING = "watching"
    PAUSING = "pausing"


@dataclass(frozen=True, slots=True)
class Rules:
    """How one resource is listed."""

    page_size: int = 500
    optional: bool = False
    """Whether the server may not know the resource at all; then there are no items."""


@dataclass(frozen=True, slots=True)
class Reflector(Generic[T]):
    """One resource; times are absolute seconds of a monotonic clock."""

    rules: Rules = field(default_factory=Rules)
    phase: Phase = Phase.IDLE
    version: str = ""
    """The newest resourceVersion that was delivered."""
    pages: tuple[tuple[T, ...], ...] = ()
    listed: str = ""
    """The resourceVersion of these pages."""
    token: str = ""
    """Where the list goes on."""
    larger: int = 0
    """How often the pages were doubled."""
    resumes: bool = False
    """Whether a watch comes after the pause, and not a list."""
    away: bool = False
    """Whether it pauses because the server is not there."""
    retry_at: float | None = None
    silent_at: float | None = None
    patience: float = SILENCE_SECONDS
    opened_at: float | None = None
    listed_at: float | None = None
    list_failures: int = 0
    """Lists that failed in a row."""
    watch_failures: int = 0
    """Watches that failed or ended early in a row."""
    silences: int = 0
    absences: int = 0
    """Answers in a row that the resource is unknown."""
    absent_since: float = 0.0
    absent: bool = False
    """Whether it was delivered that the resource is unknown."""
    filled: bool = False
    """Whether a list was delivered since it was unknown."""
    trouble: int | None = None
    """The status that was told last, until it is over."""


Stepped: TypeAlias = tuple[Reflector[T], tuple[Output[T], ...]]


def deadline(reflector: Reflector[T]) -> float | None:
    """When the reflector must be ticked; an open watch is hung up before."""
    times = (reflector.retry_at, reflector.silent_at)
    return min((at for at in times if at is not None), default=None)


def step(reflector: Reflector[T], happened: Input[T], now: float) -> Stepped[T]:
    """What a reflector becomes, and what is to be done about it, in order.

    What comes too late, from a list or a watch that is over, changes nothing.
    """
    match reflector.phase, happened:
        case Phase.IDLE, Start():
            return _list(reflector)
        case Phase.LISTING, Page():
            return _page(reflector, happened, now)
        case Phase.LISTING, Failed():
            return _list_failed(reflector, happened, now)
        case Phase.WATCHING, Opened():
            return _opened(reflector, now)
        case Phase.WATCHING, Event() | Bookmark():
            return _told(reflector, happened, now)
        case Phase.WATCHING, Ended():
            return _ended(reflector, happened, now)
        case Phase.WATCHING, Failed():
            return _watch_failed(reflector, happened, now)
        case Phase.PAUSING, Answering(jitter=jitter):
            return _answering(reflector, jitter, now)
        case _, Tick(jitter=jitter):
            return _tick(reflector, jitter, now)
        case _:
            return reflector, ()


def _not_newer(version: str, known: str) -> bool:
    """Whether a version is not newer than another, as far as they are numbers."""
    return version.isdecimal() and known.isdecimal() and int(version) <= int(known)


# --- listing -----------------------------------------------------------------------------------


def _list(reflector: Reflector[T]) -> Stepped[T]:
    """Ask for the list, from its beginning."""
    return _more(replace(reflector, pages=(), listed="", token=""))


def _more(reflector: Reflector[T]) -> Stepped[T]:
    """Ask for the list where it goes on."""
    limit = reflector.rules.page_size << reflector.larger
    if reflector.larger >= LARGER_TIMES:
        limit = 0
    asking = replace(
        reflector,
        phase=Phase.LISTING,
        resumes=False,
        retry_at=None,
        silent_at=None,
        opened_at=None,
    )
    return asking, (List(limit, reflector.token),)


def _page(reflector: Reflector[T], page: Page[T], now: float) -> Stepped[T]:
    if not page.version:
        reason = "the list has no resourceVersion, so it cannot be watched"
        return _list_failed(reflector, Failed(reason, jitter=page.jitter), now)
    known = reflector.version
    older = page.version != known and _not_newer(page.version, known)
    if older and not reflector.pages and reflector.list_failures < OLDER_TIMES:
        reason = f"the list is of version {page.version}, and {known} is known already"
        return _list_failed(reflector, Failed(reason, jitter=page.jitter), now)
    got = replace(
        reflector,
        pages=(*reflector.pages, page.items),
        listed=reflector.listed or page.version,
        token=page.token,
    )
    if page.token:  # where pages keep expiring, one that came in time is no success
        return _more(got if got.larger else replace(got, list_failures=0))
    complete = Complete(got.pages)
    listed = replace(
        got,
        version=got.listed,
        pages=(),
        listed="",
        larger=0,
        listed_at=now,
        list_failures=0,
        absences=0,
        absent=False,
        filled=True,
    )
    watching, outputs = _watch(listed, page.jitter, now)
    return watching, (complete, *outputs)


def _list_failed(reflector: Reflector[T], failed: Failed, now: float) -> Stepped[T]:
    if failed.status == _EXPIRED and reflector.token and reflector.larger < LARGER_TIMES:
        # The token that comes with it would give objects of two different times.
        return _list(replace(reflector, larger=reflector.larger + 1))
    if failed.status == _EXPIRED:
        reflector = replace(reflector, pages=(), listed="", token="")
    if failed.status == _NOT_FOUND and reflector.rules.optional:
        return _unknown(reflector, failed, now)
    failures = _failures(reflector, reflector.list_failures, failed)
    if reflector.token and (not _passes(failed) or failures % REFUSALS == 0):
        # Another server, or one whose store was restored, may have no use for the token.
        reflector = replace(reflector, pages=(), listed="", token="")
    counted = replace(reflector, list_failures=failures, absences=0)
    return _pause(counted, failed, failures, now)


def _unknown(reflector: Reflector[T], failed: Failed, now: float) -> Stepped[T]:
    """The server does not know the resource, or does not know it yet."""
    absences = reflector.absences + 1
    since = reflector.absent_since if reflector.absences else now
    counted = replace(
        reflector, pages=(), listed="", token="", absences=absences, absent_since=since
    )
    certain = absences >= ABSENT_TIMES and (not reflector.filled or now - since >= ABSENT_SECONDS)
    if not certain and not reflector.absent:
        pause = _pause_seconds(absences, failed)
        return replace(counted, phase=Phase.PAUSING, retry_at=now + pause), ()
    settled = replace(
        counted,
        phase=Phase.PAUSING,
        retry_at=now + ABSENT_AGAIN_SECONDS * failed.jitter,
        list_failures=0,
        watch_failures=0,
        absent=True,
        filled=False,
        trouble=None,
    )
    recovered: tuple[Output[T], ...] = () if reflector.trouble is None else (Recovered(),)
    nothing: tuple[Output[T], ...] = () if reflector.absent else (Complete(),)
    return settled, (*recovered, *nothing)


# --- watching ----------------------------------------------------------------------------------


def _watch(reflector: Reflector[T], jitter: float, now: float) -> Stepped[T]:
    patience = SILENCE_SECONDS * (3 + jitter) / 4
    watching = replace(
        reflector,
        phase=Phase.WATCHING,
        resumes=True,
        retry_at=None,
        opened_at=None,
        patience=patience,
        silent_at=now + patience,
    )
    seconds = round(WATCH_SECONDS * jitter)
    bounded = max(SHORTEST_WATCH_SECONDS, min(seconds, LONGEST_WATCH_SECONDS))
    return watching, (Watch(reflector.version, bounded),)


def _opened(reflector: Reflector[T], now: float) -> Stepped[T]:
    opened = replace(reflector, opened_at=now, silent_at=now + reflector.patience, trouble=None)
    return opened, () if reflector.trouble is None else (Recovered(),)


def _told(reflector: Reflector[T], told: Event[T] | Bookmark, now: float) -> Stepped[T]:
    heard = replace(reflector, silences=0, silent_at=now + reflector.patience)
    if _not_newer(told.version, reflector.version):
        return heard, ()
    newer = replace(heard, version=told.version or reflector.version)
    return newer, (Changed(told.item),) if isinstance(told, Event) else ()


def _lasted(reflector: Reflector[T], now: float) -> bool:
    return reflector.opened_at is not None and now - reflector.opened_at >= STEADY_SECONDS


def _ended(reflector: Reflector[T], ended: Ended, now: float) -> Stepped[T]:
    if _lasted(reflector, now):
        return _watch(replace(reflector, watch_failures=0), ended.jitter, now)
    failures = reflector.watch_failures + 1
    failed = Failed("the server ends every watch at once", jitter=ended.jitter)
    return _pause(replace(reflector, watch_failures=failures), failed, failures, now)


def _watch_failed(reflector: Reflector[T], failed: Failed, now: float) -> Stepped[T]:
    before = 0 if _lasted(reflector, now) else reflector.watch_failures
    failures = _failures(reflector, before, failed)
    counted = replace(reflector, watch_failures=failures, silences=SILENCES - 1)
    relists = not _passes(failed) or (failed.status != 0 and failures % REFUSALS == 0)
    listed_lately = reflector.listed_at is not None and now - reflector.listed_at < STEADY_SECONDS
    if failed.status == _EXPIRED and not listed_lately:
        return _list(counted)
    return _pause(replace(counted, resumes=not relists), failed, failures, now)


# --- time --------------------------------------------------------------------------------------


def _passes(failed: Failed) -> bool:
    """Whether it is about the server or the rights, and not about what was asked."""
    return failed.status == 0 or failed.status in _DENIED or failed.status >= 429


def _failures(reflector: Reflector[T], before: int, failed: Failed) -> int:
    """How many there are in a row: of a server that was away, those do not count that now is not.

    One that has just started refuses for some seconds what it will grant.
    """
    return 1 if reflector.away and not failed.away else before + 1


def _pause_seconds(failures: int, failed: Failed) -> float:
    doubled: float = FIRST_PAUSE_SECONDS * 2 ** min(failures - 1, 10)
    asked = min(failed.retry_after, LONGEST_RETRY_AFTER_SECONDS)
    longest = LONGEST_AWAY_SECONDS if failed.away else LONGEST_PAUSE_SECONDS
    return max(min(doubled, longest) * failed.jitter, asked)


def _answering(reflector: Reflector[T], jitter: float, now: float) -> Stepped[T]:
    if not reflector.away or reflector.retry_at is None:
        return reflector, ()
    at = min(reflector.retry_at, now + ANSWERING_SECONDS * jitter)
    return replace(reflector, away=False, retry_at=at, list_failures=0, watch_failures=0), ()


def _pause(reflector: Reflector[T], failed: Failed, failures: int, now: float) -> Stepped[T]:
    """Go on after a pause that grows, and say so when it is more than a hiccup."""
    pause = _pause_seconds(failures, failed)
    pausing = replace(
        reflector,
        phase=Phase.PAUSING,
        away=failed.away,
        retry_at=now + pause,
        silent_at=None,
        opened_at=None,
    )
    # A server that has restarted breaks a watch, refuses the next, and is well after a list.
    # It forbids what it has allowed before, as long as it has not read who has which rights.
    starting = failed.status == _FORBIDDEN and bool(reflector.version)
    usual = 3 if failed.status == _EXPIRED or starting else 1
    hiccup = failures <= usual and (starting or failed.status not in _DENIED)
    if hiccup or reflector.trouble == failed.status:
        return pausing, ()
    trouble = Trouble(failed.reason, failed.status, pause)
    return replace(pausing, trouble=failed.status), (trouble,)


def _tick(reflector: Reflector[T], jitter: float, now: float) -> Stepped[T]:
    if reflector.retry_at is not None and now >= reflector.retry_at:
        return _watch(reflector, jitter, now) if reflector.resumes else _more(reflector)
    if reflector.silent_at is None or now < reflector.silent_at:
        return reflector, ()
    silences = reflector.silences + 1
    if silences >= SILENCES:
        return _list(replace(reflector, silences=0))
    return _watch(replace(reflector, silences=silences), jitter, now)
