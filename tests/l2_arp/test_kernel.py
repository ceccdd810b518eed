"""The announcer against kernels in network namespaces."""

import logging
import os
import shutil
import signal
import subprocess
import time
from functools import partial
from ipaddress import ip_address

import pytest
import trio
from l2_arp.lab import Lab, received, until
from proclaim import Latest
from proclaim_l2_arp.filters import arp_filter
from proclaim_l2_arp.frames import (
    BROADCAST,
    REPLY,
    REQUEST,
    Advertisement,
    Arp,
    Solicitation,
    decode,
    encode,
    multicast_mac,
    solicited_node,
)
from proclaim_l2_arp.interfaces import watch
from proclaim_l2_arp.linux import attach_filter

pytestmark = [
    pytest.mark.integration,
    pytest.mark.slow,
    pytest.mark.skipif(os.geteuid() != 0, reason="making network namespaces needs root"),
]

VIP, OTHER = "192.0.2.9", "192.0.2.77"
VIP6, OTHER6 = "2001:db8::9", "2001:db8:1::9"


def packed(text):
    return ip_address(text).packed


def mac(text):
    return bytes.fromhex(text.replace(":", ""))


@pytest.fixture
def lab():
    made = Lab()
    try:
        yield made
    finally:
        made.close()


@pytest.fixture
def client(lab):
    return lab.machine("client", "192.0.2.1/24", "2001:db8::1/64")


@pytest.fixture
def node(lab):
    return lab.machine("node")


def arping(machine, address, *more):
    return machine.do("arping", "-f", "-w", "1", "-I", "eth0", *more, address, check=False).lower()


def solicited(machine, address):
    return machine.do("ndisc6", "-1", "-r", "1", "-w", "500", address, "eth0", check=False).lower()


def request(sender, target, destination=BROADCAST):
    return Arp(destination, sender, REQUEST, sender, packed("192.0.2.1"), bytes(6), packed(target))


def replies(sniffer, question, seconds=0.5):
    """What answers a frame that is sent as it is; gratuitous frames are left out."""
    sniffer.send(question if isinstance(question, bytes) else encode(question))
    messages = [decode(frame) for frame in received(sniffer, seconds)]
    return [
        m
        for m in messages
        if (isinstance(m, Arp) and m.operation == REPLY and m.destination != BROADCAST)
        or (isinstance(m, Advertisement) and m.solicited)
    ]


def gratuitous(sniffer, seconds):
    """The gratuitous messages that arrive within some time."""
    messages = [decode(frame) for frame in received(sniffer, seconds)]
    return [
        m
        for m in messages
        if (isinstance(m, Arp) and m.sender == m.target)
        or (isinstance(m, Advertisement) and not m.solicited)
    ]


def test_a_kernel_resolves_the_address_by_arp(lab, client, node):
    lab.announce(node).want(VIP)
    until(lambda: node.mac() in arping(client, VIP))
    client.ip("neighbour", "flush", "dev", "eth0")
    client.do("ping", "-c1", "-W1", VIP, check=False)  # nobody serves it, but it is resolved
    assert client.neighbour(VIP) == node.mac()


def test_a_kernel_resolves_the_address_by_neighbor_discovery(lab, client, node):
    lab.announce(node).want(VIP6)
    until(lambda: node.mac() in solicited(client, VIP6))
    client.ip("neighbour", "flush", "dev", "eth0")
    client.do("ping", "-6", "-c1", "-W1", VIP6, check=False)
    assert client.neighbour(VIP6) == node.mac()


def test_nobody_answers_for_a_foreign_address(lab, client, node):
    lab.announce(node).want(VIP, VIP6)
    until(lambda: node.mac() in arping(client, VIP))
    assert "received 0 response" in arping(client, OTHER)
    assert node.mac() not in solicited(client, OTHER6)


def test_a_kernel_that_probes_for_duplicates_finds_one(lab, client, node):
    lab.announce(node).want(VIP, VIP6)
    until(lambda: node.mac() in arping(client, VIP, "-D"))
    until(lambda: node.mac() in solicited(client, VIP6))
    client.do("sysctl", "-qw", "net.ipv6.conf.eth0.accept_dad=1")
    client.ip("address", "add", f"{VIP6}/64", "dev", "eth0")
    until(lambda: "dadfailed" in client.ip("address", "show", "dev", "eth0"))


