"""Sets of fields: who owns what of an object (`FieldsV1` of meta/v1).

A path is a tuple of elements as `fieldsV1` writes them: `f:name` for a field,
`k:{...}` for the item of a list by its keys, `v:...` for one of a set.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec

Json = dict[str, Any]
Path = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Shape:
    """How a value is merged: as a whole, by fields, or by items of a list."""

    fields: Mapping[str, Shape] = field(default_factory=dict)
    keys: tuple[str, ...] = ()
    """Of a list: the fields by which its items are told apart."""
    items: Shape | None = None
    unique: bool = False
    """Of a list: a set of scalars."""
    atomic: bool = False

    def of(self, name: str) -> Shape:
        """The shape of a field."""
        return self.fields.get(name, PLAIN)


PLAIN = Shape()
"""Maps by their fields, lists as a whole."""
ATOMIC = Shape(atomic=True)

METADATA = Shape(
    fields={
        "finalizers": Shape(unique=True),
        "ownerReferences": Shape(keys=("uid",), items=ATOMIC),
    }
)

_NOBODYS = frozenset(
    {
        "name",
        "namespace",
        "generateName",
        "uid",
        "resourceVersion",
        "creationTimestamp",
        "deletionTimestamp",
        "deletionGracePeriodSeconds",
        "generation",
        "selfLink",
        "managedFields",
    }
)
"""Fields of the metadata that no manager owns."""


def _element(prefix: str, value: Any) -> str:
    return prefix + msgspec.json.encode(value, order="sorted").decode()


def parts(value: Any, shape: Shape, path: Path) -> dict[str, tuple[Any, Shape]] | None:
    """The parts of a value by path element; None when it is owned as a whole."""
    if shape.atomic:
        return None
    if isinstance(value, dict):
        skipped = _NOBODYS if path == ("f:metadata",) else ()
        return {
            f"f:{name}": (item, shape.of(name))
            for name, item in value.items()
            if name not in skipped
        }
    if isinstance(value, list) and shape.keys:
        return {
            _element("k:", {key: item[key] for key in shape.keys if key in item}): (
                item,
                shape.items or PLAIN,
            )
            for item in value
        }
    if isinstance(value, list) and shape.unique:
        return {_element("v:", item): (item, PLAIN) for item in value}
    return None


@dataclass(slots=True)
class Difference:
    """What a write did: paths given another value or a first one, and paths taken away."""

    touched: set[Path] = field(default_factory=set)
    removed: set[Path] = field(default_factory=set)


def difference(old: Json, new: Json, shape: Shape) -> Difference:
    """What differs from one version of an object to the next."""
    found = Difference()
    for name in old.keys() | new.keys():
        if name not in ("apiVersion", "kind"):
            _compare(old.get(name), new.get(name), shape.of(name), (f"f:{name}",), found)
    return found


def _compare(old: Any, new: Any, shape: Shape, path: Path, found: Difference) -> None:
    if old == new:
        return
    if new is None:
        found.removed.add(path)
        return
    after = parts(new, shape, path)
    if after is None:
        found.touched.add(path)
        return
    before = parts(old, shape, path) if old is not None else None
    if before is None:
        before = {}
        if path != ("f:metadata",):
            found.touched.add(path)
    for element in before.keys() - after.keys():
        found.removed.add((*path, element))
    for element, (value, inner) in after.items():
        _compare(before.get(element, (None,))[0], value, inner, (*path, element), found)


def fields_of(value: Json, shape: Shape) -> set[Path]:
    """The paths that an applied configuration lays claim to."""
    found: set[Path] = set()
    for name, item in value.items():
        if name not in ("apiVersion", "kind"):
            _collect(item, shape.of(name), (f"f:{name}",), found)
    return found


def _collect(value: Any, shape: Shape, path: Path, found: set[Path]) -> None:
    inside = parts(value, shape, path)
    if not inside:
        if path != ("f:metadata",):
            found.add(path)
        return
    if path[-1][0] == "k":
        found.add(path)
    for element, (item, inner) in inside.items():
        _collect(item, inner, (*path, element), found)


def at(value: Any, path: Path, shape: Shape) -> Any:
    """The part of an object at a path; None when it has none."""
    for depth, element in enumerate(path):
        inside = parts(value, shape, path[:depth]) or {}
        value, shape = inside.get(element, (None, PLAIN))
    return value


def without(owned: Iterable[Path], removed: set[Path]) -> set[Path]:
    """Owned paths less those removed and everything below them."""
    if not removed:
        return set(owned)
    return {
        path
        for path in owned
        if not any(path[:depth] in removed for depth in range(1, len(path) + 1))
    }


def as_tree(owned: Iterable[Path]) -> Json:
    """Owned paths as `fieldsV1` has them."""
    tree: Json = {}
    for path in sorted(owned):
        node = tree
        for element in path[:-1]:
            child = node.get(element)
            if child is None:
                child = node[element] = {}
            elif not child:
                child["."] = {}
            node = child
        node.setdefault(path[-1], {})
    return tree
