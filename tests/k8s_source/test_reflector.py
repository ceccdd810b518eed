"""The reflector, input by input: what it asks for, what it delivers, how long it waits."""

from __future__ import annotations

import pytest
from proclaim_k8s_source.watch.reflector import (
    ABSENT_AGAIN_SECONDS,
    ABSENT_SECONDS,
    ANSWERING_SECONDS,
    FIRST_PAUSE_SECONDS,
    LARGER_TIMES,
    LONGEST_AWAY_SECONDS,
    LONGEST_PAUSE_SECONDS,
    OLDER_TIMES,
    REFUSALS,
    SILENCE_SECONDS,
    SILENCES,
    STEADY_SECONDS,
    Phase,
    Reflector,
    Rules,
    deadline,
    step,
)
from proclaim_k8s_source.watch.signals import (
    Answering,
    Bookmark,
    Changed,
    Complete,
    Ended,
    Event,
    Failed,
    List,
    Opened,
    Page,
    Recovered,
    Start,
    Tick,
    Trouble,
    Watch,
)

GONE = Failed("too old", 410)
AWAY = Failed("nobody answers")
UNKNOWN = Failed("not found", 404)


class Driven:
    """A reflector with a clock, and what it said last."""

    def __init__(self, **rules):
        self.now = 1000.0
        self.reflector = Reflector(Rules(**rules))
        self.said = ()
        self.asked = 0

    def hear(self, *inputs):
        for each in inputs:
            self.reflector, self.said = step(self.reflector, each, self.now)
            self.asked += sum(isinstance(one, List | Watch) for one in self.said)
        return self.said

    def later(self, seconds):
        self.now += seconds
        return self

    def wait(self):
        """Let the time pass until the deadline, and tick."""
        self.now = deadline(self.reflector)
        return self.hear(Tick())

    def watched(self, version="10"):
        self.hear(Start(), Page(("a",), version), Opened())
        return self


def test_it_begins_with_a_list_of_what_the_store_holds_now():
    assert Driven(page_size=3).hear(Start()) == (List(3),)


def test_a_list_in_pages_is_delivered_whole_and_then_watched():
    driven = Driven(page_size=2)
    driven.hear(Start())
    assert driven.hear(Page(("a", "b"), "10", "next")) == (List(2, "next"),)
    assert driven.hear(Page(("c",), "10")) == (Complete((("a", "b"), ("c",))), Watch("10", 450))


@pytest.mark.parametrize(("jitter", "seconds"), [(0.1, 300), (0.8, 360), (1.2, 540), (5.0, 600)])
def test_how_long_a_watch_lasts_is_spread(jitter, seconds):
    driven = Driven()
    driven.hear(Start())
    assert driven.hear(Page((), "10", jitter=jitter))[-1] == Watch("10", seconds)


def test_an_event_is_delivered_once():
    driven = Driven().watched()
    assert driven.hear(Event("b", "11")) == (Changed("b"),)
    assert driven.hear(Event("b", "11")) == ()


def test_an_event_from_the_past_is_dropped():
    driven = Driven().watched("10")
    assert driven.hear(Event("old", "9")) == ()
    assert driven.reflector.version == "10"


def test_a_version_that_is_no_number_is_taken_as_it_comes():
    driven = Driven().watched("abc")
    assert driven.hear(Event("b", "abd")) == (Changed("b"),)


def test_a_watch_that_ends_goes_on_at_once_from_the_newest_bookmark():
    driven = Driven().watched()
    driven.hear(Event("b", "11"), Bookmark("40"))
    assert driven.later(STEADY_SECONDS).hear(Ended()) == (Watch("40", 450),)


def test_a_bookmark_from_the_past_moves_nothing():
    driven = Driven().watched("10")
    driven.hear(Bookmark("9"))
    assert driven.reflector.version == "10"


def test_a_watch_that_dies_young_goes_on_after_pauses_that_double():
    driven = Driven().watched()
    pauses = []
    for _ in range(9):
        driven.hear(Ended())
        pauses.append(deadline(driven.reflector) - driven.now)
        assert driven.wait() == (Watch("10", 450),)
        driven.hear(Opened())
    assert pauses == [0.5, 1, 2, 4, 8, 16, 30, 30, 30]


