"""The kinds of resources, and the ways in which each is served."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from apiserver import structural
from apiserver.errors import Cause
from apiserver.fields import METADATA, Shape

Json = dict[str, Any]


class Behaviour:
    """What a kind does to its objects beside keeping them; this one does nothing.

    Each method changes in place the object that it is given.
    """

    known: Json | None = None
    """The schema of the fields that are known; all are by default."""

    def prune(self, value: Json, api_version: str) -> list[str]:
        """Take away what is not known in a version; the paths of that."""
        return structural.prune(value, self.known) if self.known else []

    def default(self, value: Json) -> None:
        """Fill in what a reader of the request fills in."""

    def create(self, value: Json) -> None:
        """Make ready an object that is to be created."""

    def update(self, old: Json, new: Json) -> None:
        """Make ready an object that is to replace another."""

    def check(self, old: Json | None, new: Json) -> list[Cause]:
        """All that is wrong with it."""
        return []

    def cost(self, old: Json | None, new: Json | None) -> tuple[int, int]:
        """How many revisions the server spends on other things before and after the write."""
        return (0, 0)


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of resource, as it is stored."""

    group: str
    version: str
    name: str
    plural: str
    singular: str
    namespaced: bool = True
    custom: bool = False
    """Defined by a CustomResourceDefinition."""
    status: bool = False
    """Whether status is a subresource."""
    generation: tuple[str, ...] | None = None
    """The fields whose change makes a new generation; () for all but metadata and status."""
    answers_deleted: bool = False
    """Whether a DELETE is answered with the object."""
    unconditional: bool = True
    """Whether an update needs no resourceVersion."""
    create_on_update: bool = False
    name_is_label: bool = False
    zero: Json = field(default_factory=lambda: {"metadata": {}})
    """What is there in an object of which nothing has been said."""
    shape: Shape = field(default_factory=lambda: Shape(fields={"metadata": METADATA}))
    selectable: Mapping[str, str] = field(default_factory=dict)
    """Labels of fields for selectors beside the name, and what an absent one counts as."""
    behaviour: Behaviour = field(default_factory=Behaviour)
    storage_hash: str = ""

    @property
    def fields(self) -> Mapping[str, str]:
        """All labels of fields for selectors."""
        common = {"metadata.name": ""}
        if self.namespaced:
            common["metadata.namespace"] = ""
        return {**common, **self.selectable}


def _same(value: Json) -> Json:
    return value


@dataclass(frozen=True, slots=True)
class Served:
    """A kind in one version of one group."""

    kind: Kind
    group: str
    version: str
    to_storage: Callable[[Json], Json] = _same
    from_storage: Callable[[Json], Json] = _same
    zero: Json | None = None
    """What is there of nothing in this version, where it is not what is stored."""
    warning: str = ""
    """Said at each request."""

    @property
    def api_version(self) -> str:
        """As objects have it."""
        return f"{self.group}/{self.version}" if self.group else self.version

    @property
    def converts(self) -> bool:
        """Whether this is another version than the one stored."""
        return self.from_storage is not _same

    @property
    def empty(self) -> Json:
        """What is there in an object of which nothing has been said."""
        return self.kind.zero if self.zero is None else self.zero
