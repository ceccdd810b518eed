"""The token bucket: how many requests may start, and when."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from proclaim_k8s_source.access.rate import full, pause, take


def taken(bucket, now, times):
    waits = []
    for _ in range(times):
        bucket, wait = take(bucket, now)
        waits.append(wait)
    return bucket, waits


def test_a_burst_starts_at_once_and_then_one_after_the_other():
    _, waits = taken(full(10, 3, now=100), 100, 6)
    assert waits == pytest.approx([0, 0, 0, 0.1, 0.2, 0.3])


def test_a_bucket_fills_up_again_but_not_above_the_burst():
    bucket, _ = taken(full(10, 3, now=0), 0, 3)
    _, waits = taken(bucket, 1000, 4)
    assert waits == pytest.approx([0, 0, 0, 0.1])


def test_after_a_pause_requests_start_at_their_pace_and_not_all_at_once():
    _, waits = taken(pause(full(10, 100, now=0), until=5), 1, 3)
    assert waits == pytest.approx([4.1, 4.2, 4.3])


def test_a_shorter_pause_does_not_end_a_longer_one():
    bucket = pause(pause(full(10, 1, now=0), until=5), until=2)
    assert take(bucket, 0)[1] == pytest.approx(5.1)


@pytest.mark.parametrize(("per_second", "burst"), [(0, 1), (-1, 1), (1, 0)])
def test_a_rate_at_which_nothing_could_start_is_refused(per_second, burst):
    with pytest.raises(ValueError, match="above zero"):
        full(per_second, burst, 0)


@given(
    st.floats(0.5, 200),
    st.integers(1, 50),
    st.lists(st.floats(0, 2), min_size=1, max_size=60),
)
def test_never_more_than_the_burst_and_the_rate_start_within_any_time(per_second, burst, gaps):
    bucket, now, starts = full(per_second, burst, 0), 0.0, []
    for gap in gaps:
        now += gap
        bucket, wait = take(bucket, now)
        starts.append(now + wait)
    assert starts == sorted(starts)
    for first, start in enumerate(starts):
        for last in range(first, len(starts)):
            assert last - first + 1 <= burst + (starts[last] - start) * per_second + 1e-6
