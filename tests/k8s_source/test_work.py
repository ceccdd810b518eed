"""The queue of what is to be written, and the contest over a status."""

from __future__ import annotations

from hypothesis import given as for_all
from hypothesis import strategies as st
from proclaim_k8s_source.reporter.contest import (
    FIRST_TRUCE_SECONDS,
    LONGEST_TRUCE_SECONDS,
    MEMORY_SECONDS,
    Contest,
    Contests,
    Version,
    may_write,
    resumed,
    rewritten,
)
from proclaim_k8s_source.reporter.work import LONGEST_PAUSE_SECONDS, Work


def drained(work: Work[str], now: float = 0.0) -> list[str]:
    found = []
    while (key := work.take(now)) is not None:
        found.append(key)
        work.done(key)
    return found


def test_what_changes_many_times_is_worked_on_once():
    work: Work[str] = Work()
    work.add(["a", "b", "a", "a"])
    assert drained(work) == ["a", "b"]
    assert work.take(0) is None


def test_what_changes_while_it_is_worked_on_is_worked_on_once_more():
    work: Work[str] = Work()
    work.add("a")
    assert work.take(0) == "a"
    work.add("aa")
    assert work.take(0) is None, "never by two at once"
    work.done("a")
    assert drained(work) == ["a"]


def test_what_failed_pauses_longer_each_time_and_no_longer_than_a_minute():
    work: Work[str] = Work()
    work.add("a")
    now, pauses = 0.0, []
    for _ in range(12):
        assert work.take(now) == "a"
        pauses.append(work.failed("a", now, 1.0))
        assert work.take(now) is None
        assert work.deadline() == now + pauses[-1]
        now += pauses[-1]
    assert pauses == sorted(pauses)
    assert pauses[0] == 0.25
    assert pauses[-1] == LONGEST_PAUSE_SECONDS


def test_what_is_urgent_comes_first_and_each_in_the_order_in_which_it_came():
    work: Work[str] = Work()
    work.add("abcd")
    work.add("dc", urgent=True)
    work.add("da")
    assert drained(work) == ["d", "c", "a", "b"]


def test_what_changes_while_it_is_worked_on_comes_before_what_is_only_looked_at():
    work: Work[str] = Work()
    work.add("abc")
    assert work.take(0) == "a"
    work.add("a")
    work.done("a")
    assert drained(work) == ["a", "b", "c"]


def test_a_change_ends_a_pause():
    work: Work[str] = Work()
    work.add("a")
    work.take(0)
    work.failed("a", 0, 1.0, at_least=30)
    work.add("a")
    assert drained(work) == ["a"]
    assert work.deadline() is None


def test_what_is_postponed_comes_at_its_time_and_an_earlier_time_wins():
    work: Work[str] = Work()
    work.postpone("a", 9)
    work.postpone("a", 5)
    work.postpone("a", 7)
    assert work.deadline() == 5
    assert drained(work, 4) == []
    assert drained(work, 5) == ["a"]
    assert drained(work, 100) == []


@for_all(st.lists(st.tuples(st.sampled_from("autdfp"), st.sampled_from("xyz")), max_size=60))
def test_no_key_is_lost_and_none_is_worked_on_twice_at_once(steps):
    work: Work[str] = Work()
    pending: set[str] = set()
    busy: list[str] = []
    now = 0.0
    for what, key in steps:
        now += 1
        if what in "au":
            work.add([key], urgent=what == "u")
            pending.add(key)
        elif what == "t" and (taken := work.take(now)) is not None:
            assert taken not in busy
            busy.append(taken)
            pending.discard(taken)
        elif what == "d" and busy:
            work.done(busy.pop())
        elif what == "f" and busy:
            failed = busy.pop()
            work.failed(failed, now, 1.0)
            pending.add(failed)
        elif what == "p":
            work.postpone(key, now + 3)
            pending.add(key)
    while busy:
        work.done(busy.pop())
    assert set(drained(work, now + 10_000)) >= pending


def test_a_single_rewrite_is_put_right():
    contest = rewritten(Contest(), 10)
    assert may_write(contest, 10)


def test_who_insists_is_let_be_for_a_while():
    contest = Contest()
    for now in (10, 11, 12):
        assert may_write(contest, now)
        contest = rewritten(contest, now)
    assert contest.until == 12 + FIRST_TRUCE_SECONDS
    assert not may_write(contest, 12)
    assert may_write(contest, 12 + FIRST_TRUCE_SECONDS)


def test_who_insists_after_the_truce_is_let_be_for_longer():
    contest = Contest()
    for now in (10, 11, 12):
        contest = rewritten(contest, now)
    lasted = []
    now = 12.0
    for _ in range(7):
        now = contest.until
        contest = rewritten(resumed(contest), now + 1)
        now += 1
        lasted.append(contest.until - now)
    assert lasted[0] == 2 * FIRST_TRUCE_SECONDS
    assert lasted[-1] == LONGEST_TRUCE_SECONDS


def test_what_was_written_to_an_object_that_was_made_anew_is_no_rewrite():
    contests: Contests[str] = Contests()
    for life in range(2, 20, 2):
        contests.wrote("pool", Version(str(life), "full", life=str(life)))
        assert not contests.look(
            "pool", Version(str(life + 1), None, life=str(life + 2)), "full", 1
        )
    assert not contests.left


def test_an_object_that_was_made_anew_is_ours_again():
    contests: Contests[str] = Contests()
    contests.wrote("pool", Version("1", "full", "a"))
    stopped = [
        contests.look("pool", Version(str(at), "theirs", "a"), "full", 1) for at in range(2, 5)
    ]
    assert stopped == [False, False, True]
    assert contests.until("pool", 1)
    contests.look("pool", Version("5", None, "b"), "full", 1)
    assert contests.until("pool", 1) is None


def test_rewrites_long_ago_count_no_more():
    contest = rewritten(rewritten(Contest(), 0), 1)
    contest = rewritten(contest, 2 + MEMORY_SECONDS)
    assert contest.rewrites == 1
