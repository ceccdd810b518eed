"""A state as bytes and back: what a restart begins with, and what a digest is taken of.

Only what is not derived is written; indexes are rebuilt.  A checkpoint is a
convenience: one of another format, or with a kind of another version, is
discarded, and the ledger is folded from its start instead.
"""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import sha256
from operator import itemgetter
from typing import Any

import msgspec

from proclaim.addresses import Occupied, parse_address
from proclaim.codec import Codec
from proclaim.model import Authority, Problem, Ref, service_ref
from proclaim.state import Entry, Holding, Refusal, Rejection, State

FORMAT = 1
"""Grows whenever what is written below changes its meaning."""


class Stored(msgspec.Struct, frozen=True):
    """What a checkpoint holds; every list is sorted, so equal states are equal bytes."""

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
    rejections: list[tuple[Ref, Rejection]]
    problems: list[tuple[str, tuple[Problem, ...]]]
    failures: list[tuple[str, str]]
    unknown: int


_ENCODER = msgspec.json.Encoder()
_DECODER = msgspec.json.Decoder(Stored)


def encode(state: State, codec: Codec) -> bytes:
    """The state as bytes; equal states give equal bytes."""
    return _ENCODER.encode(
        Stored(
            format=FORMAT,
            kinds=sorted(kind.topic for kind in codec.kinds.values()),
            position=state.position,
            time=state.time,
            transaction=state.transaction,
            authority=state.authority,
            listed=sorted(state.listed),
            entries=[
                (
                    ref.kind,
                    entry.source,
                    entry.origin,
                    entry.position,
                    entry.time,
                    msgspec.Raw(_ENCODER.encode(entry.resource)),
                )
                for kind in sorted(state.resources)
                for ref, entry in sorted(state.resources[kind].items())
            ],
            holdings=sorted(state.holdings.items(), key=itemgetter(0)),
            refusals=sorted(state.refusals.items(), key=itemgetter(0)),
            rejections=sorted(state.rejections.items(), key=itemgetter(0)),
            problems=sorted(state.problems.items()),
            failures=sorted(state.failures.items()),
            unknown=state.unknown,
        )
    )


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
        rejections=dict(found.rejections),
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
