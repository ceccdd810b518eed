"""Two nodes on one segment and a client of it, all on virtual time."""

from types import SimpleNamespace

import pytest
import trio
import trio.testing
from l2_arp.fake_link import FakeLink, Segment, interface
from l2_arp.recorded import ASKER, NEIGHBOUR, VIP
from proclaim import Announcement, Latest, Node, Wanted
from proclaim_l2_arp.driver import L2Announcer
from proclaim_l2_arp.eligibility import compile_patterns
from proclaim_l2_arp.frames import BROADCAST, REQUEST, Arp, decode, encode
from proclaim_l2_arp.heartbeat.detector import Heartbeat
from proclaim_l2_arp.options import HeartbeatOptions, Options

OPTIONS = Options(excluded=compile_patterns(()))
NOTHING = Wanted()
WEB = Wanted({("192.0.2.9/32", ""): Announcement("192.0.2.9/32", ("192.0.2.9",), ())})
MACS = {"first": b"\2\0\0\0\1\1", "second": b"\2\0\0\0\1\2"}


class Client:
    """Remembers who holds the address, as a kernel does: the last to say so."""

    def __init__(self, segment):
        self.interfaces = Latest((interface("eth0", 2, NEIGHBOUR),))
        self.segment = segment
        self.holder = None
        self.answers = []
        segment.links.append(self)

    def deliver(self, frame, index):
        message = decode(frame)
        assert isinstance(message, Arp)
        assert message.sender == VIP
        self.holder = message.sender_mac
        if message.destination == NEIGHBOUR:
            self.answers.append(message.sender_mac)

    async def ask(self):
        """Everyone who answers."""
        self.answers.clear()
        question = Arp(BROADCAST, NEIGHBOUR, REQUEST, NEIGHBOUR, ASKER, bytes(6), VIP)
        self.segment.carry(encode(question), self)
        await trio.testing.wait_all_tasks_blocked()
        return self.answers


class Wires:
    """The datagrams between the nodes; a node that is down neither sends nor receives."""

    def __init__(self):
        self.feeds, self.down = {}, set()

    def opener(self, name):
        async def open_datagrams(port):
            self.feeds[name], queue = trio.open_memory_channel(100)
            return SimpleNamespace(
                send=lambda data, to: self.send(name, data, to),
                receive=queue.receive,
                close=lambda: self.feeds.pop(name),
            )

        return open_datagrams

    async def send(self, name, data, to):
        await trio.lowlevel.checkpoint()
        if to in self.feeds and not {name, to} & self.down:
            self.feeds[to].send_nowait(data)


class Member:
    """One node; `first` is preferred, and `second` steps in while it is lost."""

    def __init__(self, name, segment, wires):
        self.name = name
        self.link = FakeLink(interface("eth0", 2, MACS[name]), segment=segment)
        self.wires = wires
        self.wanted = Latest(WEB if name == "first" else NOTHING)
        self.scope = trio.CancelScope()

    async def observe(self, observation):
        await trio.lowlevel.checkpoint()
        for sourced in observation.resources:
            if getattr(sourced.resource, "node", "") == "first" and self.name == "second":
                self.wanted.set(NOTHING if sourced.resource.reachable else WEB)

    async def ignore(self, observation):
        await trio.lowlevel.checkpoint()

    async def run(self):
        self.scope = trio.CancelScope()
        other = ({"first", "second"} - {self.name}).pop()
        host = SimpleNamespace(node=self.name, wall_time=lambda: trio.current_time() + 1e9)
        heartbeat = Heartbeat(host, HeartbeatOptions(), self.wires.opener(self.name))
        fellows = Latest((Node(name=other, addresses=(other,)),))
        with self.scope:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(heartbeat.run, fellows, self.observe)
                announcer = L2Announcer(self.name, self.link, OPTIONS)
                nursery.start_soon(announcer.run, self.wanted, self.ignore)


@pytest.fixture
async def world(nursery):
    segment, wires = Segment(), Wires()
    made = SimpleNamespace(wires=wires, segment=segment, nursery=nursery)
    made.first, made.second = Member("first", segment, wires), Member("second", segment, wires)
    made.client = Client(segment)
    nursery.start_soon(made.first.run)
    nursery.start_soon(made.second.run)
    await trio.sleep(8)
    assert await made.client.ask() == [MACS["first"]]
    return made


async def test_when_the_elected_node_dies_the_other_takes_over_within_its_dead_time(
    autojump_clock, world
):
    world.segment.cut.add(world.first.link)
    world.wires.down.add("first")
    died = trio.current_time()
    await trio.sleep(3)
    took_over, *_ = world.second.link.sent[0]
    assert 1.4 <= took_over - died <= 2.2
    assert world.client.holder == MACS["second"]
    assert await world.client.ask() == [MACS["second"]]


async def test_when_the_elected_node_leaves_the_other_takes_over_at_once(autojump_clock, world):
    world.first.scope.cancel()
    await trio.sleep(0.05)
    assert world.client.holder == MACS["second"]
    assert await world.client.ask() == [MACS["second"]]


async def test_a_node_that_returns_takes_back_what_is_its_own_and_never_two_answer(
    autojump_clock, world
):
    world.first.scope.cancel()
    await trio.sleep(8)
    world.nursery.start_soon(world.first.run)
    for _ in range(300):
        await trio.sleep(0.01)
        assert len(await world.client.ask()) <= 1
    assert world.client.holder == MACS["first"]
    assert await world.client.ask() == [MACS["first"]]


async def test_a_fellow_that_hangs_for_a_moment_loses_nothing(autojump_clock, world):
    world.wires.down.add("first")
    await trio.sleep(1)
    world.wires.down.clear()
    await trio.sleep(5)
    assert await world.client.ask() == [MACS["first"]]
    assert world.second.link.sent == []
