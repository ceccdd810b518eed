"""An Ethernet segment on virtual time, with loss and delay, and a client on it."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from random import Random

import trio
from proclaim import Latest
from proclaim_l2_arp.eligibility import BROADCAST_CAPABLE, RUNNING, UP, Interface

BROADCAST = b"\xff" * 6


class Switch:
    """Carries frames between ports, after a delay, unless it loses them."""

    def __init__(self, seed: int, nursery: trio.Nursery) -> None:
        self.random = Random(f"switch {seed}")
        self.loss = 0.0
        self._nursery = nursery
        self._ports: dict[int, SimPort] = {}
        self._next = 0
        self._dead: set[bytes] = set()

    def plug(self, mac: bytes) -> SimPort:
        self._next += 1
        port = SimPort(self, self._next, mac)
        self._ports[self._next] = port
        return port

    def unplug(self, number: int) -> None:
        self._ports.pop(number, None)

    def kill(self, mac: bytes) -> None:
        """The machine with this address neither sends nor hears any more."""
        self._dead.add(mac)

    def revive(self, mac: bytes) -> None:
        self._dead.discard(mac)

    def carry(self, sender: SimPort, frame: bytes) -> None:
        if sender.mac in self._dead:
            return
        for _, port in sorted(self._ports.items()):
            if port is sender or port.mac == sender.mac or port.mac in self._dead:
                continue
            multicast = frame[0] & 1
            if not multicast and frame[:6] != port.mac:
                continue
            if self.random.random() >= self.loss:
                self._nursery.start_soon(port.deliver, self.random.uniform(1e-5, 1e-3), frame)


class SimPort:
    """One open port; it satisfies the driver's `Port`."""

    def __init__(self, switch: Switch, number: int, mac: bytes) -> None:
        self.mac = mac
        self._switch = switch
        self._number = number
        self._queue: deque[bytes] = deque()
        self._moved = trio.Event()

    async def deliver(self, delay: float, frame: bytes) -> None:
        await trio.sleep(delay)
        self._queue.append(frame)
        self._moved.set()

    async def receive(self) -> Sequence[bytes]:
        while not self._queue:
            self._moved = trio.Event()
            await self._moved.wait()
        frames = tuple(self._queue)
        self._queue.clear()
        await trio.lowlevel.checkpoint()
        return frames

    def send(self, frame: bytes) -> None:
        self._switch.carry(self, frame)

    def set_filter(self, owned: frozenset[bytes]) -> None:
        """Everything passes; a filter only saves work."""

    def set_group(self, group: bytes, member: bool) -> None:
        """Every multicast frame is heard; a group only saves work."""

    def close(self) -> None:
        self._switch.unplug(self._number)


class SimLink:
    """The network interfaces of one node: one, which is up."""

    def __init__(self, switch: Switch, mac: bytes) -> None:
        self._switch = switch
        flags = UP | BROADCAST_CAPABLE | RUNNING
        self.interface = Interface(2, "lan0", mac, flags, addresses=("fe80::1",))

    def obstacle(self) -> str:
        return ""

    async def watch(self, interfaces: Latest[object]) -> None:
        interfaces.set((self.interface,))
        await trio.sleep_forever()

    def open(self, interface: Interface, family: int, owned: frozenset[bytes]) -> SimPort:
        return self._switch.plug(interface.mac)
