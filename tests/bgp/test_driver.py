"""The announcer in a world of memory streams, against our own looking glass."""

from __future__ import annotations

import logging
from typing import Any

import pytest
import trio
from bgp.fake_host import FakeHost, Network
from bgp.scene import NODE, ROUTER, DeafHost, Ledger, peer, routes, scene
from proclaim import (
    Announcement,
    Latest,
    Listing,
    Observation,
    PeerStatus,
    Wanted,
)
from proclaim.model import Secret, Selector
from proclaim_bgp.driver import BGPAnnouncer
from proclaim_bgp.options import Options
from proclaim_bgp.wire import Family
from trio.testing import wait_all_tasks_blocked

ONE, TWO = "198.51.100.1/32", "198.51.100.2/32"


async def test_routes_are_announced_changed_and_withdrawn(autojump_clock: object) -> None:
    async with scene() as play:
        await play.router_on()
        play.want(routes(ONE, TWO), peer())
        await play.announce()
        await trio.sleep(0.1)
        assert play.events() == ["established", f"announce {ONE}", f"announce {TWO}"]
        play.want(routes(ONE), peer())
        await trio.sleep(0.1)
        play.want(routes(ONE, communities=("64512:1",)), peer())
        await trio.sleep(0.1)
        assert play.events()[3:] == [f"withdraw {TWO}", f"announce {ONE}"]
        assert play.said[-1]["communities"] == ["64512:1"]
        assert play.said[-1]["next_hop"] == NODE


async def test_the_order_of_a_wanted_set_has_no_say_in_what_is_told_first(
    autojump_clock: object,
) -> None:
    """A wanted set has no order, and a mapping by hashes another one in each process."""
    texts = [f"198.51.100.{at}/32" for at in (7, 3, 9, 1, 5)]
    async with scene() as play:
        await play.router_on()
        play.want(routes(*texts), peer())
        await play.announce()
        await trio.sleep(0.1)
        assert play.events("announce") == [f"announce {text}" for text in sorted(texts)]
        play.want({}, peer())
        await trio.sleep(0.1)
        last_first = sorted(texts, reverse=True)  # as an outbox takes what came while it was up
        assert play.events("withdraw") == [f"withdraw {text}" for text in last_first]


async def test_a_route_goes_to_the_peers_that_it_names(autojump_clock: object) -> None:
    async with scene() as play:
        await play.router_on()
        play.want({**routes(ONE, to=("q",)), **routes(TWO, to=("p", "q"))}, peer())
        await play.announce()
        await trio.sleep(0.1)
        assert play.events("announce") == [f"announce {TWO}"]
        play.want({**routes(ONE, to=("p",)), **routes(TWO, to=("q",))}, peer())
        await trio.sleep(0.1)
        assert play.events("announce", "withdraw")[1:] == [f"announce {ONE}", f"withdraw {TWO}"]


async def test_a_route_that_changes_its_key_is_not_lost(autojump_clock: object) -> None:
    async with scene() as play:
        await play.router_on()
        play.want({(ONE, "p"): Announcement(ONE, (), (), ("p",))}, peer())
        await play.announce()
        await trio.sleep(0.1)
        play.want({(ONE, ""): Announcement(ONE, (), ())}, peer())
        await trio.sleep(0.1)
        assert play.events("announce", "withdraw") == [f"announce {ONE}"]


async def test_history_begins_with_a_listing_and_tells_what_matters(
    autojump_clock: object,
) -> None:
    async with scene() as play:
        await play.router_on()
        play.want(routes(ONE, TWO), peer())
        await play.announce()
        await trio.sleep(5)
        assert isinstance(play.ledger.observed[0], Listing)
        told = [
            (each.resource.state, each.resource.advertised_prefixes)  # type: ignore[union-attr]  # a PeerStatus
            for observation in play.ledger.observed[1:]
            for each in observation.resources  # type: ignore[union-attr]  # a Change
        ]
        assert told == [("Established", 0), ("Established", 2)]
        play.router_off()
        await trio.sleep(60)
        assert play.ledger.peers["p"].state != "Established"
        assert play.ledger.peers["p"].last_error == "cannot connect: connection refused"
        assert len(play.ledger.observed) <= 6  # and not one for each attempt
        await play.router_on()
        await trio.sleep(10)
        assert play.ledger.peers["p"] == PeerStatus(
            "node1", "p", ROUTER, "Established", 0, 2, last_error=""
        )


async def test_a_slow_ledger_never_holds_a_session(autojump_clock: object) -> None:
    async with scene() as play:
        await play.router_on()
        play.ledger.slow = trio.Event()
        play.want(routes(ONE), peer())
        await play.announce()
        await trio.sleep(300)
        assert play.events() == ["established", f"announce {ONE}"]
        play.ledger.slow.set()
        await trio.sleep(1)
        assert play.ledger.peers["p"].state == "Established"
        assert len(play.ledger.observed) == 2  # what was overtaken is not told


