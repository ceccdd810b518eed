"""The programs run in a small interpreter here, and in the kernel in the integration tests."""

from ipaddress import ip_address

import pytest
from hypothesis import given
from l2_arp import recorded
from l2_arp.messages import MESSAGES
from l2_arp.recorded import HOLDER, VIP, VIP6
from proclaim_l2_arp.filters import ANY_ARP, ANY_ND, LIMIT, arp_filter, nd_filter
from proclaim_l2_arp.frames import encode
from proclaim_l2_arp.responder import Conflict, Reply, Station, react

HOST, BROADCAST, MULTICAST, OTHER_HOST, OUTGOING = range(5)
OWNED = frozenset({VIP, VIP6})
SIZES = {0x30: 1, 0x28: 2, 0x20: 4}


def accepts(program, frame: bytes, packet_type: int = HOST) -> bool:
    """Run a program as the kernel does: a load beyond the frame rejects it."""
    accumulator, at = 0, 0
    while True:
        code, true, false, operand = program[at]
        at += 1
        if code == 0x06:
            return operand > 0
        if code in SIZES:
            if operand == 0xFFFFF004:
                accumulator = packet_type
                continue
            loaded = frame[operand : operand + SIZES[code]]
            if len(loaded) < SIZES[code]:
                return False
            accumulator = int.from_bytes(loaded, "big")
        else:
            holds = accumulator == operand if code == 0x15 else accumulator >= operand
            at += true if holds else false


def test_a_request_for_an_owned_address_passes():
    assert accepts(arp_filter({VIP}), recorded.ARP_REQUEST)
    assert accepts(nd_filter({VIP6}), recorded.SOLICITATION)


def test_a_request_for_a_foreign_address_stays_in_the_kernel():
    assert not accepts(arp_filter({recorded.PROBED6[:4]}), recorded.ARP_REQUEST)
    assert not accepts(nd_filter({recorded.PROBED6}), recorded.SOLICITATION)


def test_nothing_passes_when_nothing_is_owned():
    assert not any(accepts(arp_filter(()), frame) for frame in recorded.ALL)
    assert not any(accepts(nd_filter(()), frame) for frame in recorded.ALL)


@pytest.mark.parametrize("packet_type", [OTHER_HOST, OUTGOING])
def test_what_is_for_others_or_from_ourselves_stays_in_the_kernel(packet_type):
    assert not accepts(ANY_ARP, recorded.ARP_REQUEST, packet_type)
    assert not accepts(ANY_ND, recorded.SOLICITATION, packet_type)


def test_a_routed_solicitation_stays_in_the_kernel():
    frame = recorded.SOLICITATION
    assert not accepts(ANY_ND, frame[:21] + b"\xfe" + frame[22:])


def test_other_protocols_stay_in_the_kernel():
    assert not accepts(ANY_ARP, recorded.SOLICITATION)
    assert not accepts(ANY_ND, recorded.ARP_REQUEST)


@pytest.mark.parametrize("count", [1, 100, LIMIT])
def test_many_addresses_fit_and_the_last_is_found_as_the_first(count):
    first = int(ip_address("10.0.0.0"))
    owned = {(first + n).to_bytes(4, "big") for n in range(count)}
    program = arp_filter(owned)
    assert len(program) <= 4096  # BPF_MAXINSNS
    assert all(0 <= i.jump_true < 256 and 0 <= i.jump_false < 256 for i in program)
    for target in (first, first + count - 1):
        assert accepts(program, recorded.ARP_REQUEST[:38] + target.to_bytes(4, "big"))
    assert not accepts(program, recorded.ARP_REQUEST[:38] + (first + count).to_bytes(4, "big"))


def test_too_many_addresses_leave_only_the_protocol_to_be_filtered():
    owned = {bytes(12) + n.to_bytes(4, "big") for n in range(LIMIT + 1)}
    assert nd_filter(owned) is ANY_ND
    assert arp_filter({address[12:] for address in owned}) is ANY_ARP


@given(MESSAGES)
def test_whatever_would_be_answered_or_called_a_conflict_passes(message):
    frame = encode(message)
    if isinstance(react(frame, Station(HOLDER, OWNED)), Reply | Conflict):
        assert accepts(arp_filter({VIP}), frame) or accepts(nd_filter({VIP6}), frame)
