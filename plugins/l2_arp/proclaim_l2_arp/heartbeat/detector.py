"""Sends signs of life to the fellows, listens for theirs, and observes who is lost.

The shell around `datagram` and `machine`.  Reporting is a task of its own, so
a slow ledger never delays a sign of life.
"""

from __future__ import annotations

import contextlib
import logging
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Protocol

import trio
from proclaim import (
    Change,
    Host,
    Latest,
    Listing,
    Node,
    NodeReachability,
    Observe,
    Sourced,
)

from proclaim_l2_arp.heartbeat import machine
from proclaim_l2_arp.heartbeat.datagram import Bad, Datagram, Saying, decode, encode
from proclaim_l2_arp.options import HeartbeatOptions
from proclaim_l2_arp.report import tell

log = logging.getLogger("proclaim.l2.heartbeat")

_VOLLEY = 0.05
"""Seconds between the first datagrams: fellows believe it when they heard twice."""
_GOODBYES = 3
_GOODBYE_WITHIN = 0.5


class Datagrams(Protocol):
    """A datagram socket on the heartbeat port."""

    async def send(self, data: bytes, address: str) -> None:
        """Send to that port of an address; raises OSError when it cannot leave."""

    async def receive(self) -> bytes:
        """Wait for the next datagram; raises OSError."""

    def close(self) -> None:
        """Let go of the port."""


Verdicts = dict[str, bool]


class Heartbeat:
    """Watches fellow nodes by their signs of life; the detector named `heartbeat`."""

    def __init__(
        self,
        host: Host,
        options: HeartbeatOptions,
        open_datagrams: Callable[[int], Awaitable[Datagrams]],
    ) -> None:
        self.name = "heartbeat"
        self._host = host
        self._options = options
        self._open = open_datagrams

    async def run(self, fellows: Latest[tuple[Node, ...]], observe: Observe) -> None:
        """Watch until cancelled, then say goodbye.  Opens no port before there is a fellow."""
        verdicts: Latest[Verdicts] = Latest({})
        async with trio.open_nursery() as nursery:
            nursery.start_soon(_report, self.name, verdicts, observe)
            async for nodes in fellows.changes():
                if _addresses(nodes):
                    break
            datagrams = await self._open(self._options.port)
            with contextlib.closing(datagrams):
                watcher = _Watcher(self._host, self._options, datagrams, verdicts)
                await watcher.run(fellows)


class _Watcher:
    def __init__(
        self,
        host: Host,
        options: HeartbeatOptions,
        datagrams: Datagrams,
        verdicts: Latest[Verdicts],
    ) -> None:
        self.counts: Counter[str] = Counter()
        """Datagrams by what became of them."""
        self._node = host.node
        self._options = options
        self._datagrams = datagrams
        self._verdicts = verdicts
        self._incarnation = int(host.wall_time() * 1000)
        self._sequence = 0
        self._addresses: dict[str, tuple[str, ...]] = {}
        self._woke_at = trio.current_time()
        self._hurry = 2
        self._watch = machine.Watch(
            machine.Rules(options.interval, options.dead_after, authentic=bool(options.key))
        )

    async def run(self, fellows: Latest[tuple[Node, ...]]) -> None:
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._follow, fellows)
                nursery.start_soon(self._listen)
                nursery.start_soon(self._judge)
                nursery.start_soon(self._beat)
        finally:
            with trio.move_on_after(_GOODBYE_WITHIN, shield=True):
                for _ in range(_GOODBYES):
                    await self._say(Saying.GOODBYE)

    async def _follow(self, fellows: Latest[tuple[Node, ...]]) -> None:
        named: set[str] = set()
        async for nodes in fellows.changes():
            for node in nodes:
                if not node.addresses and node.name not in named:
                    named.add(node.name)
                    log.warning("node %s has no address, so it cannot be watched", node.name)
            self._addresses = _addresses(nodes)
            self._take(machine.Known(frozenset(self._addresses)))

    async def _beat(self) -> None:
        while True:
            await self._say(Saying.ALIVE)
            pause = self._options.interval
            if self._hurry:
                self._hurry -= 1
                pause = min(pause, _VOLLEY)
            await trio.sleep(pause)

    async def _judge(self) -> None:
        while True:
            often = trio.current_time() + self._options.interval  # to notice a standstill
            deadline = machine.deadline(self._watch)
            await trio.sleep_until(often if deadline is None else min(often, deadline))
            self._take(machine.Passed())

    async def _listen(self) -> None:
        while True:
            try:
                received = await self._datagrams.receive()
            except OSError as error:  # an ICMP error about something sent
                log.debug("receiving a datagram: %s", error.strerror)
                await trio.sleep(_VOLLEY)
                continue
            datagram = decode(received, self._options.key)
            if isinstance(datagram, Bad):
                self._count(datagram.value)
            else:
                self._take(machine.Heard(datagram))

    def _take(self, came: machine.Input) -> None:
        """Step the machine; a standstill of this process is noticed here first."""
        now = trio.current_time()
        if now - self._woke_at > self._options.dead_after:
            log.warning("this process stood still; every fellow counts as living anew")
            self._watch, _ = machine.step(self._watch, machine.StoodStill(), now)
            self._hurry = 2
        self._woke_at = now
        self._watch, ignored = machine.step(self._watch, came, now)
        if ignored is not None:
            self.counts[ignored.value] += 1
        if (verdicts := self._watch.verdicts) != self._verdicts.value:
            self._verdicts.set(verdicts)

    async def _say(self, saying: Saying) -> None:
        self._sequence += 1
        datagram = Datagram(self._node, self._incarnation, self._sequence, saying)
        data = encode(datagram, self._options.key)
        for addresses in tuple(self._addresses.values()):
            for address in addresses:
                try:
                    await self._datagrams.send(data, address)
                except OSError:  # not reachable now; its own silence will tell the fellow
                    self.counts["not sent"] += 1

    def _count(self, reason: str) -> None:
        if not self.counts[reason]:
            log.warning("a datagram on the heartbeat port is dropped: %s", reason)
        self.counts[reason] += 1


async def _report(source: str, verdicts: Latest[Verdicts], observe: Observe) -> None:
    """Observe the verdicts there are, then each change of them."""
    said: Verdicts = {}
    await tell(observe, Listing(source))
    async for now in verdicts.changes():
        changed = {name: alive for name, alive in now.items() if said.get(name) != alive}
        gone = [name for name in said if name not in now]
        for name, alive in changed.items():
            if not alive:
                log.warning("node %s is lost: no sign of life", name)
            elif name in said:
                log.info("node %s is back", name)
        change = Change(
            source,
            tuple(Sourced(NodeReachability(name, alive)) for name, alive in changed.items()),
            tuple(NodeReachability(name, False).ref for name in gone),
        )
        if not (changed or gone) or await tell(observe, change):
            said = now


def _addresses(nodes: tuple[Node, ...]) -> dict[str, tuple[str, ...]]:
    """The addresses of each node that can be watched."""
    return {node.name: node.addresses for node in nodes if node.addresses}
