"""BGP messages as values, and their octets (RFC 4271 and its companions).

    header -> messages -> update -> attributes -> aspath, nlri
                      `-> capabilities           errors

Bytes in, values out, and back; no clock, no socket, no session.  What is
malformed comes back as a `Fault` or as a `Flaw`, and nothing raises.
"""

from proclaim_bgp.wire.aspath import AS_SEQUENCE, AS_SET, AS_TRANS, Segment, path_text
from proclaim_bgp.wire.attributes import (
    IGP,
    Context,
    OpaqueAttribute,
    PathAttributes,
    encode_attributes,
)
from proclaim_bgp.wire.capabilities import (
    MOST_RESTART_SECONDS,
    Capability,
    FourOctetAS,
    GracefulRestart,
    Multiprotocol,
    OpaqueCapability,
    Restartable,
    RouteRefreshable,
)
from proclaim_bgp.wire.errors import Code, Disposition, Fault, Flaw, Notification, describe
from proclaim_bgp.wire.header import HEADER_OCTETS, MAXIMUM_OCTETS, Frame, Type, frame, take
from proclaim_bgp.wire.messages import (
    Keepalive,
    Message,
    Open,
    RouteRefresh,
    decode,
    encode,
    opening,
)
from proclaim_bgp.wire.nlri import Family, Prefix, next_hop_text, pack, prefix
from proclaim_bgp.wire.update import Reach, Update, encode_update, pack_reach, pack_unreach

__all__ = [
    "AS_SEQUENCE",
    "AS_SET",
    "AS_TRANS",
    "HEADER_OCTETS",
    "IGP",
    "MAXIMUM_OCTETS",
    "MOST_RESTART_SECONDS",
    "Capability",
    "Code",
    "Context",
    "Disposition",
    "Family",
    "Fault",
    "Flaw",
    "FourOctetAS",
    "Frame",
    "GracefulRestart",
    "Keepalive",
    "Message",
    "Multiprotocol",
    "Notification",
    "OpaqueAttribute",
    "OpaqueCapability",
    "Open",
    "PathAttributes",
    "Prefix",
    "Reach",
    "Restartable",
    "RouteRefresh",
    "RouteRefreshable",
    "Segment",
    "Type",
    "Update",
    "decode",
    "describe",
    "encode",
    "encode_attributes",
    "encode_update",
    "frame",
    "next_hop_text",
    "opening",
    "pack",
    "pack_reach",
    "pack_unreach",
    "path_text",
    "prefix",
    "take",
]
