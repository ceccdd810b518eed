"""Annotations of Services: those that nobody reads, and those under the old prefix."""

from __future__ import annotations

from collections.abc import Iterator
from difflib import get_close_matches

from proclaim.findings.finding import Finding
from proclaim.findings.rules import Code
from proclaim.findings.world import AT_ONCE, Found, World, said
from proclaim.model import Service
from proclaim.state import Entry

CURRENT = "metallb.io/"
LEGACY = "metallb.universe.tf/"
OWN = "proclaim.io/"
ASKING = ("address-pool", "allow-shared-ip", "loadBalancerIPs")
"""What a Service asks with."""
_ANSWERING = (
    CURRENT + "ip-allocated-from-pool",
    LEGACY + "ip-allocated-from-pool",
    OWN + "agreed-addresses",
)
"""What an allocator in Kubernetes notes on a Service; nobody has to write it."""
_BY_SMALL_LETTERS = {key.lower(): key for key in ASKING}


def field_of(service: Service, key: str) -> str:
    """The field of an annotation under the prefix that is in force; empty when it has none."""
    for prefix in (CURRENT, LEGACY):
        if any(name == prefix + key for name, _ in service.annotations):
            return _field(prefix + key)
    return ""


def _field(name: str) -> str:
    return f"metadata.annotations[{name}]"


def unread(world: World) -> Found:
    """Annotations under a prefix of ours that nobody reads, as for a slip of the pen."""
    for at, entry in enumerate(world.wanting):
        if at % AT_ONCE == 0:
            yield None
        for name, _ in entry.resource.annotations:
            if not _is_read(name):
                sentence = f"nobody reads such an annotation of a Service{_instead(name)}"
                yield said(entry, _field(name), Code.UNKNOWN_ANNOTATION, sentence)


def _is_read(name: str) -> bool:
    prefix, _, key = name.partition("/")
    return name in _ANSWERING or (f"{prefix}/" in (CURRENT, LEGACY) and key in ASKING)


def _instead(name: str) -> str:
    """What may have been meant: the same in another case, then the nearest, else all there are."""
    key = name.partition("/")[2].lower()
    near = [key] if key in _BY_SMALL_LETTERS else get_close_matches(key, _BY_SMALL_LETTERS, n=1)
    if near:
        return f"; did you mean {CURRENT}{_BY_SMALL_LETTERS[near[0]]}?"
    *others, last = (CURRENT + each for each in ASKING)
    return f"; {', '.join(others)} and {last} are read"


def old_words(world: World) -> Found:
    """Services that ask under the old prefix or in the old field."""
    for at, entry in enumerate(world.wanting):
        if at % AT_ONCE == 0:
            yield None
        yield from _asked_of_old(entry)


def _asked_of_old(entry: Entry) -> Iterator[Finding]:
    service: Service = entry.resource
    given = dict(service.annotations)
    for key in ASKING:
        name, current = LEGACY + key, given.get(CURRENT + key)
        if name not in given:
            continue
        if current is not None and current != given[name]:
            sentence = f"contradicts {CURRENT}{key}, which is in force"
            yield said(entry, _field(name), Code.CONFLICTING_ANNOTATIONS, sentence)
        else:
            sentence = f"is deprecated; write {CURRENT}{key}"
            yield said(entry, _field(name), Code.DEPRECATED_ANNOTATION, sentence)
    asked = given.get(CURRENT + "loadBalancerIPs", given.get(LEGACY + "loadBalancerIPs", ""))
    if service.requested_addresses and not asked:
        yield said(
            entry,
            "spec.loadBalancerIP",
            Code.DEPRECATED_FIELD,
            f"is deprecated; write the annotation {CURRENT}loadBalancerIPs",
        )
