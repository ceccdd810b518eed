"""One BGP connection, without I/O (RFC 4271 section 8).

Every change of phase happens in `step`, and nowhere else.  This module knows
messages but not bytes, time only as the `now` it is handed, and one connection
at a time: who wins a collision is `collision`, what to advertise is `outbox`.
A session that is not stopped always has a deadline, unless the peers agreed on
a hold time of zero; and `Up` and `Down` alternate.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TypeAlias

from proclaim_bgp.signals import (
    Approached,
    Closed,
    CloseTransport,
    Connected,
    ConnectFailed,
    Down,
    Failed,
    Input,
    OpenTransport,
    Output,
    Received,
    Refresh,
    Routes,
    Send,
    Start,
    Stop,
    Tick,
    Up,
    Writing,
    Written,
)
from proclaim_bgp.terms import Agreed, Terms, agree, hello
from proclaim_bgp.wire import (
    Code,
    Context,
    Fault,
    Keepalive,
    Message,
    Notification,
    Open,
    RouteRefresh,
    Update,
)

OPEN_HOLD_SECONDS = 60.0
"""How long to wait for the peer's OPEN (RFC 4271 section 8.2.2 suggests four minutes)."""
ATTEMPT_SECONDS = 10.0
"""How long a TCP connection may take."""
RETRY_SECONDS = 5.0
"""The longest pause between attempts to connect, unless the terms say otherwise."""
IDLE_HOLD_SECONDS = 30.0
"""The longest pause after sessions that failed (RFC 4271 section 8.1.1, DampPeerOscillations)."""
STEADY_SECONDS = 30.0
"""A session that was Established this long had not failed."""
SEND_HOLD_SECONDS = 480.0
"""RFC 9687 section 4.3: this, or twice the hold time when that is longer."""


UNANSWERED = "connecting timed out"
"""Why an attempt failed that nobody answered."""


class Phase(StrEnum):
    """RFC 4271 section 8.2.2."""

    IDLE = "Idle"
    CONNECT = "Connect"
    ACTIVE = "Active"
    OPEN_SENT = "OpenSent"
    OPEN_CONFIRM = "OpenConfirm"
    ESTABLISHED = "Established"


_TALKING = (Phase.OPEN_SENT, Phase.OPEN_CONFIRM, Phase.ESTABLISHED)


@dataclass(frozen=True, slots=True)
class Session:
    """One connection; times are absolute seconds of a monotonic clock."""

    terms: Terms
    phase: Phase = Phase.IDLE
    router_id: int = 0
    agreed: Agreed | None = None
    attempts: int = 0
    """Attempts to connect that failed in a row."""
    failures: int = 0
    """Connections that ended too early in a row."""
    established_at: float = 0.0
    retry_at: float | None = None
    hold_at: float | None = None
    keepalive_at: float | None = None
    send_hold_at: float | None = None


Stepped: TypeAlias = tuple[Session, tuple[Output, ...]]


def deadline(session: Session) -> float | None:
    """When the session must be ticked at the latest; None when it waits for events only."""
    times = (session.retry_at, session.hold_at, session.keepalive_at, session.send_hold_at)
    return min((at for at in times if at is not None), default=None)


def context(session: Session) -> Context:
    """How the peer's UPDATEs are to be read."""
    if session.agreed is None:
        return Context()
    agreed = session.agreed
    return Context(agreed.four_octet, agreed.external, agreed.families)


def step(session: Session, happened: Input, now: float) -> Stepped:
    """What a session becomes, and what is to be done about it, in order."""
    match happened:
        case Start(after=after):
            return _start(session, now + after * happened.jitter, now)
        case Stop():
            return _stop(session, happened)
        case Connected(router_id=router_id, restarted=restarted):
            return _connected(session, router_id, restarted, now)
        case Approached():
            return _approached(session, happened.jitter, now)
        case ConnectFailed(reason=reason):
            return _connect_failed(session, reason, happened.jitter, now)
        case Closed(reason=reason):
            return _end(session, reason, happened.jitter, now)
        case Received(message=message):
            return _received(session, message, happened.jitter, now)
        case Writing() | Written():
            return _writing(session, isinstance(happened, Writing), now)
        case Tick():
            return _tick(session, happened.jitter, now)
        case _:
            raise AssertionError(f"not an input: {happened!r}")


