"""Keeps connections to one API server, and makes new ones when certificates rotate.

Over httpcore2, the transport of httpx2: what that adds (redirects, cookies,
decoding, an environment of its own) nobody here wants, and it doubles the time
that a request takes of the processor: 0.5 ms instead of 0.3.
"""

from __future__ import annotations

import logging
import ssl
from collections.abc import AsyncGenerator
from contextlib import aclosing
from urllib.parse import unquote, urlsplit

import httpcore2
import trio
from proclaim import SettingsError

from proclaim_k8s_source.access.credentials import Credential
from proclaim_k8s_source.access.network import Network
from proclaim_k8s_source.access.tls import Material, read_material, tls_context
from proclaim_k8s_source.access.value import Access

log = logging.getLogger("proclaim.kubernetes.client")

Header = tuple[bytes, bytes]

CONNECT_SECONDS = 5.0
_WRITE_SECONDS = 10.0
_IDLE_CONNECTIONS = 16
_IDLE_SECONDS = 30.0
"""Less than what API servers and balancers before them allow, so that we end first."""
_MATERIAL_IS_GOOD_FOR = 300.0


class Answer:
    """An answer whose headers have come.  Close it, whatever happens."""

    def __init__(self, response: httpcore2.Response, pool: _Pool) -> None:
        self.status = response.status
        self._response = response
        self._pool = pool

    @property
    def headers(self) -> dict[str, str]:
        """Names in lower case; of several with one name the last."""
        return {
            name.decode("ascii").lower(): value.decode("latin-1")
            for name, value in self._response.headers
        }

    async def read(self) -> bytes:
        """The whole body."""
        return await self._response.aread()

    async def pieces(self) -> AsyncGenerator[bytes, None]:
        """The body as it comes."""
        async with aclosing(self._response.aiter_stream()) as pieces:
            async for piece in pieces:
                yield piece

    async def close(self) -> None:
        """Give the connection back, or end it when the body was not read to its end."""
        try:
            await self._response.aclose()
        finally:
            await self._pool.leave()


class _Pool:
    """Connections with one certificate, which close when they are retired and not used."""

    def __init__(self, access: Access, material: Material, context: ssl.SSLContext | None) -> None:
        self.material = material
        self.context = context
        self._users = 0
        self._retired = False
        self._connections = httpcore2.AsyncConnectionPool(
            ssl_context=context,
            proxy=_proxy(access.proxy),
            max_connections=None,  # each watch has one, and each Secret of a peer is a watch
            max_keepalive_connections=_IDLE_CONNECTIONS,
            keepalive_expiry=_IDLE_SECONDS,
            network_backend=Network(),
        )

    async def ask(self, request: httpcore2.Request) -> Answer:
        self._users += 1
        try:
            return Answer(await self._connections.handle_async_request(request), self)
        except BaseException:
            await self.leave()
            raise

    @property
    def in_use(self) -> bool:
        return self._users > 0

    async def leave(self) -> None:
        self._users -= 1
        if self._retired and not self._users:
            await self.close()

    async def retire(self) -> None:
        self._retired = True
        if not self._users:
            await self.close()

    async def close(self) -> None:
        with trio.CancelScope(shield=True):
            await self._connections.aclose()


class Connections:
    """The connections to the server of an access.  Raises SettingsError when they cannot be."""

    def __init__(self, access: Access) -> None:
        self._access = access
        parts = urlsplit(access.server)
        self._scheme = parts.scheme.encode()
        self._host = parts.hostname or ""
        self._port = parts.port or (443 if parts.scheme == "https" else 80)
        self._prefix = parts.path
        self.authority = parts.netloc.encode("ascii")
        """What the Host header says."""
        self._retired: list[_Pool] = []
        self._read_at = trio.current_time()
        material = read_material(access)
        self._pool = _Pool(access, material, self._context(material))

    async def ask(
        self,
        method: str,
        target: str,
        headers: list[Header],
        body: bytes,
        credential: Credential,
    ) -> Answer:
        """Send a request and wait for the headers of the answer; raises what httpcore2 raises."""
        if trio.current_time() >= self._read_at + _MATERIAL_IS_GOOD_FOR or self._shows_another(
            credential
        ):
            await self.renew(credential)
        pool = self._pool
        try:
            return await pool.ask(self._request(method, target, headers, body))
        except BaseException:
            # A connection that fails while it is opened through a proxy would keep its place.
            if self._access.proxy:
                await self.refresh()
            raise

    async def renew(self, credential: Credential) -> bool:
        """Read the certificates again; whether they have changed, and new connections use them."""
        self._read_at = trio.current_time()
        try:
            material = read_material(self._access, credential.certificate, credential.key)
            if material == self._pool.material:
                return False
            context = self._context(material)
        except SettingsError as error:
            log.warning("%s; the certificates that were read before stay in use", error.message)
            return False
        await self._replace(_Pool(self._access, material, context))
        return True

    async def refresh(self) -> None:
        """Use none of the present connections for anything new."""
        await self._replace(_Pool(self._access, self._pool.material, self._pool.context))

    async def close(self) -> None:
        """End all connections, those in use too."""
        for pool in (*self._retired, self._pool):
            await pool.close()

    def _context(self, material: Material) -> ssl.SSLContext | None:
        return tls_context(self._access, material) if self._scheme == b"https" else None

    def _shows_another(self, credential: Credential) -> bool:
        return bool(credential.certificate) and (
            credential.certificate != self._pool.material.certificate
        )

    async def _replace(self, pool: _Pool) -> None:
        old, self._pool = self._pool, pool
        await old.retire()
        self._retired = [pool for pool in (*self._retired, old) if pool.in_use]

    def _request(
        self, method: str, target: str, headers: list[Header], body: bytes
    ) -> httpcore2.Request:
        tunnelled = self._access.proxy.startswith("http")  # where the host is written into CONNECT
        host = f"[{self._host}]" if tunnelled and ":" in self._host else self._host
        return httpcore2.Request(
            method,
            httpcore2.URL(
                scheme=self._scheme,
                host=host.encode("ascii"),
                port=self._port,
                target=(self._prefix + target).encode("ascii"),
            ),
            headers=headers,
            content=body,
            extensions={
                "timeout": {"connect": CONNECT_SECONDS, "write": _WRITE_SECONDS},
                "sni_hostname": self._access.tls_server_name or self._host,
            },
        )


def _proxy(url: str) -> httpcore2.Proxy | None:
    if not url:
        return None
    parts = urlsplit(url)
    host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
    port = f":{parts.port}" if parts.port else ""
    auth = (unquote(parts.username), unquote(parts.password or "")) if parts.username else None
    secure = ssl.create_default_context() if parts.scheme == "https" else None
    return httpcore2.Proxy(f"{parts.scheme}://{host}{port}", auth=auth, ssl_context=secure)
