"""What the rest of this package asks of a connection to an API server.

`client.Client` is the real one; a simulation has its own.  Paths are absolute
(`/api/v1/services`); a query is a sequence of pairs, encoded by whoever sends
it.  Bodies are bytes both ways: who knows what to expect decodes it.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from dataclasses import dataclass, field
from typing import Protocol, TypeAlias

import msgspec

Query: TypeAlias = Sequence[tuple[str, str]]

REQUEST_SECONDS = 10.0
"""How long to wait for an answer, and for more of it, that is not a watch."""
LONGEST_ANSWER = 6
"""How many times as long an answer may take that keeps coming; the server gives up then."""

JSON = "application/json"
MERGE_PATCH = "application/merge-patch+json"


@dataclass(frozen=True, slots=True)
class Response:
    """An answer, whatever its status."""

    status: int
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    """Names in lower case."""

    @property
    def ok(self) -> bool:
        """Whether the server did what it was asked."""
        return 200 <= self.status < 300


class Unreachable(Exception):
    """No answer came: no connection, a timeout, a TLS failure, a broken stream.

    Its text is one sentence for people, without a secret in it.
    """


class Status(msgspec.Struct):
    """The server's `Status` object, in which it says what is wrong (meta/v1)."""

    message: str = ""
    reason: str = ""
    code: int = 0


class Refused(Exception):
    """The server answered with an error."""

    def __init__(self, what: str, response: Response) -> None:
        self.status = response.status
        self.response = response
        self.said = _status(response)
        super().__init__(f"{what}: {response.status} {self.said.message or self.said.reason}")


def _status(response: Response) -> Status:
    try:
        return msgspec.json.decode(response.body, type=Status)
    except msgspec.MsgspecError:
        text = response.body[:200].decode("utf-8", "replace").strip()
        return Status(message=text, code=response.status)


def checked(what: str, response: Response) -> Response:
    """The answer, when it is no error; raises Refused."""
    if not response.ok:
        raise Refused(what, response)
    return response


class Hope(Protocol):
    """A request that may be given up because others are answered."""

    @property
    def cancelled_caught(self) -> bool:
        """Whether it was."""


class Contact(Protocol):
    """Whether the server answers; `contact.Contact` is the real one."""

    async def wait_restored(self) -> None:
        """Wait for the answer that ends an outage."""

    def hoping(self) -> AbstractContextManager[Hope]:
        """Give up what is asked inside, when it was lost and others are answered."""


class Api(Protocol):
    """A connection to an API server."""

    @property
    def contact(self) -> Contact:
        """Whether the server answers."""

    async def request(
        self,
        method: str,
        path: str,
        query: Query = (),
        body: bytes = b"",
        content_type: str = JSON,
    ) -> Response:
        """Ask, and wait for the whole answer.

        Raises Unreachable, at the latest after REQUEST_SECONDS in which nothing
        came; who is in more of a hurry cancels it.
        """

    def stream(
        self, path: str, query: Query = ()
    ) -> AbstractAsyncContextManager[AsyncIterator[bytes]]:
        """GET an answer that goes on: its bytes as they come, in pieces of any size.

        Entering raises Unreachable, or Refused when the answer is an error;
        iterating raises Unreachable when the stream breaks, and ends when the
        server ends it.
        """
