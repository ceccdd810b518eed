"""Reads kubeconfig documents into an `Access`, as kubectl reads them.

Pure: the documents are parsed YAML, files that they name are not opened.
Several documents are one: of two clusters, users or contexts with the same
name the first counts, and so does the first `current-context`.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from proclaim import SettingsError

from proclaim_k8s_source.access.fields import Fields, beside
from proclaim_k8s_source.access.value import (
    Access,
    Anonymous,
    Basic,
    Credentials,
    Pem,
    Plugin,
    Token,
    TokenFile,
)

EXEC_VERSIONS = ("client.authentication.k8s.io/v1", "client.authentication.k8s.io/v1beta1")
_PROXIES = ("http", "https", "socks5", "socks5h")
_LOOPBACK = ("localhost", "127.0.0.1", "::1")
_CLUSTER_EXTENSION = "client.authentication.k8s.io/exec"


@dataclass(frozen=True, slots=True)
class Document:
    """A kubeconfig file, parsed."""

    path: str
    value: object


def read_kubeconfig(documents: Sequence[Document], context: str = "") -> Access:
    """The access that a context stands for; the current one when none is named.

    Raises SettingsError with the file, the field and what would be accepted.
    """
    tops = [Fields(document.path, "", document.value) for document in documents]
    files = ", ".join(document.path for document in documents)
    name = context or next((top.text("current-context") for top in tops if _current(top)), "")
    if not name:
        raise SettingsError(
            f"{files}: current-context: is missing",
            f"name a context; {_there(tops, 'contexts')}",
        )
    chosen = _entry(tops, "contexts", name, files).child("context")
    cluster = _entry(tops, "clusters", chosen.needed("cluster"), files).child("cluster")
    user = (
        _entry(tops, "users", chosen.text("user"), files).child("user")
        if "user" in chosen
        else Fields(chosen.file, "", {})
    )
    return _access(cluster, user, chosen.text("namespace"), f"{chosen.file} (context {name})")


def _current(top: Fields) -> bool:
    return "current-context" in top


def _entry(tops: Sequence[Fields], kind: str, name: str, files: str) -> Fields:
    for top in tops:
        for entry in top.children(kind, named=True):
            if entry.text("name") == name:
                return entry
    raise SettingsError(f"{files}: {kind}: none is named {name}; {_there(tops, kind)}")


def _there(tops: Sequence[Fields], kind: str) -> str:
    """Which names there are of a kind."""
    found = [entry.text("name") for top in tops for entry in top.children(kind, named=True)]
    names = list(dict.fromkeys(found))
    if len(names) == 1:
        return f"the only one is {names[0]}"
    return f"there are {', '.join(names)}" if names else "there is none"


def _access(cluster: Fields, user: Fields, namespace: str, origin: str) -> Access:
    server = _server(cluster)
    insecure = cluster.flag("insecure-skip-tls-verify")
    authority = _pem(cluster, "certificate-authority")
    if insecure and authority:
        raise cluster.error(
            "insecure-skip-tls-verify", "excludes certificate-authority; remove one of the two"
        )
    certificate, key = _pem(user, "client-certificate"), _pem(user, "client-key")
    if bool(certificate) != bool(key):
        lacks = "client-key" if certificate else "client-certificate"
        raise user.error(lacks, f"is missing, and so is {lacks}-data; give one of them")
    access = Access(
        server,
        origin,
        _credentials(user, cluster),
        authority,
        certificate,
        key,
        cluster.text("tls-server-name"),
        insecure,
        _proxy(cluster),
        namespace,
    )
    parts = urlsplit(server)
    if (
        parts.scheme == "http"
        and parts.hostname not in _LOOPBACK
        and not isinstance(access.credentials, Anonymous)
    ):
        raise cluster.error("server", "is http://, where a credential would be seen; use https://")
    return access


def _server(cluster: Fields) -> str:
    server = cluster.needed("server").rstrip("/")
    if not _usable(server, ("https", "http")):
        raise cluster.error("server", "is not an URL like https://192.0.2.1:6443")
    if "@" in urlsplit(server).netloc:
        raise cluster.error("server", "has a user name in it; credentials belong into users")
    return server


def _proxy(cluster: Fields) -> str:
    proxy = cluster.text("proxy-url")
    if proxy and not _usable(proxy, _PROXIES):
        raise cluster.error("proxy-url", f"is not an URL of {', '.join(_PROXIES)}")
    return proxy


def _usable(url: str, schemes: Sequence[str]) -> bool:
    try:
        parts = urlsplit(url)
        known = parts.scheme in schemes and bool(parts.hostname) and url.isascii()
        return known and parts.port != 0
    except ValueError:  # a port that is no number, a bracket that does not close
        return False


def _pem(fields: Fields, key: str) -> Pem:
    """The data when there is some, else the file, as kubectl has it."""
    if f"{key}-data" in fields:
        return Pem(data=fields.decoded(f"{key}-data"))
    path = fields.path(key)
    return Pem(path=path, named_by=fields.place(key)) if path else Pem()


def _credentials(user: Fields, cluster: Fields) -> Credentials:
    """What a user gives; the file before the token, either before a command."""
    for key in ("as", "as-groups", "as-uid", "as-user-extra"):
        if key in user:
            raise user.error(key, "acting as somebody else is not supported; remove it")
    if "auth-provider" in user:
        raise user.error(
            "auth-provider",
            "is not supported; use exec, token, tokenFile or a client certificate",
            "the providers moved into exec plugins, such as kubelogin or gke-gcloud-auth-plugin",
        )
    if "username" in user and ("token" in user or "tokenFile" in user):
        raise user.error("username", "stands beside a token; remove one of the two")
    if "tokenFile" in user:
        return TokenFile(user.path("tokenFile"))
    if "token" in user:
        return Token(user.line("token"))
    if "username" in user:
        return Basic(user.line("username"), user.text("password"))
    if "exec" in user:
        return _plugin(user.child("exec"), cluster)
    return Anonymous()


def _plugin(fields: Fields, cluster: Fields) -> Plugin:
    version = fields.needed("apiVersion")
    if version not in EXEC_VERSIONS:
        raise fields.error("apiVersion", f"is not {' or '.join(EXEC_VERSIONS)}")
    mode = fields.text("interactiveMode") or "IfAvailable"
    if mode == "Always":
        raise fields.error(
            "interactiveMode", "is Always, but nobody is there to be asked; use Never"
        )
    if mode not in ("Never", "IfAvailable"):
        raise fields.error("interactiveMode", "is not Never or IfAvailable")
    command = fields.needed("command")
    return Plugin(
        version,
        beside(fields.file, command) if "/" in command else command,
        fields.texts("args"),
        {item.needed("name"): item.text("value") for item in fields.children("env")},
        fields.text("installHint").strip(),
        _told(cluster) if fields.flag("provideClusterInfo") else None,
    )


def _told(cluster: Fields) -> dict[str, object]:
    """`spec.cluster` of an ExecCredential (client.authentication.k8s.io/v1)."""
    told: dict[str, object] = {"server": cluster.text("server")}
    for key in ("tls-server-name", "proxy-url"):
        if key in cluster:
            told[key] = cluster.text(key)
    if cluster.flag("insecure-skip-tls-verify"):
        told["insecure-skip-tls-verify"] = True
    authority = _pem(cluster, "certificate-authority")
    if authority.data:
        told["certificate-authority-data"] = base64.b64encode(authority.data).decode()
    for extension in cluster.children("extensions", named=True):
        if extension.text("name") == _CLUSTER_EXTENSION:
            told["config"] = extension.raw("extension")
    return told
