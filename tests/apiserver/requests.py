"""What is asked of the server, and what it answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec

from apiserver.errors import ApiError, bad_request
from apiserver.kinds import Served

Json = dict[str, Any]

JSON = "application/json"


@dataclass(frozen=True, slots=True)
class Request:
    """A request, whoever carries it."""

    method: str
    path: str
    query: Sequence[tuple[str, str]] = ()
    body: bytes = b""
    content_type: str = JSON
    user: str | None = "system:admin"
    """None for somebody whom the server does not know."""
    user_agent: str = ""
    stale: int = 0
    """By how many revisions the cache is behind that answers for `resourceVersion=0`."""

    def get(self, name: str, default: str = "") -> str:
        """A parameter of the query."""
        return next((value for key, value in self.query if key == name), default)

    def flag(self, name: str) -> bool:
        """A parameter that is true or false."""
        return self.get(name) in ("true", "1", "True")

    def number(self, name: str) -> int:
        """A parameter that is a whole number; 0 when absent."""
        text = self.get(name)
        try:
            return int(text or 0)
        except ValueError:
            raise bad_request(f'strconv.ParseInt: parsing "{text}": invalid syntax') from None

    @property
    def manager(self) -> str:
        """By what name fields are owned that this request writes."""
        return self.get("fieldManager") or self.user_agent.split("/", 1)[0] or "unknown"


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer that is whole."""

    status: int
    body: bytes
    content_type: str = JSON
    headers: Mapping[str, str] = field(default_factory=dict)
    """Names in lower case; without the content type."""


def answer(value: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Answer:
    """A JSON value as an answer."""
    return Answer(status, msgspec.json.encode(value), headers=headers or {})


def refusal(error: ApiError) -> Answer:
    """An error as an answer."""
    return answer(error.status(), error.code, error.headers)


@dataclass(frozen=True, slots=True)
class Target:
    """Which objects a path means."""

    served: Served
    namespace: str
    """Empty for all of them, or where there are none."""
    name: str
    """Empty for a collection."""
    subresource: str

    def key(self, name: str) -> str:
        """By what an object of that name is kept here."""
        return f"{self.namespace}/{name}" if self.namespace else name


@dataclass(frozen=True, slots=True)
class Access:
    """What somebody wants to do, as RBAC sees it."""

    user: str
    verb: str
    group: str
    resource: str
    subresource: str
    namespace: str
    name: str