def test_a_watch_that_lasted_ends_the_pauses():
    driven = Driven().watched()
    for _ in range(5):
        driven.hear(Ended())
        driven.wait()
    driven.hear(Opened())
    assert driven.later(STEADY_SECONDS).hear(Ended()) == (Watch("10", 450),)


def test_a_broken_stream_is_resumed_from_where_it_was_and_nobody_is_told():
    driven = Driven().watched()
    driven.hear(Event("b", "11"))
    assert driven.later(100).hear(AWAY) == ()
    assert driven.wait() == (Watch("11", 450),)
    assert driven.hear(Opened()) == ()


def test_trouble_is_told_once_and_so_is_its_end():
    driven = Driven().watched().later(100)
    said = []
    for _ in range(4):
        said.extend(driven.hear(AWAY))
        driven.wait()
    assert said == [Trouble("nobody answers", 0, 1.0)]
    assert driven.hear(Opened()) == (Recovered(),)


def test_trouble_of_another_sort_is_told_too():
    driven = Driven().watched().later(100)
    driven.hear(AWAY)
    driven.wait()
    driven.hear(AWAY)
    driven.wait()
    assert driven.hear(Failed("overloaded", 429)) == (Trouble("overloaded", 429, 2.0),)


@pytest.mark.parametrize("status", [401, 403])
def test_being_denied_is_told_at_once_and_tried_again(status):
    driven = Driven()
    driven.hear(Start())
    assert driven.hear(Failed("forbidden", status)) == (Trouble("forbidden", status, 0.5),)
    assert driven.wait() == (List(500),)


def test_what_was_allowed_before_is_refused_for_a_while_by_a_server_that_starts():
    driven = Driven().watched().later(100)
    said = []
    for _ in range(3):
        said += driven.hear(Failed("forbidden", 403))
        driven.wait()
    assert said == []
    assert driven.hear(Failed("forbidden", 403)) == (Trouble("forbidden", 403, 4.0),)


def test_a_page_that_is_refused_has_the_list_begin_anew():
    driven = Driven()
    driven.hear(Start(), Page(("a",), "10", "next"), Failed("invalid continue token", 400))
    assert driven.wait() == (List(500),)
    assert driven.hear(Page(("a", "b"), "11"))[0] == Complete((("a", "b"),))


def test_a_page_that_fails_again_and_again_has_the_list_begin_anew():
    driven = Driven()
    driven.hear(Start(), Page(("a",), "10", "next"))
    for _ in range(REFUSALS - 1):
        driven.hear(Failed("a revision of the future", 500))
        assert driven.wait() == (List(500, "next"),)
    driven.hear(Failed("a revision of the future", 500))
    assert driven.wait() == (List(500),)


@pytest.mark.parametrize("status", [0, 429, 500, 503, 504])
def test_a_list_that_fails_is_asked_again_where_it_was(status):
    driven = Driven()
    driven.hear(Start(), Page(("a",), "10", "next"))
    assert driven.hear(Failed("no", status)) == ()
    assert driven.wait() == (List(500, "next"),)
    assert driven.hear(Page(("b",), "10"))[0] == Complete((("a",), ("b",)))


def test_the_server_is_left_alone_for_as_long_as_it_asks():
    driven = Driven()
    driven.hear(Start(), Failed("busy", 429, retry_after=7))
    assert deadline(driven.reflector) == driven.now + 7


def test_a_server_that_asks_for_too_much_is_not_obeyed():
    driven = Driven()
    driven.hear(Start(), Failed("busy", 429, retry_after=1e9))
    assert deadline(driven.reflector) == driven.now + 300


def paused_long(failed):
    driven = Driven()
    driven.hear(Start())
    for _ in range(12):
        driven.hear(failed)
        driven.wait()
    driven.hear(failed)
    return driven, deadline(driven.reflector) - driven.now


