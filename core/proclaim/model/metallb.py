"""The resources of `metallb.io` that an operator writes."""

from __future__ import annotations

from enum import StrEnum
from typing import Literal

from proclaim.model.names import Noun, Pairs, Ref, Struct
from proclaim.model.selectors import Selector


class ServiceAllocation(Struct, frozen=True):
    """Who may use a pool (`IPAddressPool.spec.serviceAllocation`)."""

    priority: int = 0
    """Lower is preferred; 0 is last."""
    namespaces: tuple[str, ...] = ()
    namespace_selectors: tuple[Selector, ...] = ()
    service_selectors: tuple[Selector, ...] = ()


class Pool(Noun, frozen=True, tag="IPAddressPool"):
    """An IPAddressPool (`metallb.io/v1beta1`)."""

    name: str
    labels: Pairs = ()
    annotations: Pairs = ()
    """Only `proclaim.io/` keys are kept."""
    addresses: tuple[str, ...] = ()
    """Each a CIDR or `start-end`, canonical text, in the order declared."""
    auto_assign: bool = True
    avoid_buggy_ips: bool = False
    service_allocation: ServiceAllocation | None = None

    @property
    def ref(self) -> Ref:
        return Ref("IPAddressPool", "", self.name)


class L2Advertisement(Noun, frozen=True):
    """An L2Advertisement (`metallb.io/v1beta1`)."""

    name: str
    pools: tuple[str, ...] = ()
    pool_selectors: tuple[Selector, ...] = ()
    node_selectors: tuple[Selector, ...] = ()
    service_selectors: tuple[Selector, ...] = ()
    interfaces: tuple[str, ...] = ()
    """Interface names; empty means every interface."""
    preferred_nodes: tuple[tuple[int, Selector], ...] = ()
    """`preferredNodeSelectors` as (weight, selector)."""

    @property
    def ref(self) -> Ref:
        return Ref("L2Advertisement", "", self.name)


class BGPAdvertisement(Noun, frozen=True):
    """A BGPAdvertisement (`metallb.io/v1beta1`)."""

    name: str
    pools: tuple[str, ...] = ()
    pool_selectors: tuple[Selector, ...] = ()
    node_selectors: tuple[Selector, ...] = ()
    service_selectors: tuple[Selector, ...] = ()
    peers: tuple[str, ...] = ()
    """Names of BGPPeers; empty means every peer."""
    aggregation_length: int = 32
    aggregation_length_v6: int = 128
    local_pref: int = 0
    """LOCAL_PREF; 0 means not set."""
    communities: tuple[str, ...] = ()
    """`a:b`, `large:a:b:c` or the alias of a Community, as written."""

    @property
    def ref(self) -> Ref:
        return Ref("BGPAdvertisement", "", self.name)


def selects_pool(ad: BGPAdvertisement | L2Advertisement, pool: Pool) -> bool:
    """Whether an advertisement covers a pool: named, selected, or neither list given."""
    if not ad.pools and not ad.pool_selectors:
        return True
    return pool.name in ad.pools or any(
        selector.matches(pool.labels) for selector in ad.pool_selectors
    )


def is_literal(text: str) -> bool:
    """Whether a text has the form of a community, and so can be no alias.

    Its numbers were checked when it was read.
    """
    return text.count(":") == 1 or (text.startswith("large:") and text.count(":") == 3)


class Secret(StrEnum):
    """Where a peer's password comes from; its text is never part of a noun."""

    NONE = ""
    INLINE = "inline"
    """`spec.password`: the source hands the text to `host.secrets` under the peer's name."""
    REFERENCE = "reference"
    """`spec.passwordSecret`."""


class BGPPeer(Noun, frozen=True):
    """A BGPPeer (`metallb.io/v1beta2`); `v1beta1` is lifted to it."""

    name: str
    my_asn: int
    peer_asn: int = 0
    """0 when `dynamicASN` is used."""
    dynamic_asn: Literal["", "internal", "external"] = ""
    local_asn: int = 0
    peer_address: str = ""
    interface: str = ""
    source_address: str = ""
    peer_port: int = 179
    hold_seconds: int | None = None
    keepalive_seconds: int | None = None
    connect_seconds: int | None = None
    router_id: str = ""
    node_selectors: tuple[Selector, ...] = ()
    password: Secret = Secret.NONE
    password_secret: str = ""
    bfd_profile: str = ""
    graceful_restart: bool = False
    ebgp_multi_hop: bool = False
    vrf: str = ""
    dual_stack_address_family: bool = False

    @property
    def ref(self) -> Ref:
        return Ref("BGPPeer", "", self.name)


class BFDProfile(Noun, frozen=True):
    """A BFDProfile (`metallb.io/v1beta1`); None where the manifest says nothing."""

    name: str
    receive_interval_ms: int | None = None
    transmit_interval_ms: int | None = None
    detect_multiplier: int | None = None
    echo_interval_ms: int | None = None
    echo_mode: bool = False
    passive_mode: bool = False
    minimum_ttl: int | None = None

    @property
    def ref(self) -> Ref:
        return Ref("BFDProfile", "", self.name)


class Community(Noun, frozen=True):
    """A Community: aliases of community values (`metallb.io/v1beta1`)."""

    name: str
    communities: Pairs = ()
    """(alias, value), sorted by alias."""

    @property
    def ref(self) -> Ref:
        return Ref("Community", "", self.name)
