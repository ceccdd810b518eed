"""What BGP speakers have died of, and what RFC 7606 makes of it instead.

Each row is one input class of the public record; the identifier says which.
The octets are ours.
"""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from proclaim_bgp.wire import (
    Context,
    Disposition,
    Family,
    Fault,
    Frame,
    Message,
    Open,
    Type,
    Update,
    decode,
    encode,
    frame,
    prefix,
    take,
)

ORIGIN = "40 01 01 00"
PATH = "40 02 06 02 01 0000fc00"
HOP = "40 03 04 0a000001"
MANDATORY = f"{ORIGIN} {PATH} {HOP}"
NLRI = "20 c6336401"
ROUTE = prefix("198.51.100.1/32")
V6_ROUTE = prefix("2001:db8::9/128")
MP_REACH = (
    "80 0e 26 0002 01 10 20010db8000000000000000000000001 00 80 20010db8000000000000000000000009"
)


def update(attributes: str, nlri: str = NLRI, withdrawn: str = "") -> bytes:
    listed, gone = bytes.fromhex(attributes), bytes.fromhex(withdrawn)
    body = len(gone).to_bytes(2, "big") + gone + len(listed).to_bytes(2, "big") + listed
    return frame(Type.UPDATE, body + bytes.fromhex(nlri))


def opened(parameters: str) -> bytes:
    return frame(Type.OPEN, bytes.fromhex("04 fc00 005a c0000201" + parameters))


def raw(kind: int, body: str) -> bytes:
    octets = bytes.fromhex(body)
    return b"\xff" * 16 + (19 + len(octets)).to_bytes(2, "big") + bytes((kind,)) + octets


def read(message: bytes, **context: object) -> Message | Fault:
    found, _ = take(message, 0)
    if isinstance(found, Frame):
        return decode(found, Context(**context))  # type: ignore[arg-type]  # keywords of Context
    assert found is not None
    return found


RESETS: list[tuple[str, bytes, tuple[int, int]]] = [
    ("marker", b"\xfe" * 16 + b"\0\x13\4", (1, 1)),
    ("length of 18", b"\xff" * 16 + b"\0\x12\4", (1, 2)),
    ("length of 4097", b"\xff" * 16 + b"\x10\x01\2", (1, 2)),
    ("KEEPALIVE with a body", raw(4, "00"), (1, 2)),
    ("GoBGP-3.10-live-1 unknown type", raw(77, ""), (1, 3)),
    ("CVE-2022-37032 CAPABILITY message", raw(6, "00"), (1, 3)),
    ("CVE-2024-31949 CAPABILITY that does not advance", raw(6, "01 00 00 00 00 00"), (1, 3)),
    ("CVE-2022-43681 OPEN ends at the option length", raw(1, "04fc00005ac0000201"), (1, 2)),
    ("CVE-2022-36440 parameters lie about their length", opened("08 02 06 41 04 0000"), (2, 0)),
    ("CVE-2022-36440 capability lies about its length", opened("04 02 02 41 04"), (2, 0)),
    ("CVE-2022-40302 extended parameters cut short", opened("ff ff 00"), (2, 0)),
    ("CVE-2022-40318 extended parameter of two octets", opened("ff ff 0002 02 00"), (2, 0)),
    ("CVE-2022-40318 extended parameter cut short", opened("ff ff 0003 02 00 05"), (2, 0)),
    ("parameter that is none", opened("02 01 00"), (2, 4)),
    ("version 3", frame(Type.OPEN, bytes.fromhex("03 fc00 005a c0000201 00")), (2, 1)),
    ("CVE-2023-41360 ORF entry announced but absent", raw(5, "0001 00 01 01 80 0005"), (1, 2)),
    ("FRR-issue-22828 malformed ORF", raw(5, "0001 00 01 01 80 0001 00 02"), (1, 2)),
    ("withdrawn length beyond the message", raw(2, "0005 0000"), (3, 1)),
    ("CVE-2026-37462 lengths that underflow", raw(2, "ffff ffff"), (3, 1)),
    ("attribute length beyond the message", raw(2, "0000 0005"), (3, 1)),
    ("prefix of 33 bits", update(MANDATORY, "21 c633640100"), (3, 10)),
    ("prefix cut short", update(MANDATORY, "20 c63364"), (3, 10)),
    ("withdrawn prefix cut short", update("", "", "20 c6"), (3, 10)),
    ("CVE-2026-41642 unknown but well-known", update(f"{MANDATORY} 40 63 01 00"), (3, 2)),
    ("GoBGP-3.10-live-2 MP_REACH of 3 octets", update("80 0e 03 0002 01", ""), (3, 9)),
    ("CVE-2023-46752 next hop beyond MP_REACH", update("80 0e 05 0002 01 20 00", ""), (3, 9)),
    ("CVE-2023-46752 lengths disagree", update("80 0e 07 0002 01 01 20 00 80", ""), (3, 9)),
    ("IPv6 prefix of 129 bits", update(MP_REACH.replace("00 80 2001", "00 81 2001"), ""), (3, 9)),
    ("MP_UNREACH of 2 octets", update("80 0f 02 0002", ""), (3, 9)),
    ("MP_UNREACH cut short", update("80 0f 05 0002 01 80 20", ""), (3, 9)),
    ("MP_REACH twice", update(f"{MP_REACH} {MP_REACH} {ORIGIN} {PATH}", ""), (3, 1)),
]


