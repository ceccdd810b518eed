from dataclasses import replace
from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st
from l2_arp import recorded
from l2_arp.messages import MESSAGES, SIBLING, V4, V6
from l2_arp.recorded import ASKER, ASKER6, HOLDER, NEIGHBOUR, STRANGER, VIP, VIP6
from proclaim_l2_arp.frames import (
    ALL_NODES,
    BROADCAST,
    REPLY,
    REQUEST,
    Advertisement,
    Arp,
    Drop,
    Solicitation,
    decode,
    encode,
    multicast_mac,
    solicited_node,
)
from proclaim_l2_arp.responder import Conflict, Reply, Station, gratuitous, react

STATION = Station(HOLDER, frozenset({VIP, VIP6}), frozenset({SIBLING}))

ARP = Arp(BROADCAST, NEIGHBOUR, REQUEST, NEIGHBOUR, ASKER, bytes(6), VIP)
GROUP = solicited_node(VIP6)
NS = Solicitation(multicast_mac(GROUP), NEIGHBOUR, ASKER6, GROUP, VIP6, NEIGHBOUR)
NA = Advertisement(multicast_mac(ALL_NODES), STRANGER, VIP6, ALL_NODES, VIP6, STRANGER)


def reaction(message, station=STATION):
    return react(encode(message), station)


def answer(message, station=STATION):
    found = reaction(message, station)
    assert isinstance(found, Reply), found
    return found.message


# --- as a kernel would --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("question", "reply"),
    [
        (recorded.ARP_REQUEST, recorded.ARP_REPLY),
        (recorded.ARP_PROBE, recorded.ARP_PROBE_REPLY),
        (recorded.SOLICITATION, recorded.ADVERTISEMENT),
    ],
)
def test_the_answer_is_the_kernels_own_byte_for_byte(question, reply):
    found = react(question, STATION)
    assert isinstance(found, Reply)
    assert encode(found.message) == reply


# --- ARP ----------------------------------------------------------------------------------------


def test_a_unicast_refresh_of_an_arp_entry_is_answered():
    assert answer(replace(ARP, destination=HOLDER, target_mac=HOLDER)).destination == NEIGHBOUR


def test_a_request_for_a_foreign_address_is_not_answered():
    assert reaction(replace(ARP, target=ASKER)) is Drop.NOT_OWNED


def test_a_request_to_another_station_is_not_answered():
    assert reaction(replace(ARP, destination=STRANGER)) is Drop.NOT_TO_US


def test_a_request_to_a_multicast_group_is_not_answered():
    assert reaction(replace(ARP, destination=b"\1\0\x5e\0\0\1")) is Drop.NOT_TO_US


def test_an_arp_reply_between_others_is_not_answered():
    assert reaction(replace(ARP, operation=REPLY)) is Drop.NOT_A_QUESTION


@pytest.mark.parametrize("mac", [BROADCAST, bytes(6), b"\1\0\x5e\0\0\1"])
def test_a_sender_that_is_no_station_is_not_answered(mac):
    assert reaction(replace(ARP, sender_mac=mac)) is Drop.SENDER
    assert reaction(replace(ARP, source=mac)) is Drop.SENDER
    assert reaction(replace(NS, source_mac=mac)) is Drop.SENDER


@pytest.mark.parametrize("mac", [HOLDER, SIBLING])
def test_what_this_node_said_itself_is_neither_answered_nor_a_conflict(mac):
    for message in gratuitous(VIP, mac, None) + gratuitous(VIP6, mac, None):
        assert reaction(message) is Drop.OWN


@pytest.mark.parametrize("operation", [REQUEST, REPLY])
def test_another_stations_gratuitous_arp_for_an_owned_address_is_a_conflict(operation):
    claim = Arp(BROADCAST, STRANGER, operation, STRANGER, VIP, BROADCAST, VIP)
    assert reaction(claim) == Conflict(VIP, STRANGER)


def test_a_request_from_an_owned_address_is_a_conflict():
    assert reaction(replace(ARP, sender=VIP, target=ASKER)) == Conflict(VIP, NEIGHBOUR)


def test_an_announcement_of_a_foreign_address_is_nothing_to_us():
    assert react(recorded.ARP_ANNOUNCEMENT, STATION) is Drop.NOT_OWNED