async def test_a_session_lives_as_long_as_keepalives_go_both_ways(autojump_clock: object) -> None:
    async with scene() as play:
        await play.router_on()
        play.want(routes(ONE), peer())
        await play.announce()
        await trio.sleep(3600)
        assert play.events() == ["established", f"announce {ONE}"]


async def test_shutting_down_says_cease_and_is_recorded(autojump_clock: object) -> None:
    async with scene() as play:
        await play.router_on()
        play.want(routes(ONE), peer())
        await play.announce()
        await trio.sleep(2)
        before = trio.current_time()
        play.shut_down()
        await trio.sleep(1.5)
        assert play.said[-1]["reason"] == "received 6/2 Cease, Administrative Shutdown"
        assert play.ledger.peers["p"].state == "Idle"
        assert trio.current_time() - before < 2


async def test_a_peer_that_is_taken_out_is_told_so_and_forgotten(autojump_clock: object) -> None:
    async with scene() as play:
        await play.router_on()
        play.want(routes(ONE), peer())
        await play.announce()
        await trio.sleep(2)
        play.want(routes(ONE))
        await trio.sleep(2)
        assert play.said[-1]["reason"] == "received 6/3 Cease, Peer De-configured"
        assert play.ledger.peers == {}


async def test_only_a_change_that_concerns_the_session_restarts_it(autojump_clock: object) -> None:
    async with scene() as play:
        await play.router_on()
        play.want(routes(ONE), peer())
        await play.announce()
        await trio.sleep(2)
        play.want(routes(ONE), peer(node_selectors=(Selector((("a", "b"),)),)), peer("z", vrf="v"))
        await trio.sleep(2)
        assert play.events("established", "closed") == ["established"]
        play.want(routes(ONE), peer(hold_seconds=30))
        await trio.sleep(5)
        assert play.events("established", "closed") == ["established", "closed", "established"]
        assert play.said[-2]["event"] == "announce"
        reasons = [said["reason"] for said in play.said if said["event"] == "closed"]
        assert reasons == ["received 6/6 Cease, Other Configuration Change"]


async def test_a_password_is_waited_for(autojump_clock: object) -> None:
    async with scene() as play:
        await play.router_on()
        play.want(routes(ONE), peer(password=Secret.INLINE))
        await play.announce()
        await trio.sleep(30)
        assert play.network.connects == []
        assert play.ledger.peers["p"].state == "Idle"
        assert play.ledger.peers["p"].last_error == "the password is not known yet"
        play.host.secrets.set({"p": "s3cret"})
        await trio.sleep(2)
        assert play.ledger.peers["p"].state == "Established"
        play.host.secrets.set({"p": "s3cret", "other": "x"})
        await trio.sleep(2)
        assert play.events("closed") == []
        play.host.secrets.set({"p": "changed"})
        await trio.sleep(5)
        assert play.events("established", "closed") == ["established", "closed", "established"]
        assert not any("s3cret" in repr(each) for each in play.ledger.observed)


@pytest.mark.parametrize(("fields", "word"), [({"vrf": "red"}, "VRF"), ({"peer_asn": 0}, "ASN")])
async def test_a_peer_that_cannot_work_stays_idle_and_says_why(
    autojump_clock: object, fields: dict[str, Any], word: str
) -> None:
    async with scene() as play:
        play.want(routes(ONE), peer(**fields))
        await play.announce()
        await trio.sleep(30)
        assert play.network.connects == []
        status = play.ledger.peers["p"]
        assert (status.state, word in status.last_error) == ("Idle", True)


async def test_a_router_that_refuses_is_asked_less_and_less(autojump_clock: object) -> None:
    async with scene() as play:
        await play.router_on(peer_asn=64999)
        play.want(routes(ONE), peer())
        await play.announce()
        await trio.sleep(60)
        assert 4 <= len(play.network.connects) <= 10
        assert play.ledger.peers["p"].last_error == "received 2/2 OPEN Message Error, Bad Peer AS"
        assert len(play.ledger.observed) <= 3


async def test_ipv6_routes_over_an_ipv4_session_use_an_address_beside_it(
    autojump_clock: object,
) -> None:
    async with scene() as play:
        await play.router_on()
        play.host.beside = ("fe80::1", "2001:db8::1")
        play.want(routes(ONE, "2001:db8::9/128"), peer(dual_stack_address_family=True))
        await play.announce()
        await trio.sleep(2)
        hops = {said["prefix"]: said["next_hop"] for said in play.said if "prefix" in said}
        assert hops == {ONE: NODE, "2001:db8::9/128": "2001:db8::1"}