@pytest.mark.parametrize(("name", "message", "code"), RESETS, ids=[row[0] for row in RESETS])
def test_a_session_is_reset_with_the_right_notification(
    name: str, message: bytes, code: tuple[int, int]
) -> None:
    found = read(message)
    assert isinstance(found, Fault), name
    assert (found.notification.code, found.notification.subcode) == code
    # CVE-2017-15865: what is sent back is never more than what came.
    assert len(found.notification.data) <= len(message)
    assert len(encode(found.notification)) <= 4096


WITHDRAWN: list[tuple[str, bytes]] = [
    ("CVE-2023-41358 no attributes at all", update("")),
    ("CVE-2023-41909 no attributes at all", update("", "08 0a 20 c6336401")),
    ("CVE-2023-46753 only an unknown attribute", update("c0 63 02 0001")),
    ("CVE-2023-47234 MP_UNREACH beside NLRI", update("80 0f 03 0002 01")),
    ("CVE-2023-47235 looks like End-of-RIB", update("80 0f 03 0002 01", NLRI, "08 0a")),
    ("CVE-2026-30405 NEXT_HOP of 3 octets", update(f"{ORIGIN} {PATH} 40 03 03 0a0000")),
    ("CVE-2026-37461 IPv6 communities of odd length", update(f"{MANDATORY} c0 19 03 000000")),
    ("CVE-2023-38283 attribute longer than the list", update(f"{MANDATORY} c0 08 20 0000")),
    ("CVE-2026-42285 lengths that disagree", update(f"{ORIGIN} {PATH} 40 03 09 0a000001")),
    ("CVE-2023-46565 list cut inside a header", update(f"{MANDATORY} c0 10")),
    ("INEX-2025-10-24 OTC of 5 octets", update(f"{MANDATORY} c0 23 05 0000fc0000")),
    ("CVE-2025-20115 confederation from outside",
     update(f"{ORIGIN} 50 02 03fe 03ff" + "0000fc01" * 255 + HOP)),
    ("ORIGIN 3", update(f"40 01 01 03 {PATH} {HOP}")),
    ("ORIGIN of 2 octets", update(f"40 01 02 0000 {PATH} {HOP}")),
    ("ORIGIN flagged optional", update(f"c0 01 01 00 {PATH} {HOP}")),
    ("ORIGIN missing", update(f"{PATH} {HOP}")),
    ("AS_PATH missing", update(f"{ORIGIN} {HOP}")),
    ("NEXT_HOP missing", update(f"{ORIGIN} {PATH}")),
    ("AS_PATH with segment type 9", update(f"{ORIGIN} 40 02 06 09 01 0000fc00 {HOP}")),
    ("AS_PATH with an empty segment", update(f"{ORIGIN} 40 02 02 02 00 {HOP}")),
    ("AS_PATH that overruns", update(f"{ORIGIN} 40 02 06 02 02 0000fc00 {HOP}")),
    ("AS_PATH with one octet left", update(f"{ORIGIN} 40 02 07 02 01 0000fc00 02 {HOP}")),
    ("AS_PATH with AS 0", update(f"{ORIGIN} 40 02 06 02 01 00000000 {HOP}")),
    ("MED of 3 octets", update(f"{MANDATORY} 80 04 03 000000")),
    ("COMMUNITIES of 5 octets", update(f"{MANDATORY} c0 08 05 0000000000")),
    ("COMMUNITIES of none", update(f"{MANDATORY} c0 08 00")),
    ("LARGE_COMMUNITIES of 8 octets", update(f"{MANDATORY} c0 20 08 0000000000000000")),
    ("extended communities of 7 octets", update(f"{MANDATORY} c0 10 07 00000000000000")),
    ("CVE-2026-37458 next hop 0.0.0.0", update(f"{ORIGIN} {PATH} 40 03 04 00000000")),
    ("CVE-2026-37458 next hop 224.0.0.1", update(f"{ORIGIN} {PATH} 40 03 04 e0000001")),
]  # fmt: skip


