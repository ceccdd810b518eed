import errno
import logging
from contextlib import asynccontextmanager
from dataclasses import replace
from types import SimpleNamespace

import trio
import trio.testing
from l2_arp import recorded
from l2_arp.fake_link import ETHERNET, FakeLink, interface
from l2_arp.recorded import HOLDER, STRANGER, VIP, VIP6
from proclaim import (
    Announcement,
    Change,
    InterfaceStatus,
    Latest,
    Listing,
    ProclaimError,
    Spread,
    Wanted,
)
from proclaim_l2_arp.driver import L2Announcer
from proclaim_l2_arp.eligibility import RUNNING, compile_patterns
from proclaim_l2_arp.frames import BROADCAST, REPLY, REQUEST, Advertisement, Arp, encode
from proclaim_l2_arp.options import HeartbeatOptions, Options
from proclaim_l2_arp.ownership import packed

ETH0 = interface("eth0", 2, HOLDER, addresses=("192.0.2.2",))
ETH1 = interface("eth1", 3, STRANGER)
ALL_BURSTS = 6.0
OPTIONS = Options(excluded=compile_patterns(["^lo$"]), heartbeat=HeartbeatOptions(enabled=False))
CLAIM = encode(Arp(BROADCAST, STRANGER, REQUEST, STRANGER, VIP, BROADCAST, VIP))


def wanted(*texts, to=()):
    return Wanted({(t, ""): Announcement(t, (t,), (), tuple(to)) for t in texts})


@asynccontextmanager
async def running(link, announced, options=OPTIONS):
    """Run an announcer; what it observes is in `.observed`."""
    latest, observed = Latest(announced), []

    async def observe(observation):
        observed.append(observation)

    announcer = L2Announcer("n1", link, options)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(announcer.run, latest, observe)
        await trio.testing.wait_all_tasks_blocked()
        yield SimpleNamespace(wanted=latest, observed=observed)
        nursery.cancel_scope.cancel()


async def settle():
    await trio.testing.wait_all_tasks_blocked()


async def asked(link, frame=recorded.ARP_REQUEST, index=2):
    """Deliver a question after the bursts are forgotten, and return the answers."""
    link.sent.clear()
    link.deliver(frame, index)
    await settle()
    return link.said()


def test_it_is_the_announcer_l2_and_needs_one_node():
    announcer = L2Announcer("n1", FakeLink(), OPTIONS)
    assert (announcer.name, announcer.spread) == ("l2", Spread.ONE_NODE)


async def test_an_owned_address_is_answered_for(autojump_clock):
    link = FakeLink(ETH0)
    async with running(link, wanted("192.0.2.9", "2001:db8::9")):
        await trio.sleep(ALL_BURSTS)
        ((_, index, reply),) = await asked(link)
        assert (index, encode(reply)) == (2, recorded.ARP_REPLY)
        ((_, _, reply),) = await asked(link, recorded.SOLICITATION)
        assert encode(reply) == recorded.ADVERTISEMENT


async def test_a_foreign_address_is_not_answered_for(autojump_clock):
    link = FakeLink(ETH0)
    async with running(link, wanted("192.0.2.10")):
        await trio.sleep(ALL_BURSTS)
        assert await asked(link) == []


async def test_a_takeover_is_told_by_five_bursts_on_every_interface(autojump_clock):
    link = FakeLink(ETH0, ETH1)
    async with running(link, wanted("192.0.2.9")):
        began = trio.current_time()
        await trio.sleep(ALL_BURSTS)
        said = link.said()
    for index, mac in ((2, HOLDER), (3, STRANGER)):
        told = [(round(when - began, 3), m) for when, at, m in said if at == index]
        assert [when for when, _ in told] == [t for n in range(5) for t in [round(1.1 * n, 3)] * 2]
        assert [m.operation for _, m in told] == [REQUEST, REPLY] * 5
        assert {(m.sender, m.target, m.sender_mac) for _, m in told} == {(VIP, VIP, mac)}


async def test_an_ipv6_takeover_is_told_from_the_link_local_address(autojump_clock):
    link = FakeLink(replace(ETH0, addresses=("fe80::1",)))
    async with running(link, wanted("2001:db8::9")):
        await trio.sleep(ALL_BURSTS)
        said = [message for _, _, message in link.said()]
    assert len(said) == 5
    assert all(isinstance(m, Advertisement) and m.sender == packed("fe80::1") for m in said)


