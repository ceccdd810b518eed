"""Structural schemas of custom resources: unknown fields, defaults and validation.

The part of OpenAPI v3 that definitions use: type, properties, items,
additionalProperties, required, default, enum, pattern, minimum, maximum,
maxLength, minLength, minItems, and of the extensions `x-kubernetes-preserve-unknown-fields`,
`x-kubernetes-int-or-string` and the list and map types.  Rules in CEL are not
evaluated, but for `self == oldSelf`.
"""

from __future__ import annotations

import re
from typing import Any

import msgspec

from apiserver.errors import Cause, invalid, required, unsupported
from apiserver.fields import ATOMIC, METADATA, PLAIN, Shape
from apiserver.limits import too_long
from apiserver.patches import clone

Json = dict[str, Any]
_OUTSIDE: Json = {"apiVersion": {}, "kind": {}, "metadata": {}}
_TYPES: dict[str, Any] = {
    "object": dict,
    "array": list,
    "string": str,
    "boolean": bool,
    "integer": int,
    "number": (int, float),
}


def prune(value: Json, schema: Json) -> list[str]:
    """Take away the fields of an object that its schema does not know; their paths."""
    found: list[str] = []
    known = {**schema, "properties": {**schema["properties"], **_OUTSIDE}}
    _prune(value, known, "", found)
    return found


def _prune(value: Any, schema: Json, path: str, found: list[str]) -> None:
    if isinstance(value, list):
        for index, item in enumerate(value):
            _prune(item, schema.get("items", {}), f"{path}[{index}]", found)
    if not isinstance(value, dict) or "additionalProperties" in schema:
        return
    if "properties" not in schema or schema.get("x-kubernetes-preserve-unknown-fields"):
        return
    properties = schema["properties"]
    for name in list(value):
        inner = f"{path}.{name}" if path else name
        if name in properties:
            _prune(value[name], properties[name], inner, found)
        else:
            del value[name]
            found.append(inner)


def default(value: Any, schema: Json) -> None:
    """Fill in the defaults of what is absent."""
    if isinstance(value, list):
        for item in value:
            default(item, schema.get("items", {}))
    if not isinstance(value, dict):
        return
    for name, inner in schema.get("properties", {}).items():
        if name not in value and "default" in inner:
            value[name] = clone(inner["default"])
        if name in value:
            default(value[name], inner)


def validate(value: Any, schema: Json, path: str = "", old: Any = None) -> list[Cause]:
    """All that is wrong with a value."""
    kind = schema.get("type")
    if kind and not _is(value, kind):
        shown = f'"{_type_of(value)}"'
        why = f"{path} in body must be of type {kind}: {shown}"
        return [Cause(path, "FieldValueTypeInvalid", f"Invalid value: {shown}: {why}")]
    found = _bounds(value, schema, path)
    if schema.get("x-kubernetes-validations") and old is not None and old != value:
        found.append(invalid(path, f'"{_type_of(value)}"', "Value is immutable"))
    if isinstance(value, dict):
        found += _properties(value, schema, path, old)
    if isinstance(value, list):
        for index, item in enumerate(value):
            found += validate(item, schema.get("items", {}), f"{path}[{index}]")
    return found


def _properties(value: Json, schema: Json, path: str, old: Any) -> list[Cause]:
    prefix = f"{path}." if path else ""
    found = [
        required(prefix + name) for name in sorted(schema.get("required", ())) if name not in value
    ]
    before = old if isinstance(old, dict) else {}
    extra = schema.get("additionalProperties", {})
    properties = schema.get("properties", {})
    for name, item in value.items():
        inner = properties.get(name, extra)
        if isinstance(inner, dict):
            found += validate(item, inner, prefix + name, before.get(name))
    return found


def _is(value: Any, kind: str) -> bool:
    if isinstance(value, bool):
        return kind == "boolean"
    return isinstance(value, _TYPES[kind])


def _type_of(value: Any) -> str:
    if value is None:
        return "null"
    return next(name for name in _TYPES if _is(value, name))


def _bounds(value: Any, schema: Json, path: str) -> list[Cause]:
    found: list[Cause] = []
    shown = msgspec.json.encode(value).decode()
    if "enum" in schema and value not in schema["enum"]:
        found.append(unsupported(path, shown, schema["enum"]))
    if "pattern" in schema and not re.search(schema["pattern"], value):
        found.append(invalid(path, shown, f"{path} in body should match '{schema['pattern']}'"))
    if "minimum" in schema and value < schema["minimum"]:
        why = f"{path} in body should be greater than or equal to {schema['minimum']}"
        found.append(invalid(path, shown, why))
    if "maximum" in schema and value > schema["maximum"]:
        why = f"{path} in body should be less than or equal to {schema['maximum']}"
        found.append(invalid(path, shown, why))
    if isinstance(value, str):
        if len(value) > schema.get("maxLength", len(value)):
            found.append(too_long(path, schema["maxLength"]))
        if len(value) < schema.get("minLength", 0):
            why = f"{path} in body should be at least {schema['minLength']} chars long"
            found.append(invalid(path, shown, why))
    if len(value) < schema.get("minItems", 0) if isinstance(value, list) else False:
        why = f"{path} in body should have at least {schema['minItems']} items"
        found.append(invalid(path, str(len(value)), why))
    return found


def shape_of(schema: Json) -> Shape:
    """How objects of a schema are merged."""
    shape = _shape(schema)
    return Shape(fields={**shape.fields, "metadata": METADATA})


def _shape(schema: Json) -> Shape:
    if schema.get("x-kubernetes-map-type") == "atomic":
        return ATOMIC
    lists = schema.get("x-kubernetes-list-type")
    if lists == "map":
        keys = tuple(sorted(schema["x-kubernetes-list-map-keys"]))
        return Shape(keys=keys, items=_shape(schema.get("items", {})))
    if lists == "set":
        return Shape(unique=True)
    properties = schema.get("properties")
    if not properties:
        return PLAIN
    return Shape(fields={name: _shape(inner) for name, inner in properties.items()})
