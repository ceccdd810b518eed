"""Label and field selectors, as query parameters give them."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from apiserver.errors import bad_request
from apiserver.limits import bad_label_value

Json = dict[str, Any]
Predicate = Callable[[Json], bool]
"""Whether an object is selected."""

_SET = re.compile(r"^(?P<key>[^\s!=,()]+)\s+(?P<op>in|notin)\s*\((?P<values>[^()]*)\)$")
_EQUALITY = re.compile(r"^(?P<key>[^\s!=,()]+)\s*(?P<op>==|=|!=)\s*(?P<value>[^\s!=,()]*)$")
_EXISTS = re.compile(r"^(?P<not>!?)\s*(?P<key>[^\s!=,()]+)$")

Requirement = Callable[[Mapping[str, str]], bool]


def label_selector(text: str) -> Predicate | None:
    """The predicate of a label selector; None when it selects everything."""
    if not text.strip():
        return None
    requirements = [_requirement(part.strip()) for part in _split(text)]

    def selected(value: Json) -> bool:
        labels = value["metadata"].get("labels") or {}
        return all(requirement(labels) for requirement in requirements)

    return selected


def _split(text: str) -> list[str]:
    parts = [""]
    depth = 0
    for letter in text:
        depth += (letter == "(") - (letter == ")")
        if letter == "," and not depth:
            parts.append("")
        else:
            parts[-1] += letter
    return parts


def _requirement(text: str) -> Requirement:
    if match := _SET.match(text):
        key, wanted = match["key"], {value.strip() for value in match["values"].split(",")}
        if match["op"] == "in":
            return lambda labels: labels.get(key) in wanted
        return lambda labels: labels.get(key) not in wanted
    if match := _EQUALITY.match(text):
        key, value = match["key"], match["value"]
        if why := bad_label_value(value):
            said = f'values[0][{key}]: Invalid value: "{value}": {why}'
            raise bad_request(f"unable to parse requirement: {said}")
        if match["op"] == "!=":
            return lambda labels: labels.get(key) != value
        return lambda labels: labels.get(key) == value
    if match := _EXISTS.match(text):
        key = match["key"]
        if match["not"]:
            return lambda labels: key not in labels
        return lambda labels: key in labels
    raise bad_request(f"unable to parse requirement: found '{text}', expected: a selector")


def field_selector(text: str, supported: Mapping[str, str]) -> Predicate | None:
    """The predicate of a field selector; None when it selects everything.

    `supported` has the labels of fields that this kind knows, and what an
    absent one counts as.
    """
    if not text.strip():
        return None
    terms = [_term(part.strip(), supported) for part in text.split(",")]

    def selected(value: Json) -> bool:
        return all(term(value) for term in terms)

    return selected


def _term(text: str, supported: Mapping[str, str]) -> Predicate:
    match = _EQUALITY.match(text)
    if match is None:
        raise bad_request(f"invalid selector: '{text}'; can't understand '{text}'")
    path, wanted = match["key"], match["value"]
    if path not in supported:
        raise bad_request(f"field label not supported: {path}")
    absent, steps, same = supported[path], path.split("."), match["op"] != "!="
    return lambda value: (_at(value, steps, absent) == wanted) is same


def _at(value: Json, steps: list[str], absent: str) -> str:
    found: Any = value
    for step in steps:
        found = found.get(step) if isinstance(found, dict) else None
    if isinstance(found, bool):
        return str(found).lower()
    return absent if found is None else str(found)
