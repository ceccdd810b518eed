"""The real `Api`: requests to one API server over HTTP/1.1 connections that are kept.

What everybody who asks would otherwise do for themselves happens here: the rate
of requests, the pause that a server asks for, credentials and certificates that
rotate, and errors as sentences.  Only a GET is ever sent twice, and a request
that the server refused to hear (401).
"""

from __future__ import annotations

import logging
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator
from contextlib import aclosing, asynccontextmanager, contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from urllib.parse import urlencode

import httpcore2
import trio

from proclaim_k8s_source.access import rate, trouble
from proclaim_k8s_source.access.api import (
    JSON,
    LONGEST_ANSWER,
    REQUEST_SECONDS,
    Query,
    Refused,
    Response,
    Unreachable,
)
from proclaim_k8s_source.access.connections import Answer, Connections, Header
from proclaim_k8s_source.access.contact import Contact
from proclaim_k8s_source.access.credentials import Credential, Source, source_of
from proclaim_k8s_source.access.value import Access

log = logging.getLogger("proclaim.kubernetes.client")

LONGEST_PAUSE = 3.0
"""Seconds for which a server may hold everybody up, for what it refused may be one kind alone.

A request for the Lease is given up after five, and whoever was refused pauses longer by himself.
"""


@asynccontextmanager
async def open_client(
    access: Access,
    node: str,
    requests_per_second: float = 50.0,
    burst: int = 100,
    wall_time: Callable[[], float] = time.time,
) -> AsyncIterator[Client]:
    """A client for the server of an access, which closes all its connections at the end.

    Connects to nothing yet.  Raises SettingsError when a certificate cannot be
    read.  `wall_time` is Unix time, for credentials that expire.
    """
    if access.insecure:
        log.warning(
            "the certificate of %s is not checked, as %s says", access.server, access.origin
        )
    connections = Connections(access)
    source = source_of(access, wall_time)
    bucket = rate.full(requests_per_second, burst, trio.current_time())
    try:
        yield Client(access.server, connections, source, bucket, node)
    finally:
        await connections.close()


@dataclass(frozen=True, slots=True)
class _Ask:
    method: str
    target: str
    headers: tuple[Header, ...] = ()
    body: bytes = b""
    goes_on: bool = False
    """Whether the body of a good answer is left to be read as it comes."""


