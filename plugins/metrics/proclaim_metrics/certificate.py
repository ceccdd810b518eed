"""`Certificate`: the TLS context of the server, which follows its files as they are replaced."""

from __future__ import annotations

import logging
import os
import ssl
from typing import TypeAlias

import trio

from proclaim_metrics.options import Options

_LOG = logging.getLogger("proclaim.metrics")

_LOOK_AGAIN_SECONDS = 30.0

Stamp: TypeAlias = tuple[tuple[int, int], ...]
"""Where the files are and when they were written, which changes when they are replaced."""


class Certificate:
    """A chain and its key; a new pair holds for the connections that begin afterwards."""

    def __init__(self, options: Options) -> None:
        self._options = options
        self._stamp: Stamp = ()
        self.context = _context()

    async def load(self) -> None:
        """Read both files; raises SettingsError, naming the key, when that cannot be done."""
        for key in ("certificate", "key"):
            path: str = getattr(self._options, key)
            try:
                await trio.Path(path).read_bytes()
            except OSError as error:
                raise self._options.error(key, f"{path}: {error.strerror}") from None
        try:
            self._stamp = await trio.to_thread.run_sync(self._read)
        except (OSError, ssl.SSLError):
            pair = f"{self._options.certificate} and {self._options.key}"
            problem = f"{pair} are not a certificate and its unencrypted key in PEM"
            raise self._options.error("certificate", problem) from None

    async def follow(self) -> None:
        """Read the files again whenever they were replaced, until cancelled."""
        while True:
            await trio.sleep(_LOOK_AGAIN_SECONDS)
            try:
                await trio.to_thread.run_sync(self._read_again)
            except OSError as error:  # as ssl.SSLError is: perhaps only one is replaced so far
                _LOG.warning("the certificate cannot be read again: %s", error.strerror)

    def _read(self) -> Stamp:
        stamp = self._stamp_now()
        self._take(_context())  # while only one is replaced the two do not fit, and ours stays
        self._take(self.context)
        return stamp

    def _take(self, context: ssl.SSLContext) -> None:
        context.load_cert_chain(self._options.certificate, self._options.key, password=lambda: "")

    def _read_again(self) -> None:
        if self._stamp_now() != self._stamp:
            self._stamp = self._read()

    def _stamp_now(self) -> Stamp:
        files = (os.stat(self._options.certificate), os.stat(self._options.key))
        return tuple((each.st_ino, each.st_mtime_ns) for each in files)


def _context() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    return context
