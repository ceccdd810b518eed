"""The lines that findings are about, looked up in the files that they name.

What is known of a resource does not say where in a file it stands, so a file
with findings is read once more, whatever their number.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TypeAlias

from proclaim.findings import Code, Finding
from proclaim.manifests import MAX_BYTES, Found, path_of, read_each
from proclaim.manifests.files import STANDARD_INPUT
from proclaim.model import Ref

_Key: TypeAlias = tuple[str, Ref, str]
"""A file, a resource in it, and a field of that; no field means the resource's name."""


def located(found: Iterable[Finding], standard_input: bytes = b"") -> Iterator[Finding]:
    """The findings, each with the line of its field, or of the resource's name."""
    found = list(found)
    wanted: dict[str, dict[Ref, set[str]]] = {}
    for file, ref, field in (key for each in found for key in _keys(each)):
        if file:
            wanted.setdefault(file, {}).setdefault(ref, set()).add(field)
    lines: dict[_Key, int] = {}
    for file, by_ref in wanted.items():
        lines.update(_in_file(file, by_ref, standard_input))
    for each in found:
        line = each.line or lines.get((each.file, each.ref, each.field), 0)
        related = tuple(
            other._replace(line=lines.get((other.file, other.ref, ""), 0)) for other in each.related
        )
        yield each._replace(line=line, related=related)


def with_lines(found: Iterable[Finding]) -> Iterator[Finding]:
    """Findings of a ledger: its contradictions with lines, where their files are still there.

    Nobody wants all the files of a cluster read for the warnings.
    """
    contradictions: list[Finding] = []
    for each in found:
        if each.code is Code.CONTRADICTION and Path(each.file).is_absolute():
            contradictions.append(each)
        else:
            yield each
    yield from located(contradictions)


def _keys(found: Finding) -> Iterator[_Key]:
    """What has to be looked up for a finding."""
    if not found.line:
        yield found.file, found.ref, found.field
    for other in found.related:
        yield other.file, other.ref, ""


def _in_file(
    file: str, wanted: dict[Ref, set[str]], standard_input: bytes
) -> Iterator[tuple[_Key, int]]:
    for one in _objects(file, standard_input):
        resource = one.parsed.resource
        if resource is None:
            continue
        for field in wanted.pop(resource.ref, ()):
            line = one.locate(path_of(field)) if field else one.line
            yield (file, resource.ref, field), line or one.line
        if not wanted:
            return


def _objects(file: str, standard_input: bytes) -> Iterator[Found]:
    try:
        data = standard_input if file == STANDARD_INPUT else Path(file).read_bytes()
    except OSError:  # it went meanwhile
        return
    yield from read_each(data, file, MAX_BYTES)
