"""A listening address: accepts connections, and demands the signatures that peers agreed on.

Knows sockets and addresses, not peers.  A door that cannot be opened is tried
again and never stops what is announced.
"""

from __future__ import annotations

import logging
import socket
from collections.abc import Awaitable, Callable, Mapping

import trio
from proclaim import Host

from proclaim_bgp.neighbor import family_of
from proclaim_bgp.sockets import set_password

_LOG = logging.getLogger("proclaim.bgp")

_AGAIN_SECONDS = 5.0


class Door:
    """One address and port at which peers may connect."""

    def __init__(self, address: str, port: int) -> None:
        self._address = address
        self._port = port
        self._made: socket.socket | None = None
        self._wanted: Mapping[str, str] = {}
        self._set: dict[str, str] = {}

    async def keep_open(
        self, host: Host, accept: Callable[[trio.abc.Stream], Awaitable[None]]
    ) -> None:
        """Accept connections until cancelled."""
        while True:
            try:
                await host.serve_tcp(self._address, self._port, self._prepare, accept)
            except OSError as error:
                _LOG.error("cannot listen at %s port %d: %s", self._address, self._port, error)
            await trio.sleep(_AGAIN_SECONDS)

    async def follow_passwords(
        self, host: Host, passwords: Callable[[], Mapping[str, str]]
    ) -> None:
        """Demand other signatures when secrets change."""
        async for _ in host.secrets.changes():
            self.set_passwords(passwords())

    def set_passwords(self, passwords: Mapping[str, str]) -> None:
        """Demand signatures of these addresses, and of no others."""
        self._wanted = {
            address: password
            for address, password in passwords.items()
            if family_of(address) == family_of(self._address)
        }
        if self._made is None or self._made.fileno() < 0:
            return
        for address in sorted({*self._wanted, *self._set}):
            password = self._wanted.get(address, "")
            if self._set.get(address, "") == password:
                continue
            try:
                set_password(self._made, address, password)
            except OSError as error:
                _LOG.error("cannot demand signatures of %s: %s", address, error)
                continue
            self._set[address] = password

    def _prepare(self, made: socket.socket) -> None:
        self._made = made
        self._set = {}
        self.set_passwords(self._wanted)
