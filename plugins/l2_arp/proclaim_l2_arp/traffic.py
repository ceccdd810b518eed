"""`Traffic`: questions and answers counted by address, for whoever asks about this process.

The names are MetalLB's.  Counting is a dictionary's business, since it is done
for each frame; what a registry wants to see is made when it is read.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from socket import AF_INET, AF_INET6, inet_ntop

from prometheus_client.metrics_core import Metric
from prometheus_client.samples import Sample

from proclaim_l2_arp.ownership import Ownership


class Traffic:
    """Counts, and a collector for a registry; it outlives the runs of the announcer."""

    def __init__(self) -> None:
        self.requests: defaultdict[bytes, int] = defaultdict(int)
        """ARP requests and solicitations for a packed address that is owned here."""
        self.responses: defaultdict[bytes, int] = defaultdict(int)
        """Of these, how many were answered."""
        self.gratuitous: defaultdict[bytes, int] = defaultdict(int)
        """Frames that told everyone where an address is."""
        self.ownership = Ownership()

    def collect(self) -> Iterable[Metric]:
        """The three families; what is not owned any more is forgotten."""
        for name, meaning, counts in (
            (
                "metallb_layer2_requests_received",
                "ARP and NDP requests for an address that this node answers for.",
                self.requests,
            ),
            ("metallb_layer2_responses_sent", "ARP and NDP replies sent.", self.responses),
            (
                "metallb_layer2_gratuitous_sent",
                "Unsolicited ARP and NDP packets sent.",
                self.gratuitous,
            ),
        ):
            metric = Metric(name, meaning, "counter")
            # Made as they are read: ten thousand at once would hold the loop.
            metric.samples = self._samples(name, counts)  # type: ignore[assignment]
            yield metric

    def _samples(self, name: str, counts: dict[bytes, int]) -> Iterator[Sample]:
        for address, count in list(counts.items()):
            if address in self.ownership:
                text = inet_ntop(AF_INET if len(address) == 4 else AF_INET6, address)
                yield Sample(name, {"ip": text}, count)
            else:
                del counts[address]
