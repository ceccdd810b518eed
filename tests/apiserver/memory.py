"""A connection to an `ApiServer` without sockets: the `Api` of tests and simulations."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import NoReturn

import trio
from proclaim_k8s_source.access.api import JSON, REQUEST_SECONDS, Refused, Response, Unreachable
from proclaim_k8s_source.access.contact import Contact

from apiserver.errors import ApiError, expired
from apiserver.faults import Fate, Faults
from apiserver.machinery import Machinery
from apiserver.requests import Answer, Request, refusal
from apiserver.streaming import Broken, Stream
from apiserver.watching import Watch

Query = Sequence[tuple[str, str]]
_FAILURES = {
    429: ApiError(
        429,
        "TooManyRequests",
        "Too many requests, please try again later.",
        {"retryAfterSeconds": 1},
        headers={"retry-after": "1"},
    ),
    500: ApiError(500, "InternalError", "Internal error occurred: etcdserver: leader changed"),
    503: ApiError(
        503, "ServiceUnavailable", "the server is currently unable to handle the request"
    ),
}


class Connection:
    """One client of the server, with what goes wrong for it."""

    def __init__(
        self, machinery: Machinery, user: str | None, user_agent: str, faults: Faults | None = None
    ) -> None:
        self.faults = faults or Faults()
        self.requests: Counter[tuple[str, str]] = Counter()
        """How often it asked, by verb and resource, such as `services/status`."""
        self.watches: set[Watch] = set()
        """Those open now."""
        self.contact = Contact()
        self.answer_seconds = REQUEST_SECONDS
        """How long it waits for an answer."""
        self._machinery = machinery
        self._user = user
        self._user_agent = user_agent

    # The two ways to ask

    async def request(
        self,
        method: str,
        path: str,
        query: Query = (),
        body: bytes = b"",
        content_type: str = JSON,
    ) -> Response:
        """Ask, and wait for the whole answer.  Raises Unreachable."""
        request = self._request(method, path, query, body, content_type)
        found = await self._noted(request)
        if isinstance(found, Watch):
            found.close()
            raise Unreachable(f"{path} is a watch, whose answer has no end")
        return _response(found)

    @asynccontextmanager
    async def stream(self, path: str, query: Query = ()) -> AsyncIterator[AsyncIterator[bytes]]:
        """GET an answer that goes on.  Raises Unreachable, or Refused."""
        request = self._request("GET", path, query, b"", JSON)
        found = await self._noted(request)
        if isinstance(found, Answer):
            if found.status >= 300:
                raise Refused(f"GET {path}", _response(found))
            yield _once(found.body)
            return
        self.watches.add(found)
        try:
            yield _Watching(found, self.faults)
        except Unreachable:
            self.contact.failed()
            raise
        finally:
            self.watches.discard(found)
            found.close()

    def cut(self) -> None:
        """Break the watches that are open."""
        for watch in list(self.watches):
            watch.broken = True
            watch.end()

    # What becomes of it

    def _request(
        self, method: str, path: str, query: Query, body: bytes, content_type: str
    ) -> Request:
        request = Request(
            method,
            path,
            query,
            body,
            content_type,
            self._user,
            self._user_agent,
            self.faults.behind(),
        )
        self.requests[self._machinery.classify(request)] += 1
        return request

    async def _noted(self, request: Request) -> Answer | Watch:
        try:
            found = await self._ask(request)
        except Unreachable:
            self.contact.failed()
            raise
        self.contact.answered(found.status if isinstance(found, Answer) else 200)
        return found

    async def _ask(self, request: Request) -> Answer | Watch:
        faults = self.faults
        fate, takes = faults.fate(), faults.takes()
        if takes >= self.answer_seconds:
            await trio.sleep(self.answer_seconds)
            raise Unreachable("no answer in time")
        if fate is Fate.REFUSED:
            await self._in_vain()
        await trio.sleep(takes / 2)
        if faults.down:
            await self._in_vain()
        if fate is Fate.THROTTLED:
            return refusal(_FAILURES[429])
        if fate is Fate.FAILED:
            return refusal(_FAILURES[faults.status()])
        found = self._answer(request)
        if fate is Fate.LOST or faults.down:
            if isinstance(found, Watch):
                found.close()
            await self._in_vain()
        await trio.sleep(takes / 2)
        return found

    def _answer(self, request: Request) -> Answer | Watch:
        found = self._machinery.handle(request)
        resumed = request.get("resourceVersion") not in ("", "0")
        if isinstance(found, Watch) and resumed and self.faults.expires():
            found.take()
            found.close()
            found.fail(expired("too old resource version"))
        elif request.get("continue") and self.faults.expires():
            return refusal(expired("The provided continue parameter is too old"))
        return found

    async def _in_vain(self) -> NoReturn:
        if self.faults.times_out():
            await trio.sleep(self.answer_seconds)
            raise Unreachable("no answer in time")
        await trio.lowlevel.checkpoint()
        raise Unreachable("connection refused")


class _Watching:
    """The lines of a watch, late, cut short or fallen silent."""

    def __init__(self, watch: Watch, faults: Faults) -> None:
        self._watch = watch
        self._faults = faults
        self._stream = Stream(watch)
        self._dies_at = trio.current_time() + faults.life()

    def __aiter__(self) -> _Watching:
        return self

    async def __anext__(self) -> bytes:
        with trio.move_on_at(self._dies_at):
            try:
                lines = await self._stream.__anext__()
            except Broken:
                raise Unreachable("the connection broke") from None
            await trio.sleep(self._faults.late())
            return lines
        self._watch.close()
        if self._faults.falls_silent():
            await trio.sleep_forever()
        raise Unreachable("the connection broke")


async def _once(body: bytes) -> AsyncIterator[bytes]:
    yield body


def _response(found: Answer) -> Response:
    headers = {**found.headers, "content-type": found.content_type}
    return Response(found.status, found.body, headers)
