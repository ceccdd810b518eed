"""The rules: each with a code that stays, how serious a finding of it is, and what to do.

The codes are part of the interface: scripts silence them, and code scanning
tells findings apart by them.  One may be added and none is ever renamed.
`docs/reference/checks.md` shows this table, and a test compares the two.
"""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple


class Severity(StrEnum):
    """How serious a finding is."""

    PROBLEM = "problem"
    """Something that was written is not in force, or does the opposite of what it says."""
    WARNING = "warning"
    """Everything is in force, and yet it is probably not what was meant."""


class Code(StrEnum):
    """What a finding is about; the value is what people and scripts see."""

    INVALID_MANIFEST = "InvalidManifest"
    UNREADABLE = "Unreadable"
    CONTRADICTION = "Contradiction"
    UNKNOWN_COMMUNITY = "UnknownCommunity"
    PEER_GIVES_WAY = "PeerGivesWay"

    NOTHING_FOUND = "NothingFound"
    UNKNOWN_POOL = "UnknownPool"
    UNKNOWN_PEER = "UnknownPeer"
    UNKNOWN_NAMESPACE = "UnknownNamespace"
    UNKNOWN_BFD_PROFILE = "UnknownBFDProfile"

    NO_POOL_MATCHES = "NoPoolMatches"
    NO_NODE_MATCHES = "NoNodeMatches"
    NO_PREFERRED_NODE_MATCHES = "NoPreferredNodeMatches"
    NO_SERVICE_MATCHES = "NoServiceMatches"
    NO_NAMESPACE_MATCHES = "NoNamespaceMatches"

    POOL_NOT_ADVERTISED = "PoolNotAdvertised"
    POOL_NOT_REQUESTED = "PoolNotRequested"
    POOL_EXHAUSTED = "PoolExhausted"
    HOLDING_NOT_COVERED = "HoldingNotCovered"
    QUOTA_EXCEEDED = "QuotaExceeded"

    ADVERTISEMENT_WITHOUT_PEERS = "AdvertisementWithoutPeers"
    FAMILY_NOT_CARRIED = "FamilyNotCarried"
    DIVERGING_ADVERTISEMENTS = "DivergingAdvertisements"
    DUPLICATE_INTERFACE = "DuplicateInterface"

    SERVICE_NOT_ADVERTISED = "ServiceNotAdvertised"
    ADDRESS_OUTSIDE_POOLS = "AddressOutsidePools"
    NO_ADDRESS = "NoAddress"
    SHARED_ACROSS_NAMESPACES = "SharedAcrossNamespaces"
    CONFLICTING_ANNOTATIONS = "ConflictingAnnotations"
    UNKNOWN_ANNOTATION = "UnknownAnnotation"

    DEPRECATED_ANNOTATION = "DeprecatedAnnotation"
    DEPRECATED_FIELD = "DeprecatedField"
    DEPRECATED_VERSION = "DeprecatedVersion"
    NOT_SUPPORTED_YET = "NotSupportedYet"


class Rule(NamedTuple):
    """What a code means, for people."""

    severity: Severity
    what: str
    """What is found."""
    remedy: str
    """What to do about it."""


def _problem(what: str, remedy: str) -> Rule:
    return Rule(Severity.PROBLEM, what, remedy)


def _warning(what: str, remedy: str) -> Rule:
    return Rule(Severity.WARNING, what, remedy)


