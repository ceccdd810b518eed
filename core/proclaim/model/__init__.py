"""The nouns: what sources report and what Proclaim knows about.

Every noun is a frozen struct that can be stored as JSON as it is.  Sources
build them (`manifests` from YAML, the Kubernetes source from API objects) and
nothing downstream ever sees a raw document.  A noun is already validated by
itself; whether two nouns agree with each other is decided in `admission`.

Labels and annotations are sorted tuples of pairs, so that equal things are
equal bytes.  Addresses are canonical text here (RFC 5952 for IPv6), integers
in `addresses`.
"""

from proclaim.model.announcements import Announcement, Attributes, Spread
from proclaim.model.kubernetes import EndpointSlice, Namespace, Node, Port, Service
from proclaim.model.metallb import (
    BFDProfile,
    BGPAdvertisement,
    BGPPeer,
    Community,
    L2Advertisement,
    Pool,
    Secret,
    ServiceAllocation,
    is_literal,
    selects_pool,
)
from proclaim.model.names import Noun, Pairs, Problem, Ref, Struct, service_ref
from proclaim.model.observations import (
    Authority,
    Authorized,
    Change,
    Listing,
    Observation,
    PluginFailed,
    Resource,
    Sourced,
)
from proclaim.model.selectors import Requirement, Selector, any_matches
from proclaim.model.status import (
    AnnouncerStatus,
    InterfaceStatus,
    NodeReachability,
    NodeWithdrawal,
    PeerStatus,
)

__all__ = [
    "Announcement",
    "AnnouncerStatus",
    "Attributes",
    "Authority",
    "Authorized",
    "BFDProfile",
    "BGPAdvertisement",
    "BGPPeer",
    "Change",
    "Community",
    "EndpointSlice",
    "InterfaceStatus",
    "L2Advertisement",
    "Listing",
    "Namespace",
    "Node",
    "NodeReachability",
    "NodeWithdrawal",
    "Noun",
    "Observation",
    "Pairs",
    "PeerStatus",
    "PluginFailed",
    "Pool",
    "Port",
    "Problem",
    "Ref",
    "Requirement",
    "Resource",
    "Secret",
    "Selector",
    "Service",
    "ServiceAllocation",
    "Sourced",
    "Spread",
    "Struct",
    "any_matches",
    "is_literal",
    "selects_pool",
    "service_ref",
]
