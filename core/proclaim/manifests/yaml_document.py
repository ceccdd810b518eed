"""One YAML document to plain values, with the line of every field.

The parser's events become dicts, lists and scalars.  Whatever comes in, the
work is bounded: nesting, values, what aliases stand for, and the digits of
numbers all have limits, and nothing here recurses.  An alias shares the value
of its anchor and is never copied.  This module knows no Kubernetes.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, NamedTuple, TypeAlias

from yaml import YAMLError
from yaml._yaml import CParser
from yaml.error import MarkedYAMLError
from yaml.events import (
    AliasEvent,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
    StreamEndEvent,
)

from proclaim.addresses import clip
from proclaim.manifests.scalars import key_text, resolve_plain

Value: TypeAlias = Any
"""What a document holds: dicts, lists and scalars, nested."""
Step: TypeAlias = str | int
Path: TypeAlias = tuple[Step, ...]
"""The way to a field: `("spec", "addresses", 1)`."""

MAX_DEPTH = 100
_TOO_DEEP = f"is nested deeper than {MAX_DEPTH} levels"
"""Levels of nesting; no kind of Kubernetes comes near it."""
MAX_ALIASED_NODES = 100_000
"""Values that the aliases of one document may stand for, all together."""
MAX_FAULTS = 1000

_Event: TypeAlias = Any  # the parser's events share no base with a start and a tag
_TAG = "tag:yaml.org,2002:"
_TEXT_TAGS = frozenset(("!", _TAG + "str", _TAG + "timestamp"))
_VALUE_TAGS = {
    _TAG + "bool": (bool,),
    _TAG + "int": (int,),
    _TAG + "float": (int, float),
    _TAG + "null": (type(None),),
}
_CONTAINER_TAGS: dict[type, tuple[str | None, ...]] = {
    MappingStartEvent: (None, "!", _TAG + "map"),
    SequenceStartEvent: (None, "!", _TAG + "seq"),
}


class NotYaml(Exception):
    """A document, or the whole text, cannot be read; one sentence without a full stop."""

    def __init__(self, line: int, sentence: str) -> None:
        super().__init__(sentence)
        self.line = line
        self.sentence = sentence


class Fault(NamedTuple):
    """Something that YAML allows and a manifest may not hold, such as a key given twice."""

    path: Path
    line: int
    sentence: str


@dataclass(slots=True)
class Document:
    """One document: its value, its faults, and where everything stands."""

    line: int
    """Of its value, counted from 1."""
    value: Value = None
    faults: list[Fault] = field(default_factory=list)
    nodes: int = 0
    """How many values it holds, those that aliases stand for included."""
    lines: dict[int, Any] = field(default_factory=dict)
    """For each mapping and list, by identity, the line of each of its entries."""

    def locate(self, path: Path) -> int:
        """The line of a field, or of the nearest thing around it that exists."""
        line, value = self.line, self.value
        for step in path:
            table = self.lines.get(id(value))
            try:
                line, value = table[step], value[step]  # type: ignore[index]
            except (KeyError, IndexError, TypeError):
                break
        return line


def read_document(text: str, first_line: int = 1, max_nodes: int = 1_000_000) -> Document:
    """The document in a text that holds one; raises NotYaml.

    `first_line` is the line of a file where the text begins.
    """
    builder = _Builder(first_line, max_nodes)
    try:
        builder.run(CParser(text))
    except MarkedYAMLError as error:
        raise _not_yaml(error, text, first_line) from None
    except (YAMLError, UnicodeError):
        raise NotYaml(first_line, "not YAML: a character is not allowed") from None
    return builder.document


def _not_yaml(error: MarkedYAMLError, text: str, first_line: int) -> NotYaml:
    mark = error.problem_mark or error.context_mark
    at, column = (mark.line, mark.column) if mark else (0, 0)
    lines = text.split("\n")
    problem = error.problem or "it cannot be parsed"
    if problem == "exceeded maximum nesting depth":  # newer parsers have a limit above ours
        return NotYaml(first_line + at, _TOO_DEEP)
    if at < len(lines) and lines[at][column : column + 1] == "\t":
        return NotYaml(first_line + at, "not YAML: a tab cannot indent; use spaces")
    while at and (at >= len(lines) or not lines[at].strip()):
        at -= 1  # what ends too early is blamed on its last line, not on one after it
    context = f"{error.context}, " if error.context else ""
    return NotYaml(first_line + at, f"not YAML: {context}{problem}")


class _Skipped:
    """Stands for a key that cannot be one; its value goes nowhere."""


class _Merge:
    """Stands for the key `<<`."""


class _Open:
    """Stands for the value of an anchor that is not complete yet."""


class _Frame:
    """A mapping or list that is being filled."""

    __slots__ = ("anchor", "is_mapping", "key", "line", "merges", "nodes", "table", "value")

    def __init__(self, is_mapping: bool, anchor: str | None, nodes: int, line: int) -> None:
        self.is_mapping = is_mapping
        self.value: Any = {} if is_mapping else []
        self.table: Any = {} if is_mapping else []
        self.anchor = anchor
        self.nodes = nodes
        self.line = line
        self.key: Any = None
        self.merges: list[tuple[dict[str, Any], int]] | None = None


class _Builder:
    """Turns the events of one document into values."""

    def __init__(self, first_line: int, max_nodes: int) -> None:
        self.document = Document(first_line)
        self._first_line = first_line
        self._max_nodes = max_nodes
        self._nodes = 0
        self._aliased = 0
        self._anchors: dict[str, tuple[Any, int]] = {}
        self._stack: list[_Frame] = []

    def run(self, parser: CParser) -> None:
        get_event, first_line = parser.get_event, self._first_line
        while True:
            event: _Event = get_event()
            kind = event.__class__
            if kind is ScalarEvent:
                self._scalar(event, event.start_mark.line + first_line)
            elif kind in _CONTAINER_TAGS:
                self._open(event, event.start_mark.line + first_line)
            elif kind is MappingEndEvent or kind is SequenceEndEvent:
                self._close()
            elif kind is AliasEvent:
                self._alias(event.anchor, event.start_mark.line + first_line)
            elif kind is StreamEndEvent:
                self.document.nodes = self._nodes
                return

    def _count(self, nodes: int, line: int) -> None:
        self._nodes += nodes
        if self._nodes > self._max_nodes:
            raise NotYaml(line, "holds too many values; split the file")

    def _fault(self, line: int, sentence: str, *more: Step) -> None:
        self.document.faults.append(Fault((*self._path(), *more), line, sentence))
        if len(self.document.faults) > MAX_FAULTS:
            raise NotYaml(line, f"has more than {MAX_FAULTS} faults; the last one {sentence}")

    def _path(self) -> Path:
        path: list[Step] = []
        for frame in self._stack:
            if not frame.is_mapping:
                path.append(len(frame.value))
            elif isinstance(frame.key, str):
                path.append(frame.key)
        return tuple(path)

    def _scalar(self, event: _Event, line: int) -> None:
        plain = not event.style
        value = resolve_plain(event.value) if plain else event.value
        if event.tag is not None:
            value = self._tagged(event, value, line)
            plain = False
        if event.anchor is not None:
            self._anchors[event.anchor] = (value, 1)
        self._nodes += 1
        if self._nodes > self._max_nodes:
            self._count(0, line)
        if self._stack and (frame := self._stack[-1]).is_mapping and frame.key is None:
            if plain and value == "<<":
                frame.key = _Merge
            elif value.__class__ is str and value not in frame.value:
                frame.key = value
                frame.table[value] = line
            else:
                self._odd_key(frame, value, line)
        else:
            self._place(value, line)

    def _tagged(self, event: _Event, resolved: Value, line: int) -> Value:
        tag, text = event.tag, event.value
        if tag in _TEXT_TAGS:
            return text
        if tag not in _VALUE_TAGS:
            self._fault(line, f"has the tag {clip(tag)}; no tag is expected")
            return text
        value = resolve_plain(text) if event.style else resolved
        if not isinstance(value, _VALUE_TAGS[tag]) or (
            isinstance(value, bool) and bool not in _VALUE_TAGS[tag]
        ):
            self._fault(line, f"is not of the type that its tag {clip(tag)} says")
        return value

    def _odd_key(self, frame: _Frame, value: Value, line: int) -> None:
        """A key that is no text, or is there already: kubectl makes texts of numbers."""
        text = key_text(value)
        frame.key = _Skipped
        if text is None:
            name = "empty" if value is None else "a list or a mapping"
            self._fault(line, f"a key is {name}; a text is expected")
        elif text in frame.value:
            self._fault(line, f"is given twice, first on line {frame.table[text]}", text)
        else:
            frame.key = text
            frame.table[text] = line

    def _place(self, value: Value, line: int) -> None:
        """Put a complete value where the innermost frame expects one."""
        if not self._stack:
            self.document.value = value
            self.document.line = line
            return
        frame = self._stack[-1]
        if not frame.is_mapping:
            frame.table.append(line)
            frame.value.append(value)
        elif frame.key is None:
            self._odd_key(frame, value, line)
        else:
            key, frame.key = frame.key, None
            if key is _Merge:
                self._merge(frame, value, line)
            elif key is not _Skipped:
                frame.value[key] = value

    def _merge(self, frame: _Frame, value: Value, line: int) -> None:
        several = value if isinstance(value, list) else [value]
        if all(isinstance(one, dict) for one in several):
            frame.merges = [*(frame.merges or ()), *((one, line) for one in several)]
        else:
            self._fault(line, "takes a mapping or a list of mappings", "<<")

    def _open(self, event: _Event, line: int) -> None:
        self._count(1, line)
        if len(self._stack) >= MAX_DEPTH:
            raise NotYaml(line, _TOO_DEEP)
        if event.tag not in _CONTAINER_TAGS[event.__class__]:
            self._fault(line, f"has the tag {clip(event.tag)}; no tag is expected")
        frame = _Frame(event.__class__ is MappingStartEvent, event.anchor, self._nodes, line)
        self.document.lines[id(frame.value)] = frame.table
        if event.anchor is not None:
            self._anchors[event.anchor] = (_Open, 0)
        self._stack.append(frame)

    def _close(self) -> None:
        frame = self._stack.pop()
        for merged, line in frame.merges or ():
            self._stand_for(len(merged), line)
            table = self.document.lines.get(id(merged), {})
            for key, value in merged.items():
                if key not in frame.value:  # what stands in the mapping itself wins
                    frame.value[key] = value
                    frame.table[key] = table.get(key, line)
        if frame.anchor is not None:
            self._anchors[frame.anchor] = (frame.value, self._nodes - frame.nodes + 1)
        self._place(frame.value, frame.line)

    def _alias(self, anchor: str, line: int) -> None:
        value, nodes = self._anchors.get(anchor, (None, 1))
        if anchor not in self._anchors:
            self._fault(line, f"alias {clip(anchor)} has no anchor")
        elif value is _Open:
            self._fault(line, f"alias {clip(anchor)} stands inside its own anchor")
            value = None
        self._stand_for(nodes, line)
        self._place(value, line)

    def _stand_for(self, nodes: int, line: int) -> None:
        self._aliased += nodes
        if self._aliased > MAX_ALIASED_NODES:
            raise NotYaml(line, f"aliases stand for more than {MAX_ALIASED_NODES} values")
        self._count(nodes, line)
