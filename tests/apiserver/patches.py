"""Merge patches (RFC 7386) and JSON patches (RFC 6902)."""

from __future__ import annotations

from typing import Any

from apiserver.errors import ApiError, bad_request

Json = dict[str, Any]


def clone(value: Any) -> Any:
    """A copy of a JSON value that shares nothing with it."""
    if isinstance(value, dict):
        return {key: clone(item) for key, item in value.items()}
    if isinstance(value, list):
        return [clone(item) for item in value]
    return value


def merged(value: Any, patch: Any) -> Any:
    """What a merge patch makes of a value."""
    if not isinstance(patch, dict):
        return clone(patch)
    result = dict(value) if isinstance(value, dict) else {}
    for key, change in patch.items():
        if change is None:
            result.pop(key, None)
        else:
            result[key] = merged(result.get(key), change)
    return result


def json_patched(value: Json, operations: Any) -> Json:
    """What a JSON patch makes of an object."""
    if not isinstance(operations, list):
        raise bad_request("json: cannot unmarshal object into Go value of type jsonpatch.Patch")
    document: Json = clone(value)
    try:
        for operation in operations:
            _apply(document, operation)
    except (KeyError, IndexError, ValueError, TypeError) as error:
        raise ApiError(
            422, "Invalid", "the server rejected our request due to an error in our request", {}
        ) from error
    return document


def _steps(pointer: str) -> list[str]:
    return [step.replace("~1", "/").replace("~0", "~") for step in pointer.split("/")[1:]]


def _apply(document: Json, operation: Json) -> None:
    parent, last = _parent(document, operation["path"])
    match operation["op"]:
        case "test":
            if _get(parent, last) != operation["value"]:
                raise ValueError("test failed")
        case "add":
            _add(parent, last, clone(operation["value"]))
        case "replace":
            _get(parent, last)
            parent[int(last) if isinstance(parent, list) else last] = clone(operation["value"])
        case "remove":
            _remove(parent, last)
        case "move" | "copy" as op:
            source, key = _parent(document, operation["from"])
            moved = clone(_get(source, key))
            if op == "move":
                _remove(source, key)
            _add(parent, last, moved)
        case unknown:
            raise ValueError(unknown)


def _parent(document: Json, pointer: str) -> tuple[Any, str]:
    *steps, last = _steps(pointer)
    found: Any = document
    for step in steps:
        found = _get(found, step)
    return found, last


def _get(parent: Any, key: str) -> Any:
    return parent[int(key)] if isinstance(parent, list) else parent[key]


def _add(parent: Any, key: str, value: Any) -> None:
    if isinstance(parent, list):
        parent.insert(len(parent) if key == "-" else int(key), value)
    else:
        parent[key] = value


def _remove(parent: Any, key: str) -> None:
    if isinstance(parent, list):
        del parent[int(key)]
    else:
        del parent[key]