def test_an_entry_is_refreshed_by_unicast(lab, client, node):
    lab.announce(node).want(VIP, VIP6)
    until(lambda: node.mac() in solicited(client, VIP6))
    ours, theirs = mac(client.mac()), mac(node.mac())
    sniffer = lab.sniff(client)
    assert len(replies(sniffer, request(ours, VIP, destination=theirs))) == 1
    probe = Solicitation(theirs, ours, packed("2001:db8::1"), packed(VIP6), packed(VIP6))
    assert len(replies(sniffer, probe)) == 1


def test_each_question_gets_one_answer_from_the_selected_interface(lab, client, node):
    second = node.plug("eth1")
    announcing = lab.announce(node)
    announcing.want(VIP, to=["eth1"])
    until(lambda: second in arping(client, VIP))
    sniffer = lab.sniff(client)
    (reply,) = replies(sniffer, request(mac(client.mac()), VIP))
    assert reply.sender_mac == reply.source == mac(second)
    announcing.want(VIP, to=["eth0"])
    until(lambda: node.mac("eth0") in arping(client, VIP))


def test_a_takeover_is_told_to_everyone_and_moves_a_kernels_entry(lab, client, node):
    second = lab.machine("second")
    first_announcing, second_announcing = lab.announce(node), lab.announce(second)
    first_announcing.want(VIP, VIP6)
    until(lambda: node.mac() in solicited(client, VIP6))
    for address in (VIP, VIP6):
        client.do("ping", "-c1", "-W1", address, check=False)
        assert client.neighbour(address) == node.mac()
    sniffer = lab.sniff(client)
    first_announcing.stop()
    second_announcing.want(VIP, VIP6)
    began = time.monotonic()
    until(lambda: client.neighbour(VIP) == second.mac())
    until(lambda: client.neighbour(VIP6) == second.mac())
    assert time.monotonic() - began < 1
    said = gratuitous(sniffer, 5.0)
    assert {m.source for m in said} == {mac(second.mac())}
    assert sum(isinstance(m, Arp) for m in said) == 10
    assert sum(isinstance(m, Advertisement) for m in said) == 5


def test_the_solicited_node_group_is_joined_and_left(lab, node):
    announcing = lab.announce(node)
    announcing.want(VIP6)
    until(lambda: "ff02::1:ff00:9" in node.groups())
    announcing.want()
    until(lambda: "ff02::1:ff00:9" not in node.groups())


def test_an_interface_that_went_down_and_up_answers_within_a_second(lab, client, node):
    announcing = lab.announce(node)
    announcing.want(VIP, VIP6)
    until(lambda: node.mac() in solicited(client, VIP6))
    time.sleep(5)  # until the takeover is told
    node.ip("link", "set", "eth0", "down")
    node.ip("link", "set", "eth0", "up")
    sniffer = lab.sniff(client)
    said = gratuitous(sniffer, 1.5)
    assert {type(m) for m in said} == {Arp, Advertisement}
    until(lambda: node.mac() in arping(client, VIP), within=1)
    until(lambda: node.mac() in solicited(client, VIP6), within=1)
    assert "ff02::1:ff00:9" in node.groups()


def test_a_new_mac_is_told_at_once_and_answered_with(lab, client, node):
    announcing = lab.announce(node)
    announcing.want(VIP, VIP6)
    until(lambda: node.mac() in solicited(client, VIP6))
    client.do("ping", "-c1", "-W1", VIP, check=False)
    node.ip("link", "set", "eth0", "address", "02:00:00:00:be:ef")
    until(lambda: client.neighbour(VIP) == "02:00:00:00:be:ef", within=1)
    assert "02:00:00:00:be:ef" in arping(client, VIP)
    assert "02:00:00:00:be:ef" in solicited(client, VIP6)


def test_a_renamed_interface_is_selected_by_its_new_name(lab, client, node):
    announcing = lab.announce(node)
    announcing.want(VIP, to=["lan0"])
    assert "received 0 response" in arping(client, VIP)
    node.ip("link", "set", "eth0", "down")
    node.ip("link", "set", "eth0", "name", "lan0")
    node.ip("link", "set", "lan0", "up")
    until(lambda: node.mac("lan0") in arping(client, VIP))


