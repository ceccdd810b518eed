"""Pure work in small steps, and how often there is room for other tasks between.

By count and not by the clock: a simulation must do the same steps on every machine.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import TypeAlias, TypeVar

T = TypeVar("T")

Steps: TypeAlias = Generator[None, None, T]

PAUSE_EVERY = 16
"""Objects between two pauses: well under a millisecond."""
PAUSE_EVERY_BYTES = 32 * 1024
