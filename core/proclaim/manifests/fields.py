"""Typed reading of a manifest's fields, each problem with its place.

`Fields` is a mapping that is being read.  It never stops at the first
problem: what is wrong is reported and reads as absent, so that one pass finds
everything.  A field of the wrong type is a problem, as it is for the API
server's strict validation, and null is the same as absent.  Values are never
quoted by the type checks here, because a password may be one.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator
from difflib import get_close_matches
from typing import TypeAlias, TypeVar

from proclaim.addresses import clip
from proclaim.manifests.names import annotation_key_problem, label_problem
from proclaim.manifests.scalars import type_name
from proclaim.manifests.yaml_document import Path, Step, Value
from proclaim.model import Pairs, Problem

Word = TypeVar("Word", bound=str)
Locate: TypeAlias = Callable[[Path], int]
"""The line of a field; 0 when there are no lines."""

MAX_PROBLEMS = 50
"""Problems that are kept of one object; more say nothing new."""
_LONGEST_KEY = 63
_LONG_NUMBER = 10**40
UINT32 = (1 << 32) - 1
_STEP = re.compile(r"\[([^\]]*)\]|([^.\[]+)")


def nowhere(_path: Path) -> int:
    """The line of everything that did not come from a text."""
    return 0


def render(path: Path) -> str:
    """A path as people write it: `spec.addresses[1]`, `metadata.labels[a/b]`."""
    parts: list[str] = []
    for step in path:
        if isinstance(step, int):
            parts.append(f"[{step}]")
        elif step.isidentifier() and len(step) <= _LONGEST_KEY:
            parts.append(f".{step}" if parts else step)
        else:
            plain = step.isprintable() and len(step) <= 2 * _LONGEST_KEY
            parts.append(f"[{step if plain else clip(step)}]")
    return "".join(parts)


def path_of(field: str) -> Path:
    """The path that `render` made a text of, as far as the text tells."""
    return tuple(
        int(inside) if inside.isdecimal() else inside or name
        for inside, name in _STEP.findall(field)
    )


class Report:
    """The problems of one object, under its kind and name."""

    __slots__ = ("file", "kind", "locate", "name", "namespace", "password", "problems")

    def __init__(self, file: str, locate: Locate, kind: str = "") -> None:
        self.file = file
        self.locate = locate
        self.kind = kind
        self.namespace = ""
        self.name = ""
        self.password = ""  # beside the noun, never inside: a noun is stored
        self.problems: list[Problem] = []

    @property
    def full(self) -> bool:
        """Whether more problems would not be kept."""
        return len(self.problems) >= MAX_PROBLEMS

    def add(self, path: Path, problem: str, line: int | None = None) -> None:
        """Report a problem of a field, one sentence without a full stop."""
        if not self.full:
            self.problems.append(
                Problem(
                    file=self.file,
                    line=self.locate(path) if line is None else line,
                    kind=self.kind,
                    namespace=self.namespace,
                    name=self.name,
                    field=render(path),
                    problem=problem,
                )
            )


class Fields:
    """A mapping that is being read, at its path."""

    __slots__ = ("_report", "_seen", "_values", "path")

    def __init__(self, report: Report, path: Path, values: dict[str, Value]) -> None:
        self._report = report
        self._values = values
        self._seen: set[str] = set()
        self.path = path

    # --- what is there --------------------------------------------------------------------------

    def has(self, key: str) -> bool:
        """Whether a field is given and not null."""
        return self._values.get(key) is not None

    def get(self, key: str) -> Value:
        """A field as it is, unchecked."""
        self._seen.add(key)
        return self._values.get(key)

    def problem(self, key: str, sentence: str, *more: Step) -> None:
        """Report a problem of the field `key`, or of something inside it."""
        self._report.add((*self.path, key, *more), sentence)

    def missing(self, key: str, expected: str) -> None:
        """Report that a required field is absent, or holds nothing."""
        how = "empty" if self.has(key) else "missing"
        self.problem(key, f"is {how}; {expected} is expected")

    def close(self) -> None:
        """Report every field that nobody asked for."""
        for key in self._values:
            if key not in self._seen and not self._report.full:
                guess = get_close_matches(key[:_LONGEST_KEY], self._seen, n=1, cutoff=0.7)
                hint = f"; did you mean {guess[0]}?" if guess else f"; {self._accepted()}"
                self.problem(key, f"unknown field{hint}")

    def _accepted(self) -> str:
        return f"accepted are {', '.join(sorted(self._seen))}" if self._seen else "none is expected"

    def _wrong_type(self, path: Path, value: Value, expected: str) -> None:
        hint = ""
        if expected == "a text" and isinstance(value, (bool, int, float)):
            hint = ", quote it"
        elif isinstance(value, str) and expected != "a list" and expected != "a mapping":
            hint = ", without quotes"
        self._report.add(path, f"is {type_name(value)}; {expected} is expected{hint}")

    # --- scalars --------------------------------------------------------------------------------

    def text(self, key: str, default: str = "") -> str:
        """A text; the default when it is absent."""
        value = self.get(key)
        if value.__class__ is str:
            return str(value)
        if value is not None:
            self._wrong_type((*self.path, key), value, "a text")
        return default

    def required_text(self, key: str, expected: str = "a text") -> str:
        """A text that must be there and not be empty."""
        value = self.text(key)
        if not value and self._values.get(key) in (None, ""):  # else it has its problem already
            self.missing(key, expected)
        return value

    def choice(self, key: str, choices: Collection[Word], default: Word) -> Word:
        """One of some words; the default when it is absent or empty."""
        value = self.text(key)
        for word in choices:
            if word == value:
                return word
        if value:
            self.problem(key, f"{clip(value)} is not one of {', '.join(choices)}")
        return default

    def flag(self, key: str, *, default: bool = False) -> bool:
        """True or false."""
        value = self.get(key)
        if value is None or isinstance(value, bool):
            return default if value is None else value
        self._wrong_type((*self.path, key), value, "true or false")
        return default

    def whole(self, key: str, low: int, high: int) -> int | None:
        """A whole number in bounds; None when it is absent or wrong."""
        value = self.get(key)
        if isinstance(value, float) and value.is_integer():
            value = int(value)  # JSON knows no difference, and neither does kubectl
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            self._wrong_type((*self.path, key), value, "a whole number")
            return None
        if isinstance(value, float) or not low <= value <= high:
            long = isinstance(value, int) and abs(value) >= _LONG_NUMBER  # Python may not write it
            said = "a number of so many digits" if long else value
            self.problem(key, f"{said} is not a whole number from {low} to {high}")
            return None
        return value

    # --- containers -----------------------------------------------------------------------------

    def mapping(self, key: str) -> Fields | None:
        """A mapping to read; None when it is absent or wrong."""
        value = self.get(key)
        if isinstance(value, dict):
            return Fields(self._report, (*self.path, key), value)
        if value is not None:
            self._wrong_type((*self.path, key), value, "a mapping")
        return None

    def optional(self, key: str) -> Fields:
        """A mapping to read, the empty one when it is absent or wrong."""
        return self.mapping(key) or Fields(self._report, (*self.path, key), {})

    def items(self, key: str, expected: type, name: str) -> Iterator[tuple[int, Value]]:
        """The entries of a list that have the expected type, each with its index."""
        value = self.get(key)
        if not isinstance(value, list):
            if value is not None:
                self._wrong_type((*self.path, key), value, "a list")
            return
        for index, item in enumerate(value):
            if isinstance(item, expected):
                yield index, item
            else:
                self._wrong_type((*self.path, key, index), item, name)

    def mappings(self, key: str) -> Iterator[tuple[int, Fields]]:
        """The mappings of a list, to read, each with its index."""
        for index, item in self.items(key, dict, "a mapping"):
            yield index, Fields(self._report, (*self.path, key, index), item)

    def texts(self, key: str, *, unique: bool = False) -> tuple[str, ...]:
        """A list of texts that are not empty; `unique` when one given twice is a problem."""
        found: dict[str, int] = {}
        texts: list[str] = []
        for index, item in self.items(key, str, "a text"):
            if not item:
                self.problem(key, "is empty; a text is expected", index)
            elif unique and item in found:
                self.problem(key, f"{clip(item)} is given twice", index)
            else:
                found[item] = index
                texts.append(item)
        return tuple(texts)

    def strings(self, key: str) -> dict[str, str]:
        """A mapping of texts to texts."""
        values = self.get(key)
        if values is None:
            return {}
        if not isinstance(values, dict):
            self._wrong_type((*self.path, key), values, "a mapping")
            return {}
        for name, value in values.items():
            if value.__class__ is not str:
                self._wrong_type((*self.path, key, name), value, "a text")
        return {name: value for name, value in values.items() if value.__class__ is str}

    def labels(self, key: str) -> Pairs:
        """A mapping of label keys to label values, sorted."""
        labels = self.strings(key)
        for name, value in labels.items():
            if problem := label_problem(name, value):
                self.problem(key, problem, name)
        return tuple(sorted(labels.items()))

    def annotations(self, key: str) -> dict[str, str]:
        """A mapping of annotation keys to any text."""
        annotations = self.strings(key)
        for name in annotations:
            if problem := annotation_key_problem(name):
                self.problem(key, problem, name)
        return annotations
