"""How much the server takes of what every object has: names, labels, annotations, owners."""

from __future__ import annotations

import re
from typing import Any

from apiserver.errors import Cause, invalid, required

Json = dict[str, Any]

LABEL_VALUE_BYTES = 63
NAME_BYTES = 253
ANNOTATION_BYTES = 256 * 1024
_VALUE = re.compile(r"(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?")
_VALUE_RULE = (
    "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or "
    "'.', and must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  "
    "or '12345', regex used for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')"
)


def too_long(field: str, most: int) -> Cause:
    """A field of which there is too much."""
    return Cause(field, "FieldValueTooLong", f"Too long: may not be more than {most} bytes")


def bad_label_value(value: str) -> str:
    """What is wrong with the value of a label; empty for nothing."""
    if len(value.encode()) > LABEL_VALUE_BYTES:
        return f"must be no more than {LABEL_VALUE_BYTES} bytes"
    return "" if _VALUE.fullmatch(value) else _VALUE_RULE


def check_metadata(metadata: Json) -> list[Cause]:
    """All that is wrong with the metadata of an object, but for the form of its name."""
    found: list[Cause] = []
    name = metadata.get("name", "")
    if len(name.encode()) > NAME_BYTES:
        why = f"must be no more than {NAME_BYTES} bytes"
        found.append(invalid("metadata.name", f'"{name}"', why))
    found += [
        invalid("metadata.labels", f'"{value}"', why)
        for value in (metadata.get("labels") or {}).values()
        if (why := bad_label_value(value))
    ]
    annotations = metadata.get("annotations") or {}
    size = sum(len(key.encode()) + len(value.encode()) for key, value in annotations.items())
    if size > ANNOTATION_BYTES:
        found.append(too_long("metadata.annotations", ANNOTATION_BYTES))
    for at, owner in enumerate(metadata.get("ownerReferences") or ()):
        found += [
            required(f"metadata.ownerReferences[{at}].{key}", "must not be empty")
            for key in ("apiVersion", "kind", "name", "uid")
            if not owner.get(key)
        ]
    return found
