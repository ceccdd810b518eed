"""The elector on a fake connection, under virtual time."""

import logging
from math import inf
from random import Random

import pytest
import trio
from k8s_source.lease_store import LeaseStore
from proclaim import Authority, Latest, Mandate
from proclaim_k8s_source.access.api import JSON, Response, Unreachable
from proclaim_k8s_source.access.contact import LONG_SECONDS, Contact
from proclaim_k8s_source.election.elector import LeaseElector
from proclaim_k8s_source.election.messages import Rules
from proclaim_k8s_source.election.record import Place

PLACE = Place("metallb-system", "proclaim-controller")
PATH = "/apis/coordination.k8s.io/v1/namespaces/metallb-system/leases"


class Host:
    def __init__(self):
        self.node = "node1"
        self.random = Random(7)

    def wall_time(self):
        return 1_700_000_000.0 + trio.current_time()


class FakeApi:
    """Answers for one Lease, as long as it is reachable."""

    def __init__(self, store):
        self.contact = Contact()
        self.store = store
        self.away = ""
        self.seconds = 0.0
        self.refuses = {}
        self.asked = []

    async def request(self, method, path, query=(), body=b"", content_type=JSON):
        assert path == (PATH if method == "POST" else f"{PATH}/proclaim-controller")
        assert content_type == JSON
        assert not query
        self.asked.append(method)
        await trio.sleep(self.seconds)
        if self.away:
            raise Unreachable(self.away)
        if method in self.refuses:
            return Response(*self.refuses[method])
        return Response(*self.store.handle(method, body))

    def stream(self, path, query=()):
        raise AssertionError("nothing of a Lease is watched")


@pytest.fixture
def store():
    return LeaseStore()


def elector(api, identity="a"):
    return LeaseElector(api, Rules(PLACE, identity), Host())


async def until(mandate, authority, within=60.0):
    with trio.fail_after(within):
        async for now in mandate.changes():
            if now.authority is authority:
                return now


async def test_the_first_leads_and_the_second_follows_until_the_first_stops(
    store, autojump_clock, caplog
):
    caplog.set_level(logging.INFO, logger="proclaim.kubernetes.lease")
    one, other = elector(FakeApi(store)), elector(FakeApi(store), "b")
    first, second = Latest(Mandate()), Latest(Mandate())
    async with trio.open_nursery() as nursery:
        stop = await nursery.start(_cancellable, one, first)
        await until(first, Authority.ALLOCATE)
        nursery.start_soon(other.run, second)
        await until(second, Authority.FOLLOW)
        assert one.valid_until() > trio.current_time()
        assert other.valid_until() == -inf
        stop.cancel()
        assert await until(second, Authority.ALLOCATE, within=5.0) == Mandate(Authority.ALLOCATE, 1)
        assert first.value.authority is not Authority.ALLOCATE
        assert one.valid_until() == -inf
        nursery.cancel_scope.cancel()
    assert [record.getMessage() for record in caplog.records] == [
        "this process leads now, as a",
        "a leads",
        "this process does not lead any more: it stops",
        "nobody leads",
        "this process leads now, as b",
        "this process does not lead any more: it stops",
    ]
    assert store.holder == ""


async def _cancellable(one, mandate, *, task_status=trio.TASK_STATUS_IGNORED):
    with trio.CancelScope() as scope:
        task_status.started(scope)
        await one.run(mandate)


async def test_who_hears_nothing_stops_leading_while_it_still_waits_for_the_answer(
    store, autojump_clock
):
    api = FakeApi(store)
    mandate = Latest(Mandate())
    one = elector(api)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(one.run, mandate)
        await until(mandate, Authority.ALLOCATE)
        began = trio.current_time()
        api.seconds = 3600.0
        await until(mandate, Authority.ADOPT)
        assert trio.current_time() - began == pytest.approx(10.0, abs=0.01)
        assert one.valid_until() == -inf
        api.seconds = 0.0
        assert await until(mandate, Authority.ALLOCATE, within=10.0) == Mandate(Authority.ALLOCATE)
        nursery.cancel_scope.cancel()


