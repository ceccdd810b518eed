"""Manifests from files and directories.

A directory is walked with everything below it; `*.yaml`, `*.yml` and `*.json`
are read, hidden entries and what editors leave behind are not.  Links are
followed, and nothing is read twice however many ways lead to it.  What cannot
be read is named, and never mistaken for gone: a root that is missing keeps
what was read from it in force, a file that vanished inside a root that stands
is really gone.
"""

from __future__ import annotations

import os
import stat
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from os.path import normpath
from typing import NamedTuple

from proclaim.findings import Code, Finding, of_problem
from proclaim.manifests.reading import Documents, Found, collect, read_each
from proclaim.manifests.yaml_text import MAX_BYTES, too_large
from proclaim.model import Listing, Problem, Ref, Sourced

STANDARD_INPUT = "-"
SUFFIXES = (".yaml", ".yml", ".json")
_LEFTOVER_PREFIXES = (".", "#", "~")
STAYS = "what was read from it stays in force"
"""How the problem ends of a path that cannot be read."""
SETTLED_NS = 1_000_000_000
"""A file changed less than this before it was read may change again under the same stamp."""


class Stamp(NamedTuple):
    """What differs when a file's contents do."""

    device: int
    inode: int
    size: int
    mtime_ns: int
    ctime_ns: int


@dataclass(slots=True)
class Survey:
    """What is there to read, and where to watch for changes."""

    files: dict[str, Stamp] = field(default_factory=dict)
    lost: dict[str, str] = field(default_factory=dict)
    """Paths that cannot be read, each with the problem."""
    walked: set[str] = field(default_factory=set)
    """Directories that were looked through."""
    directories: set[str] = field(default_factory=set)
    """Where an entry that comes, goes or changes may matter."""
    visited: set[tuple[int, int]] = field(default_factory=set)
    """Devices and inodes of what was walked, so that no link is followed in circles."""


