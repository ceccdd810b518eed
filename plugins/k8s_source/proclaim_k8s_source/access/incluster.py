"""Finds the API server from inside a pod: two variables and three files."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from proclaim import SettingsError

from proclaim_k8s_source.access.value import Access, Pem, TokenFile

SERVICE_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")


def in_cluster(environment: Mapping[str, str], folder: Path = SERVICE_ACCOUNT) -> Access | None:
    """The access of the pod's service account; None outside a cluster, or without a token.

    Raises SettingsError when the files are only half there.
    """
    host = environment.get("KUBERNETES_SERVICE_HOST", "")
    port = environment.get("KUBERNETES_SERVICE_PORT", "")
    if not host or not port or not (folder / "token").exists():
        return None
    authority = folder / "ca.crt"
    if not authority.exists():
        raise SettingsError(
            f"{authority}: is missing, so the API server's certificate cannot be checked",
            "the config map kube-root-ca.crt of the namespace has it",
        )
    return Access(
        f"https://[{host}]:{port}" if ":" in host else f"https://{host}:{port}",
        f"the service account at {folder}",
        TokenFile(str(folder / "token")),
        Pem(path=str(authority)),
        namespace=_namespace(folder / "namespace"),
    )


def _namespace(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError):
        return ""  # the settings can name it instead