# --- connecting --------------------------------------------------------------------------------


def _start(session: Session, start_at: float, now: float) -> Stepped:
    if session.phase is not Phase.IDLE or session.terms.passive:
        return session, ()
    if start_at > now:
        return replace(session, retry_at=start_at), ()
    return _connect(session, now)


def _connect(session: Session, now: float) -> Stepped:
    patience = min(session.terms.connect_seconds or ATTEMPT_SECONDS, ATTEMPT_SECONDS)
    connecting = replace(session, phase=Phase.CONNECT, retry_at=now + patience)
    return connecting, (OpenTransport(),)


def _connected(session: Session, router_id: int, restarted: bool, now: float) -> Stepped:
    incoming = session.terms.passive and session.phase is Phase.IDLE
    if session.phase is not Phase.CONNECT and not incoming:
        return session, ()
    opened = replace(
        session,
        phase=Phase.OPEN_SENT,
        router_id=router_id,
        attempts=0,
        retry_at=None,
        hold_at=now + OPEN_HOLD_SECONDS,
    )
    return opened, (Send(hello(session.terms, router_id, restarted)),)


def _connect_failed(session: Session, reason: str, jitter: float, now: float) -> Stepped:
    if session.phase is not Phase.CONNECT:
        return session, ()
    longest = session.terms.connect_seconds or RETRY_SECONDS
    pause = min(2.0 ** min(session.attempts, 16), longest) * jitter
    waiting = replace(
        session, phase=Phase.ACTIVE, attempts=session.attempts + 1, retry_at=now + pause
    )
    return waiting, (Failed(reason),)


def _tick(session: Session, jitter: float, now: float) -> Stepped:
    if _due(session.retry_at, now):
        if session.phase is Phase.CONNECT:
            waiting, outputs = _connect_failed(session, UNANSWERED, jitter, now)
            return waiting, (CloseTransport(), *outputs)
        return _connect(session, now)
    if _due(session.send_hold_at, now):  # RFC 9687: nothing more can be sent, not even that
        notification = Notification(Code.SEND_HOLD_TIMER)
        return _end(session, f"sent {notification}", jitter, now)
    if _due(session.hold_at, now):
        return _fail(session, Notification(Code.HOLD_TIMER), "nothing was heard", jitter, now)
    if _due(session.keepalive_at, now):
        assert session.agreed is not None  # only then is there such a time
        again = now + session.agreed.keepalive_seconds * jitter
        return replace(session, keepalive_at=again), (Send(Keepalive()),)
    return session, ()


def _due(at: float | None, now: float) -> bool:
    return at is not None and at <= now


def _writing(session: Session, busy: bool, now: float) -> Stepped:
    if not busy:
        return replace(session, send_hold_at=None), ()
    if session.phase is not Phase.ESTABLISHED or session.send_hold_at is not None:
        return session, ()
    assert session.agreed is not None
    patience = max(SEND_HOLD_SECONDS, 2.0 * session.agreed.hold_seconds)
    return replace(session, send_hold_at=now + patience), ()


# --- ending --------------------------------------------------------------------------------------


def _ended(session: Session, reason: str) -> tuple[Output, ...]:
    if session.phase is Phase.ESTABLISHED:
        return (CloseTransport(), Down(reason))
    return (CloseTransport(), Failed(reason))


def _silent(session: Session) -> Session:
    return Session(session.terms, attempts=session.attempts, failures=session.failures)


def _stop(session: Session, stop: Stop) -> Stepped:
    if session.phase is Phase.IDLE:
        return _silent(session), ()
    outputs = _ended(session, stop.reason)
    if session.phase in _TALKING and not (stop.returning and _may_be_waited_for(session)):
        outputs = (Send(Notification(Code.CEASE, stop.subcode)), *outputs)
    return Session(session.terms), outputs


def _may_be_waited_for(session: Session) -> bool:
    """Whether the peer keeps what it was told, in this session or in one before."""
    if session.agreed is None:
        return session.terms.restart_seconds is not None
    return session.agreed.graceful


def _approached(session: Session, jitter: float, now: float) -> Stepped:
    """RFC 4724 section 4.2: who connects anew has lost this connection, and wants no farewell."""
    if session.phase is not Phase.ESTABLISHED or not _may_be_waited_for(session):
        return session, ()
    return _end(session, "the peer has connected anew", jitter, now)