RULES: dict[Code, Rule] = {
    Code.INVALID_MANIFEST: _problem(
        "A document, or a field of it, is not what its kind allows",
        "Write what the sentence says would be accepted; until then the last good value of the "
        "resource stays in force",
    ),
    Code.UNREADABLE: _problem(
        "A file is empty or too large, or a file or directory is missing or cannot be read",
        "Name another path, or make it readable; until then what was read from it stays in force",
    ),
    Code.CONTRADICTION: _problem(
        "A resource contradicts others in force, and is rejected",
        "Change one of them; what is rejected is tried again whenever the others change",
    ),
    Code.UNKNOWN_COMMUNITY: _problem(
        "A BGPAdvertisement names a community that is neither a value nor an alias of a Community",
        "Write a:b or large:a:b:c, or define the alias; until then the advertisement announces "
        "nothing, or keeps the last value that the alias had",
    ),
    Code.PEER_GIVES_WAY: _problem(
        "Two BGPPeers would run the same session on one node, because its labels brought them "
        "together",
        "Part them by nodeSelectors, or by address, port, VRF or sourceAddress; until then only "
        "the first by name runs there",
    ),
    Code.NOTHING_FOUND: _warning(
        "A directory holds no manifest, nor does any below it",
        "Name another path; an empty directory takes everything out of force that was read from it",
    ),
    Code.UNKNOWN_POOL: _warning(
        "An advertisement or a Service names an IPAddressPool that does not exist",
        "Correct the name, or add the pool",
    ),
    Code.UNKNOWN_PEER: _warning(
        "A BGPAdvertisement names a BGPPeer that does not exist",
        "Correct the name, or add the peer",
    ),
    Code.UNKNOWN_NAMESPACE: _warning(
        "A pool, or its quota, is for a namespace that does not exist, though Namespaces are "
        "described",
        "Correct the name, or add the Namespace",
    ),
    Code.UNKNOWN_BFD_PROFILE: _warning(
        "A BGPPeer names a BFDProfile that does not exist; the session runs without, and yet the "
        "ConfigurationState of its nodes is Invalid, as MetalLB has it",
        "Correct the name, or add the profile",
    ),
    Code.NO_POOL_MATCHES: _warning(
        "The ipAddressPoolSelectors of an advertisement match no pool",
        "Correct the selectors, or label a pool; until then the advertisement covers nothing",
    ),
    Code.NO_NODE_MATCHES: _warning(
        "The nodeSelectors of an advertisement or a peer match no Node, though Nodes are described",
        "Correct the selectors, or label a Node; until then it works from nowhere",
    ),
    Code.NO_PREFERRED_NODE_MATCHES: _warning(
        "An entry of preferredNodeSelectors matches no Node, though Nodes are described",
        "Correct the selector, or label a Node; until then the preference has no effect",
    ),
    Code.NO_SERVICE_MATCHES: _warning(
        "A serviceSelector of an advertisement or a pool matches no Service of type LoadBalancer, "
        "though there are some",
        "Correct the selector, or label the Service that was meant",
    ),
    Code.NO_NAMESPACE_MATCHES: _warning(
        "A namespaceSelector of a pool matches no Namespace, though Namespaces are described",
        "Correct the selector, or label the Namespace that was meant",
    ),
    Code.POOL_NOT_ADVERTISED: _warning(
        "No advertisement covers a pool, so nobody announces its addresses",
        "Write a BGPAdvertisement or an L2Advertisement whose ipAddressPools name the pool",
    ),
    Code.POOL_NOT_REQUESTED: _warning(
        "A pool gives no address by itself (autoAssign is false), and no Service asks for one",
        "Drop autoAssign, or ask for the pool with the annotation metallb.io/address-pool",
    ),
    Code.POOL_EXHAUSTED: _warning(
        "Services wait for an address that a pool has not free",
        "Add addresses to the pool, or let the Services ask for another one",
    ),
    Code.HOLDING_NOT_COVERED: _warning(
        "Services hold addresses of a pool that the pool does not cover any more",
        "Give the addresses back to the pool, or let the allocator move the Services",
    ),
    Code.QUOTA_EXCEEDED: _warning(
        "A namespace holds more addresses of a pool than its quota, which takes nothing away",
        "Raise the quota, or delete Services of the namespace; it gets nothing new meanwhile",
    ),
    Code.ADVERTISEMENT_WITHOUT_PEERS: _warning(
        "No peer of a BGPAdvertisement runs on any of its nodes, so nobody is told",
        "Let the nodeSelectors of the advertisement and of a peer meet, or add a BGPPeer",
    ),
    Code.FAMILY_NOT_CARRIED: _warning(
        "Services hold addresses of a family that is advertised, and that the session of no peer "
        "carries",
        "Set dualStackAddressFamily on a peer, add a peer with an address of the family, or write "
        "an L2Advertisement",
    ),
    Code.DIVERGING_ADVERTISEMENTS: _warning(
        "Two BGPAdvertisements tell one peer of one prefix with another localPref or other "
        "communities",
        "Let them agree, or part them by nodes, peers, serviceSelectors or aggregation",
    ),
    Code.DUPLICATE_INTERFACE: _warning(
        "An L2Advertisement names an interface twice",
        "Drop one; perhaps another interface was meant",
    ),
    Code.SERVICE_NOT_ADVERTISED: _warning(
        "A Service has an address, and the serviceSelectors of every advertisement of its pool "
        "leave it out",
        "Label the Service, or write an advertisement that covers it",
    ),
    Code.ADDRESS_OUTSIDE_POOLS: _warning(
        "A Service asks for an address that lies in no pool",
        "Ask for another address, or add this one to a pool",
    ),
    Code.NO_ADDRESS: _warning(
        "A Service gets no address, for the reason that the sentence gives",
        "`proclaim explain` shows the rules that led there",
    ),
    Code.SHARED_ACROSS_NAMESPACES: _warning(
        "A Service with externalTrafficPolicy Local shares its address with a Service of another "
        "namespace",
        "Share within one namespace, or use the policy Cluster: where the endpoints differ, no "
        "node serves both",
    ),
    Code.CONFLICTING_ANNOTATIONS: _warning(
        "A Service has one annotation under both prefixes, with different values",
        "Drop the one under metallb.universe.tf/; the one under metallb.io/ is in force",
    ),
    Code.UNKNOWN_ANNOTATION: _warning(
        "A Service has an annotation under metallb.io/, metallb.universe.tf/ or proclaim.io/ that "
        "nobody reads",
        "Correct its key, or drop it; the annotations of a pool have no effect on a Service",
    ),
    Code.DEPRECATED_ANNOTATION: _warning(
        "A Service has an annotation under the old prefix metallb.universe.tf/",
        "Write metallb.io/ instead; the old prefix still works",
    ),
    Code.DEPRECATED_FIELD: _warning(
        "A field is deprecated",
        "Write what the sentence names instead",
    ),
    Code.DEPRECATED_VERSION: _warning(
        "A document has a deprecated apiVersion",
        "Write the version that the sentence names; a timer of 0s means off there",
    ),
    Code.NOT_SUPPORTED_YET: _warning(
        "A field has no effect yet, or keeps a session down",
        "Drop the field, or wait for a release that supports it",
    ),
}
