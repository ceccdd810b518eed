"""Events, which are served in two groups and kept once."""

from __future__ import annotations

from typing import Any

from apiserver import structural
from apiserver.errors import Cause, invalid, required
from apiserver.fields import ATOMIC, METADATA, Shape
from apiserver.kinds import Behaviour, Kind, Served
from apiserver.known import CORE_EVENT, EVENT

Json = dict[str, Any]


class Events(Behaviour):
    """Events, as core/v1 has them."""

    def prune(self, value: Json, api_version: str) -> list[str]:
        return structural.prune(value, CORE_EVENT if api_version == "v1" else EVENT)

    def default(self, value: Json) -> None:
        for name, nothing in _EVENT_ZERO.items():
            value.setdefault(name, nothing if nothing is None else type(nothing)(nothing))

    def check(self, old: Json | None, new: Json) -> list[Cause]:
        found: list[Cause] = []
        about = new["involvedObject"].get("namespace", "")
        within = new["metadata"].get("namespace", "")
        if (about or "default") != within:
            why = "does not match event.namespace"
            found.append(invalid("involvedObject.namespace", f'"{about}"', why))
        if new.get("eventTime") is not None:
            found += [
                required(name)
                for name in ("reportingController", "reportingInstance", "action", "reason")
                if not new.get("reportingComponent" if name == "reportingController" else name)
            ]
            if new.get("type") not in ("Normal", "Warning"):
                found.append(invalid("type", f'"{new.get("type", "")}"', "has invalid value"))
        return found


_EVENT_ZERO: Json = {
    "metadata": {},
    "involvedObject": {},
    "source": {},
    "firstTimestamp": None,
    "lastTimestamp": None,
    "eventTime": None,
    "reportingComponent": "",
    "reportingInstance": "",
}
_EVENT_NAMES = {
    "involvedObject": "regarding",
    "message": "note",
    "source": "deprecatedSource",
    "firstTimestamp": "deprecatedFirstTimestamp",
    "lastTimestamp": "deprecatedLastTimestamp",
    "count": "deprecatedCount",
    "reportingComponent": "reportingController",
}
_CORE_NAMES = {new: old for old, new in _EVENT_NAMES.items()}


def _event_to_storage(value: Json) -> Json:
    return {_CORE_NAMES.get(name, name): item for name, item in value.items()}


def _event_from_storage(value: Json) -> Json:
    renamed = {_EVENT_NAMES.get(name, name): item for name, item in value.items()}
    return {
        name: item
        for name, item in renamed.items()
        if not (name in ("reportingController", "reportingInstance") and item == "")
    }


def event_kinds() -> list[Served]:
    """Events, of the core group and of their own."""
    kind = Kind(
        group="",
        version="v1",
        name="Event",
        plural="events",
        singular="event",
        create_on_update=True,
        zero=_EVENT_ZERO,
        shape=Shape(
            fields={
                "metadata": METADATA,
                "involvedObject": ATOMIC,
                "regarding": ATOMIC,
                "related": ATOMIC,
            }
        ),
        selectable={
            "involvedObject.kind": "",
            "involvedObject.namespace": "",
            "involvedObject.name": "",
            "involvedObject.uid": "",
            "involvedObject.apiVersion": "",
            "involvedObject.resourceVersion": "",
            "involvedObject.fieldPath": "",
            "reason": "",
            "reportingComponent": "",
            "source": "",
            "type": "",
        },
        behaviour=Events(),
        storage_hash="r2yiGXH7wu8=",
    )
    renewed = Served(
        kind,
        "events.k8s.io",
        "v1",
        _event_to_storage,
        _event_from_storage,
        zero=_event_from_storage(_EVENT_ZERO),
    )
    return [Served(kind, "", "v1"), renewed]
