"""What every noun is made of: references, labels, problems, and the base structs."""

from __future__ import annotations

from typing import NamedTuple, TypeAlias

import msgspec

Pairs: TypeAlias = tuple[tuple[str, str], ...]
"""Labels, annotations or a selector's equalities, sorted by key."""


class Ref(NamedTuple):
    """Names one resource: `Service/default/web`, `IPAddressPool/public`.

    The namespace is empty for cluster-scoped kinds and for the `metallb.io`
    kinds, of which only one namespace is ever read.
    """

    kind: str
    namespace: str
    name: str

    def __str__(self) -> str:
        return "/".join(part for part in self if part)

    @property
    def short(self) -> str:
        """Without the kind, as kubectl prints it: `default/web`."""
        return f"{self.namespace}/{self.name}" if self.namespace else self.name


def service_ref(namespace: str, name: str) -> Ref:
    """Name a Service."""
    return Ref("Service", namespace, name)


class Struct(msgspec.Struct, frozen=True, omit_defaults=True):
    """A frozen value; defaults are left out of what is stored."""


class Noun(Struct, frozen=True, tag_field="noun", tag=True):
    """A resource; its stored form says which one it is."""


class Problem(Struct, frozen=True, order=True):
    """One thing wrong with what was read: what, where, and what would be accepted."""

    file: str = ""
    """The file, `-` for standard input, empty when it did not come from a file."""
    line: int = 0
    """Counted from 1; 0 when unknown."""
    kind: str = ""
    namespace: str = ""
    name: str = ""
    field: str = ""
    """The field's path, such as `spec.addresses[1]`."""
    problem: str = ""
    """What is wrong and what would be accepted, as one sentence without a full stop."""

    def __str__(self) -> str:
        subject = "/".join(part for part in (self.kind, self.namespace, self.name) if part)
        place = f"{self.file}:{self.line}" if self.line else self.file
        return ": ".join(part for part in (place, subject, self.field, self.problem) if part)
