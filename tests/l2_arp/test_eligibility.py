from dataclasses import replace

import pytest
from proclaim import Announcement, InterfaceStatus
from proclaim_l2_arp.eligibility import (
    BROADCAST_CAPABLE,
    DEFAULT_EXCLUDED,
    LOOPBACK,
    NOARP,
    RUNNING,
    UP,
    Interface,
    compile_patterns,
    status,
    why_not,
)
from proclaim_l2_arp.ownership import Ownership, packed

ETH0 = Interface(2, "eth0", bytes.fromhex("020000000001"), UP | BROADCAST_CAPABLE | RUNNING)
DEFAULT = compile_patterns(DEFAULT_EXCLUDED)


def test_an_ethernet_that_is_up_is_usable():
    assert why_not(ETH0, DEFAULT, {}) == ""


def test_an_ethernet_without_a_cable_is_usable_as_it_may_get_one():
    assert why_not(replace(ETH0, flags=UP | BROADCAST_CAPABLE), DEFAULT, {}) == ""


@pytest.mark.parametrize(
    ("interface", "reason"),
    [
        (replace(ETH0, flags=BROADCAST_CAPABLE), "it is down"),
        (replace(ETH0, flags=ETH0.flags | LOOPBACK), "it is a loopback interface"),
        (replace(ETH0, flags=ETH0.flags | NOARP), "it does without ARP (NOARP)"),
        (replace(ETH0, master=7), "it belongs to br0"),
        (replace(ETH0, master=8), "it belongs to interface 8"),
        (replace(ETH0, flags=UP), "it is not an Ethernet"),
        (replace(ETH0, mac=b""), "it is not an Ethernet"),
        (replace(ETH0, mac=bytes(20)), "it is not an Ethernet"),
        (replace(ETH0, name="veth12"), "its name matches exclude_interfaces '^veth.*'"),
        (replace(ETH0, name="lo"), "its name matches exclude_interfaces '^lo$'"),
    ],
)
def test_an_interface_that_is_not_usable_says_why(interface, reason):
    assert why_not(interface, DEFAULT, {7: "br0"}) == reason


def test_a_pattern_without_an_anchor_matches_anywhere_in_the_name():
    assert why_not(ETH0, compile_patterns(["th0"]), {})
    assert not why_not(replace(ETH0, name="bond0"), compile_patterns(["^nd"]), {})


def test_a_name_that_only_begins_like_an_excluded_one_is_usable():
    assert why_not(replace(ETH0, name="lo2"), DEFAULT, {}) == ""


def test_the_status_tells_what_is_known():
    assert status("n1", replace(ETH0, addresses=("192.0.2.1",)), "") == InterfaceStatus(
        node="n1",
        name="eth0",
        index=2,
        mac="02:00:00:00:00:01",
        usable=True,
        addresses=("192.0.2.1",),
    )
    assert status("n1", ETH0, "it is down").why_not == "it is down"


def test_the_link_local_address_is_found_among_others():
    found = replace(ETH0, addresses=("192.0.2.1", "169.254.1.1", "2001:db8::1", "fe80::1"))
    assert found.link_local == packed("fe80::1")
    assert ETH0.link_local is None


# --- ownership ----------------------------------------------------------------------------------


def announcement(address, *to):
    return Announcement(prefix=address, addresses=(address,), services=(), to=to)


def owned(*announcements):
    ownership = Ownership()
    ownership.add(announcements)
    return ownership


def test_an_announcement_that_names_no_interface_is_owned_on_all():
    ownership = owned(announcement("192.0.2.1"))
    assert ownership.on("eth0", 4) == ownership.on("eth9", 4) == {packed("192.0.2.1")}


def test_an_announcement_is_owned_only_on_the_interfaces_that_it_names():
    ownership = owned(announcement("192.0.2.1", "eth0", "eth1"))
    assert ownership.on("eth0", 4) == ownership.on("eth1", 4) == {packed("192.0.2.1")}
    assert ownership.on("eth2", 4) == frozenset()


def test_two_announcements_of_an_address_are_owned_on_both_their_interfaces():
    ownership = owned(announcement("192.0.2.1", "eth0"), announcement("192.0.2.1", "eth1"))
    assert ownership.on("eth0", 4) == ownership.on("eth1", 4)


def test_families_are_told_apart():
    ownership = owned(announcement("192.0.2.1"), announcement("2001:db8::1", "eth0"))
    assert ownership.on("eth0", 6) == {packed("2001:db8::1")}
    assert ownership.on("eth0", 4) == {packed("192.0.2.1")}
    assert ownership.on("eth1", 6) == frozenset()


def test_nothing_announced_is_nothing_owned():
    assert not owned()
    assert owned(announcement("192.0.2.1"))
    assert owned(announcement("192.0.2.1", "eth0"))
