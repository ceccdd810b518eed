from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from l2_arp import recorded
from proclaim_l2_arp.frames import (
    ALL_NODES,
    REQUEST,
    UNSPECIFIED,
    Advertisement,
    Arp,
    Drop,
    Solicitation,
    checksum,
    decode,
    encode,
    multicast_mac,
    solicited_node,
)

MACS = st.binary(min_size=6, max_size=6)
V4 = st.binary(min_size=4, max_size=4)
V6 = st.binary(min_size=16, max_size=16).map(lambda address: b"\x20" + address[1:])

ARPS = st.builds(Arp, MACS, MACS, st.sampled_from([1, 2]), MACS, V4, MACS, V4)
SOLICITATIONS = st.builds(Solicitation, MACS, MACS, V6, V6, V6, st.none() | MACS)
ADVERTISEMENTS = st.builds(
    Advertisement,
    MACS,
    MACS,
    V6,
    V6,
    V6,
    st.none() | MACS,
    st.booleans(),
    st.booleans(),
    st.booleans(),
)


def changed(frame: bytes, at: int, value: int) -> bytes:
    return frame[:at] + bytes([value]) + frame[at + 1 :]


def rechecked(frame: bytes) -> bytes:
    """The same ICMPv6 message with a right checksum, so that other checks are reached."""
    body = frame[54:56] + b"\0\0" + frame[58:]
    pseudo = frame[22:54] + len(body).to_bytes(4, "big") + (58).to_bytes(4, "big")
    return frame[:56] + checksum(pseudo + body).to_bytes(2, "big") + frame[58:]


@pytest.mark.parametrize("frame", [f for f in recorded.ALL if f != recorded.DAD_PROBE])
def test_a_kernels_frame_is_understood_and_written_back_byte_for_byte(frame):
    message = decode(frame)
    assert not isinstance(message, Drop)
    assert encode(message) == frame


def test_an_arp_request_is_read_field_by_field():
    assert decode(recorded.ARP_REQUEST) == Arp(
        destination=b"\xff" * 6,
        source=recorded.NEIGHBOUR,
        operation=REQUEST,
        sender_mac=recorded.NEIGHBOUR,
        sender=recorded.ASKER,
        target_mac=bytes(6),
        target=recorded.VIP,
    )


def test_a_solicitation_is_read_field_by_field():
    assert decode(recorded.SOLICITATION) == Solicitation(
        destination=multicast_mac(solicited_node(recorded.VIP6)),
        source=recorded.NEIGHBOUR,
        sender=recorded.ASKER6,
        recipient=solicited_node(recorded.VIP6),
        target=recorded.VIP6,
        source_mac=recorded.NEIGHBOUR,
    )


def test_a_probe_with_a_nonce_is_a_solicitation_without_a_sender():
    message = decode(recorded.DAD_PROBE)
    assert isinstance(message, Solicitation)
    assert (message.sender, message.target) == (UNSPECIFIED, recorded.PROBED6)
    assert message.source_mac is None


@pytest.mark.parametrize("frame", recorded.ALL)
def test_every_truncation_is_dropped(frame):
    for length in range(len(frame)):
        assert isinstance(decode(frame[:length]), Drop)


@pytest.mark.parametrize("frame", recorded.ALL)
def test_every_flipped_bit_gives_a_value(frame):
    for at in range(len(frame)):
        for bit in range(8):
            decode(changed(frame, at, frame[at] ^ 1 << bit))


@pytest.mark.parametrize("frame", recorded.ALL)
def test_padding_of_a_short_ethernet_frame_changes_nothing(frame):
    assert decode(frame + bytes(18)) == decode(frame)


@pytest.mark.parametrize("tag", ["81000005", "88a80005", "91000005", "81000000"])
@pytest.mark.parametrize("frame", [recorded.ARP_REQUEST, recorded.SOLICITATION])
def test_a_frame_under_a_vlan_tag_is_dropped(frame, tag):
    assert decode(frame[:12] + bytes.fromhex(tag) + frame[12:]) is Drop.TAGGED


@pytest.mark.parametrize(
    ("at", "value", "reason"),
    [
        (15, 6, Drop.NOT_ETHERNET_IPV4),
        (16, 0x86, Drop.NOT_ETHERNET_IPV4),
        (18, 8, Drop.NOT_ETHERNET_IPV4),
        (19, 16, Drop.NOT_ETHERNET_IPV4),
        (21, 0, Drop.OTHER_OPERATION),
        (21, 3, Drop.OTHER_OPERATION),
        (12, 0x09, Drop.OTHER_PROTOCOL),
    ],
)
def test_arp_of_another_sort_is_dropped(at, value, reason):
    assert decode(changed(recorded.ARP_REQUEST, at, value)) is reason


@pytest.mark.parametrize(
    ("at", "value", "reason"),
    [
        (14, 0x40, Drop.OTHER_PROTOCOL),
        (20, 17, Drop.OTHER_PROTOCOL),
        (21, 254, Drop.HOP_LIMIT),
        (54, 133, Drop.OTHER_PROTOCOL),
        (55, 1, Drop.CODE),
        (56, 0xFF, Drop.CHECKSUM),
        (62, 0xFF, Drop.TARGET),
        (79, 0, Drop.OPTION),
        (79, 2, Drop.OPTION),
    ],
)
def test_a_solicitation_that_rfc_4861_forbids_is_dropped(at, value, reason):
    frame = changed(recorded.SOLICITATION, at, value)
    assert decode(frame if reason is Drop.CHECKSUM else rechecked(frame)) is reason


def test_a_message_shorter_than_its_fixed_part_is_dropped():
    frame = recorded.SOLICITATION[:18] + b"\0\x10" + recorded.SOLICITATION[20:]
    assert decode(frame) is Drop.TRUNCATED


def test_a_probe_to_a_unicast_address_is_dropped():
    probe = decode(recorded.DAD_PROBE)
    assert isinstance(probe, Solicitation)
    assert decode(encode(replace(probe, recipient=probe.target))) is Drop.UNSPECIFIED


def test_a_probe_with_a_source_link_layer_address_is_dropped():
    probe = decode(recorded.DAD_PROBE)
    assert isinstance(probe, Solicitation)
    assert decode(encode(replace(probe, source_mac=recorded.NEIGHBOUR))) is Drop.UNSPECIFIED


def test_a_solicited_advertisement_to_a_group_is_dropped():
    message = decode(recorded.ADVERTISEMENT)
    assert isinstance(message, Advertisement)
    assert decode(encode(replace(message, recipient=ALL_NODES))) is Drop.SOLICITED_MULTICAST


def test_the_solicited_node_group_takes_the_last_three_bytes():
    assert solicited_node(recorded.VIP6).hex(":", 2) == "ff02:0000:0000:0000:0000:0001:ff00:0009"
    assert multicast_mac(solicited_node(recorded.VIP6)).hex(":") == "33:33:ff:00:00:09"


@given(st.one_of(ARPS, SOLICITATIONS, ADVERTISEMENTS))
def test_what_is_encoded_is_decoded_to_the_same(message):
    assert decode(encode(message)) == message


@given(st.binary(max_size=200))
def test_any_bytes_give_a_value(frame):
    assert isinstance(decode(frame), Drop)


@given(st.binary(max_size=120), st.sampled_from(["0806", "86dd6000000000203aff"]))
def test_any_bytes_after_a_plausible_head_give_a_value(rest, head):
    decode(bytes(12) + bytes.fromhex(head) + rest)
