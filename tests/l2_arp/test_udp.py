"""The heartbeat's socket on this machine's loopback."""

import socket

import pytest
import trio
from proclaim_l2_arp.heartbeat.udp import open_udp


def free_port():
    with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as probe:
        probe.bind(("::", 0))
        return probe.getsockname()[1]


@pytest.fixture
async def datagrams():
    opened = await open_udp(free_port())
    yield opened
    opened.close()


@pytest.mark.parametrize("address", ["127.0.0.1", "::1"])
async def test_one_socket_carries_both_families(datagrams, address):
    with trio.fail_after(5):
        await datagrams.send(b"alive", address)
        assert await datagrams.receive() == b"alive"


@pytest.mark.parametrize("address", ["node-a", "", "192.0.2.1/24"])
async def test_what_is_no_address_cannot_be_sent_to(datagrams, address):
    with pytest.raises(OSError, match="is no address"):
        await datagrams.send(b"alive", address)


async def test_a_port_that_is_taken_is_refused():
    port = free_port()
    opened = await open_udp(port)
    try:
        with pytest.raises(OSError, match="in use"):
            await open_udp(port)
    finally:
        opened.close()
