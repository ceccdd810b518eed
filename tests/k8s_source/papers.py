"""Certificates for tests: an authority, a stranger's, and the TLS side of a server."""

from __future__ import annotations

import ssl
from datetime import UTC, datetime

import trustme

AUTHORITY = trustme.CA(organization_name="the cluster")
STRANGER = trustme.CA(organization_name="somebody else")
TRUSTED = AUTHORITY.cert_pem.bytes()

LONG_AGO = datetime(2001, 1, 1, tzinfo=UTC)
LONG_OVER = datetime(2001, 2, 1, tzinfo=UTC)


def server_side(
    *names: str, authority: trustme.CA = AUTHORITY, expired: bool = False, wants: bool = False
) -> ssl.SSLContext:
    """A server with a certificate for these names; `wants` one of the client, too."""
    times = {"not_before": LONG_AGO, "not_after": LONG_OVER} if expired else {}
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert(*(names or ("127.0.0.1",)), **times).configure_cert(context)
    if wants:
        AUTHORITY.configure_trust(context)
        context.verify_mode = ssl.CERT_REQUIRED
    return context


def client_pair(authority: trustme.CA = AUTHORITY) -> tuple[bytes, bytes]:
    """A client's certificate and its key, both PEM."""
    issued = authority.issue_cert("somebody@example.com")
    return issued.cert_chain_pems[0].bytes(), issued.private_key_pem.bytes()
