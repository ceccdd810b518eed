"""Who owns which fields of an object after a write (`managedFields` of meta/v1)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import Any

import msgspec

from apiserver import fields
from apiserver.errors import ApiError
from apiserver.fields import Difference, Path, Shape
from apiserver.patches import clone
from apiserver.store import Manager, Managers

Json = dict[str, Any]


def manager(
    name: str, operation: str, api_version: str, subresource: str, time: str, owned: Iterable[Path]
) -> Manager:
    """An entry of who owns what."""
    held = frozenset(owned)
    return Manager(name, operation, api_version, subresource, time, held, fields.as_tree(held))


def _owning(one: Manager, owned: set[Path], time: str = "") -> Manager:
    if owned == one.owned and time in ("", one.time):
        return one
    return manager(
        one.name, one.operation, one.api_version, one.subresource, time or one.time, owned
    )


def as_managed_fields(managers: Managers) -> list[Json]:
    """As the metadata of an object has them."""
    found = []
    for one in managers:
        entry: Json = {
            "manager": one.name,
            "operation": one.operation,
            "apiVersion": one.api_version,
            "time": one.time,
            "fieldsType": "FieldsV1",
            "fieldsV1": one.tree,
        }
        if one.subresource:
            entry["subresource"] = one.subresource
        found.append(entry)
    return found


def _sorted(managers: Iterable[Manager]) -> Managers:
    kept = [one for one in managers if one.owned]
    kept.sort(key=lambda one: (one.operation != "Apply", one.time, *one.identity))
    return tuple(kept)


def after_update(managers: Managers, writer: Manager, changed: Difference) -> Managers:
    """Who owns what after `writer` (who says when, and owns nothing yet) changed fields."""
    if not changed.touched and not changed.removed:
        return managers
    found: list[Manager] = []
    mine: set[Path] = set()
    for one in managers:
        owned = fields.without(one.owned, changed.removed)
        if one.identity == writer.identity:
            mine = owned
            if not changed.touched:
                found.append(_owning(one, owned))
        else:
            found.append(_owning(one, owned - changed.touched))
    if changed.touched:
        found.append(_owning(writer, mine | changed.touched, writer.time))
    return _sorted(found)


def apply(
    live: Json, managers: Managers, applied: Json, applier: Manager, shape: Shape, force: bool
) -> tuple[Json, Managers]:
    """What a server-side apply makes of an object, and who owns what of it then.

    Raises ApiError with the conflicts, unless it is by force.
    """
    claimed = fields.fields_of(applied, shape)
    conflicts = _conflicts(live, managers, applied, applier, shape, claimed)
    if conflicts and not force:
        raise _refused(conflicts)
    lost = {path for _, path in conflicts}
    before: frozenset[Path] = next(
        (one.owned for one in managers if one.identity == applier.identity), frozenset()
    )
    others = [
        _owning(one, set(one.owned) - lost) for one in managers if one.identity != applier.identity
    ]
    result = _merged(live, applied, shape, ())
    held = set().union(*(one.owned for one in others)) if others else set()
    for path in sorted(before - claimed - held, key=len):
        if not any(other[: len(path)] == path for other in held | claimed):
            result = _taken_away(result, path, shape, ())
    mine = next((one for one in managers if one.identity == applier.identity), None)
    if mine is None or mine.owned != claimed or result != live:
        mine = _owning(applier, claimed, applier.time)
    return result, _sorted([*others, mine])


def _conflicts(
    live: Json,
    managers: Managers,
    applied: Json,
    applier: Manager,
    shape: Shape,
    claimed: set[Path],
) -> list[tuple[Manager, Path]]:
    differing = {
        path
        for path in claimed
        if not _is_item(path) and fields.at(live, path, shape) != fields.at(applied, path, shape)
    }
    return [
        (one, path)
        for one in managers
        if one.identity != applier.identity
        for path in sorted(one.owned & differing)
    ]


def _is_item(path: Path) -> bool:
    return path[-1][0] == "k"


def _shown(one: Manager) -> str:
    text = f'"{one.name}"'
    if one.subresource:
        text += f' with subresource "{one.subresource}"'
    if one.operation == "Update":
        text += f" using {one.api_version} at {one.time}"
    return text


def _dotted(path: Path) -> str:
    text = ""
    for element in path:
        kind, _, rest = element.partition(":")
        if kind == "f":
            text += f".{rest}"
        elif kind == "v":
            text += f"[={rest}]"
        else:
            keys: Json = msgspec.json.decode(rest)
            shown = (f"{name}={msgspec.json.encode(keys[name]).decode()}" for name in sorted(keys))
            text += "[" + ",".join(shown) + "]"
    return text


def _refused(conflicts: list[tuple[Manager, Path]]) -> ApiError:
    by_manager: defaultdict[str, list[str]] = defaultdict(list)
    for one, path in conflicts:
        by_manager[_shown(one)].append(_dotted(path))
    count = len(conflicts)
    if count == 1:
        [(who, [path_text])] = by_manager.items()
        said = f"Apply failed with 1 conflict: conflict with {who}: {path_text}"
    else:
        said = f"Apply failed with {count} conflicts:" + "".join(
            f" conflicts with {who}:" + "".join(f"\n- {path}" for path in paths)
            for who, paths in by_manager.items()
        )
    causes = [
        {
            "reason": "FieldManagerConflict",
            "message": f"conflict with {_shown(one)}",
            "field": _dotted(path),
        }
        for one, path in conflicts
    ]
    return ApiError(409, "Conflict", said, {"causes": causes})


def _merged(live: Any, applied: Any, shape: Shape, path: Path) -> Any:
    """The live value with what is applied laid over it."""
    if shape.atomic or live is None:
        return clone(applied)
    if isinstance(live, dict) and isinstance(applied, dict):
        result = dict(live)
        for name, value in applied.items():
            result[name] = _merged(live.get(name), value, shape.of(name), (*path, name))
        return result
    if isinstance(live, list) and isinstance(applied, list) and shape.keys:
        return _merged_items(live, applied, shape, path)
    if isinstance(live, list) and isinstance(applied, list) and shape.unique:
        return live + [item for item in applied if item not in live]
    return clone(applied)


def _merged_items(live: list[Any], applied: list[Any], shape: Shape, path: Path) -> list[Any]:
    def key(item: Json) -> list[Any]:
        return [item.get(name) for name in shape.keys]

    result = list(live)
    for item in applied:
        index = next((i for i, one in enumerate(result) if key(one) == key(item)), None)
        if index is None:
            result.append(clone(item))
        else:
            result[index] = _merged(result[index], item, shape.items or fields.PLAIN, path)
    return result


def _taken_away(value: Any, path: Path, shape: Shape, at: Path) -> Any:
    """A value without the part at a path."""
    parts = fields.parts(value, shape, at)
    element = path[len(at)]
    if parts is None or element not in parts:
        return value
    kept = {}
    for name, (item, inner) in parts.items():
        if name != element:
            kept[name] = item
        elif len(path) > len(at) + 1:
            kept[name] = _taken_away(item, path, inner, (*at, name))
    if isinstance(value, list):
        return list(kept.values())
    hidden = {name: item for name, item in value.items() if f"f:{name}" not in parts}
    return {**hidden, **{name[2:]: item for name, item in kept.items()}}
