from contextlib import asynccontextmanager

import pytest
import trio
from metrics.worlds import NODE
from proclaim import Authority, Latest, Spread
from proclaim.model import AnnouncerStatus, NodeWithdrawal
from proclaim.project import project
from proclaim.testing import given, node, observed, pool
from proclaim_metrics.health import STUCK, STUCK_SECONDS, dead, unready
from proclaim_metrics.lag import Lag
from proclaim_metrics.writer import Writer
from trio.testing import wait_all_tasks_blocked

NOTHING = given(
    Authority.ADOPT, observed(AnnouncerStatus(NODE, "bgp", Spread.EVERY_NODE, running=True))
).state
REMEMBERED = given(Authority.ADOPT, pool("public", "192.0.2.0/30"), node(NODE)).state
ALLOCATING = given(Authority.ALLOCATE, pool("public", "192.0.2.0/30"), node(NODE)).state
FOLLOWING = given(Authority.FOLLOW, pool("public", "192.0.2.0/30"), node(NODE)).state
WITHDRAWAL = NodeWithdrawal(NODE, "others announce")
WITHDRAWN = given(Authority.FOLLOW, pool("public", "192.0.2.0/30"), WITHDRAWAL).state
WITHDRAWN_AT_FIRST = given(Authority.FOLLOW, WITHDRAWAL).state
OTHERS = "this node announces nothing for now: others announce"
UNHEARD = "no source has been heard, now or before"
NOT_ALL = (
    "nothing is allocated: not every source has been heard yet, what they said cannot be "
    "judged, or it is not known who is elected"
)


def projected(state):
    return [project(state, NODE, spread) for spread in Spread]


def test_only_a_stuck_writer_is_a_reason_to_be_restarted():
    assert dead(stuck=False) == []
    assert dead(stuck=True) == [STUCK]


@pytest.mark.parametrize(
    ("state", "announces", "reasons"),
    [
        (NOTHING, True, [UNHEARD]),
        (NOTHING, False, [UNHEARD]),
        (REMEMBERED, True, []),
        (REMEMBERED, False, [NOT_ALL]),
        (ALLOCATING, True, []),
        (ALLOCATING, False, []),
        (FOLLOWING, True, []),
        (FOLLOWING, False, []),
        (WITHDRAWN, True, [OTHERS]),
        (WITHDRAWN_AT_FIRST, True, [OTHERS]),
        (WITHDRAWN_AT_FIRST, False, [UNHEARD]),
    ],
)
def test_ready_is_who_announces_what_it_remembers_or_allocates_what_it_heard(
    state, announces, reasons
):
    assert unready(state, "", projected(state) if announces else [], stuck=False) == reasons


def test_nobody_is_ready_before_its_announcements_are_worked_out():
    reasons = unready(FOLLOWING, "", [None, None], stuck=False)
    assert reasons == ["what to announce has not been worked out yet"]


def test_a_ledger_that_cannot_be_written_makes_unready_and_says_why_in_one_line():
    reasons = unready(ALLOCATING, "disk\nfull", projected(ALLOCATING), stuck=False)
    assert reasons == ["the ledger cannot be written: disk full"]
    assert unready(ALLOCATING, "", projected(ALLOCATING), stuck=True) == [STUCK]


class Ledger:
    """Takes observations while it is not stuck."""

    def __init__(self):
        self.failing = Latest("")
        self.free = trio.Event()
        self.free.set()
        self.observed = []

    async def observe(self, observation):
        await self.free.wait()
        self.observed.append(observation)
        await trio.lowlevel.checkpoint()


@asynccontextmanager
async def watched():
    ledger = Ledger()
    writer = Writer(ledger.failing)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(writer.watch, ledger.observe)
        await wait_all_tasks_blocked()
        yield ledger, writer
        nursery.cancel_scope.cancel()


async def test_a_writer_that_answers_is_not_stuck(autojump_clock):
    async with watched() as (ledger, writer):
        await trio.sleep(5 * STUCK_SECONDS)
        assert not writer.stuck
        assert ledger.observed
        assert all(not each.resources and not each.gone for each in ledger.observed)


async def test_a_writer_is_stuck_when_it_takes_nothing_for_long_and_no_longer(autojump_clock):
    async with watched() as (ledger, writer):
        ledger.free = trio.Event()
        await trio.sleep(STUCK_SECONDS - 1)
        assert not writer.stuck
        await trio.sleep(15)
        assert writer.stuck
        ledger.free.set()
        await wait_all_tasks_blocked()
        assert not writer.stuck


async def test_a_writer_that_waits_for_a_failing_log_is_not_stuck(autojump_clock):
    async with watched() as (ledger, writer):
        ledger.free = trio.Event()
        await trio.sleep(10)
        ledger.failing.set("disk full")
        await trio.sleep(10 * STUCK_SECONDS)
        assert not writer.stuck
        ledger.failing.set("")
        await wait_all_tasks_blocked()
        assert not writer.stuck
        await trio.sleep(STUCK_SECONDS - 1)
        assert not writer.stuck
        await trio.sleep(2)
        assert writer.stuck


def test_the_greatest_lag_is_forgotten_after_a_minute_at_most():
    lag = Lag()
    lag.note(0.5, 100.0)
    lag.note(0.1, 120.0)
    assert lag.greatest == 0.5
    lag.note(0.2, 131.0)
    assert lag.greatest == 0.5
    lag.note(0.0, 162.0)
    assert lag.greatest == 0.2


async def test_lag_is_measured_by_who_wakes_late(mock_clock):
    lag = Lag()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(lag.measure)
        await wait_all_tasks_blocked()
        mock_clock.jump(0.35)  # as when a task holds the loop from before the sleeper is due
        await wait_all_tasks_blocked()
        assert lag.greatest == pytest.approx(0.25)
        nursery.cancel_scope.cancel()
