"""Proclaim: gives Services of type LoadBalancer their addresses, and remembers why.

What stands here is the surface for plugin authors; everything else is internal.
"""

from proclaim.collector import paused as collector_paused
from proclaim.errors import PluginError, ProclaimError, SettingsError
from proclaim.governing import Mandate
from proclaim.hookspecs import (
    Announcer,
    Detector,
    Elector,
    Observe,
    Reporter,
    Source,
    Tools,
    Wanted,
    hookimpl,
)
from proclaim.host import Host, SystemHost
from proclaim.latest import Latest
from proclaim.model import (
    Announcement,
    Attributes,
    Authority,
    BGPPeer,
    Change,
    InterfaceStatus,
    Listing,
    Node,
    NodeReachability,
    NodeWithdrawal,
    Observation,
    PeerStatus,
    Problem,
    Ref,
    Sourced,
    Spread,
)
from proclaim.passwords import Passwords
from proclaim.settings import Settings

__all__ = [
    "Announcement",
    "Announcer",
    "Attributes",
    "Authority",
    "BGPPeer",
    "Change",
    "Detector",
    "Elector",
    "Host",
    "InterfaceStatus",
    "Latest",
    "Listing",
    "Mandate",
    "Node",
    "NodeReachability",
    "NodeWithdrawal",
    "Observation",
    "Observe",
    "Passwords",
    "PeerStatus",
    "PluginError",
    "Problem",
    "ProclaimError",
    "Ref",
    "Reporter",
    "Settings",
    "SettingsError",
    "Source",
    "Sourced",
    "Spread",
    "SystemHost",
    "Tools",
    "Wanted",
    "collector_paused",
    "hookimpl",
]
