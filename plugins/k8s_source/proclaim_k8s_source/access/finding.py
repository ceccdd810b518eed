"""Looks for an API server where people keep one, and reads the files that say where."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import yaml
from proclaim import SettingsError

from proclaim_k8s_source.access.incluster import SERVICE_ACCOUNT, in_cluster
from proclaim_k8s_source.access.kubeconfig import Document, read_kubeconfig
from proclaim_k8s_source.access.value import Access

_HINT = (
    "name a kubeconfig (--kubeconfig, or kubeconfig under [k8s_source]), set KUBECONFIG, "
    "or run in a pod"
)


def find_access(
    kubeconfig: str = "",
    context: str = "",
    environment: Mapping[str, str] = os.environ,
    home: Path | None = None,
    service_account: Path = SERVICE_ACCOUNT,
) -> Access:
    """The API server to talk to: the first of these that there is.

    The named kubeconfig; the service account of the pod, unless a context is
    named; the files of KUBECONFIG; `~/.kube/config`.  Raises SettingsError.
    """
    home = home or Path.home()
    if kubeconfig:
        path = Path(kubeconfig).expanduser()
        if not path.exists():
            raise SettingsError(f"{path}: there is no such kubeconfig", _HINT)
        return read_kubeconfig([_document(path)], context)
    if not context and (found := in_cluster(environment, service_account)):
        return found
    named = [Path(part) for part in environment.get("KUBECONFIG", "").split(":") if part]
    looked = named or [home / ".kube" / "config"]
    documents = [_document(path) for path in looked if path.exists()]
    if documents:
        return read_kubeconfig(documents, context)
    raise SettingsError(_nothing(environment, looked, bool(named), context), _HINT)


def _nothing(environment: Mapping[str, str], looked: list[Path], named: bool, context: str) -> str:
    """What was looked for, and why it was not there."""
    if context:
        pod = f"a pod was not considered, because the context {context} is asked for"
    elif environment.get("KUBERNETES_SERVICE_HOST"):
        pod = "the pod has no token of a service account"
    else:
        pod = "this is no pod (KUBERNETES_SERVICE_HOST is not set)"
    files = " and ".join(str(path) for path in looked)
    why = "which KUBECONFIG names" if named else "and KUBECONFIG is not set"
    return f"no API server is known: no kubeconfig is given, {pod}, {files} is not there, {why}"


def _document(path: Path) -> Document:
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise SettingsError(f"{path}: cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise SettingsError(f"{path}: is not UTF-8") from None
    try:
        return Document(str(path), yaml.safe_load(text))
    except yaml.MarkedYAMLError as error:  # whose text quotes the file, and that has secrets
        mark = error.problem_mark
        line = f" in line {mark.line + 1}" if mark else ""
        raise SettingsError(f"{path}: is not YAML{line}") from None
    except yaml.YAMLError:
        raise SettingsError(f"{path}: is not YAML") from None
