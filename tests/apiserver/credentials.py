"""Certificates of a server's own making, and a kubeconfig to reach it with."""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import Any

import trustme
import yaml

Json = dict[str, Any]


def make_certificates(folder: Path, host: str) -> ssl.SSLContext:
    """Write ca.crt, client.crt and client.key; the context for the server.

    A client may show a certificate: its common name is the user.
    """
    folder.mkdir(parents=True, exist_ok=True)
    authority = trustme.CA()
    authority.cert_pem.write_to_path(folder / "ca.crt")
    client = authority.issue_cert("admin@emulator.invalid", common_name="system:admin")
    client.cert_chain_pems[0].write_to_path(folder / "client.crt")
    client.private_key_pem.write_to_path(folder / "client.key")
    names = dict.fromkeys([host, "127.0.0.1", "localhost", "kubernetes.default.svc"])
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert(*names).configure_cert(context)
    authority.configure_trust(context)
    context.verify_mode = ssl.CERT_OPTIONAL
    context.set_alpn_protocols(["http/1.1"])
    return context


def kubeconfig(url: str, folder: Path | None, token: str | None) -> str:
    """A kubeconfig: with the token, or else the client certificate, if there are such."""
    cluster: Json = {"server": url}
    user: Json = {}
    if folder is not None:
        cluster["certificate-authority"] = str(folder / "ca.crt")
    if token is not None:
        user["token"] = token
    elif folder is not None:
        user["client-certificate"] = str(folder / "client.crt")
        user["client-key"] = str(folder / "client.key")
    return yaml.safe_dump(
        {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "emulator",
            "clusters": [{"name": "emulator", "cluster": cluster}],
            "users": [{"name": "emulator", "user": user}],
            "contexts": [
                {"name": "emulator", "context": {"cluster": "emulator", "user": "emulator"}}
            ],
        }
    )
