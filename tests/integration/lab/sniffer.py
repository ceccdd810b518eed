"""A sniffer in a namespace, and questions about what it has seen."""

import json
import sys
from pathlib import Path

from netlab.waiting import eventually

_SCRIPT = Path(__file__).with_name("frames.py")


class Sniffer:
    """Listens on one interface from when it is made; its frames are as `frames.parse` has them."""

    def __init__(self, stack, namespace, interface, log):
        command = [sys.executable, str(_SCRIPT), interface]
        self._process = namespace.start(stack, f"sniffer {interface}", command, log)
        eventually("the sniffer listens", lambda: "listening" in self._process.said(), within=5)

    def frames(self, since=0.0):
        """Everything seen since a moment of `time.monotonic()`."""
        whole = self._process.said().rpartition("\n")[0]
        seen = [json.loads(line) for line in whole.splitlines()]
        return [frame for frame in seen if frame.get("at", 0) > since]

    def claims(self, address, since=0.0):
        """Gratuitous frames that say who has an address, oldest first."""
        return [
            frame
            for frame in self.frames(since)
            if frame["address"] == address and frame.get("gratuitous")
        ]

    def answers(self, address, since=0.0):
        """MAC addresses that answered one who asked for an address."""
        return {
            frame["mac"]
            for frame in self.frames(since)
            if frame["address"] == address
            and frame["kind"] in ("arp-reply", "na")
            and not frame["gratuitous"]
        }

    def claimants(self, address, since=0.0):
        """MAC addresses that answered for an address, asked or not."""
        return self.answers(address, since) | {
            frame["mac"] for frame in self.claims(address, since)
        }
