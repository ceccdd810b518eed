"""Label selectors (meta/v1), valid in themselves.

Values and expressions are kept in order, so that equal selectors are equal
however they are written; an expression, a value or a selector given twice is a
problem, as it is for MetalLB.
"""

from __future__ import annotations

from typing import Literal

from proclaim.addresses import clip
from proclaim.manifests.fields import Fields
from proclaim.manifests.names import label_key_problem, label_value_problem
from proclaim.model import Requirement, Selector

_OPERATORS: tuple[Literal["In", "NotIn", "Exists", "DoesNotExist"], ...] = (
    "In",
    "NotIn",
    "Exists",
    "DoesNotExist",
)
_WITH_VALUES = ("In", "NotIn")


def selectors(fields: Fields, key: str) -> tuple[Selector, ...]:
    """A list of label selectors, no two the same."""
    found: list[Selector] = []
    seen: set[Selector] = set()
    for index, item in fields.mappings(key):
        selector = read_selector(item)
        if selector in seen:
            fields.problem(key, "is the same as an earlier selector of the list", index)
        seen.add(selector)
        found.append(selector)
    return tuple(found)


def read_selector(fields: Fields) -> Selector:
    """One label selector; the empty one matches everything."""
    labels = fields.labels("matchLabels")
    expressions: dict[Requirement, int] = {}
    for index, item in fields.mappings("matchExpressions"):
        requirement = _requirement(item)
        if requirement is not None and requirement in expressions:
            fields.problem("matchExpressions", "is the same as an earlier expression", index)
        elif requirement is not None:
            expressions[requirement] = index
    fields.close()
    ordered = sorted(expressions, key=lambda one: (one.key, one.operator, one.values))
    return Selector(labels=labels, expressions=tuple(ordered))


def _requirement(fields: Fields) -> Requirement | None:
    key = fields.required_text("key", "a label's key")
    if key and (problem := label_key_problem(key)):
        fields.problem("key", problem)
    values = _values(fields)
    given = fields.required_text("operator", "one of " + ", ".join(_OPERATORS))
    operator = fields.choice("operator", _OPERATORS, "Exists")
    fields.close()
    if operator != given:
        return None
    if operator in _WITH_VALUES and not fields.get("values"):
        fields.missing("values", f"at least one value for {operator}")
    elif operator not in _WITH_VALUES and values:
        fields.problem("values", f"{operator} takes no values")
    return Requirement(key, operator, values)


def _values(fields: Fields) -> tuple[str, ...]:
    values: set[str] = set()
    for index, value in fields.items("values", str, "a text"):
        if value in values:
            fields.problem("values", f"{clip(value)} is given twice", index)
        elif problem := label_value_problem(value):
            fields.problem("values", problem, index)
        values.add(value)
    return tuple(sorted(values))
