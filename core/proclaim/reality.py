"""What has become of an announcement that is wanted, as announcers reported it.

The rules say what a node is to announce (`verdict`).  Whether it does depends
on what runs there, on sessions and on interfaces, and of those a ledger knows
what was reported to it: everything about its own node, and nothing about
others.  Where nothing was reported, what is wanted counts as announced; but
where a process runs in which no announcer takes part, as a controller's, nobody
will report anything, and whether something is announced is known elsewhere.
"""

from __future__ import annotations

from enum import StrEnum

from proclaim.model import InterfaceStatus, PeerStatus, Spread
from proclaim.state import State
from proclaim.terrain import Terrain
from proclaim.verdict import Part

ESTABLISHED = "Established"
ENGINE = "engine"
"""The source that says which announcers take part."""
BUILT_IN = "bgp"
"""The announcer whose receivers are BGPPeers; others may need none."""


class Obstacle(StrEnum):
    """Why what is wanted from a node is not visible on the network."""

    ANNOUNCER_NOT_RUNNING = "AnnouncerNotRunning"
    NO_PEER_HERE = "NoPeerHere"
    NO_SESSION = "NoSession"
    NO_USABLE_INTERFACE = "NoUsableInterface"
    NOT_KNOWN_HERE = "NotKnownHere"
    """Perhaps it is: the ledger is one of a process that announces nothing."""


def how(state: State, terrain: Terrain, parts: tuple[Part, ...]) -> tuple[str, str]:
    """The obstacle, or "", and a sentence about how the parts are announced."""
    running = running_announcers(state, terrain.node, terrain.spread)
    if running is not None and not running:
        return (
            Obstacle.ANNOUNCER_NOT_RUNNING,
            f"it is {terrain.node}'s to announce, but no announcer for it runs there",
        )
    if terrain.spread is Spread.ONE_NODE:
        return _on_interfaces(state, terrain.node, _receivers(parts))
    to = _receivers(parts)
    others = sorted((running or frozenset()) - {BUILT_IN})
    if not to:
        if others:
            return "", f"announced by {', '.join(others)}"
        return Obstacle.NO_PEER_HERE, "no BGPPeer selects this node"
    code, text = _to_peers(state, terrain.node, to)
    if others:
        return "", f"announced by {', '.join(others)}; {text}"
    return code, text


def is_bystander(state: State) -> bool:
    """Whether the ledger's process takes part in no announcing, so that only nodes know of it.

    It may see no endpoints either, which announcing depends on.
    """
    return ENGINE in state.listed and not state.of_kind("AnnouncerStatus")


def running_announcers(state: State, node: str, spread: Spread) -> frozenset[str] | None:
    """The announcers of a spread that run on a node; None where nothing was reported."""
    reported = [
        entry.resource
        for ref, entry in state.of_kind("AnnouncerStatus").items()
        if ref.namespace == node
    ]
    if not reported:
        return None
    return frozenset(each.name for each in reported if each.running and each.spread is spread)


def _receivers(parts: tuple[Part, ...]) -> tuple[str, ...]:
    return tuple(sorted({receiver for part in parts for receiver in part.to}))


def _to_peers(state: State, node: str, to: tuple[str, ...]) -> tuple[str, str]:
    sessions: dict[str, PeerStatus] = {
        ref.name: entry.resource
        for ref, entry in state.of_kind("PeerStatus").items()
        if ref.namespace == node
    }
    if not sessions:
        return "", f"wanted for {', '.join(to)}"
    up = [name for name in to if name in sessions and sessions[name].state == ESTABLISHED]
    down = [
        f"{name} is {sessions[name].state if name in sessions else 'not reported'}"
        for name in to
        if name not in up
    ]
    if not up:
        return Obstacle.NO_SESSION, f"no session is Established: {', '.join(down)}"
    text = f"announced to {', '.join(up)}"
    return "", f"{text}; {', '.join(down)}" if down else text


def _on_interfaces(state: State, node: str, to: tuple[str, ...]) -> tuple[str, str]:
    known: dict[str, InterfaceStatus] = {
        ref.name: entry.resource
        for ref, entry in state.of_kind("InterfaceStatus").items()
        if ref.namespace == node
    }
    wanted = to or tuple(sorted(known))
    usable = [name for name in wanted if name in known and known[name].usable]
    if not known:
        return "", f"this node is elected; wanted on {', '.join(to) or 'every usable interface'}"
    if usable:
        return "", f"this node is elected and answers on {', '.join(usable)}"
    why = [f"{name}: {known[name].why_not if name in known else 'is not there'}" for name in wanted]
    return (
        Obstacle.NO_USABLE_INTERFACE,
        f"this node is elected, but no interface is usable: {', '.join(why) or 'none'}",
    )
