"""Facts to stored events and back: topics, versions, lifts, sums.

A stored event is a topic that we own (`AddressAssigned/1`, never a Python
path) and a JSON object with the time, the transaction, the fact, and a
checksum over all of it.  What an older version wrote is lifted to the present
shape on reading; what a newer version wrote is refused, and a kind that nobody
here knows is kept as it is.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Generic, NamedTuple, TypeAlias, TypeVar, Union
from zlib import crc32

import msgspec

from proclaim.errors import LedgerDamaged, PluginError
from proclaim.events import (
    AddressAssigned,
    AddressRefused,
    AddressReleased,
    AuthorityTaken,
    Fact,
    Observed,
    Opaque,
    ProblemsReported,
    RefusalWithdrawn,
    Rejected,
    RejectionWithdrawn,
    Removed,
    SourceListed,
    TaskFailed,
)
from proclaim.kinds import Kind, Lift
from proclaim.model import Struct

F = TypeVar("F")
R = TypeVar("R")

_SUM = b',"sum":'
_VERSION = re.compile("[1-9][0-9]{0,5}")
_GENERIC_OBSERVED: Any = Observed  # subscripted with types that are known at run time only


def _as_it_is(fact: dict[str, Any]) -> dict[str, Any]:
    """Lifts a fact whose next version has more fields, each with a default that is true of it."""
    return fact


_NOTHING_CHANGED: Mapping[int, Lift] = {1: _as_it_is}

FACTS: tuple[Kind[Any], ...] = (
    Kind("ResourceRemoved", Removed),
    Kind("ResourceRejected", Rejected),
    Kind("RejectionWithdrawn", RejectionWithdrawn),
    Kind("SourceListed", SourceListed),
    Kind("ProblemsReported", ProblemsReported),
    Kind("AuthorityTaken", AuthorityTaken, 2, _NOTHING_CHANGED),
    Kind("TaskFailed", TaskFailed),
    Kind("AddressAssigned", AddressAssigned, 2, _NOTHING_CHANGED),
    Kind("AddressReleased", AddressReleased, 2, _NOTHING_CHANGED),
    Kind("AddressRefused", AddressRefused, 2, _NOTHING_CHANGED),
    Kind("RefusalWithdrawn", RefusalWithdrawn),
)
"""The facts that are not the observation of a resource, with their versions."""


class Envelope(msgspec.Struct, Generic[F], frozen=True):
    """What is stored of a fact, less the checksum."""

    time: float
    transaction: int
    fact: F


_GENERIC_ENVELOPE: Any = Envelope


class _Rejected(Struct, Generic[R], frozen=True):
    """`Rejected` as it is read, when the kinds of all plugins are known."""

    source: str
    resource: R
    problem: str
    origin: str = ""


_GENERIC_REJECTED: Any = _Rejected


class Decoded(NamedTuple):
    """A stored event as it was before it got its position."""

    time: float
    transaction: int
    fact: Fact


Decode: TypeAlias = Callable[[bytes], Envelope[Any]]


class _Topic(NamedTuple):
    """How the facts of one name are read."""

    version: int
    lifts: Mapping[int, Lift]
    decode: Decode


class Codec:
    """Encodes and decodes facts, given all the kinds of resources there are."""

    def __init__(self, kinds: Iterable[Kind[Any]]) -> None:
        self._encoder = msgspec.json.Encoder()
        self._opaque = msgspec.json.Decoder(Envelope[msgspec.Raw])
        self._plain = msgspec.json.Decoder(Envelope[dict[str, Any]])
        self._topics: dict[str, _Topic] = {}
        self._topic_of: dict[type, str] = {}
        self._fast: dict[str, tuple[int, Decode]] = {}
        """By topic: the sum of the topic, and the decoder of its present version."""
        for fact in FACTS:
            self._learn(fact.name, fact, _decoder(fact.type))
            self._topic_of[fact.type] = f"{fact.name}/{fact.version}"
        self.kinds: dict[str, Kind[Any]] = {}
        for kind in sorted(kinds, key=lambda kind: kind.name):
            if kind.name in self.kinds:
                raise PluginError(f"the kind {kind.name} is offered by two plugins")
            self.kinds[kind.name] = kind
            self._learn(f"{kind.name}Observed", kind, _decoder(_GENERIC_OBSERVED[kind.type]))
            self._topic_of[kind.type] = kind.topic
        rejected = next(fact for fact in FACTS if fact.type is Rejected)
        self._learn(rejected.name, rejected, self._rejected_decoder())

    def _learn(self, name: str, kind: Kind[Any], decode: Decode) -> None:
        self._topics[name] = _Topic(kind.version, kind.lifts, decode)
        topic = f"{name}/{kind.version}"
        self._fast[topic] = (crc32(topic.encode()), decode)

    def _rejected_decoder(self) -> Decode:
        """Reads a rejected resource of any kind; one of an unknown kind is opaque."""
        types = tuple(kind.type for kind in self.kinds.values())
        tags = {type_.__struct_config__.tag for type_ in types}
        try:
            decode = _decoder(_GENERIC_REJECTED[Union[types] if types else None])  # noqa: UP007
        except TypeError as error:
            raise PluginError(f"the kinds of resources cannot be told apart: {error}") from None

        def read(body: bytes) -> Envelope[Any]:
            try:
                found = decode(body)
            except msgspec.ValidationError:
                plain = self._plain.decode(body)
                resource = plain.fact.get("resource")
                if not isinstance(resource, dict) or resource.get("noun") in tags:
                    raise
                raw = self._opaque.decode(body)
                return Envelope(
                    raw.time, raw.transaction, Opaque(self._topic_of[Rejected], raw.fact)
                )
            its = found.fact
            fact = Rejected(its.source, its.resource, its.problem, its.origin)
            return Envelope(found.time, found.transaction, fact)

        return read

    def topic(self, fact: Fact) -> str:
        """The topic under which a fact is stored."""
        match fact:
            case Observed(resource=resource):
                return self._topic_of[type(resource)]
            case Opaque(topic=topic):
                return topic
            case _:
                return self._topic_of[type(fact)]

    def encode(self, fact: Fact, time: float, transaction: int) -> tuple[str, bytes]:
        """The topic and the stored bytes; equal facts give equal bytes."""
        topic = self.topic(fact)
        body = fact.body if isinstance(fact, Opaque) else fact
        encoded = self._encoder.encode(Envelope(time, transaction, body))[:-1]
        return topic, b"%b%b%d}" % (encoded, _SUM, _sum(topic, encoded))

    def decode(self, topic: str, stored: bytes) -> Decoded:
        """The fact in stored bytes, lifted to the present shape.

        Raises LedgerDamaged, without a position: the caller knows it.
        """
        fast = self._fast.get(topic)
        encoded, mark, sum_text = stored.rpartition(_SUM)
        total = crc32(encoded, fast[0] if fast else crc32(topic.encode()))
        if not mark or sum_text != b"%d}" % total:
            raise LedgerDamaged(f"{topic}: the checksum does not match what is stored")
        try:
            if fast is not None:
                envelope = fast[1](encoded + b"}")
                return Decoded(envelope.time, envelope.transaction, envelope.fact)
            return self._slow(topic, encoded + b"}")
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise LedgerDamaged(f"{topic}: does not decode: {error}") from None

    def _slow(self, topic: str, body: bytes) -> Decoded:
        """An older version, which is lifted, or an unknown kind, which is kept."""
        name, _, version_text = topic.rpartition("/")
        known = self._topics.get(name)
        if known is None:
            opaque = self._opaque.decode(body)
            return Decoded(opaque.time, opaque.transaction, Opaque(topic, opaque.fact))
        if not _VERSION.fullmatch(version_text):
            raise LedgerDamaged(f"{topic}: {version_text!r} is no version")
        version = int(version_text)
        if version > known.version:
            raise LedgerDamaged(
                f"{topic} was written by a newer Proclaim; this one knows {name}/{known.version}",
                hint="run the newer version again, or start with another ledger",
            )
        plain = self._plain.decode(body)
        lifted = plain.fact
        while version < known.version:
            lifted = _lift(known, topic, version, lifted)
            version += 1
        envelope = known.decode(
            self._encoder.encode(Envelope(plain.time, plain.transaction, lifted))
        )
        return Decoded(envelope.time, envelope.transaction, envelope.fact)


def _lift(known: _Topic, topic: str, version: int, fact: dict[str, Any]) -> dict[str, Any]:
    if version not in known.lifts:
        raise LedgerDamaged(f"{topic}: there is no lift from version {version}")
    try:
        return known.lifts[version](dict(fact))
    except Exception as error:  # noqa: BLE001 - a plugin's lift may raise whatever it likes
        raise LedgerDamaged(
            f"{topic}: the lift from version {version} failed: {type(error).__name__}: {error}"
        ) from None


def _decoder(inner: object) -> Decode:
    """A decoder of envelopes around a type that is made at run time."""
    return msgspec.json.Decoder(_GENERIC_ENVELOPE[inner]).decode


def _sum(topic: str, encoded: bytes) -> int:
    return crc32(encoded, crc32(topic.encode()))
