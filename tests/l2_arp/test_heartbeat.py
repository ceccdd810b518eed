"""Whole detectors on virtual time, over a network that loses datagrams."""

import errno
import os
import random
from types import SimpleNamespace

import pytest
import trio
import trio.testing
from proclaim import Latest, Listing, Node, NodeReachability, Settings
from proclaim_l2_arp.heartbeat.datagram import Datagram, encode
from proclaim_l2_arp.heartbeat.detector import Heartbeat
from proclaim_l2_arp.options import HeartbeatOptions, read_options


class Network:
    """Carries datagrams between addresses; loses some, and cuts what is told to be cut."""

    def __init__(self, loss=0.0, seed=1):
        self.loss = loss
        self.cut = set()
        """(from, to) pairs that nothing passes."""
        self.random = random.Random(seed)
        self.feeds = {}

    def opener(self, address):
        async def open_datagrams(port):
            feed, queue = trio.open_memory_channel(1000)
            self.feeds[address] = feed
            return Socket(self, address, queue)

        return open_datagrams

    def carry(self, source, data, to):
        if (source, to) not in self.cut and to in self.feeds and self.random.random() >= self.loss:
            self.feeds[to].send_nowait(data)


class Socket:
    def __init__(self, network, address, queue):
        self.network, self.address, self.queue = network, address, queue

    async def send(self, data, address):
        await trio.lowlevel.checkpoint()
        if address == "unreachable":
            raise OSError(errno.ENETUNREACH, os.strerror(errno.ENETUNREACH))
        self.network.carry(self.address, data, address)

    async def receive(self):
        return await self.queue.receive()

    def close(self):
        self.network.feeds.pop(self.address, None)


class Member:
    """One node's detector; `said` are its verdicts as (seconds, fellow, reachable)."""

    def __init__(self, network, name, fellows, options=None, wall=1000.0):
        self.host = SimpleNamespace(node=name, wall_time=lambda: wall)
        self.fellows = Latest(tuple(Node(name=f, addresses=(f,)) for f in fellows))
        self.said = []
        self.verdicts = {}
        self.scope = trio.CancelScope()
        self.detector = Heartbeat(self.host, options or HeartbeatOptions(), network.opener(name))

    async def observe(self, observation):
        await trio.lowlevel.checkpoint()
        if isinstance(observation, Listing):
            assert not self.said
            return
        for sourced in observation.resources:
            assert isinstance(sourced.resource, NodeReachability)
            self.verdicts[sourced.resource.node] = sourced.resource.reachable
            self.said.append(
                (trio.current_time(), sourced.resource.node, sourced.resource.reachable)
            )
        for ref in observation.gone:
            del self.verdicts[ref.name]

    async def run(self):
        with self.scope:
            await self.detector.run(self.fellows, self.observe)


async def test_fellows_that_hear_each_other_live(autojump_clock, nursery):
    network = Network()
    a, b = Member(network, "a", "b"), Member(network, "b", "a")
    nursery.start_soon(a.run)
    nursery.start_soon(b.run)
    await trio.sleep(60)
    assert (a.verdicts, b.verdicts) == ({"b": True}, {"a": True})
    assert len(a.said) == len(b.said) == 1


async def test_a_fellow_that_falls_silent_is_lost_within_the_time_set(autojump_clock, nursery):
    network = Network()
    a, b = Member(network, "a", "b"), Member(network, "b", "a")
    nursery.start_soon(a.run)
    nursery.start_soon(b.run)
    await trio.sleep(10)
    network.cut = {("b", "a")}
    cut = trio.current_time()
    await trio.sleep(10)
    (_, lost) = a.said
    assert lost[1:] == ("b", False)
    assert 1.4 <= lost[0] - cut <= 2.2
    assert b.verdicts == {"a": True}


async def test_a_fellow_that_is_never_heard_is_lost_only_after_the_time_set(
    autojump_clock, nursery
):
    a = Member(Network(), "a", "b")
    nursery.start_soon(a.run)
    await trio.sleep(1.9)
    assert a.verdicts == {"b": True}
    await trio.sleep(0.4)
    assert a.verdicts == {"b": False}


async def test_a_graceful_stop_is_known_at_once_and_a_return_within_a_moment(
    autojump_clock, nursery
):
    network = Network()
    a, b = Member(network, "a", "b"), Member(network, "b", "a")
    nursery.start_soon(a.run)
    nursery.start_soon(b.run)
    await trio.sleep(10)
    b.scope.cancel()
    await trio.sleep(0.01)
    assert a.verdicts == {"b": False}
    await trio.sleep(5)
    nursery.start_soon(Member(network, "b", "a", wall=1020.0).run)
    await trio.sleep(0.11)
    assert a.verdicts == {"b": True}