def shown(path: str) -> str:
    """A path as a text that can be stored, whatever bytes it is made of."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")


def told(problem: Problem) -> str:
    """A problem as every command tells it: with the code of its rule."""
    return of_problem(problem).told


# --- what is there --------------------------------------------------------------------------------


def survey(paths: Iterable[str]) -> Survey:
    """Look for manifests at some roots; reads no file."""
    found = Survey()
    for path in dict.fromkeys(map(normpath, paths)):
        found.directories.add(_standing_parent(path))
        _visit(found, path, is_root=True)
    return found


def _standing_parent(path: str) -> str:
    """The nearest directory above a path that exists."""
    parent = os.path.dirname(path) or "."
    while not os.path.isdir(parent) and parent not in ("/", "."):
        parent = os.path.dirname(parent) or "."
    return parent


def _visit(found: Survey, path: str, *, is_root: bool) -> None:
    waiting = [path]
    while waiting:
        path = waiting.pop()
        try:
            status = os.stat(path)
        except OSError as error:
            if is_root or os.path.islink(path) or not isinstance(error, FileNotFoundError):
                found.lost[path] = _why(error)
            continue
        key = (status.st_dev, status.st_ino)
        if key in found.visited:
            continue
        found.visited.add(key)
        if stat.S_ISDIR(status.st_mode):
            waiting.extend(_entries(found, path))
        elif stat.S_ISREG(status.st_mode):
            _add_file(found, path, status)
        else:
            found.lost[path] = f"is neither a file nor a directory; {STAYS}"
        is_root = False


def _entries(found: Survey, path: str) -> list[str]:
    """What a directory holds that may matter, the first by name last."""
    found.directories.add(path)
    found.walked.add(path)
    wanted: list[str] = []
    try:
        with os.scandir(path) as entries:
            for entry in entries:
                if entry.name.startswith(_LEFTOVER_PREFIXES):
                    continue
                if entry.name.lower().endswith(SUFFIXES) or os.path.isdir(entry.path):
                    wanted.append(entry.path)
    except OSError as error:
        found.lost[path] = _why(error)
    return sorted(wanted, reverse=True)


def _add_file(found: Survey, path: str, status: os.stat_result) -> None:
    found.files[path] = Stamp(
        status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns
    )
    if os.path.islink(path):  # its contents change where it leads to
        found.directories.add(os.path.dirname(os.path.realpath(path)))


def _why(error: OSError) -> str:
    if isinstance(error, FileNotFoundError):
        return f"is missing; {STAYS}"
    return f"cannot be read ({error.strerror or 'no reason given'}); {STAYS}"


# --- what it says ---------------------------------------------------------------------------------


def _nothing() -> None:
    """Pause for nobody."""


@dataclass(slots=True)
class Reading:
    """One complete reading of all roots."""

    listing: Listing
    passwords: dict[str, str] = field(repr=False)
    """Inline passwords by the name of their BGPPeer."""
    directories: frozenset[str]
    """Where to watch for changes of it."""
    remarks: tuple[Finding, ...] = ()
    """How resources were written, where there is something to say about it."""
    standard_input: bytes = field(default=b"", repr=False)
    """What was read there, for those who look for a line again."""


class FileReader:
    """Reads roots again and again, and parses only what changed."""

    def __init__(
        self,
        paths: Iterable[str],
        max_bytes: int = MAX_BYTES,
        source: str = "files",
        settled_ns: int = SETTLED_NS,
    ) -> None:
        self._paths = tuple(path if path == STANDARD_INPUT else normpath(path) for path in paths)
        self._max_bytes = max_bytes
        self._source = source
        self._settled_ns = settled_ns
        self._known: dict[str, tuple[Stamp, Documents]] = {}

    def read(self, pause: Callable[[], None] = _nothing) -> Reading:
        """Everything that the roots hold now; `pause` is called between any two objects."""
        found = survey(path for path in self._paths if path != STANDARD_INPUT)
        documents: dict[str, Documents] = {}
        known: dict[str, tuple[Stamp, Documents]] = {}
        for path, stamp in found.files.items():
            before = self._known.get(path)
            if before is not None and before[0] == stamp:
                known[path], documents[path] = before, before[1]
                continue
            began = time.time_ns()
            read = self._read_file(path, stamp.size, found, pause)
            if read is None:
                continue
            documents[path] = read
            if stamp.ctime_ns < began - self._settled_ns:
                known[path] = (stamp, read)
        self._known = known
        standard_input = b""
        if STANDARD_INPUT in self._paths:
            standard_input = sys.stdin.buffer.read(self._max_bytes + 1)
            documents[STANDARD_INPUT] = self._parse(standard_input, STANDARD_INPUT, pause)
        roots = tuple(map(shown, self._paths))
        listing, passwords = compose(self._source, documents, found.lost, roots)
        remarks = (
            *(each for _, read in sorted(documents.items()) for each in read.remarks),
            *_holding_nothing(self._paths, found),
        )
        directories = frozenset(found.directories)
        return Reading(listing, passwords, directories, remarks, standard_input)

    def _read_file(
        self, path: str, size: int, found: Survey, pause: Callable[[], None]
    ) -> Documents | None:
        if size > self._max_bytes:
            return _too_large(shown(path), size, self._max_bytes)
        try:
            with open(path, "rb") as file:
                data = file.read(self._max_bytes + 1)
        except OSError as error:
            if not isinstance(error, FileNotFoundError) or path in self._paths:
                found.lost[path] = _why(error)
            return None  # a file that went between the look and the reading is gone
        return self._parse(data, shown(path), pause)

    def _parse(self, data: bytes, name: str, pause: Callable[[], None]) -> Documents:
        if not data:  # what writes a file in place empties it first
            problem = Problem(
                file=name, problem="is empty, as if half written; remove it or fill it"
            )
            return Documents(problems=(problem,), readable=False)

        def paused() -> Iterator[Found]:
            for one in read_each(data, name, self._max_bytes):
                yield one
                pause()

        return collect(paused())


def _holding_nothing(roots: Iterable[str], found: Survey) -> Iterator[Finding]:
    """A remark on each root that is a directory in which there is nothing to read."""
    for root in dict.fromkeys(roots):
        below = os.path.join(root, "") if root != "." else ""
        if root in found.walked and not any(
            path.startswith(below) for path in (*found.files, *found.lost)
        ):
            said = f"holds no manifest; {', '.join(SUFFIXES[:-1])} and {SUFFIXES[-1]} are read"
            yield Finding(shown(root), 0, Ref("", "", ""), "", Code.NOTHING_FOUND, said)


def _too_large(name: str, size: int, max_bytes: int) -> Documents:
    problem = Problem(file=name, problem=too_large(size, max_bytes))
    return Documents(problems=(problem,), readable=False)


def compose(
    source: str,
    documents: Mapping[str, Documents],
    lost: Mapping[str, str],
    roots: tuple[str, ...],
) -> tuple[Listing, dict[str, str]]:
    """One listing of everything that was read, in order of file and line.

    A resource given in several places is passed on from each, with a problem
    on every place but the first.
    """
    resources: list[Sourced] = []
    problems = [Problem(file=shown(path), problem=why) for path, why in sorted(lost.items())]
    unreadable = [shown(path) for path in lost]
    passwords: dict[str, str] = {}
    first: dict[Ref, str] = {}
    for path, read in sorted(documents.items()):
        name = shown(path)
        resources.extend(read.resources)
        problems.extend(read.problems)
        if not read.readable:
            unreadable.append(name)
        for peer, password in read.passwords.items():
            passwords.setdefault(peer, password)
        for sourced, line in zip(read.resources, read.lines, strict=True):
            place = f"{name}:{line}"
            if (earlier := first.setdefault(sourced.resource.ref, place)) != place:
                problems.append(_given_twice(sourced, line, earlier))
    listing = Listing(
        source=source,
        resources=tuple(resources),
        unreadable=tuple(sorted(unreadable)),
        problems=tuple(problems),
        roots=roots,
    )
    return listing, passwords


def _given_twice(sourced: Sourced, line: int, earlier: str) -> Problem:
    ref = sourced.resource.ref
    return Problem(
        file=sourced.origin,
        line=line,
        kind=ref.kind,
        namespace=ref.namespace,
        name=ref.name,
        field="metadata.name",
        problem=f"is given twice, first in {earlier}",
    )


def list_paths(
    paths: Iterable[str], max_bytes: int = MAX_BYTES, source: str = "files"
) -> tuple[Listing, dict[str, str]]:
    """Read files and directories once; `-` is standard input.

    The second value holds the inline passwords of BGPPeers by name: hand them
    to `host.secrets`, and to nothing that is stored or shown.
    """
    reading = FileReader(paths, max_bytes, source).read()
    return reading.listing, reading.passwords
