"""A state as bytes and back: what a restart begins with, and what a digest is taken of.

Only what is not derived is written; indexes are rebuilt.  A checkpoint is a
convenience: one that is damaged, of another format, or made with a kind of
another version is discarded, and the ledger is folded from its start instead.
"""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import sha256
from typing import Any

import msgspec

from proclaim.addresses import Occupied, parse_address
from proclaim.codec import Codec
from proclaim.model import Authority, Problem, Ref, service_ref
from proclaim.state import Entry, Holding, Refusal, Rejection, State
from proclaim.steps import Steps, finish, ordered

FORMAT = 2
"""Grows whenever what is written below changes its meaning."""


class Stored(msgspec.Struct, frozen=True):
    """What is written, in this order; every list is sorted, so equal states are equal bytes."""

    format: int
    kinds: list[str]
    """The topics of the kinds that it was written with."""
    position: int
    time: float
    transaction: int
    authority: Authority
    listed: list[str]
    entries: list[tuple[str, str, str, int, float, msgspec.Raw]]
    """(kind, source, origin, position, time, resource)."""
    holdings: list[tuple[Ref, Holding]]
    refusals: list[tuple[Ref, Refusal]]
    rejections: list[tuple[str, str, str, str, msgspec.Raw]]
    """(kind, source, origin, problem, resource)."""
    aliases: list[tuple[str, str]]
    problems: list[tuple[str, tuple[Problem, ...]]]
    failures: list[tuple[str, str]]
    unknown: int


_ENCODER = msgspec.json.Encoder()
_DECODER = msgspec.json.Decoder(Stored)
_DIGEST_BYTES = 32
_AT_ONCE = 64
"""Items encoded between two pauses."""


def encoding(state: State, codec: Codec) -> Steps[bytes]:
    """`encode` in small steps."""
    head = {
        "format": FORMAT,
        "kinds": sorted(kind.topic for kind in codec.kinds.values()),
        "position": state.position,
        "time": state.time,
        "transaction": state.transaction,
        "authority": state.authority,
        "listed": sorted(state.listed),
    }
    tail = {
        "aliases": sorted(state.aliases.items()),
        "problems": sorted(state.problems.items()),
        "failures": sorted(state.failures.items()),
        "unknown": state.unknown,
    }
    parts = [_ENCODER.encode(head)[:-1]]
    parts += [b',"entries":', (yield from _entries(state))]
    parts += [b',"holdings":', (yield from _pairs(state.holdings))]
    parts += [b',"refusals":', (yield from _pairs(state.refusals))]
    parts += [b',"rejections":', (yield from _rejections(state))]
    parts += [b",", _ENCODER.encode(tail)[1:]]
    return b"".join(parts)


def encode(state: State, codec: Codec) -> bytes:
    """The state as bytes; equal states give equal bytes."""
    return finish(encoding(state, codec))


def _entries(state: State) -> Steps[bytes]:
    parts: list[bytes] = []
    for kind in sorted(state.resources):
        entries = state.resources[kind]
        names = yield from ordered(entries)
        for at in range(0, len(names), _AT_ONCE):
            yield
            parts.append(
                _items(
                    [
                        (kind, *entries[ref][1:], entries[ref].resource)
                        for ref in names[at : at + _AT_ONCE]
                    ]
                )
            )
    return _joined(parts)


def _pairs(values: Mapping[Ref, Any]) -> Steps[bytes]:
    names = yield from ordered(values)
    parts: list[bytes] = []
    for at in range(0, len(names), _AT_ONCE):
        yield
        parts.append(_items([(ref, values[ref]) for ref in names[at : at + _AT_ONCE]]))
    return _joined(parts)


def _rejections(state: State) -> Steps[bytes]:
    names = yield from ordered(state.rejections)
    parts: list[bytes] = []
    for ref in names:
        yield
        resource, *rest = state.rejections[ref]
        parts.append(_items([(ref.kind, *rest, resource)]))
    return _joined(parts)


def _items(items: list[Any]) -> bytes:
    return _ENCODER.encode(items)[1:-1]


def _joined(parts: list[bytes]) -> bytes:
    return b"[%b]" % b",".join(parts)


def seal(encoded: bytes) -> bytes:
    """What is kept of an encoded state: a digest before it, so that damage is noticed."""
    return sha256(encoded).digest() + encoded


def unseal(sealed: bytes) -> bytes | None:
    """The encoded state in what was kept; None when it is damaged."""
    encoded = sealed[_DIGEST_BYTES:]
    return encoded if sha256(encoded).digest() == sealed[:_DIGEST_BYTES] else None


def decode(stored: bytes, codec: Codec) -> State | None:
    """The state of a checkpoint; None when it is of another format or does not decode."""
    try:
        found = _DECODER.decode(stored)
        known = sorted(kind.topic for kind in codec.kinds.values())
        if found.format != FORMAT or found.kinds != known:
            return None
        return _rebuild(found, codec)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return None


def digest(state: State, codec: Codec) -> str:
    """A short name of a state: equal states have equal digests, on every machine."""
    return sha256(encode(state, codec)).hexdigest()


def _rebuild(found: Stored, codec: Codec) -> State:
    resources: dict[str, dict[Ref, Entry]] = {}
    decoders: Mapping[str, msgspec.json.Decoder[Any]] = {
        name: msgspec.json.Decoder(kind.type) for name, kind in codec.kinds.items()
    }
    for kind, source, origin, position, time, raw in found.entries:
        resource = decoders[kind].decode(raw)
        entry = Entry(resource, source, origin, position, time)
        resources.setdefault(kind, {})[resource.ref] = entry
    holdings = dict(found.holdings)
    return State(
        position=found.position,
        time=found.time,
        transaction=found.transaction,
        authority=found.authority,
        listed=frozenset(found.listed),
        resources=resources,
        slices=_slices(resources),
        holdings=holdings,
        holders=_holders(holdings),
        occupied=_occupied(holdings),
        preferring={
            ref: None
            for ref, entry in resources.get("Service", {}).items()
            if entry.resource.ip_family_policy == "PreferDualStack"
        },
        refusals=dict(found.refusals),
        rejections={
            (resource := decoders[kind].decode(raw)).ref: Rejection(
                resource, source, origin, problem
            )
            for kind, source, origin, problem, raw in found.rejections
        },
        aliases=dict(found.aliases),
        problems=dict(found.problems),
        failures=dict(found.failures),
        unknown=found.unknown,
    )


def _slices(resources: Mapping[str, Mapping[Ref, Entry]]) -> dict[Ref, tuple[Ref, ...]]:
    found: dict[Ref, list[Ref]] = {}
    for ref, entry in sorted(resources.get("EndpointSlice", {}).items()):
        owner = service_ref(entry.resource.namespace, entry.resource.service)
        found.setdefault(owner, []).append(ref)
    return {owner: tuple(refs) for owner, refs in found.items()}


def _holders(holdings: Mapping[Ref, Holding]) -> dict[str, tuple[Ref, ...]]:
    found: dict[str, list[Ref]] = {}
    for ref, holding in sorted(holdings.items()):
        for text in holding.addresses:
            found.setdefault(text, []).append(ref)
    return {text: tuple(refs) for text, refs in found.items()}


def _occupied(holdings: Mapping[Ref, Holding]) -> Occupied:
    occupied = Occupied()
    held = {parse_address(text) for holding in holdings.values() for text in holding.addresses}
    for address in sorted(held):
        occupied.add(address)
    return occupied