def _end(session: Session, reason: str, jitter: float, now: float) -> Stepped:
    """The connection is over; unless the peer made it, another one follows after a pause."""
    if session.phase not in _TALKING:
        return session, ()
    steady = session.phase is Phase.ESTABLISHED and now - session.established_at >= STEADY_SECONDS
    failures = 0 if steady else session.failures
    idle = replace(_silent(session), failures=failures + 1)
    if not session.terms.passive:
        pause = min(2.0 ** min(failures, 16), IDLE_HOLD_SECONDS)
        idle = replace(idle, retry_at=now + pause * jitter)
    return idle, _ended(session, reason)


def _fail(
    session: Session, notification: Notification, why: str, jitter: float, now: float
) -> Stepped:
    """End because of something that is wrong here or there, and say so to the peer."""
    ended, outputs = _end(session, f"sent {notification}: {why}", jitter, now)
    return ended, (Send(notification), *outputs)


# --- talking -------------------------------------------------------------------------------------


def _received(session: Session, message: Message | Fault, jitter: float, now: float) -> Stepped:
    if session.phase not in _TALKING:
        return session, ()  # it was on its way when the session ended
    if isinstance(message, Fault):
        return _fail(session, message.notification, message.reason, jitter, now)
    if isinstance(message, Notification):
        return _end(session, f"received {message}{_shutdown_text(message)}", jitter, now)
    match session.phase, message:
        case Phase.OPEN_SENT, Open():
            return _opened(session, message, jitter, now)
        case Phase.OPEN_CONFIRM, Keepalive():
            return _established(session, now)
        case Phase.ESTABLISHED, Keepalive():
            return _heard(session, now), ()
        case Phase.ESTABLISHED, Update():
            return _heard(session, now), (Routes(message),)
        case Phase.ESTABLISHED, RouteRefresh(family, subtype):
            asked = family if session.agreed and family in session.agreed.families else None
            wanted = asked is not None and subtype == 0
            return _heard(session, now), (Refresh(asked),) if asked and wanted else ()
        case _:
            return _unexpected(session, message, jitter, now)


def _unexpected(session: Session, message: Message, jitter: float, now: float) -> Stepped:
    """RFC 6608."""
    subcode = {Phase.OPEN_SENT: 1, Phase.OPEN_CONFIRM: 2, Phase.ESTABLISHED: 3}[session.phase]
    kind = {Open: 1, Update: 2, Keepalive: 4, RouteRefresh: 5}[type(message)]
    notification = Notification(Code.FSM, subcode, bytes((kind,)))
    name = type(message).__name__
    return _fail(session, notification, f"{name} in {session.phase}", jitter, now)


def _shutdown_text(notification: Notification) -> str:
    """The message that may accompany a shutdown (RFC 9003); nothing that is not text."""
    data = notification.data
    if notification.code != Code.CEASE or notification.subcode not in (2, 4) or not data:
        return ""
    text = data[1 : 1 + data[0]].decode("utf-8", "replace")
    return ": " + "".join(each if each.isprintable() else "?" for each in text) if text else ""


def _opened(session: Session, message: Open, jitter: float, now: float) -> Stepped:
    agreed = agree(session.terms, session.router_id, message)
    if isinstance(agreed, Fault):
        return _fail(session, agreed.notification, agreed.reason, jitter, now)
    confirming = replace(
        session,
        phase=Phase.OPEN_CONFIRM,
        agreed=agreed,
        # Without a hold time there is no keepalive to wait for, except this first one.
        hold_at=now + (agreed.hold_seconds or OPEN_HOLD_SECONDS),
        keepalive_at=now + agreed.keepalive_seconds * jitter if agreed.hold_seconds else None,
    )
    return confirming, (Send(Keepalive()),)


def _established(session: Session, now: float) -> Stepped:
    assert session.agreed is not None
    up = replace(session, phase=Phase.ESTABLISHED, established_at=now)
    return _heard(up, now), (Up(session.agreed),)


def _heard(session: Session, now: float) -> Session:
    assert session.agreed is not None
    hold = session.agreed.hold_seconds
    return replace(session, hold_at=now + hold if hold else None)
