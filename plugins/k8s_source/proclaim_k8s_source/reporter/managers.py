"""Who has written a status: from `metadata.managedFields` (meta/v1)."""

from __future__ import annotations

import msgspec


class _Entry(msgspec.Struct):
    manager: str = ""
    operation: str = ""
    time: str = ""
    subresource: str = ""


class _Metadata(msgspec.Struct):
    managed: list[_Entry] = msgspec.field(name="managedFields", default_factory=list)
    version: str = msgspec.field(name="resourceVersion", default="")
    uid: str = ""


class _Object(msgspec.Struct):
    metadata: _Metadata = msgspec.field(default_factory=_Metadata)


def others(body: bytes, ours: str) -> str:
    """Who wrote the status of an encoded object besides us, the latest first; in words."""
    try:
        entries = msgspec.json.decode(body, type=_Object).metadata.managed
    except msgspec.MsgspecError:
        return "somebody else"
    strangers = [each for each in entries if each.manager and each.manager != ours]
    writers = [each for each in strangers if each.subresource == "status"] or strangers
    writers.sort(key=lambda each: each.time, reverse=True)
    return ", ".join(dict.fromkeys(each.manager for each in writers)) or "somebody else"


def version_of(body: bytes) -> str:
    """The resourceVersion of an encoded object; empty when it has none."""
    try:
        return msgspec.json.decode(body, type=_Object).metadata.version
    except msgspec.MsgspecError:
        return ""
