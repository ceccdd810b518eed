"""The schemas of Kubernetes' own kinds, for the oldest version that is supported and a new one."""

import json
import re
from functools import lru_cache
from importlib.resources import files

import jsonschema
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012

VERSIONS = ("v1.25.0", "v1.35.0")
CUSTOM = {"Certificate", "Issuer", "PodMonitor"}
"""Kinds that others define; nothing here has their schemas."""


@lru_cache
def _folder(version):
    return files("kubernetes_validate") / "kubernetes-json-schema" / f"{version}-local-strict"


@lru_cache
def _registry(version):
    definitions = json.loads((_folder(version) / "_definitions.json").read_text("utf-8"))
    resource = Resource.from_contents(definitions, default_specification=DRAFT202012)
    return Registry().with_resource("_definitions.json", resource).crawl()


@lru_cache
def _validator(version, kind, api_version):
    short = re.sub(r"^([^./]*)(?:\.[^/]*)?/", r"\1-", api_version)
    schema = json.loads((_folder(version) / f"{kind.lower()}-{short}.json").read_text("utf-8"))
    return jsonschema.Draft202012Validator(schema, registry=_registry(version))


def problems(resource, version):
    """Why an object is none of its kind; unknown fields are a reason too."""
    validator = _validator(version, resource["kind"], resource["apiVersion"])
    name = f"{resource['kind']}/{resource['metadata']['name']}"
    return [
        f"{name}: {'.'.join(map(str, error.path))}: {error.message}"
        for error in validator.iter_errors(resource)
    ]
