"""What the core itself offers, through the same door as everyone else."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from proclaim.hookspecs import hookimpl
from proclaim.kinds import Kind
from proclaim.log import EventLog, MemoryLog
from proclaim.model import (
    AnnouncerStatus,
    BFDProfile,
    BGPAdvertisement,
    BGPPeer,
    Community,
    EndpointSlice,
    InterfaceStatus,
    L2Advertisement,
    Namespace,
    Node,
    NodeReachability,
    NodeWithdrawal,
    PeerStatus,
    Pool,
    Service,
)
from proclaim.sqlite_log import SQLiteLog

KINDS: tuple[Kind[Any], ...] = (
    Kind("Service", Service),
    Kind("EndpointSlice", EndpointSlice),
    Kind("Node", Node),
    Kind("Namespace", Namespace),
    Kind("IPAddressPool", Pool),
    Kind("L2Advertisement", L2Advertisement),
    Kind("BGPAdvertisement", BGPAdvertisement),
    Kind("BGPPeer", BGPPeer),
    Kind("BFDProfile", BFDProfile),
    Kind("Community", Community),
    Kind("AnnouncerStatus", AnnouncerStatus),
    Kind("PeerStatus", PeerStatus),
    Kind("InterfaceStatus", InterfaceStatus),
    Kind("NodeReachability", NodeReachability),
    Kind("NodeWithdrawal", NodeWithdrawal),
)


@hookimpl
def proclaim_kinds() -> Iterable[Kind[Any]]:
    return KINDS


@hookimpl
def proclaim_event_log(url: str, read_only: bool, owner: str) -> EventLog | None:
    if url == "memory:":
        return MemoryLog(owner)
    if url.startswith("sqlite:"):
        return SQLiteLog(url, owner, read_only)
    return None
