"""What an API server makes of a CustomResourceDefinition: its rules, defaults, pruning and checks.

The rules of structural schemas and of defaults are those of apiextensions.k8s.io/v1.
"""

from copy import deepcopy
from functools import lru_cache

import celpy
import jsonschema

TYPES = {"array", "boolean", "integer", "number", "object", "string"}
KNOWN = {
    "additionalProperties",
    "default",
    "description",
    "enum",
    "format",
    "items",
    "maxLength",
    "maximum",
    "minItems",
    "minLength",
    "minimum",
    "pattern",
    "properties",
    "required",
    "type",
    "x-kubernetes-list-map-keys",
    "x-kubernetes-list-type",
    "x-kubernetes-map-type",
    "x-kubernetes-validations",
}
"""The constructs that these definitions use; nothing of what structural schemas forbid."""
FORMATS = {"date-time": "string", "int32": "integer", "int64": "integer"}


def nodes(schema, path=()):
    """Every node of a schema with its path."""
    yield path, schema
    for name, inner in schema.get("properties", {}).items():
        yield from nodes(inner, (*path, name))
    if "items" in schema:
        yield from nodes(schema["items"], (*path, "[]"))
    if isinstance(schema.get("additionalProperties"), dict):
        yield from nodes(schema["additionalProperties"], (*path, "{}"))


def problems(schema):
    """What an API server would refuse, or what a reader would miss."""
    found = []
    for path, node in nodes(schema):
        place = ".".join(path) or "the root"
        found += [f"{place}: {each} is not used here" for each in node.keys() - KNOWN]
        found += [f"{place}: {each}" for each in _node_problems(path, node)]
    return found


def _node_problems(path, node):
    kind = node.get("type")
    if kind not in TYPES:
        yield f"has the type {kind}"
    if kind == "array" and "items" not in node:
        yield "has no items"
    if "properties" in node and ("additionalProperties" in node or kind != "object"):
        yield "has properties beside something else"
    if missing := set(node.get("required", ())) - node.get("properties", {}).keys():
        yield f"requires {missing}, which it does not have"
    yield from _extent_problems(node)
    if path == ("metadata",) and node != {"type": "object"}:
        yield "says more than that it is an object"
    if not node.get("description") and path[-1:] not in (("[]",), ("{}",), ("metadata",)):
        yield "has no description"


def _extent_problems(node):
    kind = node.get("type")
    if "format" in node and FORMATS.get(node["format"]) != kind:
        yield f"has the format {node['format']}"
    if node.get("maximum", 0) >= 1 << 31 and node.get("format") != "int64":
        yield "has a maximum beyond its format"
    if "default" in node and [*errors(node, node["default"])]:
        yield "has a default that it refuses"
    keys = node.get("x-kubernetes-list-map-keys", ())
    if keys and not set(keys) <= set(node["items"].get("required", ())):
        yield "has keys that an item may lack"


def defaulted(schema, value):
    """A value with the defaults filled in, as the server stores it."""
    if isinstance(value, dict):
        filled = dict(value)
        for name, inner in schema.get("properties", {}).items():
            if name not in filled and "default" in inner:
                filled[name] = deepcopy(inner["default"])
            if name in filled:
                filled[name] = defaulted(inner, filled[name])
        return filled
    if isinstance(value, list):
        return [defaulted(schema["items"], each) for each in value]
    return value


def pruned(schema, value, root=True):
    """A value without the fields that the schema does not know."""
    if isinstance(value, dict) and "properties" in schema:
        return {
            name: inner if root and name == "metadata" else pruned(known, inner, False)
            for name, inner in value.items()
            if (known := schema["properties"].get(name)) is not None
        }
    if isinstance(value, list):
        return [pruned(schema["items"], each, False) for each in value]
    return value


def errors(schema, value, old=None):
    """Why a value is refused; `old` is what it replaces."""
    for error in jsonschema.Draft202012Validator(schema).iter_errors(value):
        yield f"{'.'.join(map(str, error.path))}: {error.message}"
    yield from _broken_rules(schema, value, old, "")


def _broken_rules(schema, value, old, path):
    for each in schema.get("x-kubernetes-validations", ()):
        if "oldSelf" in each["rule"] and old is None:
            continue  # a transition rule holds of updates only
        if not _holds(each["rule"], value, old):
            yield f"{path}: {each['message']}"
    if isinstance(value, dict):
        before = old if isinstance(old, dict) else {}
        for name, inner in schema.get("properties", {}).items():
            if name in value:
                yield from _broken_rules(inner, value[name], before.get(name), f"{path}.{name}")
    elif isinstance(value, list):
        for index, each in enumerate(value):
            yield from _broken_rules(schema["items"], each, None, f"{path}[{index}]")


@lru_cache
def _program(rule):
    environment = celpy.Environment()
    return environment.program(environment.compile(rule))


def _holds(rule, value, old):
    given = {"self": celpy.json_to_cel(value)}
    if old is not None:
        given["oldSelf"] = celpy.json_to_cel(old)
    return bool(_program(rule).evaluate(given))
