"""Whether the server answers, as all who share a connection learn it."""

from __future__ import annotations

import pytest
import trio
from proclaim_k8s_source.access.contact import (
    CALM_SECONDS,
    LONG_SECONDS,
    OUTAGE_FAILURES,
    OUTAGE_SECONDS,
    Contact,
)
from trio.testing import wait_all_tasks_blocked


async def told(nursery, contact):
    """Somebody who waits for the server to be back."""
    restored = trio.Event()

    async def wait():
        await contact.wait_restored()
        restored.set()

    nursery.start_soon(wait)
    await wait_all_tasks_blocked()
    return restored


async def hoped(nursery, contact):
    """Somebody whose request is never answered; the scope of it."""
    scopes = []

    async def ask():
        with contact.hoping() as hope:
            scopes.append(hope)
            await trio.sleep_forever()

    nursery.start_soon(ask)
    await wait_all_tasks_blocked()
    return scopes[0]


async def test_who_waits_is_told_of_the_first_answer_after_an_outage(nursery, autojump_clock):
    contact = Contact()
    restored = await told(nursery, contact)
    contact.answered(200)
    await wait_all_tasks_blocked()
    assert not restored.is_set(), "it was there all the time"
    contact.failed()
    await trio.sleep(LONG_SECONDS - 1)
    contact.failed()
    await trio.sleep(1)
    contact.answered(403)
    await wait_all_tasks_blocked()
    assert restored.is_set(), "a refusal is an answer as well"


@pytest.mark.parametrize(
    ("failures", "seconds", "told_of_it"),
    [
        (OUTAGE_FAILURES, OUTAGE_SECONDS, True),
        (OUTAGE_FAILURES - 1, OUTAGE_SECONDS, False),
        (OUTAGE_FAILURES, OUTAGE_SECONDS - 0.1, False),
        (1, LONG_SECONDS, True),
    ],
)
async def test_an_outage_is_long_or_many_fail_in_it(
    nursery, autojump_clock, failures, seconds, told_of_it
):
    contact = Contact()
    restored = await told(nursery, contact)
    for _ in range(failures):
        contact.failed()
    await trio.sleep(seconds)
    contact.answered(200)
    await wait_all_tasks_blocked()
    assert restored.is_set() is told_of_it


async def test_a_server_that_comes_and_goes_wakes_nobody_all_the_time(nursery, autojump_clock):
    contact = Contact()
    wakes = []
    for _ in range(40):
        restored = await told(nursery, contact)
        for _ in range(OUTAGE_FAILURES):
            contact.failed()
        await trio.sleep(OUTAGE_SECONDS)
        contact.answered(200)
        await wait_all_tasks_blocked()
        wakes += [trio.current_time()] if restored.is_set() else []
    assert len(wakes) == 40 * OUTAGE_SECONDS // CALM_SECONDS


@pytest.mark.parametrize("status", [502, 503, 504])
async def test_what_a_proxy_says_of_a_server_that_is_away_is_no_answer(
    nursery, autojump_clock, status
):
    contact = Contact()
    restored = await told(nursery, contact)
    contact.answered(status)
    await trio.sleep(LONG_SECONDS)
    contact.answered(status)
    await wait_all_tasks_blocked()
    assert not restored.is_set()
    contact.answered(200)
    await wait_all_tasks_blocked()
    assert restored.is_set()


async def test_where_only_some_requests_are_answered_nobody_is_told(nursery, autojump_clock):
    contact = Contact()
    restored = await told(nursery, contact)
    for _ in range(10):
        contact.failed()
        hope = await hoped(nursery, contact)
        await trio.sleep(LONG_SECONDS - 1)
        contact.answered(200)
        await wait_all_tasks_blocked()
        assert not hope.cancel_called
    assert not restored.is_set()


async def test_a_request_from_an_outage_is_given_up_when_another_is_answered(
    nursery, autojump_clock
):
    contact = Contact()
    contact.failed()
    hope = await hoped(nursery, contact)
    await trio.sleep(LONG_SECONDS)
    contact.answered(200)
    await wait_all_tasks_blocked()
    assert hope.cancelled_caught


async def test_a_request_to_a_server_that_was_there_is_never_given_up(nursery, autojump_clock):
    contact = Contact()
    hope = await hoped(nursery, contact)
    contact.failed()
    await trio.sleep(LONG_SECONDS)
    contact.answered(200)
    await wait_all_tasks_blocked()
    assert not hope.cancel_called


async def test_who_was_answered_itself_goes_on(autojump_clock):
    contact = Contact()
    contact.failed()
    with contact.hoping() as hope:
        for _ in range(2):
            await trio.sleep(LONG_SECONDS)
            contact.answered(200)
            contact.failed()
        await trio.lowlevel.checkpoint()
    assert not hope.cancel_called
