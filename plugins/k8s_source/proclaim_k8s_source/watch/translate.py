"""Objects of an API server to items: nouns and problems, and what is shown to writers.

A noun and its problems are those that the same object has in a manifest.  Two
things differ: an endpoint without addresses serves nobody, and slices have a
way of their own, because there are many and they change all the time.
"""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache
from sys import intern
from typing import Any, TypeAlias

import msgspec
from proclaim import Problem, Ref
from proclaim.manifests import parse_object
from proclaim.model import EndpointSlice, Resource

from proclaim_k8s_source.shown import AGREED, POOL, ShownService
from proclaim_k8s_source.watch.kinds import Scope
from proclaim_k8s_source.watch.wire import (
    Conditions,
    Endpoint,
    Head,
    Meta,
    NodeObject,
    NodeStatus,
    SecretObject,
    Slice,
    Whole,
)

SERVICE_NAME = "kubernetes.io/service-name"
EXCLUDED = "node.kubernetes.io/exclude-from-external-load-balancers"
BASIC_AUTH = "kubernetes.io/basic-auth"
LONGEST_PASSWORD = 80
"""TCP_MD5SIG_MAXKEYLEN of the kernel."""
_EXPECTED = f"one of type {BASIC_AUTH} with the key password is expected"


@dataclass(frozen=True, slots=True)
class ShownStatus:
    """An object that only tells how things stand, as the server shows it."""

    name: str
    labels: tuple[tuple[str, str], ...]
    resource_version: str
    owner: str
    status: bytes
    """JSON; empty when there is none."""
    uid: str = ""


@dataclass(frozen=True, slots=True)
class Item:
    """One object, or that it is gone."""

    ref: Ref
    gone: bool = False
    resource: Resource | None = None
    problems: tuple[Problem, ...] = ()
    wanted: bool = True
    """False for a Service that never was any of our business."""
    uid: str = ""
    shown: ShownService | ShownStatus | None = None
    password: str = field(default="", repr=False)
    complaint: str = ""
    """Why a Secret is none that can be used, as one sentence without a full stop."""


Translated: TypeAlias = tuple[Item, str]
"""An item and its resourceVersion."""
Translate: TypeAlias = Callable[[msgspec.Raw], Translated]

_head = msgspec.json.Decoder(Head)
_whole = msgspec.json.Decoder(Whole)
_node = msgspec.json.Decoder(NodeObject)
_slice = msgspec.json.Decoder(Slice)
_secret = msgspec.json.Decoder(SecretObject)
_anything = msgspec.json.Decoder(dict[str, Any])


EVERYTHING = Scope("")


def translator(kind: str, api_version: str, scope: Scope = EVERYTHING) -> Translate:
    """What translates the objects of a kind; it raises MsgspecError on what is no object."""
    match kind:
        case "Service":
            return lambda raw: _service(raw, scope)
        case "EndpointSlice":
            return _endpoint_slice
        case "Node":
            return lambda raw: _a_node(raw, scope)
        case "Secret":
            return _a_secret
        case "ServiceL2Status" | "ServiceBGPStatus" | "ConfigurationState":
            return lambda raw: _told_status(kind, raw)
        case "Namespace":
            return lambda raw: _plain(kind, api_version, raw)
        case _:
            return lambda raw: _custom(kind, api_version, raw)


def gone(kind: str, raw: msgspec.Raw) -> Translated:
    """The item of an object that was deleted."""
    metadata = _head.decode(raw).metadata
    return Item(_ref(kind, metadata), gone=True), metadata.resourceVersion


def _ref(kind: str, metadata: Meta) -> Ref:
    namespaced = kind in ("Service", "EndpointSlice")
    return Ref(kind, intern(metadata.namespace) if namespaced else "", metadata.name)


def _named(metadata: Meta) -> dict[str, Any]:
    """What a reader of manifests asks of `metadata`."""
    named: dict[str, Any] = {"name": metadata.name}
    if metadata.namespace:
        named["namespace"] = metadata.namespace
    if metadata.labels is not None:
        named["labels"] = metadata.labels
    if metadata.annotations is not None:
        named["annotations"] = metadata.annotations
    return named


def _plain(kind: str, api_version: str, raw: msgspec.Raw) -> Translated:
    metadata = _head.decode(raw).metadata
    value = {"apiVersion": api_version, "kind": kind, "metadata": _named(metadata)}
    parsed = parse_object(value)
    item = Item(_ref(kind, metadata), resource=parsed.resource, problems=parsed.problems)
    return item, metadata.resourceVersion


def _service(raw: msgspec.Raw, scope: Scope) -> Translated:
    found = _whole.decode(raw)
    metadata, spec, status = found.metadata, found.spec, found.status
    kind = spec.get("type") if isinstance(spec, dict) else None
    shown = _shown(metadata, status)
    if kind != "LoadBalancer":  # the server itself takes its addresses away
        shown.born = metadata.resourceVersion
    value = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": _named(metadata),
        "spec": spec,
        "status": status,
    }
    parsed = parse_object(value)
    resource = parsed.resource
    if resource is not None and scope.announces:
        resource = msgspec.structs.replace(resource, endpoints_listed=True)
    item = Item(
        _ref("Service", metadata),
        resource=resource,
        problems=parsed.problems,
        wanted=kind == "LoadBalancer" or bool(shown.ingress) or shown.pool is not None,
        uid=metadata.uid,
        shown=shown,
    )
    return item, metadata.resourceVersion