async def test_a_family_without_a_next_hop_is_left_out_and_the_reason_given(
    autojump_clock: object,
) -> None:
    async with scene() as play:
        await play.router_on()
        play.want(routes(ONE, "2001:db8::9/128"), peer(dual_stack_address_family=True))
        await play.announce()
        await trio.sleep(2)
        assert play.events("announce") == [f"announce {ONE}"]
        status = play.ledger.peers["p"]
        assert (status.state, status.advertised_prefixes) == ("Established", 1)
        assert "IPv6 routes are not advertised" in status.last_error


async def test_a_next_hop_may_be_configured(autojump_clock: object) -> None:
    async with scene(Options(next_hops={Family.IPV4: "203.0.113.7"})) as play:
        await play.router_on()
        play.want(routes(ONE), peer())
        await play.announce()
        await trio.sleep(1)
        assert play.said[1]["next_hop"] == "203.0.113.7"


async def test_two_announcers_that_connect_to_each_other_end_with_one_session(
    autojump_clock: object,
) -> None:
    async with trio.open_nursery() as nursery:
        network = Network()
        ledgers = [Ledger(), Ledger()]
        for at, (mine, theirs) in enumerate(((NODE, ROUTER), (ROUTER, NODE))):
            asns: dict[str, Any] = {
                "my_asn": 64512 + at,
                "peer_asn": 64513 - at,
                "peer_address": theirs,
            }
            wanted = Latest(Wanted(routes(f"198.51.100.{at}/32"), (peer(**asns),)))
            host = FakeHost(network, mine, f"node{at}")
            announcer = BGPAnnouncer(host, Options(listen=((mine, 179),)))
            nursery.start_soon(announcer.run, wanted, ledgers[at].observe)
        await trio.sleep(60)
        for ledger in ledgers:
            status = ledger.peers["p"]
            assert status.state == "Established"
            assert (status.received_prefixes, status.advertised_prefixes) == (1, 1)
        nursery.cancel_scope.cancel()


async def test_a_stranger_is_refused(autojump_clock: object) -> None:
    async with scene(Options(listen=((NODE, 179),))) as play:
        play.want(routes(ONE), peer())
        await play.announce()
        stranger = FakeHost(play.network, "192.0.2.66")
        stream = await stranger.connect_tcp(NODE, 179, lambda _: None)
        assert await stream.receive_some() == b""


async def test_garbage_from_the_peer_ends_that_session_alone(autojump_clock: object) -> None:
    heard: list[bytes] = []

    async def babble(stream: trio.abc.Stream) -> None:
        await stream.send_all(b"GET / HTTP/1.1\r\nHost: 192.0.2.3\r\n\r\n")
        while octets := await stream.receive_some():
            heard.append(bytes(octets))

    async with scene() as play, trio.open_nursery() as nursery:
        await play.router_on()
        other = FakeHost(play.network, "192.0.2.3")
        nursery.start_soon(other.serve_tcp, "192.0.2.3", 179, lambda _: None, babble)
        await wait_all_tasks_blocked()
        play.want(routes(ONE), peer(), peer("q", peer_address="192.0.2.3"))
        await play.announce()
        await trio.sleep(20)
        assert b"".join(heard).count(b"\x03\x01\x01") >= 3  # NOTIFICATION 1/1, each time
        assert play.ledger.peers["q"].last_error.startswith("sent 1/1")
        assert play.events("established", "closed") == ["established"]
        nursery.cancel_scope.cancel()


async def test_thousands_of_routes_come_and_go(
    autojump_clock: object,
) -> None:
    async with scene() as play:
        await play.router_on()
        many = routes(*(f"10.0.{n >> 8}.{n & 255}/32" for n in range(5000)))
        play.want(many, peer())
        await play.announce()
        await trio.sleep(5)
        assert play.ledger.peers["p"].advertised_prefixes == 5000
        assert len(play.events("announce")) == 5000
        play.want(dict(list(many.items())[:10]), peer())
        await trio.sleep(5)
        assert play.ledger.peers["p"].advertised_prefixes == 10


async def test_a_peer_that_stops_reading_is_given_up_and_costs_nothing_meanwhile(
    autojump_clock: object,
) -> None:
    async with scene() as play:
        play.host = DeafHost(play.network, NODE)
        await play.router_on()
        # No hold time, or the router would give up first, hearing nothing.
        play.want(routes(ONE), peer(hold_seconds=0))
        await play.announce()
        await trio.sleep(2)
        play.host.streams[0].blocked = True
        for at in range(100):
            play.want(routes(f"10.0.0.{at}/32"), peer(hold_seconds=0))
            await trio.sleep(3)
        assert play.ledger.peers["p"].state == "Established"
        await trio.sleep(300)
        assert len(play.host.streams) == 2
        assert play.ledger.peers["p"].state == "Established"
        assert play.events("announce") == [f"announce {ONE}", "announce 10.0.0.99/32"]