@pytest.mark.parametrize(("name", "message"), WITHDRAWN, ids=[row[0] for row in WITHDRAWN])
def test_a_broken_route_counts_as_withdrawn_and_the_session_lives(
    name: str, message: bytes
) -> None:
    found = read(message)
    assert isinstance(found, Update), name
    assert found.reach == ()
    assert found.end_of_rib is None
    assert ROUTE in found.withdrawn
    assert Disposition.TREAT_AS_WITHDRAW in {flaw.disposition for flaw in found.flaws}


def test_a_broken_route_inside_mp_reach_counts_as_withdrawn() -> None:
    found = read(update(f"{MP_REACH} {ORIGIN} 40 02 02 02 00", ""))
    assert isinstance(found, Update)
    assert (found.withdrawn, found.reach) == ((V6_ROUTE,), ())


KEPT: list[tuple[str, bytes]] = [
    ("CVE-2023-31490 Prefix-SID with a short TLV", update(f"{MANDATORY} c0 28 01 01")),
    ("CVE-2024-31948 malformed Prefix-SID", update(f"{MANDATORY} c0 28 04 03000900")),
    ("FRR-issue-19336 Prefix-SID from afar", update(f"{MANDATORY} e0 28 03 01 0007")),
    ("CVE-2026-7734 SRv6 in Prefix-SID", update(f"{MANDATORY} c0 28 04 05 0001 ff")),
    ("CVE-2023-38802 Tunnel Encapsulation", update(f"{MANDATORY} c0 17 03 0001 ff")),
    ("CVE-2024-44070 tunnel TLV beyond the end", update(f"{MANDATORY} c0 17 04 0008 ffff")),
    ("CVE-2023-41359 AIGP of 2 octets", update(f"{MANDATORY} 80 1a 02 0100")),
    ("CVE-2023-4481 entropy label", update(f"{MANDATORY} c0 1c 01 ff")),
    ("CVE-2023-40457 unknown attribute", update(f"{MANDATORY} c0 fe 03 ffffff")),
    ("CVE-2023-0026 optional transitive", update(f"{MANDATORY} e0 80 00")),
    ("CVE-2026-41643 AS4_PATH first and malformed", update(f"c0 11 03 020900 {MANDATORY}")),
    ("GHSA-frrj-87jh-2772 empty AS_PATH", update(f"{ORIGIN} 40 02 00 {HOP}")),
    ("ATOMIC_AGGREGATE with a value", update(f"{MANDATORY} 40 06 01 00")),
    ("AGGREGATOR of 6 octets", update(f"{MANDATORY} c0 07 06 fc00 0a000001")),
    ("LOCAL_PREF from outside", update(f"{MANDATORY} 40 05 03 000000")),
    ("ORIGINATOR_ID from outside", update(f"{MANDATORY} 80 09 01 00")),
    ("CLUSTER_LIST from outside", update(f"{MANDATORY} 80 0a 03 000000")),
    ("NEXT_HOP twice", update(f"{MANDATORY} 40 03 04 e0000001")),
    ("CVE-2023-38406 flowspec of length 0", update(f"{MANDATORY} 80 0e 06 0001 85 00 00 00")),
    ("CVE-2023-38407 labels beyond the end",
     update(f"{MANDATORY} 80 0e 0c 0001 04 04 0a000001 00 18 0000")),
    ("CVE-2025-43972 flowspec shorter than it says",
     update(f"{MANDATORY} 80 0e 06 0001 85 00 00 ff")),
    ("CVE-2026-37457 flowspec operators", update(f"{MANDATORY} 80 0e 08 0001 85 00 00 02 0381")),
    ("BIRD-ab59af36f flowspec", update(f"{MANDATORY} 80 0f 05 0002 85 f0 ff")),
    ("CVE-2026-5107 EVPN of a wrong length",
     update(f"{MANDATORY} 80 0e 0b 0019 46 04 0a000001 00 02 01")),
]  # fmt: skip


@pytest.mark.parametrize(("name", "message"), KEPT, ids=[row[0] for row in KEPT])
def test_what_is_not_understood_costs_neither_session_nor_route(name: str, message: bytes) -> None:
    found = read(message)
    assert isinstance(found, Update), name
    assert [one.prefixes for one in found.reach] == [(ROUTE,)]
    assert found.withdrawn == ()


