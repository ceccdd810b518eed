"""One connection to the API server for everything in this process that needs it.

Opened by the first who holds it and closed by the last, so that a Lease can
still be given back when the sources have gone.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager

from proclaim_k8s_source.access import Access
from proclaim_k8s_source.access.api import JSON, Api, Contact, Query, Response
from proclaim_k8s_source.access.client import open_client
from proclaim_k8s_source.options import Options


class Cluster:
    """An `Api` that can be asked while somebody holds it."""

    def __init__(self, access: Access, options: Options, node: str) -> None:
        self._access = access
        self._options = options
        self._node = node
        self._holders = 0
        self._opened = AsyncExitStack()
        self._client: Api | None = None

    @asynccontextmanager
    async def held(self) -> AsyncIterator[Api]:
        """Keep the connection open.

        Raises SettingsError when a certificate cannot be read.
        """
        if self._client is None:
            options = self._options
            opening = open_client(
                self._access, self._node, options.requests_per_second, options.burst
            )
            self._client = await self._opened.enter_async_context(opening)
        self._holders += 1
        try:
            yield self
        finally:
            self._holders -= 1
            if not self._holders:
                self._client = None
                opened, self._opened = self._opened, AsyncExitStack()
                await opened.aclose()

    @property
    def contact(self) -> Contact:
        """See `Api`."""
        return self._open().contact

    async def request(
        self,
        method: str,
        path: str,
        query: Query = (),
        body: bytes = b"",
        content_type: str = JSON,
    ) -> Response:
        """See `Api`."""
        return await self._open().request(method, path, query, body, content_type)

    def stream(
        self, path: str, query: Query = ()
    ) -> AbstractAsyncContextManager[AsyncIterator[bytes]]:
        """See `Api`."""
        return self._open().stream(path, query)

    def _open(self) -> Api:
        assert self._client is not None, "whoever asks holds it"
        return self._client
