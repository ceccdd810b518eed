"""Proclaim: gives Services of type LoadBalancer their addresses, and remembers why.

What stands here is the surface for plugin authors; everything else is internal.
"""

from proclaim.errors import PluginError, ProclaimError, SettingsError
from proclaim.hookspecs import Announcer, Detector, Observe, Source, Wanted, hookimpl
from proclaim.host import Host, SystemHost
from proclaim.latest import Latest
from proclaim.model import (
    Announcement,
    Attributes,
    BGPPeer,
    Change,
    InterfaceStatus,
    Listing,
    Node,
    NodeReachability,
    Observation,
    PeerStatus,
    Problem,
    Ref,
    Sourced,
    Spread,
)
from proclaim.settings import Settings

__all__ = [
    "Announcement",
    "Announcer",
    "Attributes",
    "BGPPeer",
    "Change",
    "Detector",
    "Host",
    "InterfaceStatus",
    "Latest",
    "Listing",
    "Node",
    "NodeReachability",
    "Observation",
    "Observe",
    "PeerStatus",
    "PluginError",
    "Problem",
    "ProclaimError",
    "Ref",
    "Settings",
    "SettingsError",
    "Source",
    "Sourced",
    "Spread",
    "SystemHost",
    "Wanted",
    "hookimpl",
]
