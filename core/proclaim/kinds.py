"""`Kind[T]`: a type of resource that facts may carry, with its stored versions.

The version is part of what is stored (`ServiceObserved/1`).  When a noun's
shape changes, its kind's version grows and gains a lift: a pure function from
the retired version's JSON object to the next one's.  A lift is never edited
once released.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, TypeAlias, TypeVar

T = TypeVar("T")

Lift: TypeAlias = Callable[[dict[str, Any]], dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Kind(Generic[T]):
    """A resource kind: its name, the struct that holds it, its present version."""

    name: str
    type: type[T]
    version: int = 1
    lifts: Mapping[int, Lift] = field(default_factory=dict)
    """From each retired version to the one after it."""

    @property
    def topic(self) -> str:
        """The topic of the fact that this resource was observed."""
        return f"{self.name}Observed/{self.version}"
