"""When a process may allocate: the sources heard, the electors' word, and terms."""

from __future__ import annotations

import pytest
from hypothesis import given as for_all
from hypothesis import strategies as st
from proclaim.governing import UNCONTESTED, Mandate, begin, heard, mandated, together
from proclaim.model import Authority

ADOPT, ALLOCATE, FOLLOW = Authority.ADOPT, Authority.ALLOCATE, Authority.FOLLOW


def story(*happened, asked=ALLOCATE, sources=("files", "kubernetes"), first=UNCONTESTED):
    now = begin(asked, sources, first)
    for each in happened:
        now = heard(now, each) if isinstance(each, str) else mandated(now, each)
    return now


def test_a_process_without_electors_allocates_when_every_source_was_heard():
    assert story().authority is ADOPT
    assert story("files").authority is ADOPT
    assert story("files", "kubernetes").authority is ALLOCATE


def test_a_process_without_sources_allocates_at_once():
    assert story(sources=()).authority is ALLOCATE


def test_who_follows_follows_whatever_is_heard():
    now = story("files", "kubernetes", asked=FOLLOW)
    assert now.authority is FOLLOW
    assert not now.missing


def test_nothing_is_allocated_before_the_electors_agree():
    waiting = story("files", "kubernetes", first=Mandate())
    assert waiting.authority is ADOPT
    assert mandated(waiting, Mandate(ALLOCATE)).authority is ALLOCATE


def test_electors_alone_are_not_enough():
    assert story(Mandate(ALLOCATE), "files", first=Mandate()).authority is ADOPT


def test_a_lapse_in_which_nobody_else_allocated_asks_nobody_anew():
    now = story("files", "kubernetes", Mandate(ALLOCATE), Mandate(ADOPT), first=Mandate())
    assert now.authority is ADOPT
    back = mandated(now, Mandate(ALLOCATE))
    assert (back.authority, back.anew) == (ALLOCATE, 0)


def test_after_another_one_the_sources_are_asked_anew_while_we_follow():
    now = story("files", "kubernetes", Mandate(FOLLOW, 1), Mandate(ALLOCATE, 1), first=Mandate())
    assert (now.authority, now.anew, now.missing) == (FOLLOW, 1, {"files", "kubernetes"})
    now = heard(now, "files")
    assert now.authority is FOLLOW
    assert heard(now, "kubernetes").authority is ALLOCATE


def test_another_term_counts_even_where_nobody_saw_who_had_it():
    now = story("files", "kubernetes", Mandate(ALLOCATE), Mandate(ALLOCATE, 1), first=Mandate())
    assert (now.authority, now.anew) == (FOLLOW, 1)


def test_who_follows_another_one_goes_on_following_when_that_one_is_lost():
    now = story("files", "kubernetes", Mandate(FOLLOW, 1), Mandate(ADOPT, 1), first=Mandate())
    assert now.authority is FOLLOW


def test_a_lapse_while_the_sources_are_asked_anew_keeps_following():
    now = story("files", Mandate(ALLOCATE, 1), Mandate(ADOPT, 1), "files", "kubernetes")
    assert now.authority is FOLLOW
    again = mandated(now, Mandate(ALLOCATE, 1))
    assert (again.authority, again.anew) == (FOLLOW, 2)


@pytest.mark.parametrize(
    ("granted", "least"),
    [
        ([], ALLOCATE),
        ([ALLOCATE, ALLOCATE], ALLOCATE),
        ([ALLOCATE, ADOPT], ADOPT),
        ([ADOPT, FOLLOW], FOLLOW),
    ],
)
def test_all_electors_have_to_agree(granted, least):
    assert together(Mandate(each) for each in granted).authority is least


def test_the_term_is_another_one_when_that_of_any_elector_is():
    one, other = Mandate(ALLOCATE, 1), Mandate(ALLOCATE, 2)
    assert together([one, one]).term != together([one, other]).term


EVENTS = st.one_of(
    st.sampled_from(["files", "kubernetes"]),
    st.builds(Mandate, st.sampled_from(Authority), st.integers(0, 3)),
)


@for_all(st.lists(EVENTS, max_size=30))
def test_who_allocates_has_a_mandate_and_was_told_everything_in_its_term(happened):
    now = begin(ALLOCATE, ["files", "kubernetes"], Mandate())
    told: set[str] = set()
    for each in happened:
        before = now
        now = heard(now, each) if isinstance(each, str) else mandated(now, each)
        told = (told if now.anew == before.anew else set()) | (
            {each} if isinstance(each, str) else set()
        )
        if now.authority is ALLOCATE:
            assert now.mandate.authority is ALLOCATE
            assert now.mandate.term == now.term
            assert told == {"files", "kubernetes"}
