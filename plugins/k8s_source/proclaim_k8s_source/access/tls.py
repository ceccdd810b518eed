"""Makes the TLS side of a connection: whom to believe, and which certificate to show.

The rules of verification are those of Go's TLS, because that is what clusters
are made for: any certificate that is trusted ends a chain, names are looked for
in the subject's alternative names only, and a root need not be as tidy as
Python 3.13 asks by default.
"""

from __future__ import annotations

import os
import ssl
from dataclasses import dataclass, field
from pathlib import Path

from proclaim import SettingsError

from proclaim_k8s_source.access.value import Access, Pem


@dataclass(frozen=True, slots=True)
class Material:
    """The PEM texts of a connection as they are now; equal as long as nothing rotated."""

    authority: bytes = field(default=b"", repr=False)
    certificate: bytes = field(default=b"", repr=False)
    key: bytes = field(default=b"", repr=False)


def read_material(access: Access, certificate: bytes = b"", key: bytes = b"") -> Material:
    """Read what the access names; a certificate given here goes before its own.

    Raises SettingsError when a file cannot be read.
    """
    authority = read_pem(access.authority)
    if certificate:
        return Material(authority, certificate, key)
    return Material(authority, read_pem(access.certificate), read_pem(access.key))


def read_pem(pem: Pem) -> bytes:
    """The text, from its file when it has one; raises SettingsError."""
    if not pem.path:
        return pem.data
    try:
        return Path(pem.path).read_bytes()
    except OSError as error:
        said = f"{pem.path}: cannot be read: {error.strerror}"
        if not pem.named_by:
            raise SettingsError(said) from None
        key = pem.named_by.rpartition(".")[2]
        hint = f"name a PEM file that is there, or put its text in base64 under {key}-data"
        raise SettingsError(f"{pem.named_by}: {said}", hint) from None


def tls_context(access: Access, material: Material) -> ssl.SSLContext:
    """A context for connections to the server of the access.

    Raises SettingsError when a PEM text is none; the text names what it came from.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    context.hostname_checks_common_name = False
    if access.insecure:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    elif material.authority:
        _trust(context, material.authority, access.authority.path or access.origin)
    else:
        context.load_default_certs()
    if material.certificate:
        _show(context, material, access.certificate.path or access.origin)
    return context


def _trust(context: ssl.SSLContext, authority: bytes, origin: str) -> None:
    try:
        context.load_verify_locations(cadata=authority.decode("ascii"))
    except (ssl.SSLError, ValueError):
        raise SettingsError(
            f"{origin}: the certificate authority is not a PEM text with certificates"
        ) from None


def _show(context: ssl.SSLContext, material: Material, origin: str) -> None:
    """Load certificate and key; `ssl` wants a file, and this one is in memory only."""
    descriptor = os.memfd_create("client-certificate", os.MFD_CLOEXEC)
    try:
        with open(descriptor, "wb", closefd=False) as file:
            file.write(material.certificate + b"\n" + material.key)
        context.load_cert_chain(f"/proc/self/fd/{descriptor}", password=_no_password)
    except (ssl.SSLError, ValueError):
        raise SettingsError(
            f"{origin}: the client certificate and its key are not PEM, or not a pair, "
            "or the key has a password"
        ) from None
    finally:
        os.close(descriptor)


def _no_password() -> str:
    """Called for an encrypted key, where OpenSSL would ask on the terminal."""
    raise ValueError("the key has a password")
