"""`metadata`, which every kind has: who a resource is, its labels and annotations."""

from __future__ import annotations

from typing import NamedTuple

from proclaim.manifests.fields import Fields, Report
from proclaim.manifests.names import label_name_problem, subdomain_problem
from proclaim.manifests.yaml_document import Value
from proclaim.model import Pairs

DEFAULT_NAMESPACE = "default"
CURRENT_PREFIX = "metallb.io/"
LEGACY_PREFIX = "metallb.universe.tf/"
OWN_PREFIX = "proclaim.io/"

_WRITTEN_BY_THE_API_SERVER = (
    "creationTimestamp",
    "deletionGracePeriodSeconds",
    "deletionTimestamp",
    "finalizers",
    "generateName",
    "generation",
    "managedFields",
    "ownerReferences",
    "resourceVersion",
    "selfLink",
    "uid",
)
_SHORT_NAMES = ("Service", "Namespace")


class Metadata(NamedTuple):
    """What a resource says about itself."""

    namespace: str
    """Empty for cluster-scoped kinds and for those of `metallb.io`."""
    name: str
    labels: Pairs
    annotations: dict[str, str]

    def annotation(self, key: str) -> tuple[str, str]:
        """The full key and the value of an annotation: the current prefix wins, even if empty."""
        current = CURRENT_PREFIX + key
        if current in self.annotations:
            return current, self.annotations[current]
        return LEGACY_PREFIX + key, self.annotations.get(LEGACY_PREFIX + key, "")

    def kept(self, *prefixes: str) -> Pairs:
        """The annotations under some prefixes, sorted."""
        return tuple(
            (key, value)
            for key, value in sorted(self.annotations.items())
            if key.startswith(prefixes)
        )


def identify(report: Report, value: dict[str, Value], *, namespaced: bool) -> None:
    """Tell the report whom its problems are about, as far as the object says so at all."""
    metadata = value.get("metadata")
    if not isinstance(metadata, dict):
        return
    name, namespace = metadata.get("name"), metadata.get("namespace")
    if isinstance(name, str) and subdomain_problem(name) is None:
        report.name = name
    if namespaced and report.name:
        report.namespace = namespace if isinstance(namespace, str) else ""
        report.namespace = report.namespace or DEFAULT_NAMESPACE


def read_metadata(root: Fields, kind: str, *, namespaced: bool, strict: bool) -> Metadata | None:
    """The metadata of an object; None when it says not even its name."""
    fields = root.mapping("metadata")
    if fields is None:
        if not root.has("metadata"):
            root.problem("metadata", "is missing; a mapping with a name is expected", "name")
        return None
    name = fields.required_text("name")
    name_problem = label_name_problem if kind in _SHORT_NAMES else subdomain_problem
    if name and (problem := name_problem(name)):
        fields.problem("name", problem)
    namespace = fields.text("namespace") or DEFAULT_NAMESPACE
    if problem := label_name_problem(namespace):
        fields.problem("namespace", problem)
    labels = fields.labels("labels")
    annotations = fields.annotations("annotations")
    if strict:
        for key in _WRITTEN_BY_THE_API_SERVER:
            fields.get(key)
        fields.close()
    return Metadata(namespace if namespaced else "", name, labels, annotations)
