"""IPAddressPool and Community (`metallb.io/v1beta1`)."""

from __future__ import annotations

from bisect import bisect_right, insort
from difflib import get_close_matches

from proclaim.addresses import Range, clip, parse_range
from proclaim.manifests.fields import Fields
from proclaim.manifests.metadata import OWN_PREFIX, Metadata
from proclaim.manifests.names import label_name_problem
from proclaim.manifests.selectors import selectors
from proclaim.manifests.values import community_problem
from proclaim.model import Community, Pool, ServiceAllocation
from proclaim.pool_index import ALLOCATION, CLOSED, OPEN, QUOTA, parse_quota

_LONGEST_RANGE = 128
_BEYOND = 1 << 128
_INT64 = 1 << 63


def read_pool(root: Fields, metadata: Metadata) -> Pool:
    """An IPAddressPool, whose addresses do not overlap each other."""
    spec = root.optional("spec")
    addresses = _addresses(spec)
    auto_assign = spec.flag("autoAssign", default=True)
    avoid_buggy_ips = spec.flag("avoidBuggyIPs")
    allocation = spec.mapping("serviceAllocation")
    read = _service_allocation(allocation) if allocation is not None else None
    spec.close()
    _own_annotations(root, metadata)
    return Pool(
        name=metadata.name,
        labels=metadata.labels,
        annotations=metadata.kept(OWN_PREFIX),
        addresses=addresses,
        auto_assign=auto_assign,
        avoid_buggy_ips=avoid_buggy_ips,
        service_allocation=read,
    )


def _addresses(spec: Fields) -> tuple[str, ...]:
    texts: list[str] = []
    spans: list[Range] = []  # sorted, and none overlaps another
    for index, text in spec.items("addresses", str, "a text"):
        try:
            span = parse_range(text[:_LONGEST_RANGE])
        except ValueError as error:
            spec.problem("addresses", str(error), index)
            continue
        before = bisect_right(spans, Range(span.family, span.last, _BEYOND)) - 1
        if before >= 0 and spans[before].overlaps(span):
            sentence = f"{clip(text)} overlaps {spans[before]} of the same pool"
            spec.problem("addresses", sentence, index)
            continue
        insort(spans, span)
        texts.append(str(span))
    if not spec.get("addresses"):
        spec.missing("addresses", "a list of at least one CIDR or start-end")
    return tuple(texts)


def _quota_problem(value: str) -> str:
    try:
        quota = parse_quota(value)
    except ValueError as error:
        return str(error)
    return next(filter(None, map(label_name_problem, sorted(quota.named))), "")


def _own_annotations(root: Fields, metadata: Metadata) -> None:
    """Ours are few, and one that is misspelt would do the opposite of what is meant."""
    for key, value in metadata.kept(OWN_PREFIX):
        sentence = ""
        if key == ALLOCATION and value not in (OPEN, CLOSED):
            sentence = f"{clip(value)} is not one of {OPEN}, {CLOSED}"
        elif key == QUOTA:
            sentence = _quota_problem(value)
        elif key not in (ALLOCATION, QUOTA):
            known = {name.removeprefix(OWN_PREFIX): name for name in (ALLOCATION, QUOTA)}
            guess = get_close_matches(key.removeprefix(OWN_PREFIX), known, n=1, cutoff=0.5)
            sentence = f"is unknown; did you mean {known[guess[0]]}?" if guess else ""
        if sentence:
            root.problem("metadata", sentence, "annotations", key)


def _service_allocation(fields: Fields) -> ServiceAllocation:
    priority = fields.whole("priority", -_INT64, _INT64 - 1)
    namespaces = fields.texts("namespaces", unique=True)
    namespace_selectors = selectors(fields, "namespaceSelectors")
    service_selectors = selectors(fields, "serviceSelectors")
    fields.close()
    return ServiceAllocation(
        priority=priority or 0,
        namespaces=namespaces,
        namespace_selectors=namespace_selectors,
        service_selectors=service_selectors,
    )


def read_community(root: Fields, metadata: Metadata) -> Community:
    """A Community: aliases, each of a literal community."""
    spec = root.optional("spec")
    aliases: dict[str, str] = {}
    for index, fields in spec.mappings("communities"):
        alias = fields.required_text("name", "an alias")
        value = fields.required_text("value", "a community such as 64512:100")
        fields.close()
        if value and (problem := community_problem(value, alias=False)):
            fields.problem("value", problem)
        if alias and alias in aliases:
            spec.problem("communities", f"{clip(alias)} is given twice", index, "name")
        aliases.setdefault(alias, value)
    spec.close()
    return Community(name=metadata.name, communities=tuple(sorted(aliases.items())))
