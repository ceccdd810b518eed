"""What an API server sends, as far as it is used; everything else is never decoded.

What is read with the rules of manifests is left as it is, so that a field of a
wrong type is told with its place instead of failing here.
"""

from __future__ import annotations

from typing import Any

import msgspec


class ListMeta(msgspec.Struct):
    """`metadata` of a list."""

    resourceVersion: str = ""
    token: str = msgspec.field(name="continue", default="")


class ListAnswer(msgspec.Struct):
    """A list, its items not looked at yet."""

    metadata: ListMeta
    items: list[msgspec.Raw] | None = None


class Line(msgspec.Struct):
    """A line of a watch, its object not looked at yet."""

    type: str
    object: msgspec.Raw


class Said(msgspec.Struct):
    """The Status inside an ERROR."""

    message: str = ""
    reason: str = ""
    code: int = 0


class Owner(msgspec.Struct):
    """An owner reference."""

    uid: str = ""


class Meta(msgspec.Struct):
    """`metadata` of an object, without `managedFields`."""

    name: str = ""
    namespace: str = ""
    uid: str = ""
    resourceVersion: str = ""
    labels: Any = None
    annotations: Any = None
    ownerReferences: list[Owner] | None = None
    deletionTimestamp: str | None = None


class Head(msgspec.Struct):
    """Which object it is."""

    metadata: Meta


class Whole(msgspec.Struct):
    """An object with a specification and a status."""

    metadata: Meta
    spec: Any = None
    status: Any = None


class NodeStatus(msgspec.Struct):
    """What is used of a Node's status, which also lists every image."""

    conditions: Any = None
    addresses: Any = None


class NodeObject(msgspec.Struct):
    """A Node."""

    metadata: Meta
    status: NodeStatus | None = None


class Conditions(msgspec.Struct):
    """Of an endpoint."""

    ready: bool | None = None
    serving: bool | None = None


class Endpoint(msgspec.Struct):
    """One of a slice."""

    addresses: list[msgspec.Raw] | None = None
    conditions: Conditions | None = None
    nodeName: str | None = None


class SliceMeta(msgspec.Struct):
    """`metadata` of a slice."""

    name: str
    namespace: str
    labels: dict[str, str] | None = None
    resourceVersion: str = ""


class Slice(msgspec.Struct):
    """An EndpointSlice."""

    metadata: SliceMeta
    endpoints: list[Endpoint] | None = None


class SecretObject(msgspec.Struct):
    """A Secret."""

    metadata: Meta
    type: str = ""
    data: dict[str, str] | None = None
