"""The server over HTTP/1.1: connections that are kept, and watches in chunks sent at once."""

from __future__ import annotations

import gzip
from collections import Counter, deque
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qsl

import httptools
import trio

from apiserver.control import Control
from apiserver.requests import JSON, Answer, Request, answer
from apiserver.server import ApiServer
from apiserver.streaming import Broken, Stream
from apiserver.watching import Watch

_READ_BYTES = 1 << 16
_GZIP_FROM_BYTES = 128 * 1024
"""From which size on an answer is packed for whoever takes that, as the real server does."""
_CONTROL = b"/emulator/"
_BAD_REQUEST = Answer(400, b"400 Bad Request", "text/plain; charset=utf-8")


class _Parsed:
    """A request as it was read."""

    __slots__ = ("body", "headers", "keep_alive", "method", "url")

    def __init__(self) -> None:
        self.method = ""
        self.url = b""
        self.headers: dict[str, str] = {}
        self.body = b""
        self.keep_alive = True


class _Parser:
    """Gathers whole requests from bytes."""

    def __init__(self) -> None:
        self.ready: deque[_Parsed] = deque()
        self._current = _Parsed()
        self._parser = httptools.HttpRequestParser(self)

    def feed(self, data: bytes) -> None:
        """Take in bytes; raises httptools.HttpParserError."""
        self._parser.feed_data(data)

    def on_message_begin(self) -> None:
        self._current = _Parsed()

    def on_url(self, url: bytes) -> None:
        self._current.url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        self._current.headers[name.decode("latin-1").lower()] = value.decode("latin-1")

    def on_body(self, body: bytes) -> None:
        self._current.body += body

    def on_message_complete(self) -> None:
        self._current.method = self._parser.get_method().decode("ascii")
        self._current.keep_alive = self._parser.should_keep_alive()
        self.ready.append(self._current)


class HttpServer:
    """Serves connections.

    `tokens` has the users by bearer token.  Where there are none and no TLS,
    everybody may do anything.
    """

    def __init__(self, server: ApiServer, tokens: Mapping[str, str], secure: bool) -> None:
        self.server = server
        self.tokens = tokens
        self.secure = secure
        self.connections: set[trio.CancelScope] = set()
        self.requests: Counter[tuple[str, str, str]] = Counter()
        """How often was asked, by User-Agent, verb and resource."""
        self.control = Control(self)
        server.machinery.users = tokens

    async def serve(self, stream: trio.abc.Stream) -> None:
        """Serve one connection until it ends."""
        if self.control.is_down():
            await stream.aclose()
            return
        with trio.CancelScope() as scope:
            self.connections.add(scope)
            try:
                await self._converse(stream, scope)
            except (OSError, trio.BrokenResourceError, trio.ClosedResourceError):
                return
            finally:
                self.connections.discard(scope)

    async def _converse(self, stream: trio.abc.Stream, scope: trio.CancelScope) -> None:
        parser = _Parser()
        while data := await stream.receive_some(_READ_BYTES):
            try:
                parser.feed(bytes(data))
            except (httptools.HttpParserError, httptools.HttpParserUpgrade):
                await stream.send_all(_encoded(_BAD_REQUEST, keep_alive=False))
                return
            while parser.ready:
                request = parser.ready.popleft()
                if request.url.startswith(_CONTROL):
                    await self._be_controlled(stream, request, scope)
                    return
                await self._respond(stream, request)
                if not request.keep_alive:
                    return

    async def _be_controlled(
        self, stream: trio.abc.Stream, parsed: _Parsed, scope: trio.CancelScope
    ) -> None:
        command, _, query = parsed.url.removeprefix(_CONTROL).decode("latin-1").partition("?")
        said = self.control.do(command, dict(parse_qsl(query)), scope)
        await stream.send_all(_encoded(answer(said), keep_alive=False))

    async def _respond(self, stream: trio.abc.Stream, parsed: _Parsed) -> None:
        path, _, query = parsed.url.decode("latin-1").partition("?")
        agent = parsed.headers.get("user-agent", "")
        request = Request(
            parsed.method,
            path,
            parse_qsl(query, keep_blank_values=True),
            parsed.body,
            parsed.headers.get("content-type", JSON),
            self._user(stream, parsed.headers),
            agent,
        )
        self.requests[agent, *self.server.machinery.classify(request)] += 1
        found = self.server.machinery.handle(request)
        if isinstance(found, Answer):
            packed = _packed(found, parsed.headers.get("accept-encoding", ""))
            await stream.send_all(_encoded(packed, parsed.keep_alive))
        else:
            await self._watch(stream, found)

    def _user(self, stream: trio.abc.Stream, headers: Mapping[str, str]) -> str | None:
        scheme, _, token = headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer":
            return self.tokens.get(token.strip()) if self.tokens else "system:admin"
        if isinstance(stream, trio.SSLStream):
            return _certified(stream)
        return None if self.tokens or self.secure else "system:admin"

    async def _watch(self, stream: trio.abc.Stream, watch: Watch) -> None:
        gone = False
        try:
            await stream.send_all(
                b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n"
                b"transfer-encoding: chunked\r\n\r\n"
            )
            async with trio.open_nursery() as nursery:
                nursery.start_soon(_hang_up, stream)
                await self._send_lines(stream, watch)
                nursery.cancel_scope.cancel()
        except* (OSError, trio.BrokenResourceError, trio.ClosedResourceError):
            gone = True
        finally:
            watch.close()
        if gone:
            raise trio.BrokenResourceError
        await stream.send_all(b"0\r\n\r\n")

    async def _send_lines(self, stream: trio.abc.Stream, watch: Watch) -> None:
        lines = Stream(watch)
        try:
            async for part in lines:
                await stream.send_all(b"%x\r\n%s\r\n" % (len(part), part))
        except Broken:
            raise trio.BrokenResourceError from None


async def _hang_up(stream: trio.abc.Stream) -> None:
    """Break off when the client goes, or speaks before its watch is over."""
    await stream.receive_some(1)
    raise trio.BrokenResourceError


def _certified(stream: trio.SSLStream[Any]) -> str | None:
    """The common name in the client's certificate."""
    certificate = stream.getpeercert() or {}
    for part in certificate.get("subject", ()):
        for name, value in part:
            if name == "commonName":
                return str(value)
    return None


def _packed(found: Answer, accepted: str) -> Answer:
    if len(found.body) < _GZIP_FROM_BYTES or "gzip" not in accepted:
        return found
    headers = {**found.headers, "content-encoding": "gzip", "vary": "Accept-Encoding"}
    return Answer(found.status, gzip.compress(found.body, 1), found.content_type, headers)


def _encoded(found: Answer, keep_alive: bool) -> bytes:
    lines = [
        f"HTTP/1.1 {found.status} {HTTPStatus(found.status).phrase}",
        f"content-type: {found.content_type}",
        f"content-length: {len(found.body)}",
        *(f"{name}: {value}" for name, value in found.headers.items()),
    ]
    if not keep_alive:
        lines.append("connection: close")
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + found.body
