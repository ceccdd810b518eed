"""The nouns: what sources report and what Proclaim knows about.

Every noun is a frozen struct that can be stored as JSON as it is.  Sources
build them (`manifests` from YAML, the Kubernetes source from API objects) and
nothing downstream ever sees a raw document.  A noun is already validated by
itself; whether two nouns agree with each other is decided in `admission`.

Labels and annotations are sorted tuples of pairs, so that equal things are
equal bytes.  Addresses are canonical text here (RFC 5952 for IPv6), integers
in `addresses`.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Literal, NamedTuple, TypeAlias

import msgspec

Pairs: TypeAlias = tuple[tuple[str, str], ...]
"""Labels, annotations or a selector's equalities, sorted by key."""


class Ref(NamedTuple):
    """Names one resource: `Service/default/web`, `IPAddressPool/public`.

    The namespace is empty for cluster-scoped kinds and for the `metallb.io`
    kinds, of which only one namespace is ever read.
    """

    kind: str
    namespace: str
    name: str

    def __str__(self) -> str:
        return "/".join(part for part in self if part)

    @property
    def short(self) -> str:
        """Without the kind, as kubectl prints it: `default/web`."""
        return f"{self.namespace}/{self.name}" if self.namespace else self.name


def service_ref(namespace: str, name: str) -> Ref:
    """Name a Service."""
    return Ref("Service", namespace, name)


class Struct(msgspec.Struct, frozen=True, omit_defaults=True):
    """A frozen value; defaults are left out of what is stored."""


class Noun(Struct, frozen=True, tag_field="noun", tag=True):
    """A resource; its stored form says which one it is."""


class Problem(Struct, frozen=True, order=True):
    """One thing wrong with what was read: what, where, and what would be accepted."""

    file: str = ""
    """The file, `-` for standard input, empty when it did not come from a file."""
    line: int = 0
    """Counted from 1; 0 when unknown."""
    kind: str = ""
    namespace: str = ""
    name: str = ""
    field: str = ""
    """The field's path, such as `spec.addresses[1]`."""
    problem: str = ""
    """What is wrong and what would be accepted, as one sentence without a full stop."""

    def __str__(self) -> str:
        subject = "/".join(part for part in (self.kind, self.namespace, self.name) if part)
        place = f"{self.file}:{self.line}" if self.line else self.file
        return ": ".join(part for part in (place, subject, self.field, self.problem) if part)


# --- selectors -------------------------------------------------------------------------------


class Requirement(Struct, frozen=True):
    """One entry of `matchExpressions` (meta/v1 LabelSelectorRequirement)."""

    key: str
    operator: Literal["In", "NotIn", "Exists", "DoesNotExist"]
    values: tuple[str, ...] = ()

    def matches(self, labels: dict[str, str]) -> bool:
        match self.operator:
            case "In":
                return labels.get(self.key) in self.values
            case "NotIn":
                return labels.get(self.key) not in self.values
            case "Exists":
                return self.key in labels
            case "DoesNotExist":
                return self.key not in labels


class Selector(Struct, frozen=True):
    """A meta/v1 LabelSelector; the empty one matches everything."""

    labels: Pairs = ()
    expressions: tuple[Requirement, ...] = ()

    def matches(self, labels: Pairs) -> bool:
        """Whether all equalities and all expressions hold."""
        have = dict(labels)
        return all(have.get(key) == value for key, value in self.labels) and all(
            expression.matches(have) for expression in self.expressions
        )


def any_matches(selectors: tuple[Selector, ...], labels: Pairs) -> bool:
    """Whether any selector matches; no selector at all selects everything."""
    return not selectors or any(selector.matches(labels) for selector in selectors)


# --- core/v1 and discovery.k8s.io/v1 -----------------------------------------------------------


class Port(Struct, frozen=True, order=True):
    """A port of a Service, as far as sharing an address depends on it."""

    protocol: str
    port: int


class Service(Noun, frozen=True):
    """A Service of any type; only `type: LoadBalancer` ever gets an address."""

    namespace: str
    name: str
    labels: Pairs = ()
    annotations: Pairs = ()
    """Only `metallb.io/`, `metallb.universe.tf/` and `proclaim.io/` keys are kept."""
    type: str = "ClusterIP"
    load_balancer_class: str | None = None
    requested_addresses: tuple[str, ...] = ()
    """`spec.loadBalancerIP`, or the `loadBalancerIPs` annotation, in the order given."""
    requested_pool: str = ""
    """The `address-pool` annotation; empty when absent."""
    cluster_ips: tuple[str, ...] = ()
    ip_families: tuple[Literal[4, 6], ...] = ()
    """`spec.ipFamilies` as 4 and 6."""
    ip_family_policy: Literal["SingleStack", "PreferDualStack", "RequireDualStack"] = "SingleStack"
    external_traffic_policy: Literal["Cluster", "Local"] = "Cluster"
    selector: Pairs = ()
    ports: tuple[Port, ...] = ()
    status_addresses: tuple[str, ...] = ()
    """`status.loadBalancer.ingress[].ip`, those that parse."""

    @property
    def ref(self) -> Ref:
        return service_ref(self.namespace, self.name)


