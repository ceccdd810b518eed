"""Netlink messages as the kernel writes them, and the kernel of this machine itself."""

import socket

import pytest
import trio
from proclaim import Latest
from proclaim_l2_arp.eligibility import Interface
from proclaim_l2_arp.interfaces import Table, watch
from pyroute2.netlink.rtnl import RTM_DELADDR, RTM_DELLINK, RTM_NEWADDR, RTM_NEWLINK
from pyroute2.netlink.rtnl.ifaddrmsg import ifaddrmsg
from pyroute2.netlink.rtnl.ifinfmsg import ifinfmsg
from pyroute2.netlink.rtnl.marshal import MarshalRtnl

UP = 0x1043
TENTATIVE = 0x40


def parsed(message, kind):
    """Through bytes and back, as from the kernel."""
    message["header"]["type"] = kind
    message.encode()
    (found,) = MarshalRtnl().parse(bytes(message.data))
    return found


def link(kind=RTM_NEWLINK, index=2, name="eth0", family=0, **attributes):
    message = ifinfmsg()
    message["index"], message["flags"], message["family"] = index, UP, family
    message["attrs"] = [("IFLA_IFNAME", name), ("IFLA_ADDRESS", "02:00:00:00:00:01")]
    message["attrs"] += [(f"IFLA_{key.upper()}", value) for key, value in attributes.items()]
    return parsed(message, kind)


def address(text, kind=RTM_NEWADDR, index=2, flags=0):
    message = ifaddrmsg()
    message["family"] = socket.AF_INET6 if ":" in text else socket.AF_INET
    message["index"], message["prefixlen"], message["flags"] = index, 24, flags
    message["attrs"] = [("IFA_ADDRESS", text)]
    return parsed(message, kind)


def table(*messages):
    made = Table()
    for message in messages:
        made.apply(message)
    return made.interfaces()


ETH0 = Interface(2, "eth0", bytes.fromhex("020000000001"), UP)


def test_a_link_is_an_interface():
    assert table(link()) == (ETH0,)


def test_addresses_are_sorted_by_value_and_belong_to_their_link():
    found = table(
        link(),
        address("2001:db8::1"),
        address("192.0.2.10"),
        address("192.0.2.9"),
        address("192.0.2.1", index=3),
    )
    assert [i.addresses for i in found] == [("192.0.2.9", "192.0.2.10", "2001:db8::1")]


def test_an_address_is_known_once_it_is_no_longer_tentative():
    assert table(link(), address("fe80::1", flags=TENTATIVE))[0].addresses == ()
    found = table(link(), address("fe80::1", flags=TENTATIVE), address("fe80::1"))
    assert found[0].addresses == ("fe80::1",)


def test_an_address_that_is_removed_is_gone():
    assert table(link(), address("192.0.2.1"), address("192.0.2.1", RTM_DELADDR)) == (ETH0,)


def test_a_link_that_is_removed_takes_its_addresses_along():
    assert table(link(), address("192.0.2.1"), link(RTM_DELLINK), link()) == (ETH0,)


def test_a_port_that_leaves_its_bridge_still_exists():
    found = table(link(master=7), link(RTM_DELLINK, family=7))
    assert [(i.name, i.master) for i in found] == [("eth0", 7)]
    assert table(link(master=7), link())[0].master == 0


def test_a_link_that_is_renamed_keeps_its_index():
    assert [(i.index, i.name) for i in table(link(), link(name="lan0"))] == [(2, "lan0")]


async def test_the_kernels_interfaces_are_read():
    interfaces = Latest(None)
    with trio.move_on_after(5) as patience:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(watch, interfaces)
            async for found in interfaces.changes():
                if found is not None:
                    break
            nursery.cancel_scope.cancel()
    assert not patience.cancelled_caught
    assert {i.name for i in found} == {name for _, name in socket.if_nameindex()}


@pytest.mark.parametrize("missing", ["IFLA_ADDRESS", "IFLA_IFNAME"])
def test_a_link_without_an_ethernet_address_or_name_is_an_interface_all_the_same(missing):
    message = link()
    message["attrs"] = [(key, value) for key, value in message["attrs"] if key != missing]
    (found,) = table(message)
    assert (found.mac, found.name) in ((b"", "eth0"), (ETH0.mac, ""))
