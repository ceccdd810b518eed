"""Routes that outlive a process (RFC 4724): what a peer is told, and what it is spared."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import replace
from typing import Any

import pytest
import trio
from bgp.fake_host import FakeHost, Network
from bgp.scene import NODE, ROUTER, Deaf, Scene, peer, routes, scene
from bgp.waiting import WaitingRouter
from proclaim import Wanted
from proclaim_bgp.options import Options
from proclaim_bgp.wire import Family, GracefulRestart, Restartable

ONE, TWO, THREE = (f"198.51.100.{at}/32" for at in (1, 2, 3))
HELPER = GracefulRestart(120)
GRACEFUL = peer(graceful_restart=True)
END = "end of IPv4"


@asynccontextmanager
async def waiting(
    *capabilities: GracefulRestart, options: Options | None = None
) -> AsyncIterator[tuple[Scene, WaitingRouter]]:
    """A scene whose router would wait, unless it knows nothing of it."""
    async with scene(options) as play, trio.open_nursery() as nursery:
        router = WaitingRouter(play.router, *capabilities)
        nursery.start_soon(router.listen, ROUTER)
        await trio.testing.wait_all_tasks_blocked()
        yield play, router
        nursery.cancel_scope.cancel()


@contextmanager
def no_more(router: WaitingRouter) -> Iterator[None]:
    """Meanwhile the router hears nothing of routes in any connection."""
    before = [router.told(at) for at in range(len(router.visits))]
    yield
    assert [router.told(at) for at in range(len(router.visits))] == before


async def test_the_first_session_says_that_the_node_has_restarted_and_no_later_one(
    autojump_clock: object,
) -> None:
    async with waiting(HELPER) as (play, router):
        play.want(routes(ONE), GRACEFUL)
        await play.announce()
        await trio.sleep(1)
        ours = GracefulRestart(120, (Restartable(Family.IPV4, True),), restarted=True)
        assert router.said() == ours
        assert play.ledger.peers["p"].graceful_restart
        await router.hang_up()
        await trio.sleep(5)
        assert len(router.visits) == 2
        assert router.said() == replace(ours, restarted=False)


async def test_a_peer_that_is_changed_or_comes_later_has_nothing_to_wait_for(
    autojump_clock: object,
) -> None:
    async with waiting(HELPER) as (play, router):
        play.want(routes(ONE), GRACEFUL)
        await play.announce()
        await trio.sleep(1)
        play.want(routes(ONE), peer(graceful_restart=True, hold_seconds=30))
        await trio.sleep(5)
        assert len(router.visits) == 2
        assert router.said() == GracefulRestart(120, (Restartable(Family.IPV4, True),))
        assert router.told() == [f"+{ONE}", END]


async def test_a_peer_that_is_away_for_longer_than_the_restart_time_waits_for_nothing(
    autojump_clock: object,
) -> None:
    async with scene(Options(restart_seconds=20)) as play, trio.open_nursery() as nursery:
        play.want(routes(ONE), GRACEFUL)
        await play.announce()
        await trio.sleep(21)
        router = WaitingRouter(play.router, HELPER)
        nursery.start_soon(router.listen, ROUTER)
        await trio.sleep(10)
        assert router.said() == GracefulRestart(20, (Restartable(Family.IPV4, True),))
        nursery.cancel_scope.cancel()


async def test_without_the_option_or_a_peer_that_knows_it_nothing_is_agreed_on(
    autojump_clock: object,
) -> None:
    for theirs, ours in (((HELPER,), peer()), ((), GRACEFUL)):
        async with waiting(*theirs) as (play, router):
            play.wanted.set(Wanted(routes(ONE), (ours,), complete=False))
            await play.announce()
            await trio.sleep(1)
            assert (router.said() is None) is not ours.graceful_restart
            assert not play.ledger.peers["p"].graceful_restart
            assert router.told() == [f"+{ONE}", END], "nobody waits for more"
            play.shut_down()
            await play.left.wait()
            assert router.told()[2:] == ["6/2 Cease, Administrative Shutdown"]


async def test_a_node_that_stops_says_the_rest_and_no_farewell(autojump_clock: object) -> None:
    async with waiting(HELPER) as (play, router):
        play.want(routes(ONE, TWO), GRACEFUL)
        await play.announce()
        await trio.sleep(1)
        play.want(routes(ONE), GRACEFUL)
        await trio.testing.wait_all_tasks_blocked()
        play.shut_down()
        with trio.fail_after(2):
            await play.left.wait()
        await trio.testing.wait_all_tasks_blocked()
        assert router.told() == [f"+{ONE}", f"+{TWO}", END, f"-{TWO}"]
        assert router.ended == [0]
        assert play.ledger.peers["p"].state == "Idle"


class Gated(Deaf):
    """A stream that takes nothing while its gate is closed."""

    def __init__(self, inner: trio.abc.Stream, local: str, gate: list[trio.Event]) -> None:
        super().__init__(inner, local)
        self._gate = gate

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        await self._gate[-1].wait()
        await super().send_all(data)


class GatedHost(FakeHost):
    """Connects with streams that all have one gate."""

    def __init__(self, network: Network, address: str) -> None:
        super().__init__(network, address)
        self.gate = [trio.Event()]
        self.gate[0].set()

    async def connect_tcp(
        self, address: str, port: int, prepare: Callable[[Any], None], source: str = ""
    ) -> trio.abc.Stream:
        return Gated(await super().connect_tcp(address, port, prepare, source), NODE, self.gate)


async def test_what_a_slow_peer_was_not_told_yet_it_is_told_before_the_end(
    autojump_clock: object,
) -> None:
    async with waiting(HELPER) as (play, router):
        play.host = host = GatedHost(play.network, NODE)
        play.want(routes(ONE, TWO, THREE), GRACEFUL)
        await play.announce()
        await trio.sleep(1)
        host.gate.append(trio.Event())
        for gone in (THREE, TWO):  # the first waits in the stream, and the second for it
            left = [each for each in (ONE, TWO, THREE) if each < gone]
            play.want(routes(*left), GRACEFUL)
            await trio.testing.wait_all_tasks_blocked()
        play.shut_down()
        await trio.sleep(0.2)
        host.gate[-1].set()
        await play.left.wait()
        await trio.testing.wait_all_tasks_blocked()
        assert router.told()[-3:] == [END, f"-{THREE}", f"-{TWO}"]


async def test_a_peer_that_takes_nothing_holds_up_an_end_for_a_moment_only(
    autojump_clock: object,
) -> None:
    async with waiting(HELPER) as (play, _):
        play.host = host = GatedHost(play.network, NODE)
        play.want(routes(ONE, TWO), GRACEFUL)
        await play.announce()
        await trio.sleep(1)
        host.gate.append(trio.Event())
        for left in ((ONE,), ()):
            play.want(routes(*left), GRACEFUL)
            await trio.testing.wait_all_tasks_blocked()
        play.shut_down()
        with trio.fail_after(2):
            await play.left.wait()


@pytest.mark.parametrize(
    ("after", "farewell"),
    [
        ((), "6/3 Cease, Peer De-configured"),
        ((peer(my_asn=64999, graceful_restart=True),), "6/6 Cease, Other Configuration Change"),
    ],
)
async def test_a_peer_that_is_deleted_or_changed_forgets_at_once(
    autojump_clock: object, after: tuple[object, ...], farewell: str
) -> None:
    async with waiting(HELPER) as (play, router):
        play.want(routes(ONE), GRACEFUL)
        await play.announce()
        await trio.sleep(1)
        play.wanted.set(Wanted(routes(ONE), after))  # type: ignore[arg-type]  # BGPPeers
        await trio.sleep(1)
        assert router.told(0) == [f"+{ONE}", END, farewell]


async def test_end_of_rib_waits_until_all_that_is_wanted_is_known(autojump_clock: object) -> None:
    async with waiting(HELPER) as (play, router):
        play.wanted.set(Wanted(routes(ONE), (GRACEFUL,), complete=False))
        await play.announce()
        await trio.sleep(60)
        assert router.told() == [f"+{ONE}"]
        play.want(routes(ONE, TWO), GRACEFUL)
        await trio.sleep(1)
        assert router.told() == [f"+{ONE}", f"+{TWO}", END]
        with no_more(router):
            play.wanted.set(Wanted(routes(ONE, TWO), (GRACEFUL,), complete=False))
            await trio.sleep(300)


async def test_end_of_rib_waits_no_longer_than_the_restart_time(
    autojump_clock: object, caplog: pytest.LogCaptureFixture
) -> None:
    async with waiting(HELPER, options=Options(restart_seconds=30)) as (play, router):
        play.wanted.set(Wanted(routes(ONE), (GRACEFUL,), complete=False))
        await play.announce()
        await trio.sleep(29)
        assert router.told() == [f"+{ONE}"]
        with caplog.at_level(logging.WARNING, "proclaim.bgp"):
            await trio.sleep(2)
        assert router.told() == [f"+{ONE}", END]
        assert "not every source was heard" in caplog.text


async def test_how_long_the_peer_keeps_the_routes_is_told(
    autojump_clock: object, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, "proclaim.bgp"):
        async with waiting(HELPER, options=Options(restart_seconds=30)) as (play, _):
            play.want(routes(ONE), GRACEFUL)
            await play.announce()
            await trio.sleep(1)
            play.want({})
            await trio.sleep(1)
    assert "which keeps our routes for 30 s when this node restarts" in caplog.text
    assert "its BGPPeer is gone, or does not select this node any more" in caplog.text


async def test_a_peer_that_connects_anew_has_lost_its_session(autojump_clock: object) -> None:
    """RFC 4724 section 4.2: the old connection is closed without a NOTIFICATION."""
    for capabilities, ended in (((HELPER,), [0]), ((), [1])):
        async with (
            waiting(*capabilities, options=Options(listen=((NODE, 179),))) as (play, router),
            trio.open_nursery() as nursery,
        ):
            play.want(routes(ONE), GRACEFUL)
            await play.announce()
            await trio.sleep(1)
            again = await FakeHost(play.network, ROUTER).connect_tcp(NODE, 179, lambda _: None)
            nursery.start_soon(router.converse, again)
            await trio.sleep(4)
            assert router.ended == ended
            assert router.told(0) == [f"+{ONE}", END]
            stays = 1 - ended[0]
            assert router.told(stays) == [f"+{ONE}", END]
            assert play.ledger.peers["p"].state == "Established"
            nursery.cancel_scope.cancel()


async def test_a_peer_that_connects_anew_twice_is_heard_twice(autojump_clock: object) -> None:
    options = Options(listen=((NODE, 179),))
    async with (
        scene(options) as play,
        trio.open_nursery() as nursery,
    ):
        router = WaitingRouter(play.router, HELPER)
        play.want(routes(ONE), GRACEFUL)
        await play.announce()
        for at in range(3):
            stream = await FakeHost(play.network, ROUTER).connect_tcp(NODE, 179, lambda _: None)
            nursery.start_soon(router.converse, stream)
            await trio.sleep(3)
            assert router.ended == list(range(at))
            assert router.told() == [f"+{ONE}", END]
        nursery.cancel_scope.cancel()


async def test_end_of_rib_comes_also_in_a_family_that_has_no_next_hop_any_more(
    autojump_clock: object,
) -> None:
    async with waiting(HELPER) as (play, router):
        dual = peer(graceful_restart=True, dual_stack_address_family=True)
        play.want(routes(ONE, "2001:db8::1/128"), dual)
        await play.announce()
        await trio.sleep(1)
        assert router.told() == [f"+{ONE}", END, "end of IPv6"]