def test_a_server_that_is_away_is_looked_for_more_often_than_one_that_fails():
    assert paused_long(Failed("nobody answers", away=True))[1] == LONGEST_AWAY_SECONDS
    assert paused_long(Failed("broken", 500))[1] == LONGEST_PAUSE_SECONDS


def test_who_waits_for_a_server_that_was_away_goes_on_when_somebody_was_answered():
    driven, _ = paused_long(Failed("nobody answers", away=True))
    assert driven.hear(Answering(0.5)) == ()
    assert deadline(driven.reflector) == driven.now + ANSWERING_SECONDS / 2
    assert isinstance(driven.wait()[0], List)


@pytest.mark.parametrize("status", [403, 429, 500])
def test_a_server_that_was_away_for_long_and_refuses_at_first_is_asked_again_soon(status):
    driven, _ = paused_long(Failed("nobody answers", away=True))
    driven.wait()
    driven.hear(Failed("starting", status))
    assert deadline(driven.reflector) == driven.now + FIRST_PAUSE_SECONDS
    driven, _ = paused_long(Failed("nobody answers", away=True))
    driven.hear(Answering())
    driven.wait()
    driven.hear(Failed("starting", status))
    assert deadline(driven.reflector) == driven.now + FIRST_PAUSE_SECONDS


def test_who_was_refused_waits_on_when_somebody_else_was_answered():
    driven, pause = paused_long(Failed("too many", 429))
    driven.hear(Answering())
    assert deadline(driven.reflector) == driven.now + pause


def test_pauses_are_spread():
    driven = Driven()
    driven.hear(Start(), Failed("busy", 503, jitter=1.3))
    assert deadline(driven.reflector) == driven.now + 0.65


def test_an_expired_page_starts_the_list_over_with_larger_pages():
    driven = Driven(page_size=2)
    driven.hear(Start(), Page(("a", "b"), "10", "next"))
    assert driven.hear(GONE) == (List(4),)
    assert driven.hear(Page(("x",), "20"))[0] == Complete((("x",),))


def test_a_server_whose_pages_always_expire_is_asked_for_all_at_once_and_then_less_and_less():
    driven = Driven(page_size=2)
    driven.hear(Start())
    for _ in range(LARGER_TIMES):
        driven.hear(Page(("a",), "10", "next"))
        driven.hear(GONE)
    assert driven.said == (List(0),)
    driven.hear(Page(("a",), "10", "next"))
    driven.hear(GONE)
    assert driven.reflector.phase is Phase.PAUSING
    assert driven.wait() == (List(0),)


def test_a_watch_that_is_too_old_is_listed_again_at_once():
    driven = Driven().watched().later(100)
    assert driven.hear(GONE) == (List(500),)
    assert driven.hear(Page(("b",), "50")) == (Complete((("b",),)), Watch("50", 450))


def test_a_server_that_calls_every_version_too_old_is_asked_less_and_less():
    driven = Driven().watched()
    driven.asked = 0
    started = driven.now
    while driven.now < started + 600:
        driven.hear(GONE)
        if driven.reflector.phase is Phase.PAUSING:
            driven.wait()
        driven.hear(Page((), "10"), Opened())
    assert driven.asked < 80


def test_a_list_that_is_older_than_what_was_delivered_is_asked_again():
    driven = Driven().watched("10").later(100)
    driven.hear(GONE)
    assert driven.hear(Page(("old",), "9")) == ()
    assert driven.wait() == (List(500),)
    assert driven.hear(Page(("new",), "12"))[0] == Complete((("new",),))


def test_a_store_that_was_restored_is_believed_in_the_end():
    driven = Driven().watched("10").later(100)
    driven.hear(GONE)
    for _ in range(OLDER_TIMES):
        driven.hear(Page(("old",), "9"))
        driven.wait()
    assert driven.hear(Page(("old",), "9"))[0] == Complete((("old",),))
    assert driven.hear(Event("b", "10")) == (Changed("b"),)


def test_a_watch_without_a_word_is_hung_up_and_opened_again():
    driven = Driven().watched()
    assert deadline(driven.reflector) == driven.now + SILENCE_SECONDS
    assert driven.wait() == (Watch("10", 450),)


