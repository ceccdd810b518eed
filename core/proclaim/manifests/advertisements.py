"""L2Advertisement and BGPAdvertisement (`metallb.io/v1beta1`)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from proclaim.addresses import BITS
from proclaim.manifests.fields import UINT32, Fields
from proclaim.manifests.metadata import Metadata
from proclaim.manifests.selectors import read_selector, selectors
from proclaim.manifests.values import community_problem
from proclaim.model import BGPAdvertisement, L2Advertisement, Selector

_MAX_WEIGHT = 100


class _Common(NamedTuple):
    """What both kinds select by."""

    pools: tuple[str, ...]
    pool_selectors: tuple[Selector, ...]
    node_selectors: tuple[Selector, ...]
    service_selectors: tuple[Selector, ...]


def _common(spec: Fields) -> _Common:
    return _Common(
        pools=spec.texts("ipAddressPools", unique=True),
        pool_selectors=selectors(spec, "ipAddressPoolSelectors"),
        node_selectors=selectors(spec, "nodeSelectors"),
        service_selectors=selectors(spec, "serviceSelectors"),
    )


def read_l2_advertisement(root: Fields, metadata: Metadata) -> L2Advertisement:
    """An L2Advertisement."""
    spec = root.optional("spec")  # one without selects everything
    common = _common(spec)
    interfaces = spec.texts("interfaces")
    preferred = tuple(_preferred(spec))
    spec.close()
    return L2Advertisement(
        name=metadata.name,
        pools=common.pools,
        pool_selectors=common.pool_selectors,
        node_selectors=common.node_selectors,
        service_selectors=common.service_selectors,
        interfaces=tuple(dict.fromkeys(interfaces)),
        preferred_nodes=preferred,
    )


def _preferred(spec: Fields) -> Iterator[tuple[int, Selector]]:
    for _, fields in spec.mappings("preferredNodeSelectors"):
        weight = fields.whole("weight", 1, _MAX_WEIGHT)
        if weight is None and not fields.has("weight"):
            fields.missing("weight", f"a whole number from 1 to {_MAX_WEIGHT}")
        preference = fields.mapping("preference")
        if preference is None and not fields.has("preference"):
            fields.missing("preference", "a label selector")
        fields.close()
        yield weight or 0, read_selector(preference) if preference else Selector()


def read_bgp_advertisement(root: Fields, metadata: Metadata) -> BGPAdvertisement:
    """A BGPAdvertisement."""
    spec = root.optional("spec")  # one without selects everything
    common = _common(spec)
    lengths = {
        4: spec.whole("aggregationLength", 1, BITS[4]),
        6: spec.whole("aggregationLengthV6", 1, BITS[6]),
    }
    local_pref = spec.whole("localPref", 0, UINT32) or 0
    communities = _communities(spec)
    peers = spec.texts("peers", unique=True)
    spec.close()
    aggregated = any(length not in (None, BITS[family]) for family, length in lengths.items())
    if common.service_selectors and aggregated:
        spec.problem(
            "serviceSelectors",
            "cannot stand beside an aggregation length; a prefix covers other services too",
        )
    return BGPAdvertisement(
        name=metadata.name,
        pools=common.pools,
        pool_selectors=common.pool_selectors,
        node_selectors=common.node_selectors,
        service_selectors=common.service_selectors,
        peers=peers,
        aggregation_length=lengths[4] or BITS[4],
        aggregation_length_v6=lengths[6] or BITS[6],
        local_pref=local_pref,
        communities=communities,
    )


def _communities(spec: Fields) -> tuple[str, ...]:
    communities = spec.texts("communities", unique=True)
    for index, item in spec.items("communities", str, "a text"):
        if item and (problem := community_problem(item, alias=True)):
            spec.problem("communities", problem, index)
    return communities
