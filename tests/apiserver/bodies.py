"""The objects in requests: decoded, of the kind and at the place that the path says."""

from __future__ import annotations

from typing import Any

import msgspec
import yaml

from apiserver.builtins import misread_time
from apiserver.errors import bad_request
from apiserver.requests import Request, Target

Json = dict[str, Any]


def json_body(body: bytes) -> Any:
    """Any JSON value."""
    try:
        return msgspec.json.decode(body)
    except msgspec.DecodeError as error:
        raise bad_request(f"error decoding patch: {error}") from None


def object_body(request: Request) -> Json:
    """An object, in JSON or in YAML."""
    try:
        value = msgspec.json.decode(request.body)
    except msgspec.DecodeError:
        try:
            value = yaml.safe_load(request.body)
        except yaml.YAMLError as error:
            raise bad_request(f"couldn't get version/kind; json parse error: {error}") from None
    if not isinstance(value, dict):
        raise bad_request("couldn't get version/kind; json parse error: not an object")
    return value


def read_object(target: Target, value: Json) -> tuple[Json, dict[str, str]]:
    """The object without apiVersion, kind and what is unknown; and headers that warn of that.

    It is changed in place.
    """
    _expect_kind(target, value)
    metadata = value.get("metadata")
    if not isinstance(metadata, dict):
        metadata = value["metadata"] = {}
    _expect_place(target, metadata)
    misread = misread_time(target.served.kind.name, value)
    if misread:
        raise bad_request(_cannot_handle(target, misread))
    del value["kind"], value["apiVersion"]
    unknown = target.served.kind.behaviour.prune(value, target.served.api_version)
    _tidy(value)
    said = [f'299 - "unknown field \\"{path}\\""' for path in unknown]
    if target.served.warning:
        said.insert(0, f'299 - "{target.served.warning}"')
    return value, {"warning": ", ".join(said)} if said else {}


def _cannot_handle(target: Target, why: str) -> str:
    kind = target.served.kind.name
    return f'{kind} in version "{target.served.version}" cannot be handled as a {kind}: {why}'


def _expect_kind(target: Target, value: Json) -> None:
    served = target.served
    kind, version = value.setdefault("kind", ""), value.setdefault("apiVersion", "")
    if not kind:
        shown = msgspec.json.encode(value).decode()[:200]
        raise bad_request(f"Object 'Kind' is missing in '{shown}'")
    if version != served.api_version:
        raise bad_request(
            f"the API version in the data ({version}) does not match the expected API version "
            f"({served.api_version})"
        )
    if kind != served.kind.name:
        group = served.group or "core"
        raise bad_request(
            f'{kind} in version "{served.version}" cannot be handled as a {served.kind.name}: '
            f"converting ({served.version}.{kind}) to ({group}.{served.kind.name}): "
            "unknown conversion"
        )


def _expect_place(target: Target, metadata: Json) -> None:
    if metadata.setdefault("namespace", target.namespace) != target.namespace:
        raise bad_request(
            "the namespace of the provided object does not match the namespace sent on the request"
        )
    if not target.namespace:
        del metadata["namespace"]
    if target.name and metadata.setdefault("name", target.name) != target.name:
        raise bad_request(
            f"the name of the object ({metadata['name']}) does not match the name on the URL "
            f"({target.name})"
        )


def _tidy(value: Json) -> None:
    """Leave out what is null, and what is empty in the metadata, as the server's encoder does."""
    for name in [name for name, item in value.items() if item is None]:
        del value[name]
    metadata = value["metadata"]
    for name in [name for name, item in metadata.items() if item is None or item in ({}, [])]:
        del metadata[name]
