"""The lines that findings are about, looked up in the files that they name.

What is known of a resource does not say where in a file it stands, so a file
with findings is read once more, whatever their number.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from proclaim.findings import Finding
from proclaim.manifests import MAX_BYTES, Found, path_of, read_each
from proclaim.manifests.files import STANDARD_INPUT
from proclaim.model import Ref


def located(found: Iterable[Finding], standard_input: bytes = b"") -> Iterator[Finding]:
    """The findings, each with the line of its field, or of the resource's name."""
    waiting: dict[str, list[Finding]] = {}
    for each in found:
        if each.line or not each.file:
            yield each
        else:
            waiting.setdefault(each.file, []).append(each)
    for file, several in waiting.items():
        yield from _in_file(file, several, standard_input)


def _in_file(file: str, found: list[Finding], standard_input: bytes) -> Iterator[Finding]:
    by_ref: dict[Ref, list[Finding]] = {}
    for each in found:
        by_ref.setdefault(each.ref, []).append(each)
    for one in _objects(file, standard_input):
        resource = one.parsed.resource
        for each in by_ref.pop(resource.ref, ()) if resource is not None else ():
            line = one.locate(path_of(each.field)) if each.field else one.line
            yield each._replace(line=line or one.line)
        if not by_ref:
            return
    for left in by_ref.values():
        yield from left


def _objects(file: str, standard_input: bytes) -> Iterator[Found]:
    try:
        data = standard_input if file == STANDARD_INPUT else Path(file).read_bytes()
    except OSError:  # it went meanwhile
        return
    yield from read_each(data, file, MAX_BYTES)
