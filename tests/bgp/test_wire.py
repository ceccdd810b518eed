"""Messages as octets and as values, in both directions."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from proclaim_bgp.wire import (
    AS_SEQUENCE,
    AS_SET,
    AS_TRANS,
    MOST_RESTART_SECONDS,
    Context,
    Family,
    Fault,
    FourOctetAS,
    Frame,
    GracefulRestart,
    Keepalive,
    Message,
    Multiprotocol,
    Notification,
    OpaqueAttribute,
    OpaqueCapability,
    Open,
    PathAttributes,
    Reach,
    Restartable,
    RouteRefresh,
    RouteRefreshable,
    Segment,
    Update,
    decode,
    encode,
    encode_update,
    opening,
    path_text,
    prefix,
    take,
)
from proclaim_bgp.wire.aspath import decode_path, encode_path, merge

MARKER = "ff" * 16


def octets(text: str) -> bytes:
    """A message from its length on; the marker goes without saying."""
    return bytes.fromhex(MARKER + text.replace(" ", ""))


def read(message: bytes, context: Context | None = None) -> Message | Fault:
    found, at = take(message, 0)
    assert isinstance(found, Frame), found
    assert at == len(message)
    return decode(found, context or Context())


CASES: list[tuple[str, Message]] = [
    ("0013 04", Keepalive()),
    ("0015 03 02 02", Notification(2, 2)),
    ("0017 03 01 02 0012", Notification(1, 2, b"\x00\x12")),
    ("0017 05 0001 00 01", RouteRefresh(Family.IPV4)),
    ("0017 05 0002 00 01", RouteRefresh(Family.IPV6)),
    ("001d 01 04 fde8 005a c0000201 00", Open(65000, 90, 0xC0000201)),
    (
        "0037 01 04 5ba0 00b4 0a000001 1a 02 18"
        "0104 0001 00 01 0104 0002 00 01 0200 4104 00010000 4002 0078",
        Open(
            AS_TRANS,
            180,
            0x0A000001,
            (
                Multiprotocol(Family.IPV4),
                Multiprotocol(Family.IPV6),
                RouteRefreshable(),
                FourOctetAS(65536),
                GracefulRestart(120),
            ),
        ),
    ),
    (
        "002b 01 04 fde8 005a c0000201 0e 02 0c 400a c078 0001 01 80 0002 01 00",
        Open(
            65000,
            90,
            0xC0000201,
            (
                GracefulRestart(
                    120,
                    (Restartable(Family.IPV4, True), Restartable(Family.IPV6, False)),
                    restarted=True,
                    notification=True,
                ),
            ),
        ),
    ),
    ("0017 02 0000 0000", Update(end_of_rib=Family.IPV4)),
    ("001d 02 0000 0006 80 0f 03 0002 01", Update(end_of_rib=Family.IPV6)),
    (
        "0020 02 0009 18 c63364 20 cb007101 0000",
        Update(withdrawn=(prefix("198.51.100.0/24"), prefix("203.0.113.1/32"))),
    ),
    (
        "0030 02 0000 0014 40 01 01 00 40 02 06 02 01 0000fc00 40 03 04 0a000001 20 c6336401",
        Update(
            reach=(Reach("10.0.0.1", (prefix("198.51.100.1/32"),)),),
            attributes=PathAttributes(0, (Segment(AS_SEQUENCE, (64512,)),)),
        ),
    ),
]


@pytest.mark.parametrize(("text", "value"), CASES, ids=lambda case: str(case)[:40])
def test_a_message_is_read_and_written_alike(text: str, value: Message) -> None:
    assert read(octets(text)) == value
    assert encode(value) == octets(text)


def test_all_attributes_are_read_and_written_alike() -> None:
    update = Update(
        withdrawn=(prefix("10.0.0.0/8"), prefix("2001:db8:1::/48")),
        reach=(
            Reach("2001:db8::1", (prefix("2001:db8::9/128"), prefix("::/0")), "fe80::1"),
            Reach("10.0.0.1", (prefix("0.0.0.0/0"), prefix("198.51.100.128/25"))),
        ),
        attributes=PathAttributes(
            origin=2,
            as_path=(Segment(AS_SEQUENCE, (64512, 4200000001)), Segment(AS_SET, (1, 2))),
            med=7,
            local_pref=150,
            communities=(64512 << 16 | 100, 0xFFFFFF01),
            large_communities=((64512, 1, 2), (2**32 - 1, 0, 3)),
            opaque=(
                OpaqueAttribute(0xC0, 16, b"\0\2\0\0\0\0\0\1"),
                OpaqueAttribute(0xE0, 99, b"x"),
            ),
        ),
    )
    assert read(encode(update), Context(external=False)) == update


def test_a_long_attribute_has_a_length_of_two_octets() -> None:
    communities = tuple(range(1, 101))
    update = Update(
        reach=(Reach("10.0.0.1", (prefix("10.0.0.0/8"),)),),
        attributes=PathAttributes(0, (), communities=communities),
    )
    message = encode(update)
    assert bytes((0xD0, 8)) + (400).to_bytes(2, "big") in message
    assert read(message) == update


def test_an_opening_hides_a_wide_as_number_behind_as_trans() -> None:
    hello = opening(4200000001, 90, 1, (Family.IPV4,))
    assert (hello.asn, hello.wide_asn, hello.four_octet) == (AS_TRANS, 4200000001, True)
    assert opening(64512, 90, 1, ()).asn == 64512


def test_capabilities_beyond_255_octets_go_into_extended_parameters() -> None:
    many = tuple(OpaqueCapability(100 + n, bytes(200)) for n in range(4))
    message = encode(Open(64512, 90, 1, many))
    assert message[28:30] == b"\xff\xff"  # RFC 9072 section 2
    assert read(message) == Open(64512, 90, 1, many)


def test_extended_parameters_are_read_even_where_they_need_not_be() -> None:
    found = read(octets("0028 01 04 fde8 005a c0000201 ff ff 0008 02 0005 40 03 010203"))
    assert found == Open(65000, 90, 0xC0000201, (OpaqueCapability(64, b"\1\2\3"),))


@given(
    st.builds(
        GracefulRestart,
        st.integers(0, MOST_RESTART_SECONDS),
        st.lists(st.builds(Restartable, st.sampled_from(Family), st.booleans())).map(tuple),
        st.booleans(),
        st.booleans(),
    )
)
def test_what_a_restart_may_leave_is_read_and_written_alike(capability: GracefulRestart) -> None:
    hello = Open(65000, 90, 1, (capability,))
    assert read(encode(hello)) == hello
    assert hello.graceful_restart == capability


@given(st.binary(max_size=40))
def test_a_graceful_restart_of_any_octets_is_read_or_kept_opaque(value: bytes) -> None:
    message = encode(Open(65000, 90, 1, (OpaqueCapability(64, value),)))
    found = read(message)
    assert isinstance(found, Open)
    if len(value) % 4 == 2:
        assert found.graceful_restart is not None
        assert found.graceful_restart.seconds == int.from_bytes(value[:2], "big") % 4096
    else:
        assert found.capabilities == (OpaqueCapability(64, value),)
        assert found.graceful_restart is None


def test_families_and_flags_that_are_not_known_are_left_out_of_a_graceful_restart() -> None:
    vpn_and_ipv6 = OpaqueCapability(64, bytes.fromhex("3078 0001 80 80 0002 01 ff"))
    found = read(encode(Open(65000, 90, 1, (vpn_and_ipv6,))))
    assert isinstance(found, Open)
    assert found.graceful_restart == GracefulRestart(120, (Restartable(Family.IPV6, True),))


def test_of_several_graceful_restarts_the_last_one_counts() -> None:
    assert Open(65000, 90, 1, (GracefulRestart(9), GracefulRestart(7))).graceful_restart == (
        GracefulRestart(7)
    )


def test_a_speaker_of_two_octets_is_told_the_whole_path_beside_as_path() -> None:
    path = (Segment(AS_SEQUENCE, (4200000001, 64512)),)
    reach = (Reach("10.0.0.1", (prefix("10.0.0.0/8"),)),)
    update = Update(reach=reach, attributes=PathAttributes(0, path))
    message = encode_update(update, four_octet=False)
    assert AS_TRANS.to_bytes(2, "big") in message
    assert read(message, Context(four_octet=False)) == update


@pytest.mark.parametrize(
    ("as_path", "as4_path", "whole"),
    [
        ("0201 5ba0", "0201 fa56ea01", "4200000001"),
        ("0203 0001 5ba0 5ba0", "0202 fa56ea01 fa56ea02", "1 4200000001 4200000002"),
        ("0201 0001", "0202 00000001 00000002", "1"),  # longer than AS_PATH: not believed
        ("0102 0001 0002 0201 5ba0", "0201 fa56ea01", "{1,2} 4200000001"),
        ("0202 0001 0002", "0201 00000003 09", "1 2"),  # malformed: discarded
    ],
)
def test_the_two_paths_are_put_together(as_path: str, as4_path: str, whole: str) -> None:
    first, second = bytes.fromhex(as_path), bytes.fromhex(as4_path)
    attributes = bytes((0x40, 1, 1, 0, 0x40, 2, len(first))) + first
    attributes += bytes((0x40, 3, 4, 10, 0, 0, 1, 0xC0, 17, len(second))) + second
    body = b"\0\0" + len(attributes).to_bytes(2, "big") + attributes + b"\x08\x0a"
    message = bytes.fromhex(MARKER) + (19 + len(body)).to_bytes(2, "big") + b"\2" + body
    found = read(message, Context(four_octet=False))
    assert isinstance(found, Update)
    assert found.attributes.as_path is not None
    assert path_text(found.attributes.as_path) == whole
    assert found.reach


def test_a_path_of_more_than_255_wide_numbers_keeps_legal_segments() -> None:
    long = tuple(range(1, 256))
    merged = merge((Segment(AS_SEQUENCE, (7,)), Segment(AS_SEQUENCE, long)), (Segment(2, long),))
    assert decode_path(encode_path(merged, 4), 4) == merged
    assert [asn for segment in merged for asn in segment.asns] == [7, *long]


@pytest.mark.parametrize("text", ["198.51.100.1/32", "0.0.0.0/0", "10.128.0.0/9", "2001:db8::/33"])
def test_a_prefix_is_its_text(text: str) -> None:
    assert str(prefix(text)) == text


def test_bits_beyond_the_length_do_not_count() -> None:
    assert prefix("10.0.0.255/25") == prefix("10.0.0.128/25")
    withdrawn = read(octets("001b 02 0004 13 ac1fff 0000"))
    assert withdrawn == Update(withdrawn=(prefix("172.31.224.0/19"),))


@pytest.mark.parametrize("text", ["10.0.0.0/33", "2001:db8::/129", "10.0.0.0/-1", "x", "1.2.3.4/x"])
def test_what_is_no_prefix_is_refused(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - whichever of them names it
        prefix(text)


STREAM = b"".join(encode(value) for _, value in CASES)


def frames(chunks: list[bytes]) -> list[Frame | Fault]:
    found: list[Frame | Fault] = []
    buffer = bytearray()
    for chunk in chunks:
        buffer += chunk
        at = 0
        while True:
            one, at = take(buffer, at)
            if one is None:
                break
            found.append(one)
        del buffer[:at]
    assert not buffer
    return found


@given(st.lists(st.integers(0, len(STREAM)), max_size=20))
def test_a_stream_reads_the_same_however_it_is_cut(cuts: list[int]) -> None:
    places = [0, *sorted(cuts), len(STREAM)]
    chunks = [STREAM[start:end] for start, end in pairwise(places)]
    assert frames(chunks) == frames([STREAM])


def test_a_stream_reads_the_same_octet_by_octet() -> None:
    assert frames([bytes((octet,)) for octet in STREAM]) == frames([STREAM])