class Client:
    """A connection to an API server; see `api.Api`."""

    def __init__(
        self,
        server: str,
        connections: Connections,
        credentials: Source,
        bucket: rate.Bucket,
        node: str,
    ) -> None:
        self._server = server
        self._connections = connections
        self._credentials = credentials
        self._bucket = bucket
        self.contact = Contact()
        self.answer_seconds = REQUEST_SECONDS
        """How long to wait for an answer, from when the rate of requests allows to ask."""
        agent = f"proclaim/{version('proclaim')} ({node})"
        self._headers: tuple[Header, ...] = (
            (b"host", connections.authority),
            (b"user-agent", agent.encode("ascii", "replace")),
            (b"accept", JSON.encode()),
        )

    async def request(
        self,
        method: str,
        path: str,
        query: Query = (),
        body: bytes = b"",
        content_type: str = JSON,
    ) -> Response:
        """Ask, and wait for the whole answer.  Raises Unreachable."""
        headers: tuple[Header, ...] = ()
        if body:
            headers = (
                (b"content-type", content_type.encode("ascii")),
                (b"content-length", b"%d" % len(body)),
            )
        elif method in ("POST", "PUT", "PATCH"):
            headers = ((b"content-length", b"0"),)
        ask = _Ask(method, _target(path, query), headers, body)
        response, _ = await self._answered(ask)
        return response

    @asynccontextmanager
    async def stream(self, path: str, query: Query = ()) -> AsyncIterator[AsyncIterator[bytes]]:
        """GET an answer that goes on: its bytes as they come, in pieces of any size.

        Waits for a piece as long as it takes.  Raises Unreachable and Refused.
        """
        ask = _Ask("GET", _target(path, query), goes_on=True)
        response, answer = await self._answered(ask)
        if answer is None:
            raise Refused(f"GET {path}", response)
        try:
            async with aclosing(self._pieces(answer)) as pieces:
                yield pieces
        finally:
            await answer.close()

    async def _pieces(self, answer: Answer) -> AsyncGenerator[bytes, None]:
        with self._explained():
            async with aclosing(answer.pieces()) as pieces:
                async for piece in pieces:
                    yield piece

    async def _answered(self, ask: _Ask) -> tuple[Response, Answer | None]:
        """The answer; with another credential when the first was not accepted."""
        await self._turn()
        credential = await self._credentials.current()
        response, answer = await self._persisted(ask, credential)
        if response.status == 401 and await self._credentials.renewed(credential):
            credential = await self._credentials.current()
            response, answer = await self._persisted(ask, credential)
        self._heed(response)
        self.contact.answered(response.status)
        return response, answer

    async def _persisted(self, ask: _Ask, credential: Credential) -> tuple[Response, Answer | None]:
        """The answer; asked once more where that is safe and may help.

        That is when certificates have changed, and when a connection had
        ended that a GET was sent on.
        """
        try:
            return await self._exchange(ask, credential)
        except Unreachable as unreachable:
            error = unreachable.__cause__
            if error is None or not await self._worth_another(ask, credential, error):
                raise
        return await self._exchange(ask, credential)

    async def _worth_another(self, ask: _Ask, credential: Credential, error: BaseException) -> bool:
        if trouble.is_about_certificates(error):
            return await self._connections.renew(credential)
        return ask.method == "GET" and trouble.is_ended(error)

    async def _exchange(self, ask: _Ask, credential: Credential) -> tuple[Response, Answer | None]:
        """Send a request once, and read the answer unless it is one that goes on."""
        seconds = self.answer_seconds
        headers = [*self._headers, *ask.headers]
        if credential.authorization:
            headers.append((b"authorization", credential.authorization.encode("ascii")))
        try:
            with self._explained(), trio.fail_after(seconds) as patience:
                answer = await self._connections.ask(
                    ask.method, ask.target, headers, ask.body, credential
                )
                return await _read(answer, ask.goes_on, patience, seconds)
        except trio.TooSlowError:
            await self._connections.refresh()  # the other connections may be as dead as this one
            self.contact.failed()
            raise Unreachable(
                f"{self._server}: no answer came within {seconds:g} seconds"
            ) from None

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except (
            httpcore2.NetworkError,
            httpcore2.ProtocolError,
            httpcore2.ProxyError,
            httpcore2.TimeoutException,
        ) as error:
            self.contact.failed()
            raise Unreachable(trouble.sentence(self._server, error)) from error

    async def _turn(self) -> None:
        self._bucket, wait = rate.take(self._bucket, trio.current_time())
        if wait > 0:
            await trio.sleep(wait)

    def _heed(self, response: Response) -> None:
        """Pause when the server asks for it (Retry-After, in seconds)."""
        after = response.headers.get("retry-after", "")
        if response.status in (429, 503) and after.isdecimal():
            until = trio.current_time() + min(float(after), LONGEST_PAUSE)
            self._bucket = rate.pause(self._bucket, until)


async def _read(
    answer: Answer, goes_on: bool, patience: trio.CancelScope, seconds: float
) -> tuple[Response, Answer | None]:
    try:
        response = Response(answer.status, b"", answer.headers)
        if goes_on and response.ok:
            return response, answer
        response = Response(
            answer.status, await _whole(answer, patience, seconds), response.headers
        )
    except BaseException:
        await answer.close()
        raise
    await answer.close()
    return response, None


async def _whole(answer: Answer, patience: trio.CancelScope, seconds: float) -> bytes:
    """The body: a long list takes its time, and shows meanwhile that it comes."""
    last = trio.current_time() + LONGEST_ANSWER * seconds
    pieces: list[bytes] = []
    async with aclosing(answer.pieces()) as coming:
        async for piece in coming:
            pieces.append(piece)
            patience.deadline = min(trio.current_time() + seconds, last)
    return b"".join(pieces)


def _target(path: str, query: Query) -> str:
    return f"{path}?{urlencode(query)}" if query else path
