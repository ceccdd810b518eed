"""Observations: what comes in from sources, announcers, detectors and the engine."""

from __future__ import annotations

from enum import StrEnum
from typing import TypeAlias

from proclaim.model.kubernetes import EndpointSlice, Namespace, Node, Service
from proclaim.model.metallb import (
    BFDProfile,
    BGPAdvertisement,
    BGPPeer,
    Community,
    L2Advertisement,
    Pool,
)
from proclaim.model.names import Problem, Ref, Struct
from proclaim.model.status import (
    AnnouncerStatus,
    InterfaceStatus,
    NodeReachability,
    NodeWithdrawal,
    PeerStatus,
)

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
    | AnnouncerStatus
    | PeerStatus
    | InterfaceStatus
    | NodeReachability
    | NodeWithdrawal
)


class Sourced(Struct, frozen=True):
    """A resource and the place it was read from (a file's path; empty when there is none)."""

    resource: Resource
    origin: str = ""


class Listing(Struct, frozen=True):
    """Everything that a source has now: what it does not name is gone.

    Except what it could not read: a resource whose origin is in `unreadable`
    (that path, or a path below it) and one that a problem names keep their
    last good value.  So does what came from outside all `roots`, while one of
    them cannot be read: a mistyped path is no reason to forget everything.
    """

    source: str
    resources: tuple[Sourced, ...] = ()
    unreadable: tuple[str, ...] = ()
    problems: tuple[Problem, ...] = ()
    roots: tuple[str, ...] = ()
    """The places that the source was told to read, where it reads places."""


class Change(Struct, frozen=True):
    """Some resources of a source that are new or different, and some that are gone."""

    source: str
    resources: tuple[Sourced, ...] = ()
    gone: tuple[Ref, ...] = ()
    problems: tuple[Problem, ...] | None = None
    """All that is wrong with the source's input now; None when that is what it was before."""


class Authority(StrEnum):
    """What this process may decide about addresses."""

    ADOPT = "adopt"
    """An allocator before its sources' first complete listings: keeps and adopts only."""
    ALLOCATE = "allocate"
    """Assigns, releases and refuses."""
    FOLLOW = "follow"
    """Takes over what the status of a Service says, and never invents an address."""


class Authorized(Struct, frozen=True):
    """The engine says what this process may decide from now on, and for which Services."""

    authority: Authority
    load_balancer_class: str = ""
    """The `spec.loadBalancerClass` of the Services that are ours; empty means those without one."""


class PluginFailed(Struct, frozen=True):
    """A supervised task raised; it is restarted after a pause."""

    task: str
    error: str


Observation: TypeAlias = Listing | Change | Authorized | PluginFailed
