"""What is reported about peers, interfaces and nodes, by those who announce, watch or list."""

from __future__ import annotations

from proclaim.model.announcements import Spread
from proclaim.model.names import Noun, Ref


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
    graceful_restart: bool = False
    """Whether the peer keeps what it was told while this side is away (RFC 4724)."""

    @property
    def ref(self) -> Ref:
        return Ref("PeerStatus", self.node, self.peer)


class AnnouncerStatus(Noun, frozen=True):
    """Whether an announcer runs on a node, as the node's engine reports it."""

    node: str
    name: str
    spread: Spread
    running: bool

    @property
    def ref(self) -> Ref:
        return Ref("AnnouncerStatus", self.node, self.name)


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


class NodeWithdrawal(Noun, frozen=True):
    """A node announces nothing and holds no session, whatever is known: others do that now."""

    node: str
    why: str
    """As one sentence without a full stop."""

    @property
    def ref(self) -> Ref:
        return Ref("NodeWithdrawal", "", self.node)
