"""The phases of one connection, step by step."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from proclaim_bgp.session import (
    OPEN_HOLD_SECONDS,
    SEND_HOLD_SECONDS,
    Phase,
    Session,
    deadline,
    step,
)
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
from proclaim_bgp.terms import Terms
from proclaim_bgp.wire import (
    Family,
    Fault,
    FourOctetAS,
    GracefulRestart,
    Keepalive,
    Message,
    Multiprotocol,
    Notification,
    Open,
    Restartable,
    RouteRefresh,
    Update,
    opening,
    prefix,
)

TERMS = Terms(asn=64512, peer_asn=64513, hold_seconds=9)
HELLO = opening(64513, 90, 0x0A000002, (Family.IPV4,))
FAULT = Fault(Notification(3, 1), "the lengths inside UPDATE exceed its own")
UPDATE = Update(withdrawn=(prefix("198.51.100.1/32"),))


def play(session: Session, *script: Input, now: float = 0.0) -> tuple[Session, list[Output]]:
    """Feed inputs at one moment, and collect what comes out of the last."""
    outputs: tuple[Output, ...] = ()
    for happened in script:
        session, outputs = step(session, happened, now)
    return session, list(outputs)


def in_phase(phase: Phase, terms: Terms = TERMS, now: float = 0.0) -> Session:
    script: dict[Phase, list[Input]] = {
        Phase.IDLE: [],
        Phase.CONNECT: [Start()],
        Phase.ACTIVE: [Start(), ConnectFailed("refused")],
        Phase.OPEN_SENT: [Start(), Connected(1)],
        Phase.OPEN_CONFIRM: [Start(), Connected(1), Received(HELLO)],
        Phase.ESTABLISHED: [Start(), Connected(1), Received(HELLO), Received(Keepalive())],
    }
    session, _ = play(Session(terms), *script[phase], now=now)
    assert session.phase is phase
    return session


def test_a_session_is_established_by_two_opens_and_a_keepalive() -> None:
    session, outputs = play(Session(TERMS), Start())
    assert (session.phase, outputs) == (Phase.CONNECT, [OpenTransport()])
    session, outputs = play(session, Connected(0x0A000001))
    hello = opening(64512, 9, 0x0A000001, (Family.IPV4,))
    assert (session.phase, outputs) == (Phase.OPEN_SENT, [Send(hello)])
    session, outputs = play(session, Received(HELLO))
    assert (session.phase, outputs) == (Phase.OPEN_CONFIRM, [Send(Keepalive())])
    session, outputs = play(session, Received(Keepalive()))
    assert session.phase is Phase.ESTABLISHED
    assert session.agreed is not None
    assert outputs == [Up(session.agreed)]
    assert (session.agreed.hold_seconds, session.agreed.keepalive_seconds) == (9, 3)
    assert session.agreed.external


def test_keepalives_are_sent_a_third_of_the_hold_time_apart() -> None:
    session = in_phase(Phase.ESTABLISHED, now=100.0)
    assert deadline(session) == 103.0
    session, outputs = play(session, Tick(jitter=0.8), now=103.0)
    assert outputs == [Send(Keepalive())]
    assert deadline(session) == pytest.approx(103.0 + 3 * 0.8)


def test_a_shorter_keepalive_time_is_kept_and_a_longer_one_is_not() -> None:
    for asked, gets in ((1, 1), (60, 3)):
        session = in_phase(Phase.ESTABLISHED, replace(TERMS, keepalive_seconds=asked))
        assert session.agreed is not None
        assert session.agreed.keepalive_seconds == gets


def test_a_silent_peer_is_told_that_its_time_is_over() -> None:
    session = in_phase(Phase.ESTABLISHED)
    session, _ = play(session, Received(Keepalive()), now=5.0)
    session, outputs = play(session, Tick(), now=13.9)
    assert session.phase is Phase.ESTABLISHED
    session, outputs = play(session, Tick(), now=14.0)
    assert outputs[:2] == [Send(Notification(4)), CloseTransport()]
    assert isinstance(outputs[2], Down)
    assert session.phase is Phase.IDLE


def test_without_a_hold_time_there_are_no_timers() -> None:
    session = in_phase(Phase.ESTABLISHED, replace(TERMS, hold_seconds=0))
    assert deadline(session) is None


def test_without_a_hold_time_the_first_keepalive_is_still_waited_for_with_patience() -> None:
    session = in_phase(Phase.OPEN_CONFIRM, replace(TERMS, hold_seconds=0))
    assert deadline(session) == OPEN_HOLD_SECONDS


def test_a_peer_that_never_opens_is_given_up() -> None:
    _, outputs = play(in_phase(Phase.OPEN_SENT), Tick(), now=OPEN_HOLD_SECONDS)
    assert Send(Notification(4)) in outputs


def test_a_peer_that_reads_nothing_is_given_up_without_another_word() -> None:
    session, _ = play(in_phase(Phase.ESTABLISHED, replace(TERMS, hold_seconds=0)), Writing())
    assert deadline(session) == SEND_HOLD_SECONDS
    session, _ = play(session, Writing(), now=100.0)
    assert deadline(session) == SEND_HOLD_SECONDS
    assert deadline(play(session, Written())[0]) is None
    session, outputs = play(session, Tick(), now=SEND_HOLD_SECONDS)
    assert outputs[0] == CloseTransport()
    assert isinstance(outputs[1], Down)


@pytest.mark.parametrize("phase", [Phase.OPEN_SENT, Phase.OPEN_CONFIRM, Phase.ESTABLISHED])
def test_what_cannot_be_read_ends_the_session_with_its_notification(phase: Phase) -> None:
    session, outputs = play(in_phase(phase), Received(FAULT))
    assert outputs[:2] == [Send(FAULT.notification), CloseTransport()]
    assert session.phase is Phase.IDLE
    assert session.retry_at is not None


UNEXPECTED: list[tuple[Phase, Message, bytes]] = [
    (Phase.OPEN_SENT, Keepalive(), b"\x01\x04"),
    (Phase.OPEN_SENT, UPDATE, b"\x01\x02"),
    (Phase.OPEN_SENT, RouteRefresh(Family.IPV4), b"\x01\x05"),
    (Phase.OPEN_CONFIRM, UPDATE, b"\x02\x02"),
    (Phase.OPEN_CONFIRM, HELLO, b"\x02\x01"),
    (Phase.ESTABLISHED, HELLO, b"\x03\x01"),  # GoBGP-3.10-live-3
]


@pytest.mark.parametrize(("phase", "message", "expected"), UNEXPECTED)
def test_a_message_out_of_turn_is_an_error_of_the_state_machine(
    phase: Phase, message: Message, expected: bytes
) -> None:
    _, outputs = play(in_phase(phase), Received(message))
    assert outputs[0] == Send(Notification(5, expected[0], expected[1:]))


OPENS: list[tuple[str, Open, tuple[int, int]]] = [
    ("another AS", opening(64999, 90, 2, (Family.IPV4,)), (2, 2)),
    ("AS 0", Open(0, 90, 2), (2, 2)),
    ("identifier 0", opening(64513, 90, 0, (Family.IPV4,)), (2, 3)),
    ("hold time 1", opening(64513, 1, 2, (Family.IPV4,)), (2, 6)),
    ("hold time 2", opening(64513, 2, 2, (Family.IPV4,)), (2, 6)),
    ("IPv6 only", opening(64513, 90, 2, (Family.IPV6,)), (2, 7)),
]


@pytest.mark.parametrize(("name", "hello", "code"), OPENS, ids=[row[0] for row in OPENS])
def test_an_open_that_is_unacceptable_is_answered_with_the_reason(
    name: str, hello: Open, code: tuple[int, int]
) -> None:
    _, outputs = play(in_phase(Phase.OPEN_SENT), Received(hello))
    sent = outputs[0]
    assert isinstance(sent, Send), name
    assert isinstance(sent.message, Notification)
    assert (sent.message.code, sent.message.subcode) == code


def test_an_internal_peer_may_not_have_our_identifier_and_an_external_one_may() -> None:
    internal = in_phase(Phase.OPEN_SENT, replace(TERMS, peer_asn=64512))
    _, outputs = play(internal, Received(opening(64512, 90, 1, (Family.IPV4,))))
    assert outputs[0] == Send(Notification(2, 3))
    session, _ = play(in_phase(Phase.OPEN_SENT), Received(opening(64513, 90, 1, (Family.IPV4,))))
    assert session.phase is Phase.OPEN_CONFIRM


@pytest.mark.parametrize(
    ("kind", "asn", "accepted"),
    [
        ("internal", 64512, True),
        ("internal", 64513, False),
        ("external", 64512, False),
        ("external", 64513, True),
        ("any", 64999, True),
    ],
)
def test_a_dynamic_as_is_judged_by_its_kind(kind: Any, asn: int, accepted: bool) -> None:
    terms = replace(TERMS, peer_asn=0, peer_kind=kind)
    hello = opening(asn, 90, 2, (Family.IPV4,))
    session, _ = play(in_phase(Phase.OPEN_SENT, terms), Received(hello))
    assert (session.phase is Phase.OPEN_CONFIRM) is accepted


def test_only_families_that_both_speak_are_agreed_on() -> None:
    terms = replace(TERMS, families=tuple(Family))
    for theirs in ((Family.IPV4,), tuple(Family)):
        hello = opening(64513, 90, 2, theirs)
        session, _ = play(in_phase(Phase.OPEN_SENT, terms), Received(hello))
        assert session.agreed is not None
        assert session.agreed.families == set(theirs)


def test_a_peer_that_knows_no_capabilities_speaks_ipv4_and_two_octets() -> None:
    session, _ = play(in_phase(Phase.OPEN_SENT), Received(Open(64513, 90, 2)))
    assert session.agreed is not None
    assert session.agreed.families == {Family.IPV4}
    assert not session.agreed.four_octet


def test_a_wide_peer_is_known_by_its_capability() -> None:
    terms = replace(TERMS, peer_asn=4200000001)
    hello = Open(23456, 90, 2, (Multiprotocol(Family.IPV4), FourOctetAS(4200000001)))
    session, _ = play(in_phase(Phase.OPEN_SENT, terms), Received(hello))
    assert session.phase is Phase.OPEN_CONFIRM


def test_updates_and_refreshes_are_passed_on_only_when_established() -> None:
    session = in_phase(Phase.ESTABLISHED)
    assert play(session, Received(UPDATE))[1] == [Routes(UPDATE)]
    assert play(session, Received(RouteRefresh(Family.IPV4)))[1] == [Refresh(Family.IPV4)]
    for other in (RouteRefresh(Family.IPV6), RouteRefresh(None), RouteRefresh(Family.IPV4, 1)):
        assert play(session, Received(other))[1] == []


def test_a_peer_that_always_refuses_is_asked_less_and_less() -> None:
    session, now, connects = Session(TERMS), 0.0, []
    session, _ = step(session, Start(), now)
    while now < 300.0:
        connects.append(now)
        session, _ = step(session, Connected(1), now)
        session, _ = step(session, Received(Notification(2, 2), jitter=0.75), now)
        at = deadline(session)
        assert at is not None
        now = at
        session, outputs = step(session, Tick(), now)
        assert outputs == (OpenTransport(),)
    pauses = [after - before for before, after in pairwise(connects)]
    assert sum(at < 60.0 for at in connects) <= 10
    assert pauses == sorted(pauses)
    assert max(pauses) <= 30.0


def test_a_session_that_was_steady_is_tried_again_soon() -> None:
    session = in_phase(Phase.ESTABLISHED)
    session, _ = play(replace(session, failures=9), Closed("reset"), now=1000.0)
    assert session.retry_at == 1001.0


def test_attempts_to_connect_come_at_most_five_seconds_apart_unless_told_otherwise() -> None:
    for configured, pauses in ((None, [1, 2, 4, 5, 5]), (2.0, [1, 2, 2, 2, 2])):
        session = Session(replace(TERMS, connect_seconds=configured))
        session, _ = step(session, Start(), 0.0)
        found = []
        for _ in range(5):
            session, _ = step(session, ConnectFailed("refused"), 0.0)
            assert session.retry_at is not None
            found.append(session.retry_at)
            session, _ = step(session, Tick(), session.retry_at)
        assert found == pauses


def test_an_attempt_that_nobody_answers_is_given_up_and_made_again() -> None:
    session, outputs = play(in_phase(Phase.CONNECT), Tick(), now=10.0)
    assert outputs == [CloseTransport(), Failed("connecting timed out")]
    assert session.phase is Phase.ACTIVE
    session, outputs = play(session, Tick(), now=11.0)
    assert outputs == [OpenTransport()]


@pytest.mark.parametrize("phase", [Phase.OPEN_SENT, Phase.OPEN_CONFIRM, Phase.ESTABLISHED])
def test_a_stop_says_cease_and_stays(phase: Phase) -> None:
    session, outputs = play(in_phase(phase), Stop(3, "gone"))
    assert outputs[:2] == [Send(Notification(6, 3)), CloseTransport()]
    assert (session.phase, deadline(session)) == (Phase.IDLE, None)


@pytest.mark.parametrize("phase", [Phase.IDLE, Phase.CONNECT, Phase.ACTIVE])
def test_a_stop_before_the_peer_listens_says_nothing(phase: Phase) -> None:
    session, outputs = play(in_phase(phase), Stop())
    assert not any(isinstance(output, Send) for output in outputs)
    assert (session.phase, deadline(session)) == (Phase.IDLE, None)


def test_the_reason_names_the_notification_and_the_text_with_it() -> None:
    text = "maintenance\n"
    notification = Notification(6, 2, bytes((len(text),)) + text.encode())
    _, outputs = play(in_phase(Phase.ESTABLISHED), Received(notification))
    assert outputs[-1] == Down("received 6/2 Cease, Administrative Shutdown: maintenance?")


# --- graceful restart -----------------------------------------------------------------------------

WAITED_FOR = replace(TERMS, restart_seconds=120)
HELPER = opening(64513, 90, 2, (Family.IPV4,), GracefulRestart(9))


def graceful(phase: Phase, hello: Open = HELPER) -> Session:
    script = [Start(), Connected(1), Received(hello), Received(Keepalive())]
    within = [Phase.CONNECT, Phase.OPEN_SENT, Phase.OPEN_CONFIRM, Phase.ESTABLISHED].index(phase)
    return play(Session(WAITED_FOR), *script[: within + 1])[0]


@pytest.mark.parametrize("restarted", [False, True])
def test_an_open_asks_to_wait_for_every_family_only_where_the_terms_do(restarted: bool) -> None:
    terms = replace(WAITED_FOR, families=tuple(Family))
    _, outputs = play(Session(terms), Start(), Connected(1, restarted))
    kept = tuple(Restartable(family, True) for family in Family)
    assert outputs == [
        Send(opening(64512, 9, 1, tuple(Family), GracefulRestart(120, kept, restarted)))
    ]
    _, outputs = play(Session(TERMS), Start(), Connected(1, restarted))
    assert outputs == [Send(opening(64512, 9, 1, (Family.IPV4,)))]


def test_waiting_is_agreed_on_when_both_know_of_it_whatever_the_peer_preserves_itself() -> None:
    preserving = GracefulRestart(9, (Restartable(Family.IPV4, True),), restarted=True)
    for terms, more, expected in (
        (WAITED_FOR, (GracefulRestart(9),), True),
        (WAITED_FOR, (preserving,), True),
        (WAITED_FOR, (), False),
        (TERMS, (preserving,), False),
    ):
        hello = opening(64513, 90, 2, (Family.IPV4,), *more)
        session, _ = play(in_phase(Phase.OPEN_SENT, terms), Received(hello))
        assert session.agreed is not None
        assert session.agreed.graceful is expected


@pytest.mark.parametrize("phase", [Phase.OPEN_SENT, Phase.OPEN_CONFIRM, Phase.ESTABLISHED])
def test_who_returns_leaves_a_peer_that_waits_without_a_word(phase: Phase) -> None:
    session, outputs = play(graceful(phase), Stop(2, "restarts", returning=True))
    assert outputs[0] == CloseTransport()
    assert len(outputs) == 2
    assert (session.phase, deadline(session)) == (Phase.IDLE, None)
    _, outputs = play(graceful(phase), Stop(3, "taken out"))
    assert outputs[0] == Send(Notification(6, 3))


@pytest.mark.parametrize("phase", [Phase.OPEN_CONFIRM, Phase.ESTABLISHED])
def test_who_returns_says_cease_to_a_peer_that_does_not_wait(phase: Phase) -> None:
    for session in (graceful(phase, HELLO), in_phase(phase)):
        _, outputs = play(session, Stop(2, "restarts", returning=True))
        assert outputs[0] == Send(Notification(6, 2))


def test_a_peer_that_connects_anew_ends_a_session_that_would_outlive_it() -> None:
    session, outputs = play(graceful(Phase.ESTABLISHED), Approached())
    assert outputs == [CloseTransport(), Down("the peer has connected anew")]
    assert session.retry_at is not None
    for other in (
        in_phase(Phase.ESTABLISHED),
        graceful(Phase.ESTABLISHED, HELLO),
        graceful(Phase.OPEN_CONFIRM),
        graceful(Phase.CONNECT),
    ):
        assert play(other, Approached()) == (other, [])


def test_a_passive_session_ends_with_its_connection() -> None:
    passive = replace(TERMS, passive=True)
    assert play(Session(passive), Start())[1] == []
    session, _ = play(Session(passive), Connected(1))
    assert session.phase is Phase.OPEN_SENT
    session, _ = play(session, Closed("reset"))
    assert (session.phase, deadline(session)) == (Phase.IDLE, None)


# --- laws -----------------------------------------------------------------------------------------

MESSAGES: list[Message | Fault] = [
    HELLO,
    HELPER,
    opening(64999, 90, 3, (Family.IPV4,)),
    Open(64513, 0, 9),
    Keepalive(),
    UPDATE,
    RouteRefresh(Family.IPV4),
    RouteRefresh(None, 2),
    Notification(6, 2, b"\xff\xfe"),
    Notification(200, 200),
    FAULT,
]
jitters = st.floats(0.75, 1.0)
inputs: st.SearchStrategy[Input] = st.one_of(
    st.builds(Start, after=st.sampled_from((0.0, 3.0)), jitter=jitters),
    st.builds(Stop, subcode=st.integers(1, 9), returning=st.booleans(), jitter=jitters),
    st.builds(Connected, st.integers(1, 9), st.booleans(), jitter=jitters),
    st.builds(Approached, jitter=jitters),
    st.builds(ConnectFailed, reason=st.just("refused"), jitter=jitters),
    st.builds(Closed, reason=st.just("reset"), jitter=jitters),
    st.builds(Received, message=st.sampled_from(MESSAGES), jitter=jitters),
    st.builds(Tick, jitter=jitters),
    st.just(Writing()),
    st.just(Written()),
)
scripts = st.lists(st.tuples(inputs, st.sampled_from((0.0, 0.5, 3.0, 30.0))), max_size=40)


@given(
    script=scripts,
    passive=st.booleans(),
    hold=st.sampled_from((0, 3, 90)),
    restart=st.sampled_from((None, 120)),
)
def test_any_script_returns_and_up_and_down_alternate(
    script: list[tuple[Input, float]], passive: bool, hold: int, restart: int | None
) -> None:
    terms = replace(TERMS, passive=passive, hold_seconds=hold, restart_seconds=restart)
    session, now, up = Session(terms), 0.0, False
    for happened, later in script:
        now += later
        session, outputs = step(session, happened, now)
        for output in outputs:
            if isinstance(output, Up):
                assert not up
                up = True
            if isinstance(output, Down):
                assert up
                up = False
        assert up is (session.phase is Phase.ESTABLISHED)
        lives = session.phase is not Phase.IDLE
        timeless = session.phase is Phase.ESTABLISHED and session.agreed.hold_seconds == 0  # type: ignore[union-attr]  # it is up
        assert not lives or timeless or deadline(session) is not None


@given(script=scripts)
def test_after_its_deadline_a_ticked_session_has_a_later_one(
    script: list[tuple[Input, float]],
) -> None:
    session, now = Session(TERMS), 0.0
    for happened, later in script:
        now += later
        session, _ = step(session, happened, now)
    for _ in range(4):  # at most four timers are due at once
        session, _ = step(session, Tick(), now)
    at = deadline(session)
    assert at is None or at > now