async def test_a_goodbye_to_a_peer_that_reads_nothing_is_bounded(autojump_clock: object) -> None:
    async with scene() as play:
        play.host = DeafHost(play.network, NODE)
        await play.router_on()
        play.want(routes(ONE), peer())
        await play.announce()
        await trio.sleep(2)
        play.host.streams[0].blocked = True
        before = trio.current_time()
        play.shut_down()
        await trio.lowlevel.checkpoint()
        with trio.fail_after(1.5):
            await play.left.wait()
        assert play.ledger.peers["p"].state == "Idle"
        assert trio.current_time() - before <= 1.5


async def test_a_failing_ledger_never_ends_a_session(autojump_clock: object) -> None:
    async with scene() as play:
        await play.router_on()
        play.want(routes(ONE), peer())
        failures = 3
        observe = play.ledger.observe

        async def failing(observation: Observation) -> None:
            nonlocal failures
            if failures:
                failures -= 1
                raise OSError("disk full")
            await observe(observation)

        play.ledger.observe = failing  # type: ignore[method-assign]  # a ledger that fails
        await play.announce()
        await trio.sleep(60)
        assert play.events() == ["established", f"announce {ONE}"]
        assert isinstance(play.ledger.observed[0], Listing)
        assert play.ledger.peers["p"].state == "Established"


async def test_an_address_that_cannot_be_listened_at_stops_nothing(autojump_clock: object) -> None:
    async with scene(Options(listen=((NODE, 179),))) as play:

        async def refuse(*_: object) -> None:
            raise OSError(98, "Address already in use")

        play.host.serve_tcp = refuse  # type: ignore[assignment,method-assign]  # someone else has the port
        await play.router_on()
        play.want(routes(ONE), peer())
        await play.announce()
        await trio.sleep(60)
        assert play.events() == ["established", f"announce {ONE}"]


async def test_a_fault_of_ours_costs_one_peer_a_moment_and_the_others_nothing(
    autojump_clock: object, caplog: pytest.LogCaptureFixture
) -> None:
    async with scene() as play:
        await play.router_on()
        connect = play.host.connect_tcp
        faults = 2

        async def faulty(address: str, *more: Any) -> trio.abc.Stream:
            nonlocal faults
            if address == "192.0.2.3" and faults:
                faults -= 1
                raise ZeroDivisionError
            return await connect(address if address == ROUTER else ROUTER, *more)

        play.host.connect_tcp = faulty  # type: ignore[assignment,method-assign]  # it has a fault
        play.want(routes(ONE), peer(), peer("q", peer_address="192.0.2.3"))
        await play.announce()
        await trio.sleep(0.5)
        assert play.ledger.peers["q"].last_error == "failed here: see the log"
        assert "ZeroDivisionError" in caplog.text
        await trio.sleep(30)
        states = {name: status.state for name, status in play.ledger.peers.items()}
        assert states == {"p": "Established", "q": "Established"}
        assert play.events("closed") == []


async def test_a_route_that_cannot_be_said_is_left_out_alone(autojump_clock: object) -> None:
    async with scene() as play:
        await play.router_on()
        play.want({**routes(ONE, communities=("64512:70000",)), **routes(TWO)}, peer())
        await play.announce()
        await trio.sleep(3)
        assert play.events("announce") == [f"announce {TWO}"]
        status = play.ledger.peers["p"]
        assert status.last_error == "1 routes are left out: '64512:70000' is no community"
        play.want({**routes(ONE, communities=("64512:7",)), **routes(TWO)}, peer())
        await trio.sleep(3)
        assert play.events("announce")[1:] == [f"announce {ONE}"]
        assert play.ledger.peers["p"].last_error == ""


async def test_a_source_address_is_connected_from(autojump_clock: object) -> None:
    async with scene() as play:
        await play.router_on()
        play.want(routes(ONE), peer(source_address="192.0.2.77"))
        await play.announce()
        await trio.sleep(1)
        assert play.said[1]["next_hop"] == "192.0.2.77"
        assert play.said[1]["peer"] == "192.0.2.77"


async def test_why_no_session_comes_about_is_said_once(
    autojump_clock: object, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING, "proclaim.bgp"):
        async with scene() as play:
            play.want(routes(ONE), peer())
            await play.announce()
            await trio.sleep(60)
    told = [text for text in caplog.messages if "no session: cannot connect" in text]
    assert len(told) == 1