def test_a_bookmark_breaks_the_silence():
    driven = Driven().watched().later(100)
    driven.hear(Bookmark("20"))
    assert deadline(driven.reflector) == driven.now + SILENCE_SECONDS


def test_a_watch_that_stays_silent_makes_the_version_doubtful():
    driven = Driven().watched()
    for _ in range(SILENCES - 1):
        driven.wait()
        driven.hear(Opened())
    assert driven.wait() == (List(500),)


@pytest.mark.parametrize("jitter", [2 / 3, 1, 4 / 3])
def test_no_watch_counts_as_silent_before_a_slow_server_sends_a_bookmark(jitter):
    driven = Driven()
    driven.hear(Start(), Page((), "10", jitter=jitter), Opened())
    assert 100 <= deadline(driven.reflector) - driven.now <= 140


def test_one_silent_watch_after_a_failure_makes_the_version_doubtful():
    driven = Driven().watched().later(60)
    driven.hear(AWAY)
    assert driven.wait() == (Watch("10", 450),)
    driven.hear(Opened())
    assert driven.wait() == (List(500),)


def test_a_watch_that_says_something_after_a_failure_is_believed():
    driven = Driven().watched().later(60)
    driven.hear(AWAY)
    driven.wait()
    driven.hear(Opened(), Bookmark("12"))
    assert driven.wait() == (Watch("12", 450),)


def test_a_watch_that_is_refused_again_and_again_makes_the_version_doubtful():
    driven = Driven().watched("99")
    asked = []
    for _ in range(REFUSALS):
        driven.hear(Failed("too large resource version", 504))
        asked.append(driven.wait())
    assert asked == [(Watch("99", 450),)] * (REFUSALS - 1) + [(List(500),)]


def test_an_unknown_resource_that_is_optional_counts_as_empty_when_it_stays_unknown():
    driven = Driven(optional=True)
    driven.hear(Start())
    assert driven.hear(UNKNOWN) == ()
    driven.wait()
    assert driven.hear(UNKNOWN) == ()
    driven.wait()
    assert driven.hear(UNKNOWN) == (Complete(),)
    assert deadline(driven.reflector) == driven.now + ABSENT_AGAIN_SECONDS


def test_an_unknown_resource_is_looked_for_again_and_delivered_when_it_is_there():
    driven = Driven(optional=True)
    driven.hear(Start(), UNKNOWN)
    driven.wait()
    driven.hear(UNKNOWN)
    driven.wait()
    driven.hear(UNKNOWN)
    assert driven.wait() == (List(500),)
    assert driven.hear(UNKNOWN) == ()
    driven.wait()
    assert driven.hear(Page(("a",), "10"))[0] == Complete((("a",),))


def test_what_had_items_is_not_empty_because_a_starting_server_does_not_know_it_yet():
    driven = Driven(optional=True).watched().later(100)
    driven.hear(UNKNOWN)
    driven.wait()
    started = driven.now
    while not driven.hear(UNKNOWN):
        driven.wait()
    assert driven.said == (Complete(),)
    assert driven.now >= started + ABSENT_SECONDS


def test_a_resource_that_every_server_has_is_never_counted_as_empty():
    driven = Driven()
    driven.hear(Start())
    for _ in range(20):
        driven.hear(UNKNOWN)
        assert not any(isinstance(one, Complete) for one in driven.said)
        assert deadline(driven.reflector) <= driven.now + LONGEST_PAUSE_SECONDS
        driven.wait()


def test_a_list_without_a_version_is_no_list():
    driven = Driven()
    driven.hear(Start())
    assert driven.hear(Page(("a",), "")) == ()
    assert driven.wait() == (List(500),)


@pytest.mark.parametrize(
    "late", [Page(("x",), "99"), Opened(), Event("x", "99"), Bookmark("99"), Ended(), AWAY, Tick()]
)
def test_what_comes_when_nobody_waits_for_it_changes_nothing(late):
    driven = Driven().watched().later(100)
    driven.hear(AWAY)
    before = driven.reflector
    assert driven.hear(late) == ()
    assert driven.reflector == before