def _shown(metadata: Meta, status: object) -> ShownService:
    balancer = status.get("loadBalancer") if isinstance(status, dict) else None
    ingress = balancer.get("ingress") if isinstance(balancer, dict) else None
    entries = [each for each in ingress if isinstance(each, dict)] if ingress else ()
    annotations = metadata.annotations if isinstance(metadata.annotations, dict) else {}
    version = metadata.resourceVersion
    return ShownService(entries, annotations.get(POOL), annotations.get(AGREED), version)


def _a_node(raw: msgspec.Raw, scope: Scope) -> Translated:
    found = _node.decode(raw)
    if scope.ignore_exclude_lb and found.metadata.labels:
        found.metadata.labels.pop(EXCLUDED, None)
    status = found.status or NodeStatus()
    value = {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": _named(found.metadata),
        "status": {"conditions": status.conditions, "addresses": status.addresses},
    }
    parsed = parse_object(value)
    item = Item(_ref("Node", found.metadata), resource=parsed.resource, problems=parsed.problems)
    return item, found.metadata.resourceVersion


# --- slices ------------------------------------------------------------------------------------


def _endpoint_slice(raw: msgspec.Raw) -> Translated:
    try:
        found = _slice.decode(raw)
    except msgspec.ValidationError:
        return _odd_slice(raw)
    metadata, nodes, elsewhere = found.metadata, set(), False
    for endpoint in found.endpoints or ():
        if not _serves(endpoint):
            continue
        if endpoint.nodeName:
            nodes.add(endpoint.nodeName)
        else:
            elsewhere = True
    namespace = intern(metadata.namespace)
    resource = EndpointSlice(
        namespace=namespace,
        name=metadata.name,
        service=intern((metadata.labels or {}).get(SERVICE_NAME, "")),
        serving_nodes=_shared(tuple(sorted(nodes))),
        serving_elsewhere=elsewhere,
    )
    ref = Ref("EndpointSlice", namespace, metadata.name)
    return Item(ref, resource=resource), metadata.resourceVersion


def _serves(endpoint: Endpoint) -> bool:
    if not endpoint.addresses:
        return False
    conditions = endpoint.conditions or Conditions()
    return conditions.ready is None or conditions.ready or bool(conditions.serving)


@lru_cache(maxsize=8192)
def _shared(nodes: tuple[str, ...]) -> tuple[str, ...]:
    """The same tuple for the same nodes: ten thousand slices have a few hundred of them."""
    return tuple(map(intern, nodes))


def _odd_slice(raw: msgspec.Raw) -> Translated:
    """A slice with something of a wrong type, for what its problems are."""
    value, metadata = _anything.decode(raw), _head.decode(raw).metadata
    endpoints = value.get("endpoints")
    if isinstance(endpoints, list):
        value["endpoints"] = [
            each for each in endpoints if not isinstance(each, dict) or each.get("addresses")
        ]
    named = {"apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice", **value}
    parsed = parse_object(named)
    ref = _ref("EndpointSlice", metadata)
    return Item(ref, resource=parsed.resource, problems=parsed.problems), metadata.resourceVersion


# --- resources of metallb.io -------------------------------------------------------------------


def _custom(kind: str, api_version: str, raw: msgspec.Raw) -> Translated:
    found = _whole.decode(raw)
    value = {
        "apiVersion": api_version,
        "kind": kind,
        "metadata": _named(found.metadata),
        "spec": found.spec,
    }
    parsed = parse_object({key: each for key, each in value.items() if each is not None})
    item = Item(
        _ref(kind, found.metadata),
        resource=parsed.resource,
        problems=parsed.problems,
        shown=_status_of(found.metadata, found.status),
        password=parsed.password,
    )
    return item, found.metadata.resourceVersion


def _told_status(kind: str, raw: msgspec.Raw) -> Translated:
    found = _whole.decode(raw)
    item = Item(_ref(kind, found.metadata), shown=_status_of(found.metadata, found.status))
    return item, found.metadata.resourceVersion


def _status_of(metadata: Meta, status: object) -> ShownStatus:
    labels = metadata.labels if isinstance(metadata.labels, dict) else {}
    owners = metadata.ownerReferences
    return ShownStatus(
        name=metadata.name,
        labels=tuple((intern(key), intern(value)) for key, value in sorted(labels.items())),
        resource_version=metadata.resourceVersion,
        owner=intern(owners[0].uid) if owners else "",
        status=b"" if status is None else msgspec.json.encode(status),
        uid=metadata.uid,
    )


# --- Secrets -----------------------------------------------------------------------------------


def missing(name: str, namespace: str) -> str:
    """The complaint about a Secret that is not there."""
    return f"names the Secret {name}, which is not in the namespace {namespace}; {_EXPECTED}"


def _a_secret(raw: msgspec.Raw) -> Translated:
    found = _secret.decode(raw)
    password, complaint = _password(found)
    ref = _ref("Secret", found.metadata)
    return Item(ref, password=password, complaint=complaint), found.metadata.resourceVersion


def _password(found: SecretObject) -> tuple[str, str]:
    """The password, or what is wrong with the Secret."""
    named = f"names the Secret {found.metadata.name}"
    if found.type != BASIC_AUTH:
        return "", f"{named} of another type; {_EXPECTED}"
    encoded = (found.data or {}).get("password")
    if encoded is None:
        return "", f"{named} without the key password; {_EXPECTED}"
    try:
        password = b64decode(encoded, validate=True).decode()
    except ValueError:
        return "", f"{named}, whose password is no UTF-8 text"
    if not password:
        return "", f"{named}, whose password is empty; a text is expected"
    if len(password.encode()) > LONGEST_PASSWORD:
        return "", f"{named}, whose password is longer than {LONGEST_PASSWORD} bytes"
    return password, ""
