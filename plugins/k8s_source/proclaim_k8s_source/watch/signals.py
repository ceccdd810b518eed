"""What a reflector is told, and what it asks for.

`jitter` is a factor around 1, drawn by whoever hands the input in.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, TypeAlias, TypeVar

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Start:
    """Begin with a complete list."""


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """A list, or a part of one, was answered."""

    items: tuple[T, ...]
    version: str
    """`metadata.resourceVersion` of the list."""
    token: str = ""
    """`metadata.continue`; empty for the last part."""
    jitter: float = 1.0


@dataclass(frozen=True, slots=True)
class Opened:
    """The server accepted the watch."""


@dataclass(frozen=True, slots=True)
class Event(Generic[T]):
    """ADDED, MODIFIED or DELETED; the item itself says which."""

    item: T
    version: str


@dataclass(frozen=True, slots=True)
class Bookmark:
    """Everything up to this version has been said."""

    version: str


@dataclass(frozen=True, slots=True)
class Ended:
    """The server ended the watch in good order."""

    jitter: float = 1.0


@dataclass(frozen=True, slots=True)
class Failed:
    """The list or the watch failed, or the watch said ERROR."""

    reason: str
    """One sentence for people."""
    status: int = 0
    """The HTTP status, or the code of an ERROR; 0 when nothing was answered."""
    retry_after: float = 0.0
    """Seconds that the server wants to be left alone."""
    jitter: float = 1.0
    away: bool = False
    """Whether the server is not there, or what stands before it says so."""


@dataclass(frozen=True, slots=True)
class Tick:
    """The deadline has passed."""

    jitter: float = 1.0


@dataclass(frozen=True, slots=True)
class Answering:
    """The server answers again, as somebody else has found out."""

    jitter: float = 1.0


Input: TypeAlias = (
    Start | Page[T] | Opened | Event[T] | Bookmark | Ended | Failed | Tick | Answering
)


@dataclass(frozen=True, slots=True)
class List:
    """Ask for a list, or for the rest of one.

    No resourceVersion is sent: the answer must be what the store holds now,
    and not what some cache remembers.
    """

    limit: int
    """0 for no limit."""
    token: str = ""


@dataclass(frozen=True, slots=True)
class Watch:
    """Open a watch, and hang it up when the deadline passes."""

    version: str
    seconds: int
    """After which the server shall end it."""


@dataclass(frozen=True, slots=True)
class Complete(Generic[T]):
    """These are all items there are, in parts as they came."""

    pages: tuple[tuple[T, ...], ...] = ()


@dataclass(frozen=True, slots=True)
class Changed(Generic[T]):
    """One item is new, different or gone."""

    item: T


@dataclass(frozen=True, slots=True)
class Trouble:
    """It fails, and not just once; said once for each status."""

    reason: str
    status: int
    pause: float
    """Seconds until the next attempt."""


@dataclass(frozen=True, slots=True)
class Recovered:
    """The trouble is over."""


Output: TypeAlias = List | Watch | Complete[T] | Changed[T] | Trouble | Recovered
