"""How an object was written, where its resource does not show that any more.

The reader lifts old versions and drops what is said twice, so that nothing
downstream has to know.  What a writer should still be told is told here, of an
object that is valid.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeAlias

from proclaim.addresses import clip
from proclaim.findings import Code
from proclaim.manifests.yaml_document import Path, Value

Remark: TypeAlias = tuple[Path, Code, str]
"""A field, the rule, and the sentence without a full stop."""

_OLD = "metallb.io/v1beta1"
_PRESENT = "metallb.io/v1beta2"


def remarks(value: dict[str, Value]) -> Iterator[Remark]:
    """What there is to say about a valid object of ours."""
    match value.get("kind"):
        case "BGPPeer":
            yield from _of_peer(value)
        case "L2Advertisement":
            yield from _of_l2_advertisement(value)
        case _:
            pass


def _of_peer(value: dict[str, Value]) -> Iterator[Remark]:
    if value["apiVersion"] == _OLD:
        sentence = f"{_OLD} is deprecated for BGPPeer; write {_PRESENT}"
        yield ("apiVersion",), Code.DEPRECATED_VERSION, sentence
    if (value.get("spec") or {}).get("disableMP"):
        sentence = "is deprecated and has no effect; drop it"
        yield ("spec", "disableMP"), Code.DEPRECATED_FIELD, sentence


def _of_l2_advertisement(value: dict[str, Value]) -> Iterator[Remark]:
    interfaces = (value.get("spec") or {}).get("interfaces") or ()
    for at, name in enumerate(interfaces):
        if name in interfaces[:at]:
            path = ("spec", "interfaces", at)
            yield path, Code.DUPLICATE_INTERFACE, f"{clip(name)} is given twice"
