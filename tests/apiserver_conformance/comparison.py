"""How a recorded answer and one of the emulator are compared.

Normalised is only what a server draws, or reads from its clock:

* uids, cluster addresses and node ports: they are other values, but the same
  ones wherever the recorded ones are the same;
* creationTimestamp, deletionTimestamp and the time of managedFields: any
  second, in the form of the API.

Everything else has to be equal, resourceVersions and continue tokens too.
"""

from __future__ import annotations

import re
from typing import Any

_DRAWN = ("uid", "clusterIP", "clusterIPs", "nodePort")
_TIMES = ("creationTimestamp", "deletionTimestamp", "time")
_SECOND = re.compile(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$")


class Drawn:
    """What stands for the values that the recorded server drew."""

    def __init__(self) -> None:
        self._ours: dict[tuple[str, Any], Any] = {}
        self._theirs: dict[tuple[str, Any], Any] = {}

    def are_one(self, name: str, recorded: Any, ours: Any) -> bool:
        """Whether one may stand for the other, now and from now on."""
        if type(recorded) is not type(ours):
            return False
        known = self._ours.setdefault((name, recorded), ours)
        back = self._theirs.setdefault((name, ours), recorded)
        return bool(known == ours and back == recorded)

    def translated(self, value: Any, name: str = "") -> Any:
        """A recorded value with ours in the place of those drawn."""
        if isinstance(value, dict):
            return {key: self.translated(item, key) for key, item in value.items()}
        if isinstance(value, list):
            return [self.translated(item, name) for item in value]
        return self._ours.get((name.rstrip("s"), value), value)


def differences(
    recorded: Any, ours: Any, drawn: Drawn, path: str = "", name: str = ""
) -> list[str]:
    """Where two answers differ."""
    if isinstance(recorded, dict) and isinstance(ours, dict):
        found = [f"{path}.{key}: only recorded" for key in recorded.keys() - ours.keys()]
        found += [f"{path}.{key}: only ours" for key in ours.keys() - recorded.keys()]
        for key in recorded.keys() & ours.keys():
            found += differences(recorded[key], ours[key], drawn, f"{path}.{key}", key)
        return sorted(found)
    if isinstance(recorded, list) and isinstance(ours, list) and len(recorded) == len(ours):
        found = []
        for index, pair in enumerate(zip(recorded, ours, strict=True)):
            found += differences(*pair, drawn, f"{path}[{index}]", name)
        return found
    if _may_differ(recorded, ours, drawn, name):
        return []
    return [] if recorded == ours else [f"{path}: recorded {recorded!r}, ours {ours!r}"]


def _may_differ(recorded: Any, ours: Any, drawn: Drawn, name: str) -> bool:
    if name in _DRAWN:
        return drawn.are_one(name.rstrip("s"), recorded, ours)
    if name in _TIMES:
        return all(isinstance(one, str) and _SECOND.match(one) for one in (recorded, ours))
    return False