async def test_an_address_that_is_no_longer_wanted_is_not_answered_from_that_moment(
    autojump_clock,
):
    link = FakeLink(ETH0)
    async with running(link, wanted("192.0.2.9", "192.0.2.10")) as run:
        await trio.sleep(0.5)
        link.sent.clear()
        run.wanted.set(wanted("192.0.2.10"))
        await settle()
        assert link.port(2, 4).filter == {packed("192.0.2.10")}
        assert await asked(link) == []
        await trio.sleep(ALL_BURSTS)
        assert {m.sender for _, _, m in link.said()} == {packed("192.0.2.10")}


async def test_nothing_is_said_in_parting_and_the_port_is_closed(autojump_clock):
    link = FakeLink(ETH0)
    async with running(link, wanted("192.0.2.9")) as run:
        await trio.sleep(ALL_BURSTS)
        link.sent.clear()
        run.wanted.set(wanted())
        await settle()
        assert link.port(2, 4) is None
        await trio.sleep(ALL_BURSTS)
        assert link.said() == []


async def test_a_cancelled_announcer_closes_every_port(autojump_clock):
    link = FakeLink(ETH0, ETH1)
    async with running(link, wanted("192.0.2.9", "2001:db8::9")):
        await settle()
        assert link.port(2, 4)
        assert link.port(3, 6)
    assert all(port.closed for ports in link.ports.values() for port in ports)


async def test_only_the_interfaces_that_an_announcement_names_answer(autojump_clock):
    link = FakeLink(ETH0, ETH1)
    async with running(link, wanted("192.0.2.9", to=["eth1", "nosuch"])) as run:
        await trio.sleep(ALL_BURSTS)
        assert {index for _, index, _ in link.said()} == {3}
        assert await asked(link) == []
        run.wanted.set(wanted("192.0.2.9", to=["eth0"]))
        await settle()
        assert link.port(3, 4) is None
        assert {index for _, index, _ in link.said()} == {2}


async def test_the_group_of_an_ipv6_address_is_joined_and_left(autojump_clock):
    link = FakeLink(ETH0)
    async with running(link, wanted("2001:db8::9", "2001:db8:1::9", "2001:db8::a")) as run:
        await settle()
        groups = {g.hex()[-8:] for g in link.port(2, 6).groups}
        assert groups == {"ff000009", "ff00000a"}
        run.wanted.set(wanted("2001:db8::9"))
        await settle()
        assert {g.hex()[-8:] for g in link.port(2, 6).groups} == {"ff000009"}


async def test_an_interface_that_appears_answers_and_is_told_at_once(autojump_clock):
    link = FakeLink(ETH0)
    async with running(link, wanted("192.0.2.9", "2001:db8::9")):
        await trio.sleep(ALL_BURSTS)
        link.sent.clear()
        link.interfaces.set((ETH0, ETH1))
        await settle()
        said = link.said()
        assert {index for _, index, _ in said} == {3}
        assert {m.sender if isinstance(m, Arp) else m.target for _, _, m in said} == {VIP, VIP6}
        assert link.port(3, 6).groups


async def test_a_new_mac_is_told_at_once_and_used_in_answers(autojump_clock):
    link = FakeLink(ETH0)
    async with running(link, wanted("192.0.2.9")):
        await trio.sleep(ALL_BURSTS)
        link.sent.clear()
        link.interfaces.set((replace(ETH0, mac=STRANGER),))
        await settle()
        assert [m.sender_mac for _, _, m in link.said()] == [STRANGER, STRANGER]
        ((_, _, reply),) = await asked(link)
        assert reply.sender_mac == reply.source == STRANGER


async def test_a_renamed_interface_follows_its_new_name(autojump_clock):
    link = FakeLink(ETH0)
    async with running(link, wanted("192.0.2.9", to=["lan"])):
        await trio.sleep(ALL_BURSTS)
        assert await asked(link) == []
        link.interfaces.set((replace(ETH0, name="lan"),))
        await trio.sleep(ALL_BURSTS)
        assert len(await asked(link)) == 1