class EndpointSlice(Noun, frozen=True):
    """A slice reduced to where a connection would be served (discovery.k8s.io/v1).

    An endpoint serves when `ready` is true or absent, or `serving` is true.
    """

    namespace: str
    name: str
    service: str
    """From the label `kubernetes.io/service-name`."""
    serving_nodes: tuple[str, ...] = ()
    """Nodes with at least one serving endpoint, sorted."""
    serving_elsewhere: bool = False
    """Whether an endpoint without `nodeName` serves; it is local to no node."""

    @property
    def ref(self) -> Ref:
        return Ref("EndpointSlice", self.namespace, self.name)


class Node(Noun, frozen=True):
    """A node of the cluster."""

    name: str
    labels: Pairs = ()
    network_unavailable: bool = False
    """Whether the condition `NetworkUnavailable` is True."""
    addresses: tuple[str, ...] = ()
    """`status.addresses` of type InternalIP, in their order."""

    @property
    def ref(self) -> Ref:
        return Ref("Node", "", self.name)


class Namespace(Noun, frozen=True):
    """A namespace, for selectors over its labels."""

    name: str
    labels: Pairs = ()

    @property
    def ref(self) -> Ref:
        return Ref("Namespace", "", self.name)


# --- metallb.io --------------------------------------------------------------------------------


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


# --- what announcers and detectors report -----------------------------------------------------


class PeerStatus(Noun, frozen=True):
    """How the session of one peer on one node stands, as its announcer reports it."""

    node: str
    peer: str
    address: str = ""
    state: str = "Idle"
    """RFC 4271 section 8.2.2: Idle, Connect, Active, OpenSent, OpenConfirm, Established."""
    received_prefixes: int = 0
    advertised_prefixes: int = 0
    last_error: str = ""

    @property
    def ref(self) -> Ref:
        return Ref("PeerStatus", self.node, self.peer)


class InterfaceStatus(Noun, frozen=True):
    """A network interface of one node, as far as answering on it goes."""

    node: str
    name: str
    index: int = 0
    mac: str = ""
    usable: bool = False
    """Whether addresses are answered for on it; `why_not` says why they are not."""
    why_not: str = ""
    addresses: tuple[str, ...] = ()

    @property
    def ref(self) -> Ref:
        return Ref("InterfaceStatus", self.node, self.name)


class NodeReachability(Noun, frozen=True):
    """What one node has found out about a fellow: whether its announcer still lives."""

    node: str
    """The fellow that was watched."""
    reachable: bool

    @property
    def ref(self) -> Ref:
        return Ref("NodeReachability", "", self.node)


Resource: TypeAlias = (
    Service
    | EndpointSlice
    | Node
    | Namespace
    | Pool
    | L2Advertisement
    | BGPAdvertisement
    | BGPPeer
    | BFDProfile
    | Community
    | PeerStatus
    | InterfaceStatus
    | NodeReachability
)


# --- observations: what comes in ----------------------------------------------------------------


class Sourced(Struct, frozen=True):
    """A resource and the place it was read from (a file's path; empty when there is none)."""

    resource: Resource
    origin: str = ""


class Listing(Struct, frozen=True):
    """Everything that a source has now: what it does not name is gone.

    Except what it could not read: a resource whose origin is in `unreadable`
    (that path, or a path below it) and one that a problem names keep their
    last good value.
    """

    source: str
    resources: tuple[Sourced, ...] = ()
    unreadable: tuple[str, ...] = ()
    problems: tuple[Problem, ...] = ()


class Change(Struct, frozen=True):
    """Some resources of a source that are new or different, and some that are gone."""

    source: str
    resources: tuple[Sourced, ...] = ()
    gone: tuple[Ref, ...] = ()


class Authority(StrEnum):
    """What this process may decide about addresses."""

    ADOPT = "adopt"
    """An allocator before its sources' first complete listings: keeps and adopts only."""
    ALLOCATE = "allocate"
    """Assigns, releases and refuses."""
    FOLLOW = "follow"
    """Takes over what the status of a Service says, and never invents an address."""


class Authorized(Struct, frozen=True):
    """The engine says what this process may decide from now on."""

    authority: Authority


class PluginFailed(Struct, frozen=True):
    """A supervised task raised; it is restarted after a pause."""

    task: str
    error: str


Observation: TypeAlias = Listing | Change | Authorized | PluginFailed


# --- announcements: what goes out -----------------------------------------------------------------


class Attributes(Struct, frozen=True):
    """How a route is announced; all empty for an announcer that knows no routes."""

    local_pref: int = 0
    communities: tuple[str, ...] = ()
    """`a:b` and `large:a:b:c`, aliases resolved, sorted by value, no duplicates."""


class Announcement(Struct, frozen=True):
    """One thing that one announcer on one node keeps visible on the network."""

    prefix: str
    """CIDR text; /32 or /128 unless routes are aggregated."""
    addresses: tuple[str, ...]
    """The services' addresses that lie in the prefix, sorted by value."""
    services: tuple[Ref, ...]
    to: tuple[str, ...] = ()
    """Names of peers, or of interfaces; empty means all of them."""
    attributes: Attributes = Attributes()


class Spread(StrEnum):
    """Where an announcer makes an address visible."""

    EVERY_NODE = "every-node"
    """From each eligible node at once, as routes are; BGPAdvertisements select."""
    ONE_NODE = "one-node"
    """From one elected node, as ARP demands; L2Advertisements select."""
