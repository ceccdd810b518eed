"""Metric families, and their text as Prometheus reads it (exposition format 0.0.4).

Rendering is a generator of small pieces, so that whoever drives it can do other
things between: a scrape of ten thousand series must not hold the loop that
answers ARP, and a worker thread would hold it as well, by the interpreter lock.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from enum import StrEnum
from typing import NamedTuple, TypeAlias

LINES_AT_ONCE = 64
"""Samples rendered between two pauses."""
CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

_EXACT_INTEGERS = 1 << 53
"""Above it a value is one of 64 bits with a fraction, for us as for everybody who reads it."""

Labels: TypeAlias = tuple[tuple[str, str], ...]


class Kind(StrEnum):
    """The types of the format."""

    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"
    SUMMARY = "summary"
    UNTYPED = "untyped"


class Sample(NamedTuple):
    """One value of a family."""

    value: float
    labels: Labels = ()
    suffix: str = ""
    """What stands behind the family's name: `_sum`, `_bucket` and the like."""


class Family(NamedTuple):
    """All values of one name; None among the samples is a place to pause."""

    name: str
    kind: Kind
    meaning: str
    samples: Iterable[Sample | None]


Families: TypeAlias = Iterator[Family | None]
"""Families one by one, and now and then None, where it may be paused."""


def gauge(name: str, meaning: str, *samples: Sample) -> Family:
    """A gauge with these samples."""
    return Family(name, Kind.GAUGE, meaning, samples)


def counter(name: str, meaning: str, *samples: Sample) -> Family:
    """A counter with these samples."""
    return Family(name, Kind.COUNTER, meaning, samples)


def render(families: Iterable[Family | None]) -> Iterator[str]:
    """The text in small pieces; an empty piece is a pause as well."""
    for family in families:
        if family is None:
            yield ""
        else:
            yield from _render(family)


def _render(family: Family) -> Iterator[str]:
    lines = [
        f"# HELP {family.name} {_escape_help(family.meaning)}\n",
        f"# TYPE {family.name} {family.kind}\n",
    ]
    for sample in family.samples:
        if sample is not None:
            labels = _labels(sample.labels) if sample.labels else ""
            lines.append(f"{family.name}{sample.suffix}{labels} {number(sample.value)}\n")
        if sample is None or len(lines) >= LINES_AT_ONCE:
            yield "".join(lines)
            lines.clear()
    yield "".join(lines)


def _labels(labels: Labels) -> str:
    return "{" + ",".join([f'{name}="{escape(value)}"' for name, value in labels]) + "}"


def escape(value: str) -> str:
    """A label's value between its quotes."""
    if "\\" in value or '"' in value or "\n" in value:
        return value.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
    return value


def _escape_help(text: str) -> str:
    return text.replace("\\", r"\\").replace("\n", r"\n")


def number(value: float) -> str:
    """A value as the format has it."""
    if isinstance(value, int) and abs(value) <= _EXACT_INTEGERS:
        return str(int(value))
    given = float(value)
    if given.is_integer() and abs(given) <= _EXACT_INTEGERS:
        return str(int(given))
    return {"inf": "+Inf", "-inf": "-Inf", "nan": "NaN"}.get(repr(given), repr(given))
