"""A state as bytes and back: what a restart begins with, and what a digest is taken of.

Only what is not derived is written; indexes are rebuilt.  A checkpoint is a
convenience: one that is damaged, of another format, or made with a kind of
another version is discarded, and the ledger is folded from its start instead.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from hashlib import sha256
from typing import Any

import msgspec
from immutables import Map

from proclaim.codec import Codec
from proclaim.fold import is_single
from proclaim.model import Authority, Pool, Problem, Ref, Service, service_ref
from proclaim.pool_index import PoolIndex
from proclaim.state import Entry, Former, Holding, Refusal, Rejection, State
from proclaim.steps import Steps, finish, ordered
from proclaim.tenure import Tenure

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
    load_balancer_class: str
    listed: list[str]
    entries: list[tuple[str, str, str, int, float, msgspec.Raw]]
    """(kind, source, origin, position, time, resource)."""
    holdings: list[tuple[Ref, Holding]]
    former: list[tuple[Ref, Former]]
    vacated: list[tuple[str, int]]
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
        "load_balancer_class": state.load_balancer_class,
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
    parts += [b',"former":', (yield from _pairs(state.former))]
    vacated = [(str(address), position) for address, position in state.vacated]
    parts += [b',"vacated":', _joined([_items(vacated)] if vacated else [])]
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
    known = State(
        position=found.position,
        time=found.time,
        transaction=found.transaction,
        authority=found.authority,
        load_balancer_class=found.load_balancer_class,
        listed=frozenset(found.listed),
        resources={kind: Map(entries) for kind, entries in resources.items()},
        pool_index=_pool_index(resources),
        slices=Map(_slices(resources)),
        sharing=_sharing(resources),
        refusals=Map(found.refusals),
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
    return _tenanted(known, found)


def _tenanted(state: State, found: Stored) -> State:
    """The state with the holdings of a checkpoint, and with what was released before it."""
    tenure = Tenure(state)
    tenure.remember(dict(found.former), dict(found.vacated))
    for ref, holding in found.holdings:
        tenure.assign(ref, holding)
    single = {
        ref: None for ref, holding in found.holdings if is_single(state.service(ref), holding)
    }
    return replace(state, single=Map(single), **tenure.result())


def _pool_index(resources: Mapping[str, Mapping[Ref, Entry]]) -> PoolIndex:
    pools: list[Pool] = [entry.resource for entry in resources.get("IPAddressPool", {}).values()]
    namespaces = resources.get("Namespace", {})
    return PoolIndex(pools, {ref.name: entry.resource.labels for ref, entry in namespaces.items()})


def _sharing(resources: Mapping[str, Mapping[Ref, Entry]]) -> Map[str, Map[Ref, None]]:
    found: dict[str, dict[Ref, None]] = {}
    for ref, entry in resources.get("Service", {}).items():
        service: Service = entry.resource
        if service.sharing_key:
            found.setdefault(service.sharing_key, {})[ref] = None
    return Map({key: Map(sharers) for key, sharers in found.items()})


def _slices(resources: Mapping[str, Mapping[Ref, Entry]]) -> dict[Ref, tuple[Ref, ...]]:
    found: dict[Ref, list[Ref]] = {}
    for ref, entry in sorted(resources.get("EndpointSlice", {}).items()):
        owner = service_ref(entry.resource.namespace, entry.resource.service)
        found.setdefault(owner, []).append(ref)
    return {owner: tuple(refs) for owner, refs in found.items()}
