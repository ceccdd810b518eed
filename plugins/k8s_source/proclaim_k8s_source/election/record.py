"""The record in a Lease (coordination.k8s.io/v1), from JSON and back.

What somebody else put into the object is kept as it is: the whole object that
was read is written again with another `spec`.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from math import ceil
from typing import Any, NamedTuple

import msgspec

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class NoLease(Exception):
    """What came is not a Lease; the text says what is wrong with it."""


class _Metadata(msgspec.Struct, rename="camel"):
    resource_version: str = ""


class _Spec(msgspec.Struct, rename="camel"):
    holder_identity: str | None = None
    lease_duration_seconds: int | None = None
    acquire_time: str | None = None
    renew_time: str | None = None
    lease_transitions: int | None = None


class _Lease(msgspec.Struct):
    metadata: _Metadata
    spec: _Spec | None = None


class Record(NamedTuple):
    """Who holds a Lease, as one version of it says."""

    version: str
    """`metadata.resourceVersion`."""
    holder: str = ""
    """The holder's identity; empty when it was released."""
    seconds: float | None = None
    """How long it is the holder's after each renewal; None when it does not say."""
    acquired: str = ""
    """`acquireTime`, by the clock of the holder; compared for equality only."""
    renewed: str = ""
    """`renewTime`, likewise."""
    transitions: int = 0
    """How often the holder became another one."""
    whole: bytes = b""
    """The object as it was read."""

    @property
    def face(self) -> tuple[str, str, str]:
        """What shows that somebody wrote it again."""
        return self.version, self.holder, self.renewed


class Place(NamedTuple):
    """Where the Lease is."""

    namespace: str
    name: str


def read(data: bytes) -> Record:
    """The record of a Lease; raises NoLease."""
    try:
        lease = msgspec.json.decode(data, type=_Lease)
    except msgspec.MsgspecError as error:
        raise NoLease(f"no Lease came: {error}") from None
    spec = lease.spec or _Spec()
    return Record(
        lease.metadata.resource_version,
        spec.holder_identity or "",
        spec.lease_duration_seconds,
        spec.acquire_time or "",
        spec.renew_time or "",
        spec.lease_transitions or 0,
        data,
    )


def written(place: Place, record: Record) -> bytes:
    """The object to write: the one that was read, or a new one, with this record in it."""
    whole: dict[str, Any] = {
        "apiVersion": "coordination.k8s.io/v1",
        "kind": "Lease",
        "metadata": {"name": place.name, "namespace": place.namespace},
    }
    if record.whole:
        whole = msgspec.json.decode(record.whole)
    whole["spec"] = {
        **(whole.get("spec") or {}),
        "holderIdentity": record.holder or None,  # an empty one the server refuses
        "leaseDurationSeconds": ceil(record.seconds or 1),
        "acquireTime": record.acquired,
        "renewTime": record.renewed,
        "leaseTransitions": record.transitions,
    }
    return msgspec.json.encode(whole)


def stamp(wall: float, unlike: str = "") -> str:
    """A time as the API writes it (MicroTime), which differs from another one.

    A write that changes nothing gives no new version, and nobody would see it.
    """
    moment = _EPOCH + timedelta(microseconds=round(wall * 1_000_000))
    if _text(moment) == unlike:
        moment += timedelta(microseconds=1)
    return _text(moment)


def _text(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