async def test_an_interface_that_went_down_and_up_answers_and_is_told_again(autojump_clock):
    link = FakeLink(ETH0)
    async with running(link, wanted("192.0.2.9")):
        await trio.sleep(ALL_BURSTS)
        link.interfaces.set((replace(ETH0, flags=0),))
        await settle()
        assert link.port(2, 4) is None
        link.sent.clear()
        link.interfaces.set((ETH0,))
        await settle()
        assert len(link.said()) == 2
        assert len(await asked(link)) == 1


async def test_a_cable_that_is_plugged_in_again_is_told(autojump_clock):
    link = FakeLink(replace(ETH0, flags=ETHERNET & ~RUNNING))
    async with running(link, wanted("192.0.2.9")):
        await trio.sleep(ALL_BURSTS)
        link.sent.clear()
        link.interfaces.set((ETH0,))
        await settle()
        assert len(link.said()) == 2


async def test_what_fails_on_one_interface_never_stops_another(autojump_clock, caplog):
    link = FakeLink(ETH0, ETH1)
    link.refused = {(2, 4), (2, 6), (3, 6)}
    async with running(link, wanted("192.0.2.9", "2001:db8::9")):
        await trio.sleep(ALL_BURSTS)
        ((_, index, _),) = await asked(link, index=3)
        assert index == 3
        assert len([r for r in caplog.records if "cannot be opened" in r.message]) == 3
        link.refused.clear()
        await trio.sleep(1)
        assert len(await asked(link, index=2)) == 1


async def test_a_group_that_cannot_be_joined_is_tried_again_and_ndp_answers_meanwhile(
    autojump_clock,
):
    link = FakeLink(ETH0)
    link.no_groups = True
    async with running(link, wanted("2001:db8::9")):
        await trio.sleep(ALL_BURSTS)
        assert len(await asked(link, recorded.SOLICITATION)) == 1
        link.no_groups = False
        await trio.sleep(2.5)
        assert link.port(2, 6).groups


async def test_a_port_that_breaks_is_opened_again(autojump_clock):
    link = FakeLink(ETH0)
    async with running(link, wanted("192.0.2.9")):
        await trio.sleep(ALL_BURSTS)
        link.port(2, 4).feed(OSError(errno.ENETDOWN, "Network is down"))
        await trio.sleep(1)
        assert len(link.ports[2, 4]) == 2
        assert len(await asked(link)) == 1


async def test_a_reply_that_cannot_be_sent_is_lost_and_no_more(autojump_clock):
    link = FakeLink(ETH0)
    async with running(link, wanted("192.0.2.9")):
        await trio.sleep(ALL_BURSTS)
        link.mute = True
        assert await asked(link) == []
        link.mute = False
        assert len(await asked(link)) == 1


async def test_interfaces_are_watched_again_when_that_failed(autojump_clock):
    link = FakeLink(ETH0)
    link.watch_error = OSError(errno.EIO, "Input/output error")
    async with running(link, wanted("192.0.2.9")):
        await trio.sleep(2)
        assert len(await asked(link)) == 1


async def test_a_conflict_is_logged_once_in_ten_seconds(autojump_clock, caplog):
    link = FakeLink(ETH0)
    async with running(link, wanted("192.0.2.9")):
        for _ in range(25):
            link.deliver(CLAIM)
            await trio.sleep(1)
    said = [r.message for r in caplog.records if "its own" in r.message]
    assert len(said) == 3
    assert "192.0.2.9 on eth0: 02:00:00:00:00:03" in said[0]


async def test_after_a_standstill_nothing_is_answered_until_the_fellows_had_their_say(
    autojump_clock, caplog
):
    link = FakeLink(ETH0)
    async with running(link, wanted("192.0.2.9")):
        await trio.sleep(ALL_BURSTS)
        link.deliver(recorded.ARP_REQUEST)
        autojump_clock.jump(30)
        await settle()
        link.sent.clear()
        assert await asked(link) == []
        assert "stood still" in caplog.text
        await trio.sleep(1.2)
        assert link.said() == []
        await trio.sleep(0.6)
        assert len(link.said()) == 2
        assert len(await asked(link)) == 1


