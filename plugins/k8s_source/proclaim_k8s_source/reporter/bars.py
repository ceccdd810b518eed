"""What cannot be written at all: a kind that is not served, or that there is no right to write.

One of its objects is tried now and then, and the others wait for how that goes:
a thousand requests would be refused for one and the same reason.  The first
pauses are short: a server that is starting refuses everybody until it has read
who has which rights.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from math import inf
from typing import NamedTuple

from proclaim import Ref

from proclaim_k8s_source.access.api import Refused, Response

FIRST_PAUSE_SECONDS = 1.0
LONGEST_PAUSE_SECONDS = 30.0

_FORBIDDEN = 403
_NO_RIGHT = ' is forbidden: User "'
_NOT_FOUND = 404
_NO_NAMESPACE = 'namespaces "'


class Barred(Refused):
    """Refused for what is written, and not for the one object."""

    @property
    def undefined(self) -> bool:
        """Whether the server does not know the kind; it says otherwise of a missing namespace."""
        return self.status == _NOT_FOUND and not self.said.message.startswith(_NO_NAMESPACE)


def done(method: str, path: str, response: Response) -> Response:
    """The answer to a write, when it is no error; raises Barred and Refused.

    Where a right is missing, the server names the user and what that cannot do;
    what refuses one object alone, as an admission webhook does, says something
    else with the same status.  A POST that finds nothing lacks the resource or
    the namespace.
    """
    if response.ok:
        return response
    refused = Refused(f"{method} {path}", response)
    denied = response.status == _FORBIDDEN and _NO_RIGHT in refused.said.message
    absent = response.status == _NOT_FOUND and method == "POST"
    if denied or absent:
        raise Barred(f"{method} {path}", response)
    raise refused


class About(NamedTuple):
    """Objects that share the right to be written: rights to Services may differ by namespace."""

    kind: str
    namespace: str = ""

    def __str__(self) -> str:
        return f"{self.kind} in {self.namespace}" if self.namespace else self.kind


def about(key: Ref) -> About:
    """What a writer's key is about; all objects of `metallb.io` are in one namespace."""
    return About(key.kind, key.namespace if key.kind == "Service" else "")


@dataclass(slots=True)
class _Bar:
    until: float
    pause: float = FIRST_PAUSE_SECONDS
    trying: Ref | None = None
    """The one that is written to see how things stand."""
    tried: set[Ref] = field(default_factory=set)
    """Those that were refused, and so have something to write."""
    held: set[Ref] = field(default_factory=set)


class Bars:
    """What is barred at present, and until when; times are those of one clock, in seconds."""

    def __init__(self) -> None:
        self._bars: dict[About, _Bar] = {}

    def hold(self, key: Ref, now: float) -> float | None:
        """Until when a key has to wait, which is for others where that is infinite.

        None when it may be tried: one of those that were refused, each time the
        pause is over.
        """
        bar = self._bars.get(about(key))
        if bar is None:
            return None
        if key not in bar.tried:
            bar.held.add(key)
            return inf
        if now < bar.until:
            return bar.until
        bar.until, bar.trying = now + bar.pause, key
        return None

    def refuse(self, key: Ref, now: float, stretch: float) -> tuple[float, bool]:
        """A key was refused for what it is about: until when it waits, and whether that is news.

        `stretch` is a random factor around 1.
        """
        bar = self._bars.get(about(key))
        fresh = bar is None
        if bar is None:
            bar = self._bars[about(key)] = _Bar(now + FIRST_PAUSE_SECONDS * stretch)
        elif bar.trying == key:
            bar.pause = min(2 * bar.pause, LONGEST_PAUSE_SECONDS)
            bar.until, bar.trying = now + bar.pause * stretch, None
        bar.tried.add(key)
        return bar.until, fresh

    def lift(self, key: Ref) -> set[Ref] | None:
        """A key was not refused; who waited for that, None where that tells nothing."""
        bar = self._bars.get(about(key))
        if bar is None or key not in bar.tried:
            return None
        del self._bars[about(key)]
        return bar.held | bar.tried - {key}
