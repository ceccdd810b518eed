"""What goes in and out of an election: its rules, what is asked, and what comes back."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TypeAlias

from proclaim_k8s_source.election.record import Place, Record


@dataclass(frozen=True, slots=True)
class Rules:
    """Times in seconds."""

    place: Place
    identity: str
    """Unlike that of every other process that may lead; the same after a restart."""
    lease_seconds: float = 15.0
    """How long others wait after our last renewal."""

    @property
    def tenure_seconds(self) -> float:
        """How long we lead after our last renewal."""
        return self.lease_seconds * 2 / 3

    @property
    def retry_seconds(self) -> float:
        """From one request to the next."""
        return self.lease_seconds * 2 / 15

    @property
    def answer_seconds(self) -> float:
        """How long an answer may take: half a tenure, so that one may be lost."""
        return self.lease_seconds / 3


class Verb(Enum):
    """What is asked of the server."""

    GET = "GET"
    POST = "POST"
    PUT = "PUT"


@dataclass(frozen=True, slots=True)
class Ask:
    """A request to send; `Found`, `Stored`, `Overtaken` or `Failed` answers it."""

    verb: Verb
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class Passed:
    """Time has passed."""

    wall: float
    """Seconds since the Unix epoch, for people who look at the Lease."""
    jitter: float = 0.0
    """From 0 to 1, by chance: how much of another pause is added where others wait too."""


@dataclass(frozen=True, slots=True)
class Found:
    """The Lease was read."""

    record: Record | None
    """None when there is none."""


@dataclass(frozen=True, slots=True)
class Stored:
    """Our record was written."""

    record: Record


@dataclass(frozen=True, slots=True)
class Overtaken:
    """Our record was not written, because the Lease is not what was read."""


@dataclass(frozen=True, slots=True)
class Failed:
    """No answer came, or one that helps nobody; a write may have happened all the same."""

    why: str
    answering: bool = False
    """Whether the server answers others by now."""


@dataclass(frozen=True, slots=True)
class Stopped:
    """This process ends: what it asked for is abandoned, and the Lease given back."""


Input: TypeAlias = Passed | Found | Stored | Overtaken | Failed | Stopped