async def test_at_the_start_fellows_get_a_moment_to_learn_that_this_node_is_back(autojump_clock):
    link = FakeLink(ETH0)
    watching = replace(OPTIONS, heartbeat=HeartbeatOptions(interval=0.5))
    async with running(link, wanted("192.0.2.9"), watching):
        began = trio.current_time()
        await trio.sleep(0.4)
        assert await asked(link) == []
        await trio.sleep(ALL_BURSTS)
        assert [round(when - began, 3) for when, _, _ in link.said()][::2] == [
            0.5,
            1.6,
            2.7,
            3.8,
            4.9,
        ]
        assert len(await asked(link)) == 1


# --- interfaces are facts -----------------------------------------------------------------------


def resources(observation):
    return [sourced.resource for sourced in observation.resources]


async def test_the_first_report_lists_every_interface_with_why_it_is_not_used(autojump_clock):
    lo = interface("lo", 1, bytes(6))
    link = FakeLink(lo, ETH0, replace(ETH1, master=2))
    async with running(link, wanted()) as run:
        (listing,) = run.observed
    assert isinstance(listing, Listing)
    assert listing.source == "l2"
    assert [(s.name, s.usable, s.why_not) for s in resources(listing)] == [
        ("lo", False, "its name matches exclude_interfaces '^lo$'"),
        ("eth0", True, ""),
        ("eth1", False, "it belongs to eth0"),
    ]


async def test_only_what_changed_is_reported_after_that(autojump_clock):
    link = FakeLink(ETH0, ETH1)
    async with running(link, wanted()) as run:
        await trio.sleep(1)
        link.interfaces.set((replace(ETH0, addresses=()),))
        await trio.sleep(1)
        link.interfaces.set((replace(ETH0, addresses=(), flags=ETH0.flags | 1 << 16),))
        await trio.sleep(1)
        assert run.observed[1:] == [
            Change(
                "l2",
                run.observed[1].resources,
                (InterfaceStatus("n1", "eth1").ref,),
            )
        ]
        assert resources(run.observed[1]) == [
            InterfaceStatus("n1", "eth0", 2, HOLDER.hex(":"), usable=True)
        ]


async def test_a_ledger_that_takes_its_time_delays_no_answer(autojump_clock):
    link = FakeLink(ETH0)

    async def observe(observation):
        await trio.sleep_forever()

    async with trio.open_nursery() as nursery:
        announcer = L2Announcer("n1", link, OPTIONS)
        nursery.start_soon(announcer.run, Latest(wanted("192.0.2.9")), observe)
        await trio.sleep(ALL_BURSTS)
        assert len(await asked(link)) == 1
        nursery.cancel_scope.cancel()


async def test_a_ledger_that_refuses_a_report_stops_no_answer_and_is_told_again(autojump_clock):
    link, refusals, told = FakeLink(ETH0), ["the disk is full"], []

    async def observe(observation):
        if refusals:
            raise ProclaimError(refusals.pop())
        told.append(observation)

    async with trio.open_nursery() as nursery:
        announcer = L2Announcer("n1", link, OPTIONS)
        nursery.start_soon(announcer.run, Latest(wanted("192.0.2.9")), observe)
        await trio.sleep(ALL_BURSTS)
        assert len(await asked(link)) == 1
        link.interfaces.set((ETH0, ETH1))
        await trio.sleep(1)
        (listing,) = told
        assert isinstance(listing, Listing)
        nursery.cancel_scope.cancel()


async def test_without_the_capability_there_is_one_warning_and_no_interface_is_usable(
    autojump_clock, caplog
):
    caplog.set_level(logging.WARNING)
    link = FakeLink(ETH0, obstacle="answering needs the capability CAP_NET_RAW")
    async with running(link, wanted("192.0.2.9")) as run:
        await trio.sleep(10)
        run.wanted.set(wanted("192.0.2.10"))
        await trio.sleep(10)
        assert [r.message for r in caplog.records] == [
            "nothing is announced by ARP and NDP: answering needs the capability CAP_NET_RAW"
        ]
        (eth0,) = resources(run.observed[0])
        assert (eth0.usable, eth0.why_not) == (False, "answering needs the capability CAP_NET_RAW")
        assert not link.ports
