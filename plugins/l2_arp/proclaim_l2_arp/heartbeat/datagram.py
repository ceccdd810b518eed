"""The datagram that says that a node lives, both ways.

    magic "PRCL"  version 1  kind 1  incarnation 8  sequence 8  name length 2  name  [HMAC 32]

Knows bytes and the shared key.  `decode` answers any bytes at all with a
datagram or with the reason to drop them; it never raises.  Order and
repetition are judged in `machine.py`, by `incarnation` and `sequence`.
"""

from __future__ import annotations

import hashlib
import hmac
import struct
from dataclasses import dataclass
from enum import IntEnum, StrEnum

_HEAD = struct.Struct("!4sBBQQH")
_MAGIC = b"PRCL"
_VERSION = 1
_DIGEST = hashlib.sha256().digest_size
_LONGEST_NAME = 253  # RFC 1123 subdomain, which is what a node's name is


class Saying(IntEnum):
    """What a datagram says about its sender."""

    ALIVE = 1
    GOODBYE = 2


class Bad(StrEnum):
    """Why a datagram is not believed."""

    MALFORMED = "malformed"
    VERSION = "of another version"
    UNSIGNED = "wrong or missing signature"


@dataclass(frozen=True, slots=True)
class Datagram:
    """One sign of life."""

    node: str
    incarnation: int
    """Grows with each start of the node's service."""
    sequence: int
    """Grows with each datagram of an incarnation."""
    saying: Saying = Saying.ALIVE


def encode(datagram: Datagram, key: bytes) -> bytes:
    """The bytes of a datagram, signed when there is a key."""
    name = datagram.node.encode()
    head = _HEAD.pack(
        _MAGIC,
        _VERSION,
        datagram.saying,
        datagram.incarnation,
        datagram.sequence,
        len(name),
    )
    return head + name + _signature(head + name, key)


def decode(received: bytes, key: bytes) -> Datagram | Bad:
    """The datagram, or why it is not believed; never raises."""
    if len(received) < _HEAD.size:
        return Bad.MALFORMED
    magic, version, saying, incarnation, sequence, length = _HEAD.unpack_from(received)
    if magic != _MAGIC:
        return Bad.MALFORMED
    if version != _VERSION:
        return Bad.VERSION
    end = _HEAD.size + length
    if not 0 < length <= _LONGEST_NAME or len(received) < end:
        return Bad.MALFORMED
    if not hmac.compare_digest(received[end:], _signature(received[:end], key)):
        return Bad.UNSIGNED
    try:
        node = received[_HEAD.size : end].decode()
        return Datagram(node, incarnation, sequence, Saying(saying))
    except ValueError:  # not UTF-8, or a saying that this version does not know
        return Bad.MALFORMED


def _signature(signed: bytes, key: bytes) -> bytes:
    return hmac.digest(key, signed, "sha256") if key else b""
