"""What is said to an exec plugin, and what it answers.

The ExecCredential of client.authentication.k8s.io, v1 and v1beta1.  Pure;
nothing of an answer that is wrong is shown, because it may be a secret.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

import msgspec

from proclaim_k8s_source.access.value import Plugin


class BadAnswer(Exception):
    """The plugin's output is no credential; the text says what is wrong, without showing it."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A credential of a plugin."""

    token: str = field(default="", repr=False)
    certificate: bytes = field(default=b"", repr=False)
    key: bytes = field(default=b"", repr=False)
    expires: float | None = None
    """Unix time; None when it stays good until the server refuses it."""


class _Status(msgspec.Struct, rename="camel"):
    token: str = ""
    client_certificate_data: str = ""
    client_key_data: str = ""
    expiration_timestamp: datetime | None = None


class _ExecCredential(msgspec.Struct, rename="camel"):
    api_version: str = ""
    status: _Status | None = None


def exec_info(plugin: Plugin, cluster: Mapping[str, object] | None) -> str:
    """The value of KUBERNETES_EXEC_INFO: that nobody can be asked, and which cluster it is for."""
    spec: dict[str, object] = {"interactive": False}
    if cluster is not None:
        spec["cluster"] = cluster
    said = {"kind": "ExecCredential", "apiVersion": plugin.version, "spec": spec}
    return msgspec.json.encode(said).decode()


def read_answer(plugin: Plugin, output: bytes) -> Answer:
    """Read what the plugin printed; raises BadAnswer."""
    try:
        said = msgspec.json.decode(output, type=_ExecCredential)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        raise BadAnswer("its output is not an ExecCredential in JSON") from None
    if said.api_version != plugin.version:
        raise BadAnswer(f"its output is not of apiVersion {plugin.version}, which is asked for")
    status = said.status or _Status()
    if bool(status.client_certificate_data) != bool(status.client_key_data):
        raise BadAnswer("its output has a client certificate without its key, or the reverse")
    if not (status.token or status.client_certificate_data):
        raise BadAnswer("its output has neither status.token nor status.clientCertificateData")
    if not (status.token.isascii() and all(letter > " " for letter in status.token)):
        raise BadAnswer("its output has a status.token that is not one word of printable ASCII")
    return Answer(
        status.token,
        status.client_certificate_data.encode(),
        status.client_key_data.encode(),
        _unix(status.expiration_timestamp),
    )


def _unix(moment: datetime | None) -> float | None:
    if moment is None:
        return None
    if moment.tzinfo is None:
        raise BadAnswer("its output has a status.expirationTimestamp without a time zone")
    return moment.timestamp()