@pytest.mark.parametrize("seed", range(10))
async def test_some_loss_loses_no_fellow_and_silence_is_noticed_all_the_same(
    autojump_clock, nursery, seed
):
    network = Network(loss=0.1, seed=seed)
    options = HeartbeatOptions(interval=0.2)
    members = {n: Member(network, n, set("abc") - {n}, options) for n in "abc"}
    for member in members.values():
        nursery.start_soon(member.run)
    await trio.sleep(60)
    for name, member in members.items():
        assert member.verdicts == dict.fromkeys(set("abc") - {name}, True)
        assert len(member.said) == 2
    network.cut = {("c", "a"), ("c", "b")}
    await trio.sleep(2.5)
    assert members["a"].verdicts == {"b": True, "c": False}
    assert members["b"].verdicts == {"a": True, "c": False}
    network.cut.clear()
    await trio.sleep(3)
    assert members["a"].verdicts == {"b": True, "c": True}


async def test_nodes_with_the_key_do_not_hear_a_node_without_it(autojump_clock, nursery, caplog):
    network = Network()
    keyed = HeartbeatOptions(key=b"secret")
    a, b = Member(network, "a", ["b", "c"], keyed), Member(network, "b", ["a", "c"], keyed)
    for member in (a, b, Member(network, "c", ["a", "b"])):
        nursery.start_soon(member.run)
    await trio.sleep(10)
    assert a.verdicts == {"b": True, "c": False}
    assert b.verdicts == {"a": True, "c": False}
    assert "signature" in caplog.text


async def test_garbage_on_the_port_harms_nobody(autojump_clock, nursery):
    network = Network()
    a, b = Member(network, "a", "b"), Member(network, "b", "a")
    nursery.start_soon(a.run)
    nursery.start_soon(b.run)
    noise = random.Random(3)
    for _ in range(200):
        await trio.sleep(0.05)
        network.feeds["a"].send_nowait(noise.randbytes(noise.randrange(60)))
        network.feeds["a"].send_nowait(encode(Datagram("stranger", 1, 1), b""))
    assert a.verdicts == {"b": True}


async def test_a_node_without_an_address_cannot_be_watched_and_is_named_once(
    autojump_clock, nursery, caplog
):
    a = Member(Network(), "a", "b")
    silent = Node(name="c")
    a.fellows.set((*a.fellows.value, silent))
    nursery.start_soon(a.run)
    await trio.sleep(1)
    a.fellows.set((*a.fellows.value, Node(name="d", addresses=("d",))))
    await trio.sleep(1)
    assert a.verdicts.keys() == {"b", "d"}
    assert len([r for r in caplog.records if "node c has no address" in r.message]) == 1


async def test_no_port_is_opened_before_there_is_a_fellow_to_watch(autojump_clock, nursery):
    network = Network()
    a = Member(network, "a", "")
    nursery.start_soon(a.run)
    await trio.sleep(5)
    assert not network.feeds
    a.fellows.set((Node(name="b", addresses=("b",)),))
    await trio.sleep(1)
    assert list(network.feeds) == ["a"]
    assert a.verdicts == {"b": True}


async def test_a_fellow_that_leaves_the_cluster_is_forgotten(autojump_clock, nursery):
    a = Member(Network(), "a", "bc")
    nursery.start_soon(a.run)
    await trio.sleep(1)
    a.fellows.set(a.fellows.value[:1])
    await trio.sleep(1)
    assert a.verdicts.keys() == {"b"}


async def test_an_address_that_cannot_be_reached_does_not_silence_the_others(
    autojump_clock, nursery
):
    network = Network()
    a, b = Member(network, "a", ["unreachable", "b"]), Member(network, "b", "a")
    nursery.start_soon(a.run)
    nursery.start_soon(b.run)
    await trio.sleep(10)
    assert a.verdicts == {"unreachable": False, "b": True}
    assert b.verdicts == {"a": True}


async def test_a_process_that_stood_still_takes_nothing_over_before_it_has_listened(
    autojump_clock, nursery, caplog
):
    network = Network()
    a, b = Member(network, "a", "b"), Member(network, "b", "a")
    nursery.start_soon(a.run)
    nursery.start_soon(b.run)
    await trio.sleep(10)
    autojump_clock.jump(60)
    await trio.sleep(10)
    assert a.verdicts == {"b": True}
    assert all(reachable for _, _, reachable in a.said)
    assert "stood still" in caplog.text


async def test_a_ledger_that_takes_its_time_silences_nobody(autojump_clock, nursery):
    network = Network()
    a, b = Member(network, "a", "b"), Member(network, "b", "a")

    async def stuck(observation):
        await trio.sleep_forever()

    a.observe = stuck
    nursery.start_soon(a.run)
    nursery.start_soon(b.run)
    await trio.sleep(10)
    assert b.verdicts == {"a": True}


# --- settings -----------------------------------------------------------------------------------


def options(**heartbeat):
    return read_options(Settings(sections={"l2_arp": {"heartbeat": heartbeat}})).heartbeat


def test_times_are_set_in_milliseconds():
    chosen = options(interval_ms=100, dead_after_ms=300, port=9999)
    assert (chosen.interval, chosen.dead_after, chosen.port) == (0.1, 0.3, 9999)
    assert options() == HeartbeatOptions()


def test_the_key_is_read_from_its_file_and_never_shown(tmp_path):
    path = tmp_path / "key"
    path.write_text("hush\n")
    chosen = options(key_file=str(path))
    assert chosen.key == b"hush"
    assert "hush" not in repr(chosen)
