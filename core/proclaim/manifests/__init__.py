"""Manifests: YAML documents of `metallb.io` and of Kubernetes, to nouns.

Every problem has its file, its line and its field; nothing here raises, and
nothing here touches a file (`manifests.files` does).  A document with a
problem gives no resource, and takes no other down with it.
"""

from proclaim.manifests.fields import path_of
from proclaim.manifests.reading import (
    Documents,
    Found,
    Parsed,
    collect,
    parse_object,
    read_documents,
    read_each,
)
from proclaim.manifests.yaml_text import MAX_BYTES

__all__ = [
    "MAX_BYTES",
    "Documents",
    "Found",
    "Parsed",
    "collect",
    "parse_object",
    "path_of",
    "read_documents",
    "read_each",
]
