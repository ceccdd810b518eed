"""The certificate that the webhook shows, from files that somebody else renews."""

from __future__ import annotations

import logging
import os
import ssl
from typing import TypeAlias

import trio

log = logging.getLogger("proclaim.kubernetes.webhook")

_LOOK_EVERY = 10.0
_Marks: TypeAlias = tuple[tuple[int, int, int], ...]


class Certificate:
    """Keeps a TLS context equal to two PEM files.

    Connections that begin after a renewal see the new certificate; what cannot
    be used is logged once and leaves the old one in place.
    """

    def __init__(self, certificate: str, key: str) -> None:
        self.context = _context()
        self._files = certificate, key
        self._marks: _Marks | None = None
        self._complaint = ""

    async def wait_until_usable(self) -> None:
        """Return once there is a certificate to show."""
        while True:
            if self._load():
                return
            await trio.sleep(_LOOK_EVERY)

    async def follow(self) -> None:
        """Load the files again whenever they changed, until cancelled."""
        while True:
            await trio.sleep(_LOOK_EVERY)
            self._load()

    def _load(self) -> bool:
        """Look at the files; whether there is a certificate to show."""
        try:
            marks = _marks(self._files)
            if marks != self._marks:
                self._take(_context())  # certificate and key may not fit while they are replaced
                self._take(self.context)
                if self._marks is not None:
                    log.info("the certificate in %s was renewed", self._files[0])
                self._marks = marks
            self._complaint = ""
        except OSError as error:  # ssl.SSLError is one as well
            complaint = error.strerror or str(error)
            if complaint != self._complaint:
                log.warning("the certificate in %s: %s", self._files[0], complaint)
            self._complaint = complaint
        return self._marks is not None

    def _take(self, context: ssl.SSLContext) -> None:
        context.load_cert_chain(*self._files, password=_no_password)


def _no_password() -> str:
    """Without this, OpenSSL would ask for one at the terminal."""
    raise OSError("the key is encrypted; one without a passphrase is accepted")


def _context() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    return context


def _marks(files: tuple[str, str]) -> _Marks:
    """What changes with the files: a Secret's volume swaps a link, others write in place."""
    marks = (os.stat(path) for path in files)
    return tuple((mark.st_ino, mark.st_mtime_ns, mark.st_size) for mark in marks)