# --- Neighbor Discovery -------------------------------------------------------------------------


def test_a_unicast_probe_of_reachability_is_answered():
    probe = replace(NS, destination=HOLDER, recipient=VIP6, source_mac=None)
    reply = answer(probe)
    assert isinstance(reply, Advertisement)
    assert (reply.destination, reply.recipient, reply.solicited) == (NEIGHBOUR, ASKER6, True)


def test_the_answer_goes_to_the_link_layer_address_that_the_solicitation_names():
    assert answer(replace(NS, source_mac=STRANGER)).destination == STRANGER


def test_a_solicitation_for_a_foreign_address_is_not_answered():
    other = ip_address("2001:db8:1::9").packed  # in the same solicited-node group
    assert reaction(replace(NS, target=other)) is Drop.NOT_OWNED


def test_a_solicitation_to_another_station_is_not_answered():
    assert reaction(replace(NS, destination=STRANGER)) is Drop.NOT_TO_US


def test_a_probe_for_an_owned_address_is_answered_to_all_nodes():
    reply = answer(
        decode(recorded.DAD_PROBE), replace(STATION, owned=frozenset({recorded.PROBED6}))
    )
    assert reply == Advertisement(
        destination=multicast_mac(ALL_NODES),
        source=HOLDER,
        sender=recorded.PROBED6,
        recipient=ALL_NODES,
        target=recorded.PROBED6,
        target_mac=HOLDER,
        override=True,
    )


def test_a_probe_for_a_foreign_address_is_not_answered():
    assert react(recorded.DAD_PROBE, STATION) is Drop.NOT_OWNED


def test_another_stations_advertisement_of_an_owned_address_is_a_conflict():
    assert reaction(NA) == Conflict(VIP6, STRANGER)
    assert reaction(replace(NA, target_mac=None)) == Conflict(VIP6, STRANGER)


def test_an_advertisement_of_a_foreign_address_is_nothing_to_us():
    assert reaction(replace(NA, target=ASKER6)) is Drop.NOT_A_QUESTION


def test_a_solicitation_sent_from_an_owned_address_is_a_conflict():
    assert reaction(replace(NS, sender=VIP6, target=ASKER6)) == Conflict(VIP6, NEIGHBOUR)


def test_a_solicitation_from_a_group_is_not_answered():
    assert reaction(replace(NS, sender=ALL_NODES)) is Drop.SENDER


# --- what is said unasked -----------------------------------------------------------------------


def test_gratuitous_arp_is_a_broadcast_request_and_a_broadcast_reply():
    request, reply = gratuitous(VIP, HOLDER, None)
    assert request == Arp(BROADCAST, HOLDER, REQUEST, HOLDER, VIP, BROADCAST, VIP)
    assert reply == replace(request, operation=REPLY)


def test_an_unsolicited_advertisement_comes_from_the_link_local_address():
    link_local = ip_address("fe80::1").packed
    (said,) = gratuitous(VIP6, HOLDER, link_local)
    assert isinstance(said, Advertisement)
    assert (said.sender, said.recipient, said.target) == (link_local, ALL_NODES, VIP6)
    assert (said.router, said.solicited, said.override) == (False, False, True)
    assert said.target_mac == HOLDER


def test_an_unsolicited_advertisement_comes_from_the_address_itself_without_a_link_local_one():
    assert gratuitous(VIP6, HOLDER, None)[0].sender == VIP6


# --- laws ---------------------------------------------------------------------------------------


@given(st.one_of(st.binary(max_size=120), MESSAGES.map(encode)), st.sets(st.one_of(V4, V6)))
def test_only_owned_addresses_are_ever_answered_for_and_only_with_our_own_mac(frame, owned):
    found = react(frame, replace(STATION, owned=frozenset(owned)))
    if isinstance(found, Conflict):
        assert found.address in owned
        assert found.mac not in (HOLDER, SIBLING)
    if isinstance(found, Reply):
        said = found.message
        assert said.source == HOLDER
        if isinstance(said, Arp):
            assert said.sender in owned
            assert said.sender_mac == HOLDER
        else:
            assert isinstance(said, Advertisement)
            assert said.target in owned
            assert said.target_mac == HOLDER