def test_an_interface_that_appears_answers_and_joins_the_group(lab, client):
    node = lab.machine("late", interface="")
    announcing = lab.announce(node)
    announcing.want(VIP, VIP6)
    node.plug("eth0")
    until(lambda: node.mac() in arping(client, VIP))
    until(lambda: node.mac() in solicited(client, VIP6))
    assert "ff02::1:ff00:9" in node.groups()


def test_a_bridge_answers_in_place_of_its_ports(lab, client, node):
    announcing = lab.announce(node)
    announcing.want(VIP, VIP6)
    until(lambda: node.mac() in solicited(client, VIP6))
    for command in (
        "link add lan0 address 02:00:00:00:00:42 type bridge",
        "link set lan0 up",
        "link set eth0 master lan0",
    ):
        node.ip(*command.split())
    until(lambda: "02:00:00:00:00:42" in arping(client, VIP))
    until(lambda: "02:00:00:00:00:42" in solicited(client, VIP6))
    sniffer = lab.sniff(client)
    (reply,) = replies(sniffer, request(mac(client.mac()), VIP))
    assert reply.source.hex(":") == "02:00:00:00:00:42"
    node.ip("link", "set", "eth0", "nomaster")
    until(lambda: node.mac() in arping(client, VIP))


def test_a_process_that_was_stopped_answers_nothing_old_and_nothing_at_once(lab, client, node):
    announcing = lab.announce(node)
    announcing.want(VIP, VIP6)
    until(lambda: node.mac() in solicited(client, VIP6))
    sniffer, ours = lab.sniff(client), mac(client.mac())
    announcing.process.send_signal(signal.SIGSTOP)
    time.sleep(2.5)
    for _ in range(50):
        sniffer.send(encode(request(ours, VIP)))
    announcing.process.send_signal(signal.SIGCONT)
    assert replies(sniffer, request(ours, VIP), 1.0) == []
    until(lambda: node.mac() in arping(client, VIP), within=2)


def test_ipv6_that_is_switched_off_never_stops_arp(lab, client, node):
    node.do("sysctl", "-qw", "net.ipv6.conf.eth0.disable_ipv6=1")
    announcing = lab.announce(node)
    announcing.want(VIP, VIP6)
    until(lambda: node.mac() in arping(client, VIP))
    node.do("sysctl", "-qw", "net.ipv6.conf.eth0.disable_ipv6=0")
    until(lambda: node.mac() in solicited(client, VIP6), within=10)


def test_a_question_under_a_vlan_tag_belongs_to_another_network(lab, client, node):
    announcing = lab.announce(node)
    announcing.want(VIP, VIP6)
    until(lambda: node.mac() in solicited(client, VIP6))
    ours = mac(client.mac())
    group = solicited_node(packed(VIP6))
    sniffer = lab.sniff(client)
    for question in (
        request(ours, VIP),
        Solicitation(multicast_mac(group), ours, packed("2001:db8::1"), group, packed(VIP6), ours),
    ):
        frame = encode(question)
        assert len(replies(sniffer, frame)) == 1
        tagged = frame[:12] + b"\x81\0\0\5" + frame[12:]
        assert replies(sniffer, tagged) == []


def test_a_conflict_is_noticed(lab, client, node):
    announcing = lab.announce(node)
    announcing.want(VIP)
    until(lambda: node.mac() in arping(client, VIP))
    client.ip("address", "add", f"{VIP}/24", "dev", "eth0")
    client.do("arping", "-U", "-c", "1", "-w", "1", "-I", "eth0", VIP, check=False)
    until(
        lambda: (
            f"{VIP} on eth0: {client.mac()} says that this address is its own" in announcing.log()
        )
    )


def test_interfaces_are_reported_with_why_they_are_not_used(lab, node):
    node.ip("link", "add", "veth9", "type", "veth", "peer", "br-port")
    announcing = lab.announce(node)
    found = {s["resource"]["name"]: s["resource"] for s in announcing.first["resources"]}
    assert found["eth0"]["usable"]
    assert found["eth0"]["mac"] == node.mac()
    assert "exclude_interfaces" in found["lo"]["why_not"]
    assert "exclude_interfaces" in found["veth9"]["why_not"]
    assert found["br-port"]["why_not"] == "it is down"


