"""How to reach an API server and who to be there, as values.

Nothing here reads a file or knows the time: a file is named, and whoever
connects reads it, so that what rotates is read anew.  No `repr` shows a secret.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeAlias


@dataclass(frozen=True, slots=True)
class Pem:
    """Certificates or a key in PEM: the text itself, or the file that has it."""

    data: bytes = field(default=b"", repr=False)
    path: str = ""
    named_by: str = field(default="", compare=False)
    """The file and the field that name the path; empty where it is always the same."""

    def __bool__(self) -> bool:
        return bool(self.data or self.path)


@dataclass(frozen=True, slots=True)
class Anonymous:
    """No credential but perhaps a client certificate."""


@dataclass(frozen=True, slots=True)
class Token:
    """A bearer token that stays the same."""

    token: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class TokenFile:
    """A bearer token in a file, which someone else renews."""

    path: str


@dataclass(frozen=True, slots=True)
class Basic:
    """A user name and a password."""

    username: str
    password: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Plugin:
    """A command that prints an ExecCredential (client.authentication.k8s.io)."""

    version: str
    """`client.authentication.k8s.io/v1` or `.../v1beta1`."""
    command: str
    arguments: tuple[str, ...] = field(default=(), repr=False)
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)
    install_hint: str = ""
    cluster: Mapping[str, object] | None = field(default=None, repr=False)
    """What `provideClusterInfo` asks for: `spec.cluster` as the plugin gets it, but for a
    certificate authority that is in a file."""


Credentials: TypeAlias = Anonymous | Token | TokenFile | Basic | Plugin


@dataclass(frozen=True, slots=True)
class Access:
    """One API server, and who to be there."""

    server: str
    """`https://host:port`, with a path when the API is not at the root."""
    origin: str
    """Where this was found, for people: a file and its context, or the service account."""
    credentials: Credentials = Anonymous()
    authority: Pem = Pem()
    """The certificates to trust; those of the system when there are none."""
    certificate: Pem = Pem()
    key: Pem = Pem()
    tls_server_name: str = ""
    """The name to look for in the server's certificate; the host when empty."""
    insecure: bool = False
    """Believe any certificate, because somebody asked for that."""
    proxy: str = field(default="", repr=False)
    """`http://`, `https://` or `socks5://`, perhaps with a password in it."""
    namespace: str = ""
    """The namespace that the context or the service account is in; empty when it says none."""
