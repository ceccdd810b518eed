"""The paths and what they answer; knows nothing of connections."""

from __future__ import annotations

import hmac
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

import trio

from proclaim_metrics.family import CONTENT_TYPE

_LOG = logging.getLogger("proclaim.metrics")

_PLAIN = "text/plain; charset=utf-8"

Headers: TypeAlias = tuple[tuple[bytes, bytes], ...]


class Request(NamedTuple):
    """What is asked for."""

    method: str
    path: str
    authorization: bytes = b""


@dataclass(frozen=True, slots=True)
class Answer:
    """What is answered."""

    status: int
    body: list[bytes]
    content_type: str = _PLAIN
    more: Headers = ()

    @property
    def headers(self) -> Headers:
        length = str(sum(map(len, self.body))).encode()
        kind = self.content_type.encode()
        return ((b"Content-Type", kind), (b"Content-Length", length), *self.more)


Page: TypeAlias = Callable[[Request], Awaitable[Answer]]


def plain(status: int, text: str, *more: tuple[bytes, bytes]) -> Answer:
    """A line or more of text."""
    return Answer(status, [f"{text}\n".encode()], more=more)


def health(reasons: Callable[[], list[str]]) -> Page:
    """200 while there is no reason against it, else 503 and a line for each."""

    async def page(_: Request) -> Answer:
        await trio.lowlevel.checkpoint()
        found = reasons()
        return plain(503, "\n".join(found)) if found else plain(200, "ok")

    return page


def metrics(text: Callable[[], Awaitable[list[bytes]]], token_file: str) -> Page:
    """The exposition, for who shows the token where there is one.

    The file is read for each request, so that a token can be replaced.
    """

    async def page(request: Request) -> Answer:
        if token_file:
            try:
                token = (await trio.Path(token_file).read_bytes()).strip()
            except OSError as error:
                _LOG.error("metrics.token_file: %s: %s", token_file, error.strerror)
                return plain(503, "the token to compare with cannot be read")
            if not token or not hmac.compare_digest(_bearer(request), token):
                return plain(401, "a bearer token is needed", (b"WWW-Authenticate", b"Bearer"))
        return Answer(200, await text(), CONTENT_TYPE)

    return page


def _bearer(request: Request) -> bytes:
    scheme, _, token = request.authorization.partition(b" ")
    return token.strip() if scheme.lower() == b"bearer" else b""


class Application:
    """Answers GET and HEAD of some paths."""

    def __init__(self, pages: Mapping[str, Page]) -> None:
        self._pages = pages

    async def answer(self, request: Request) -> Answer:
        """Answer anything; raises nothing."""
        page = self._pages.get(request.path)
        if page is None:
            return plain(404, f"there is only {', '.join(self._pages)}")
        if request.method not in ("GET", "HEAD"):
            return plain(405, "only GET and HEAD are answered", (b"Allow", b"GET, HEAD"))
        try:
            return await page(request)
        except Exception as error:  # noqa: BLE001 - collectors of plugins raise whatever they like
            _LOG.error("%s cannot be answered: %s: %s", request.path, type(error).__name__, error)
            return plain(500, "this cannot be answered: the log says why")
