"""`View`: what reporters see of a running process."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from proclaim.events import Recorded
from proclaim.latest import Latest
from proclaim.model import Spread
from proclaim.project import Projection
from proclaim.state import State


@dataclass(frozen=True, slots=True)
class View:
    """The state and what follows from it, as they are stored and announced.

    Everything in it is read only.
    """

    node: str
    state: Latest[State]
    since: Callable[[int], Sequence[Recorded] | None]
    """The facts after a position; None when they are no longer in memory."""
    failing: Latest[str]
    """Why the ledger cannot be written at present; empty when it can."""
    projections: Mapping[Spread, Latest[Projection | None]] = field(default_factory=dict)
    """What this node must keep visible, for each spread of which an announcer runs here.

    None until it was projected first.  It follows the state a little later.
    """
    failures: Mapping[str, int] = field(default_factory=dict)
    """How often each task has failed since the start."""