async def test_what_hangs_since_an_outage_is_asked_again_when_others_are_answered(
    store, autojump_clock
):
    api = FakeApi(store)
    mandate = Latest(Mandate())
    api.contact.failed()
    api.seconds = 3600.0
    async with trio.open_nursery() as nursery:
        nursery.start_soon(elector(api).run, mandate)
        await trio.sleep(LONG_SECONDS + 2.0)
        api.seconds = 0.0
        api.contact.answered(200)
        await until(mandate, Authority.ALLOCATE, within=0.1)
        nursery.cancel_scope.cancel()


async def test_while_the_server_is_away_one_line_is_logged_and_little_is_asked(
    store, autojump_clock, caplog
):
    api = FakeApi(store)
    api.away = "no connection to 10.0.0.1:6443"
    mandate = Latest(Mandate())
    with trio.move_on_after(600):
        await elector(api).run(mandate)
    assert mandate.value == Mandate()
    assert len(api.asked) < 310
    assert [record.getMessage() for record in caplog.records] == [
        "asking for Lease metallb-system/proclaim-controller failed: no connection to 10.0.0.1:6443"
    ]


@pytest.mark.parametrize(
    ("refused", "why"),
    [
        ({"POST": (403, b'{"message": "leases is forbidden"}')}, "403 leases is forbidden"),
        ({"GET": (500, b"oops")}, "500 oops"),
        ({"GET": (200, b"<html>")}, "no Lease came"),
    ],
)
async def test_a_refusal_is_told_once_and_overcome_when_it_ends(
    store, autojump_clock, caplog, refused, why
):
    api = FakeApi(store)
    api.refuses = refused
    mandate = Latest(Mandate())
    async with trio.open_nursery() as nursery:
        nursery.start_soon(elector(api).run, mandate)
        await trio.sleep(60)
        assert mandate.value == Mandate()
        assert len(api.asked) <= 62
        (line,) = [record.getMessage() for record in caplog.records]
        assert why in line
        api.refuses = {}
        await until(mandate, Authority.ALLOCATE, within=5.0)
        nursery.cancel_scope.cancel()


@pytest.mark.parametrize("seconds", [0.5, 3600.0])
async def test_giving_back_takes_a_second_at_most(store, autojump_clock, seconds):
    api = FakeApi(store)
    mandate = Latest(Mandate())
    async with trio.open_nursery() as nursery:
        nursery.start_soon(elector(api).run, mandate)
        await until(mandate, Authority.ALLOCATE)
        api.seconds = seconds
        began = trio.current_time()
        nursery.cancel_scope.cancel()
    assert trio.current_time() - began <= 1.01
    assert (store.holder == "") is (seconds < 1)


async def test_a_lease_that_is_deleted_is_made_again_by_who_leads_without_a_word(
    store, autojump_clock, caplog
):
    caplog.set_level(logging.INFO)
    mandate = Latest(Mandate())
    async with trio.open_nursery() as nursery:
        nursery.start_soon(elector(FakeApi(store)).run, mandate)
        await trio.sleep(5)
        store.lease = None
        await trio.sleep(8)
        assert mandate.value.authority is Authority.ALLOCATE
        nursery.cancel_scope.cancel()
    assert "nobody leads" not in caplog.text


async def test_a_second_run_of_one_elector_begins_another_term(store, autojump_clock):
    one = elector(FakeApi(store))
    mandate = Latest(Mandate())
    with trio.move_on_after(1):
        await one.run(mandate)
    seen = []
    with trio.move_on_after(1):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(one.run, mandate)
            seen.append(await until(mandate, Authority.ALLOCATE))
    assert seen == [Mandate(Authority.ALLOCATE, 1)]