@pytest.mark.skipif(not shutil.which("setpriv"), reason="setpriv is not installed")
def test_without_the_capability_it_says_so_and_stays(lab, node):
    announcing = lab.announce(
        node, "setpriv", "--bounding-set=-net_raw", "--inh-caps=-net_raw", "--"
    )
    announcing.want(VIP)
    until(lambda: "CAP_NET_RAW" in announcing.log())
    found = {s["resource"]["name"]: s["resource"] for s in announcing.first["resources"]}
    assert not found["eth0"].get("usable", False)
    assert "CAP_NET_RAW" in found["eth0"]["why_not"]
    assert announcing.process.poll() is None


def test_the_kernel_keeps_questions_for_others_to_itself(lab, client, node):
    listening = lab.sniff(node, protocol=0x0806)
    attach_filter(listening, arp_filter([packed(VIP)]))
    asking, ours = lab.sniff(client), mac(client.mac())
    for _ in range(20):
        asking.send(encode(request(ours, OTHER)))
    asking.send(encode(request(ours, VIP)))
    heard = [decode(frame) for frame in received(listening, 0.5)]
    assert [m.target for m in heard if isinstance(m, Arp)] == [packed(VIP)]
    attach_filter(listening, arp_filter([packed(OTHER)]))
    asking.send(encode(request(ours, VIP)))
    asking.send(encode(request(ours, OTHER)))
    heard = [decode(frame) for frame in received(listening, 0.5)]
    assert [m.target for m in heard if isinstance(m, Arp)] == [packed(OTHER)]


def test_when_the_kernel_had_to_drop_events_everything_is_read_again(lab, node, caplog):
    caplog.set_level(logging.INFO)
    batch = "".join(f"address add 10.1.{n >> 8}.{n & 255}/32 dev eth0\n" for n in range(300))

    async def slow():
        interfaces = Latest(None)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(partial(watch, interfaces, buffer=4096))
            async for found in interfaces.changes():
                if found is not None:
                    break
            subprocess.run(  # noqa: ASYNC221 - it must hold the loop, so that events pile up
                ["ip", "-batch", "-"], input=batch, text=True, check=True
            )
            with trio.fail_after(5):
                async for found in interfaces.changes():
                    (eth0,) = (i for i in found if i.name == "eth0")
                    if len(eth0.addresses) > 300:  # and the link-local one
                        break
            nursery.cancel_scope.cancel()
            return eth0

    eth0 = node.inside(lambda: trio.run(slow))
    assert "10.1.1.43" in eth0.addresses
    assert "dropped interface events" in caplog.text


def heard(announcing, within):
    """The next thing that the heartbeat says of a fellow, as (fellow, reachable)."""
    deadline = time.monotonic() + within
    while (left := deadline - time.monotonic()) > 0:
        said = announcing.observed(left)
        if said and said["source"] == "heartbeat" and said.get("resources"):
            resource = said["resources"][0]["resource"]
            return resource["node"], resource["reachable"]
    return None


@pytest.mark.parametrize(
    ("one", "two"), [("192.0.2.11", "192.0.2.12"), ("2001:db8::11", "2001:db8::12")]
)
def test_a_fellow_that_is_killed_is_lost_and_one_that_leaves_is_lost_at_once(lab, one, two):
    length = 64 if ":" in one else 24
    first, second = lab.machine("one", f"{one}/{length}"), lab.machine("two", f"{two}/{length}")
    watching = lab.announce(first, fellows=[f"two={two}"])
    assert heard(watching, 2) == ("two", True)
    killed = lab.announce(second, fellows=[f"one={one}"])
    time.sleep(2)
    killed.kill()
    began = time.monotonic()
    assert heard(watching, 4) == ("two", False)
    assert time.monotonic() - began < 2.5
    leaving = lab.announce(second, fellows=[f"one={one}"])
    assert heard(watching, 4) == ("two", True)
    leaving.stop()
    began = time.monotonic()
    assert heard(watching, 4) == ("two", False)
    assert time.monotonic() - began < 0.5
