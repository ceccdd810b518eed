"""What goes over the sessions, in figures, for whoever asks about this process.

The names are MetalLB's: those of its own speaker, and of its FRR exporter where
they mean the same.  Counting is a dictionary's business; what a registry wants
to see is made when it is read.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

from proclaim import BGPPeer
from prometheus_client.metrics_core import Metric

from proclaim_bgp.wire import Keepalive, Message, Notification, Open, RouteRefresh, Update

UPDATES = "updates"
_WORDS: Mapping[type, str] = {
    Keepalive: "keepalives",
    Notification: "notifications",
    Open: "opens",
    RouteRefresh: "route_refresh",
    Update: UPDATES,
}


class Traffic:
    """The messages exchanged with one peer; it outlives its sessions."""

    def __init__(self) -> None:
        self.sent: Counter[str] = Counter()
        """By the plural of their type."""
        self.received: Counter[str] = Counter()

    def send(self, message: Message) -> None:
        """A message goes out."""
        self.sent[_WORDS[type(message)]] += 1

    def receive(self, message: Message) -> None:
        """A message came in."""
        self.received[_WORDS[type(message)]] += 1


class Figures(NamedTuple):
    """How things stand with one peer."""

    up: bool
    announced: int
    """Prefixes that the peer was given."""
    wanted: int
    """Prefixes that it is to have."""
    traffic: Traffic


def label(peer: BGPPeer) -> str:
    """A peer as MetalLB names it: its address and port."""
    address = peer.peer_address or peer.interface
    return f"[{address}]:{peer.peer_port}" if ":" in address else f"{address}:{peer.peer_port}"


_Read = Callable[[Figures], int]
_FAMILIES: tuple[tuple[str, str, str, _Read], ...] = (
    (
        "session_up",
        "gauge",
        "1 while the session with a peer is Established.",
        lambda figures: int(figures.up),
    ),
    (
        "announced_prefixes_total",
        "gauge",
        "Prefixes that a peer was given in its present session.",
        lambda figures: figures.announced,
    ),
    (
        "pending_prefixes_total",
        "gauge",
        "Prefixes that a peer is to have.",
        lambda figures: figures.wanted,
    ),
    ("updates_total", "counter", "UPDATEs sent.", lambda it: it.traffic.sent[UPDATES]),
    (
        "updates_total_received",
        "counter",
        "UPDATEs received.",
        lambda it: it.traffic.received[UPDATES],
    ),
    ("opens_sent", "counter", "OPENs sent.", lambda it: it.traffic.sent["opens"]),
    ("opens_received", "counter", "OPENs received.", lambda it: it.traffic.received["opens"]),
    (
        "notifications_sent",
        "counter",
        "NOTIFICATIONs sent.",
        lambda it: it.traffic.sent["notifications"],
    ),
    ("keepalives_sent", "counter", "KEEPALIVEs sent.", lambda it: it.traffic.sent["keepalives"]),
    (
        "keepalives_received",
        "counter",
        "KEEPALIVEs received.",
        lambda it: it.traffic.received["keepalives"],
    ),
    (
        "route_refresh_sent",
        "counter",
        "ROUTE-REFRESHes sent; this speaker has no need of any.",
        lambda it: it.traffic.sent["route_refresh"],
    ),
    ("total_sent", "counter", "Messages sent.", lambda it: it.traffic.sent.total()),
    ("total_received", "counter", "Messages received.", lambda it: it.traffic.received.total()),
)


class Sessions:
    """A collector of what `figures` says, by the label of the peer."""

    def __init__(self, figures: Callable[[], Mapping[str, Figures]]) -> None:
        self._figures = figures

    def collect(self) -> Iterable[Metric]:
        """All families, with a series for each peer."""
        found = sorted(self._figures().items())
        for suffix, kind, meaning, read in _FAMILIES:
            name = f"metallb_bgp_{suffix}"
            metric = Metric(name, meaning, kind)
            for peer, figures in found:
                metric.add_sample(name, {"peer": peer}, read(figures))
            yield metric
