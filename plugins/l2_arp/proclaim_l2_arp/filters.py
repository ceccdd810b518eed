"""Classic BPF programs that let only wanted frames out of the kernel.

Builds instructions from owned addresses and attaches nothing.  A filter may
let too much pass, as the responder looks again, but never too little: every
frame that the responder would answer, or call a conflict, is accepted.

Each address takes a pair of instructions (compare, accept), so that no jump
is longer than the 8 bits that the format has for it.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

LIMIT = 250
"""Above this many addresses the filter looks at the protocol only: building and attaching a
program holds the loop, for about a millisecond at this size."""

_ACCEPT_BYTES = 0x40000
_LOAD_BYTE, _LOAD_HALF, _LOAD_WORD = 0x30, 0x28, 0x20  # BPF_LD | BPF_ABS | size
_JUMP_EQUAL, _JUMP_GREATER_EQUAL = 0x15, 0x35
_RETURN = 0x06
_PACKET_TYPE = 0xFFFFF000 + 4  # SKF_AD_OFF + SKF_AD_PKTTYPE
_OTHER_HOST = 3  # PACKET_OTHERHOST; also what arrived under a VLAN tag of no device here


class Instruction(NamedTuple):
    """One `struct sock_filter`."""

    code: int
    jump_true: int
    jump_false: int
    operand: int


def arp_filter(owned: Iterable[bytes]) -> tuple[Instruction, ...]:
    """ARP packets whose target or sender is an owned IPv4 address (packed, 4 bytes)."""
    words = sorted({int.from_bytes(address, "big") for address in owned})
    if len(words) > LIMIT:
        return ANY_ARP
    return (*_ARP, *_any_of(38, words), *_any_of(28, words), _REJECT)


def nd_filter(owned: Iterable[bytes]) -> tuple[Instruction, ...]:
    """Neighbor Solicitations and Advertisements about an owned IPv6 address.

    Compares the last four bytes of the target, and of the source, as an
    address in use elsewhere shows in solicitations that it sends.
    """
    words = sorted({int.from_bytes(address[12:], "big") for address in owned})
    if len(words) > LIMIT:
        return ANY_ND
    return (*_ND, *_any_of(74, words), *_any_of(34, words), _REJECT)


def _require(load: int, offset: int, value: int) -> tuple[Instruction, ...]:
    return (Instruction(load, 0, 0, offset), Instruction(_JUMP_EQUAL, 1, 0, value), _REJECT)


def _any_of(offset: int, words: list[int]) -> tuple[Instruction, ...]:
    pairs = [
        instruction
        for word in words
        for instruction in (Instruction(_JUMP_EQUAL, 0, 1, word), _ACCEPT)
    ]
    return (Instruction(_LOAD_WORD, 0, 0, offset), *pairs)


_ACCEPT = Instruction(_RETURN, 0, 0, _ACCEPT_BYTES)
_REJECT = Instruction(_RETURN, 0, 0, 0)

_FOR_THIS_HOST = (
    Instruction(_LOAD_BYTE, 0, 0, _PACKET_TYPE),
    Instruction(_JUMP_GREATER_EQUAL, 0, 1, _OTHER_HOST),
    _REJECT,
)
_ARP = (*_FOR_THIS_HOST, *_require(_LOAD_HALF, 12, 0x0806))
_ND = (
    *_FOR_THIS_HOST,
    *_require(_LOAD_HALF, 12, 0x86DD),
    *_require(_LOAD_BYTE, 20, 58),
    *_require(_LOAD_BYTE, 21, 255),
    Instruction(_LOAD_BYTE, 0, 0, 54),
    Instruction(_JUMP_EQUAL, 2, 0, 135),
    Instruction(_JUMP_EQUAL, 1, 0, 136),
    _REJECT,
)
ANY_ARP = (*_ARP, _ACCEPT)
"""Every ARP packet for this host."""
ANY_ND = (*_ND, _ACCEPT)
"""Every Neighbor Solicitation and Advertisement for this host."""
