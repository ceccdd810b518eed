from hypothesis import given
from hypothesis import strategies as st
from proclaim_l2_arp import burst

WEB = (2, b"\xc0\0\2\1")
MAIL = (2, b"\xc0\0\2\2")


def played(schedule, until):
    """Follow the deadlines from one to the next; what was due when."""
    said = []
    while (now := burst.deadline(schedule)) is not None and now <= until:
        schedule, targets = burst.due(schedule, now)
        said += [(round(now, 6), target) for target in targets]
    return said, schedule


def test_a_takeover_is_told_five_times_within_five_seconds():
    said, left = played(burst.start(burst.Schedule(), [WEB], 100.0), 200.0)
    assert [when for when, _ in said] == [100.0, 101.1, 102.2, 103.3, 104.4]
    assert burst.deadline(left) is None


def test_nothing_is_due_when_nothing_was_started():
    assert burst.deadline(burst.Schedule()) is None
    assert burst.due(burst.Schedule(), 5.0) == (burst.Schedule(), ())


def test_a_second_address_has_a_schedule_of_its_own():
    schedule = burst.start(burst.Schedule(), [WEB], 0.0)
    _, schedule = played(schedule, 0.5)
    said, _ = played(burst.start(schedule, [MAIL], 0.5), 10.0)
    assert [when for when, target in said if target == MAIL] == [0.5, 1.6, 2.7, 3.8, 4.9]
    assert [when for when, target in said if target == WEB] == [1.1, 2.2, 3.3, 4.4]


def test_starting_again_tells_at_once_and_five_times():
    schedule = burst.start(burst.Schedule(), [WEB], 0.0)
    _, schedule = played(schedule, 3.0)
    said, _ = played(burst.start(schedule, [WEB], 3.0), 20.0)
    assert [when for when, _ in said] == [3.0, 4.1, 5.2, 6.3, 7.4]


def test_a_late_caller_does_not_make_up_for_what_was_missed():
    schedule = burst.start(burst.Schedule(), [WEB], 0.0)
    schedule, targets = burst.due(schedule, 3.0)
    assert targets == (WEB,)
    assert burst.deadline(schedule) == 4.1


def test_nothing_is_told_after_the_end():
    schedule = burst.start(burst.Schedule(), [WEB], 0.0)
    assert burst.due(schedule, 6.0) == (burst.Schedule(), ())


def test_no_more_than_the_limit_is_due_at_once_and_the_rest_follows_at_once():
    targets = [(1, bytes([0, 0, 0, n])) for n in range(10)]
    schedule = burst.start(burst.Schedule(), targets, 0.0)
    schedule, first = burst.due(schedule, 0.0, limit=6)
    assert burst.deadline(schedule) == 0.0
    schedule, second = burst.due(schedule, 0.0, limit=6)
    assert sorted(first + second) == targets
    assert burst.deadline(schedule) == 1.1


@given(st.lists(st.floats(0, 10), max_size=30), st.integers(1, 3))
def test_however_late_the_calls_a_target_is_told_at_most_five_times_and_never_late(gaps, limit):
    schedule = burst.start(burst.Schedule(), [WEB, MAIL], 0.0)
    now, told = 0.0, []
    for gap in gaps:
        now += gap
        schedule, targets = burst.due(schedule, now, limit)
        told += [(now, target) for target in targets]
    for target in (WEB, MAIL):
        times = [when for when, which in told if which == target]
        assert len(times) <= 5
        assert all(when <= burst.LASTING for when in times)