OPENS: list[tuple[str, str]] = [
    ("CVE-2023-31489 LLGR of 8 octets", "0c 02 0a 47 08 0001018000000a00"),
    ("CVE-2023-41361 software version beyond its capability", "05 02 03 4b 01 ff"),
    ("CVE-2025-43971 software version of length 0", "05 02 03 4b 01 00"),
    ("CVE-2025-43971 software version without a length", "04 02 02 4b 00"),
    ("multiprotocol of 3 octets", "07 02 05 01 03 000100"),
    ("four-octet AS of 2 octets", "06 02 04 41 02 fc00"),
]


@pytest.mark.parametrize(("name", "parameters"), OPENS, ids=[row[0] for row in OPENS])
def test_a_capability_that_makes_no_sense_is_ignored(name: str, parameters: str) -> None:
    found = read(opened(parameters))
    assert isinstance(found, Open), name
    assert not found.four_octet


def test_openbgpd_7_7_live_1_an_ipv4_withdraw_inside_mp_unreach_is_one() -> None:
    found = read(update("80 0f 08 0001 01 20 c6336401", ""))
    assert found == Update(withdrawn=(ROUTE,))


def test_a_family_that_was_not_negotiated_does_not_appear() -> None:
    found = read(update(f"{MP_REACH} {MANDATORY}"), families=frozenset((Family.IPV4,)))
    assert isinstance(found, Update)
    assert [one.prefixes for one in found.reach] == [(ROUTE,)]


def test_local_preference_is_mandatory_inside() -> None:
    found = read(update(MANDATORY), external=False)
    assert isinstance(found, Update)
    assert found.withdrawn == (ROUTE,)


def test_an_end_of_rib_with_something_else_is_none() -> None:
    for text in ("80 0f 03 0002 01 c0 63 00", f"80 0f 03 0002 01 {ORIGIN}"):
        found = read(update(text, ""))
        assert isinstance(found, Update)
        assert found.end_of_rib is None


def test_cve_2026_49943_a_path_as_long_as_a_message_is_read_quickly() -> None:
    hops = "02 ff " + "0000fc00" * 255
    value = bytes.fromhex(hops * 3 + "02 c0" + "0000fc00" * 192)
    attributes = f"{ORIGIN} {HOP} 50 02 {len(value):04x} {value.hex()}"
    started = time.perf_counter()
    found = read(update(attributes))
    assert time.perf_counter() - started < 0.05
    assert isinstance(found, Update)
    assert found.reach


def test_a_message_full_of_tiny_attributes_is_read_quickly() -> None:
    attributes = "".join(f"c0 {kind:02x} 00" for kind in list(range(40, 255)) * 6)[: 4040 * 2]
    started = time.perf_counter()
    assert isinstance(read(update(f"{MANDATORY} {attributes}")), Update)
    assert time.perf_counter() - started < 0.05


EVERY = [message for _, message, _ in RESETS] + [message for _, message in WITHDRAWN + KEPT]


@pytest.mark.parametrize("message", EVERY, ids=lambda message: message[16:40].hex())
def test_every_truncation_is_a_value(message: bytes) -> None:
    kind = message[18]
    for end in range(19, len(message)):
        body = message[19:end]
        found, _ = take(frame(Type(kind) if kind in set(Type) else Type.UPDATE, body), 0)
        if isinstance(found, Frame):
            decode(found, Context())


@given(
    kind=st.sampled_from(Type),
    body=st.binary(max_size=200),
    four_octet=st.booleans(),
    external=st.booleans(),
)
def test_any_body_is_a_value(kind: Type, body: bytes, four_octet: bool, external: bool) -> None:
    found, _ = take(frame(kind, body), 0)
    if isinstance(found, Frame):
        decode(found, Context(four_octet, external))


@given(st.binary(max_size=100))
def test_any_stream_is_frames_or_a_fault(octets: bytes) -> None:
    at = 0
    while True:
        found, after = take(octets, at)
        if not isinstance(found, Frame):
            break
        assert after > at
        at = after


@given(
    message=st.sampled_from(EVERY),
    changes=st.lists(st.tuples(st.integers(19, 200), st.integers(0, 255)), max_size=6),
)
def test_any_mutation_is_a_value(message: bytes, changes: list[tuple[int, int]]) -> None:
    octets = bytearray(message)
    for at, value in changes:
        if at < len(octets):
            octets[at] = value
    found, _ = take(octets, 0)
    if isinstance(found, Frame):
        decode(found, Context())
