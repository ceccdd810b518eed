"""The facts: what was learnt, and what was decided because of it.

These names and shapes are the storage format.  Each fact has a topic with a
version (`codec`), and a shape that was ever released is never edited: it gets
a new version and a lift.  Reasons are values; `reasons` renders them.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any, Generic, NamedTuple, TypeAlias, TypeVar

import msgspec

from proclaim.model import Authority, Problem, Ref, Resource, Struct

T = TypeVar("T")


class Why(StrEnum):
    """Why an address was given, taken away or refused."""

    # assigned
    ADOPTED = "Adopted"
    """The Service's status claimed it already."""
    REQUESTED = "Requested"
    """The Service asked for exactly this address."""
    REQUESTED_POOL = "RequestedPool"
    """The Service asked for this pool; the address was its lowest free one."""
    FREE = "Free"
    """The lowest address that nobody ever held, of the first pool that may serve it."""
    LONGEST_RELEASED = "LongestReleased"
    """Every address of the pool was held before; this one was released longest ago."""
    RETURNED = "Returned"
    """The Service held it before, and nobody else needs it now."""
    SHARED = "Shared"
    """Services with the same sharing key hold it, and this one may share it."""
    SECOND_FAMILY = "SecondFamily"
    """The Service wants two families, and its pool has the other one now."""
    FAMILY_LOST = "FamilyLost"
    """One address of two had to go, for the reason that is found; the other one stays."""
    POOL_RENAMED = "PoolRenamed"
    """The same address, now covered by a pool of another name."""

    # released
    GONE = "Gone"
    """The Service was deleted."""
    NOT_LOAD_BALANCER = "NotLoadBalancer"
    """The Service's type is no longer LoadBalancer."""
    OTHER_CLASS = "OtherClass"
    """The Service's loadBalancerClass is another implementation's."""
    NOT_COVERED = "NotCovered"
    """No pool contains the address any more."""
    NOT_PERMITTED = "NotPermitted"
    """The pool of the address does not admit this Service."""
    REQUEST_CHANGED = "RequestChanged"
    """The Service now asks for another address."""
    POOL_REQUEST_CHANGED = "PoolRequestChanged"
    """The Service now asks for another pool."""
    FAMILY_CHANGED = "FamilyChanged"
    """The Service's IP families are others now."""
    STATUS_CHANGED = "StatusChanged"
    """The allocator that this node follows says otherwise."""

    # refused
    NO_POOL = "NoPool"
    """No pool is in force."""
    NO_POOL_FOR_SERVICE = "NoPoolForService"
    """No pool gives addresses to this Service by itself."""
    EXHAUSTED = "Exhausted"
    """Every pool that may serve it is full, or lacks its family."""
    ADDRESS_OUTSIDE_POOLS = "AddressOutsidePools"
    """The requested address lies in no pool."""
    ADDRESS_AVOIDED = "AddressAvoided"
    """The requested address is one that avoidBuggyIPs keeps a pool from giving."""
    ADDRESS_IN_USE = "AddressInUse"
    """Another Service holds the address, and the two do not both ask to share one."""
    SHARING_KEY_DIFFERS = "SharingKeyDiffers"
    """Another Service holds the address and shares it under another key."""
    TRAFFIC_POLICY_DIFFERS = "TrafficPolicyDiffers"
    """The sharers have other backends, and the traffic policy of one of them is Local."""
    PORT_IN_USE = "PortInUse"
    """A sharer has the same port and protocol."""
    POOL_CLOSED = "PoolClosed"
    """The pool keeps its holdings and gives nothing new."""
    QUOTA_REACHED = "QuotaReached"
    """The namespace holds as many addresses of the pool as it may."""
    POOL_UNKNOWN = "PoolUnknown"
    """The requested pool does not exist."""
    POOL_CONTRADICTS_ADDRESS = "PoolContradictsAddress"
    """The requested address is not in the requested pool."""
    FAMILY_CONTRADICTS_ADDRESS = "FamilyContradictsAddress"
    """The requested addresses are not of the Service's IP families."""
    NEEDS_TWO_CLUSTER_IPS = "NeedsTwoClusterIPs"
    """RequireDualStack, but the Service has fewer than two cluster IPs."""
    HEADLESS = "Headless"
    """A headless Service has no family to give an address for."""


class Reason(Struct, frozen=True):
    """Why, with the rule's values: the resources involved and what was compared."""

    code: Why
    pool: str = ""
    pools: tuple[str, ...] = ()
    """The pools that were considered."""
    addresses: tuple[str, ...] = ()
    """Those that the rule is about; where another one was found, what the status claimed."""
    services: tuple[Ref, ...] = ()
    """The other services involved."""
    wanted: str = ""
    """What the Service asks for, where that is what the rule compares."""
    found: str = ""
    """What that was compared with."""


# --- what was learnt ---------------------------------------------------------------------------


class Observed(Struct, Generic[T], frozen=True):
    """A resource is new, or differs from what was known; it is in force from here on."""

    source: str
    resource: T
    origin: str = ""


class Removed(Struct, frozen=True):
    """A resource is gone."""

    source: str
    ref: Ref


class Rejected(Struct, frozen=True):
    """A resource contradicts others that are in force; its last good value stays."""

    source: str
    resource: Resource
    problem: str
    origin: str = ""


class RejectionWithdrawn(Struct, frozen=True):
    """A resource that was rejected is gone, or was never wanted again."""

    ref: Ref


class SourceListed(Struct, frozen=True):
    """A source has given its first complete listing."""

    source: str


class ProblemsReported(Struct, frozen=True):
    """What a source finds wrong with its input now; replaces what it found before."""

    source: str
    problems: tuple[Problem, ...]


class AuthorityTaken(Struct, frozen=True):
    """What this process may decide from here on; each start of a process records it."""

    authority: Authority
    load_balancer_class: str = ""
    """Of the Services that are ours; empty means those without one."""


class TaskFailed(Struct, frozen=True):
    """A plugin's task raised, and is being restarted."""

    task: str
    error: str


# --- what was decided --------------------------------------------------------------------------


class AddressAssigned(Struct, frozen=True):
    """A Service holds exactly these addresses from here on, all from one pool."""

    service: Ref
    addresses: tuple[str, ...]
    pool: str
    reason: Reason


class AddressReleased(Struct, frozen=True):
    """A Service no longer holds these addresses."""

    service: Ref
    addresses: tuple[str, ...]
    pool: str
    reason: Reason


class AddressRefused(Struct, frozen=True):
    """A Service that wants an address has none, and why."""

    service: Ref
    reason: Reason


class RefusalWithdrawn(Struct, frozen=True):
    """A refused Service no longer asks for an address."""

    service: Ref


class Opaque(NamedTuple):
    """A stored fact of a kind that is not known here; preserved, and without effect."""

    topic: str
    body: msgspec.Raw


Decision: TypeAlias = AddressAssigned | AddressReleased | AddressRefused | RefusalWithdrawn
Input: TypeAlias = (
    Observed[Any]
    | Removed
    | Rejected
    | RejectionWithdrawn
    | SourceListed
    | ProblemsReported
    | AuthorityTaken
    | TaskFailed
)
Fact: TypeAlias = Input | Decision | Opaque


class Recorded(NamedTuple):
    """A fact with its place in the ledger."""

    position: int
    """Global order, from 1."""
    time: float
    """Seconds since the Unix epoch, when it was recorded."""
    transaction: int
    """Shared by an observation's facts and the decisions they caused."""
    fact: Fact
