"""Serves the webhook: HTTPS, and one path for each kind as MetalLB has them."""

from __future__ import annotations

import logging
import ssl
from collections.abc import Callable, Iterable
from functools import partial
from typing import NamedTuple

import trio
from hypercorn.config import Config
from hypercorn.trio import serve
from hypercorn.typing import ASGIReceiveCallable, ASGISendCallable, Scope
from proclaim.model import Resource

from proclaim_k8s_source.options import WebhookOptions
from proclaim_k8s_source.webhook.certificate import Certificate
from proclaim_k8s_source.webhook.conversion import convert
from proclaim_k8s_source.webhook.envelope import NotAReview
from proclaim_k8s_source.webhook.review import review

log = logging.getLogger("proclaim.kubernetes.webhook")
_http_log = logging.getLogger("proclaim.kubernetes.webhook.http")
_http_log.setLevel(logging.WARNING)  # its notes are about how to stop it at a terminal

_CONVERT = "/convert"
_VALIDATE = frozenset(
    f"/validate-metallb-io-{kind}"
    for kind in (
        "v1beta1-bfdprofile",
        "v1beta1-bgpadvertisement",
        "v1beta1-bgppeer",
        "v1beta1-community",
        "v1beta1-ipaddresspool",
        "v1beta1-l2advertisement",
        "v1beta2-bgppeer",
    )
)
_LARGEST_BODY = 8 * 1024 * 1024
"""Bytes: the API server stores objects up to 1.5 MiB, and a conversion brings several."""
_BODY_WITHIN = 5.0
_HANDSHAKE_SECONDS = 10.0
_IDLE_SECONDS = 60.0

InForce = Callable[[], Iterable[Resource]]


class _Answer(NamedTuple):
    status: int
    body: bytes
    content_type: str = "text/plain; charset=utf-8"


class _Config(Config):
    """Takes the context that is kept equal to the files."""

    def __init__(self, options: WebhookOptions, context: ssl.SSLContext) -> None:
        super().__init__()
        host = f"[{options.address}]" if ":" in options.address else options.address
        self.bind = [f"{host}:{options.port}"]
        self.errorlog = _http_log
        self.accesslog = None
        self.include_server_header = False
        self.alpn_protocols = ["http/1.1"]
        self.keep_alive_timeout = _IDLE_SECONDS
        self.read_timeout = int(_IDLE_SECONDS)
        self.ssl_handshake_timeout = _HANDSHAKE_SECONDS
        self.graceful_timeout = 1.0
        self._context = context

    @property
    def ssl_enabled(self) -> bool:
        return True

    def create_ssl_context(self) -> ssl.SSLContext:
        return self._context


async def serve_webhook(
    options: WebhookOptions,
    namespace: str,
    in_force: InForce,
    *,
    task_status: trio.TaskStatus[list[str]] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Serve until cancelled, once there is a certificate; tells the URLs that it serves.

    `namespace` is where resources of `metallb.io` have to be created, and
    `in_force` gives those there are now, and the Nodes.  Raises OSError when
    the address cannot be bound.
    """
    certificate = Certificate(options.certificate, options.key)
    await certificate.wait_until_usable()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(certificate.follow)
        config = _Config(options, certificate.context)
        app = _App(namespace, in_force)
        urls: list[str] = await nursery.start(partial(serve, app, config, mode="asgi"))
        log.info("serving the webhook at %s", ", ".join(urls))
        task_status.started(urls)


class _App:
    """The ASGI application."""

    def __init__(self, namespace: str, in_force: InForce) -> None:
        self._namespace = namespace
        self._in_force = in_force

    async def __call__(
        self, scope: Scope, receive: ASGIReceiveCallable, send: ASGISendCallable
    ) -> None:
        if scope["type"] == "lifespan":
            await _live(receive, send)
        elif scope["type"] == "http":
            answer = await self._answer(scope["method"], scope["path"], receive)
            await _send(send, answer)

    async def _answer(self, method: str, path: str, receive: ASGIReceiveCallable) -> _Answer:
        if path != _CONVERT and path not in _VALIDATE:
            return _Answer(404, b"nothing is served at this path\n")
        if method != "POST":
            return _Answer(405, b"only POST is accepted here\n")
        try:
            with trio.fail_after(_BODY_WITHIN):
                body = await _body(receive)
        except trio.TooSlowError:
            return _Answer(408, b"the body did not come in time\n")
        if body is None:
            return _Answer(413, f"at most {_LARGEST_BODY} bytes are accepted\n".encode())
        return await self._judge(path, body)

    async def _judge(self, path: str, body: bytes) -> _Answer:
        in_force = () if path == _CONVERT else tuple(self._in_force())

        def work() -> bytes:
            return convert(body) if path == _CONVERT else review(body, in_force, self._namespace)

        try:  # in a thread, for the loop may answer ARP as well
            answer = await trio.to_thread.run_sync(work, abandon_on_cancel=True)
        except NotAReview as error:
            return _Answer(400, f"{error}\n".encode())
        return _Answer(200, answer, "application/json")


async def _body(receive: ASGIReceiveCallable) -> bytes | None:
    """The body of a request; None when it is too large."""
    body = bytearray()
    while True:
        message = await receive()
        if message["type"] != "http.request":  # the client is gone, and hears no answer
            return bytes(body)
        body += message["body"]
        if len(body) > _LARGEST_BODY:
            return None
        if not message["more_body"]:
            return bytes(body)


async def _send(send: ASGISendCallable, answer: _Answer) -> None:
    headers = [
        (b"content-type", answer.content_type.encode()),
        (b"content-length", str(len(answer.body)).encode()),
    ]
    if answer.status in (408, 413):  # what is left of the body would be taken for a request
        headers.append((b"connection", b"close"))
    await send(
        {
            "type": "http.response.start",
            "status": answer.status,
            "headers": headers,
            "trailers": False,
        }
    )
    await send({"type": "http.response.body", "body": answer.body, "more_body": False})


async def _live(receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
    """Answer to the server that there is nothing to start and nothing to stop."""
    while True:
        message = await receive()
        if message["type"] == "lifespan.startup":
            await send({"type": "lifespan.startup.complete"})
        else:
            await send({"type": "lifespan.shutdown.complete"})
            return
