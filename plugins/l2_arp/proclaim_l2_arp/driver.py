"""Keeps this node answering for what is wanted, on every usable interface.

The shell around `responder`, `burst` and `pulse`: it decides which outlets
there are, carries frames between them and the pure parts, and hands the
interfaces to the report.  An address that is no longer wanted is not answered
for from the moment that is known; nothing is said in parting, as nothing that
can be said makes a neighbour forget.
"""

from __future__ import annotations

import logging
from collections import Counter
from ipaddress import ip_address
from itertools import islice

import trio
from proclaim import Host, InterfaceStatus, Latest, Observe, Spread, Wanted

from proclaim_l2_arp import burst, pulse
from proclaim_l2_arp.eligibility import status, why_not
from proclaim_l2_arp.link import Family, Interfaces, Link
from proclaim_l2_arp.options import Options
from proclaim_l2_arp.outlet import Outlet
from proclaim_l2_arp.ownership import Ownership
from proclaim_l2_arp.report import report
from proclaim_l2_arp.responder import Conflict, Reply, Station, about, gratuitous, react
from proclaim_l2_arp.traffic import Traffic

log = logging.getLogger("proclaim.l2")

_FAMILIES: tuple[Family, ...] = (4, 6)
_AT_ONCE = 200
_CONFLICT_PAUSE = 10.0
_WATCH_PAUSE = 1.0


class L2Announcer:
    """Makes one elected node answer for an address; the announcer named `l2`."""

    def __init__(self, node: str, link: Link, options: Options, host: Host | None = None) -> None:
        """`host` is where it is counted what comes in and goes out; None counts for nobody."""
        self.name = "l2"
        self.spread = Spread.ONE_NODE
        self._node = node
        self._link = link
        self._options = options
        self._host = host
        self._traffic = Traffic()

    async def run(self, wanted: Latest[Wanted], observe: Observe) -> None:
        """Answer for what is wanted until cancelled; then stop at once."""
        if self._host is None:
            await self._run(wanted, observe)
            return
        self._host.metrics.register(self._traffic)
        try:
            await self._run(wanted, observe)
        finally:
            self._host.metrics.unregister(self._traffic)

    async def _run(self, wanted: Latest[Wanted], observe: Observe) -> None:
        interfaces: Latest[Interfaces | None] = Latest(None)
        statuses: Latest[tuple[InterfaceStatus, ...] | None] = Latest(None)
        async with trio.open_nursery() as nursery:
            speaker = Speaker(self._node, self._link, self._options, nursery, self._traffic)
            nursery.start_soon(report, self.name, statuses, observe)
            nursery.start_soon(_keep_watching, self._link, interfaces)
            nursery.start_soon(speaker.follow_interfaces, interfaces, statuses)
            nursery.start_soon(speaker.follow_wanted, wanted)
            nursery.start_soon(speaker.keep_bursting)
            nursery.start_soon(speaker.keep_pulse)


class Speaker:
    """What one run of the announcer knows; every method runs on the one trio thread."""

    def __init__(
        self,
        node: str,
        link: Link,
        options: Options,
        nursery: trio.Nursery,
        traffic: Traffic,
    ) -> None:
        self.counts: Counter[str] = Counter()
        """Frames by what became of them."""
        self._node = node
        self._link = link
        self._excluded = options.excluded
        self._traffic = traffic
        self._nursery = nursery  # that of `L2Announcer.run`; it lives longer than this object
        self._obstacle = link.obstacle()
        self._warned = False
        self._ownership = Ownership()
        self._usable: Interfaces = ()
        self._siblings: frozenset[bytes] = frozenset()
        self._outlets: dict[tuple[int, Family], Outlet] = {}
        self._schedule = burst.Schedule()
        self._scheduled = trio.Event()
        self._pulse = _first_pulse(options, trio.current_time())
        self._conflicts: dict[bytes, float] = {}

    async def follow_wanted(self, wanted: Latest[Wanted]) -> None:
        async for newest in wanted.changes():
            ownership = Ownership()
            announcements = iter(newest)
            while some := tuple(islice(announcements, _AT_ONCE)):
                ownership.add(some)
                await trio.lowlevel.checkpoint()
            self._ownership = self._traffic.ownership = ownership
            self._reconcile()

    async def follow_interfaces(
        self,
        interfaces: Latest[Interfaces | None],
        statuses: Latest[tuple[InterfaceStatus, ...] | None],
    ) -> None:
        async for found in interfaces.changes():
            if found is None:
                continue
            names = {interface.index: interface.name for interface in found}
            reasons = {
                interface.index: why_not(interface, self._excluded, names) or self._obstacle
                for interface in found
            }
            self._usable = tuple(i for i in found if not reasons[i.index])
            self._siblings = frozenset(i.mac for i in found if len(i.mac) == 6)
            self._reconcile()
            statuses.set(tuple(status(self._node, i, reasons[i.index]) for i in found))

    async def keep_bursting(self) -> None:
        """Send what the schedule says, when it says so."""
        while True:
            deadline = burst.deadline(self._schedule)
            with trio.move_on_at(float("inf") if deadline is None else deadline):
                await self._scheduled.wait()
            self._scheduled = trio.Event()
            self._schedule, targets = burst.due(self._schedule, trio.current_time())
            for index, address in targets:
                self._announce(index, address)
            await trio.lowlevel.checkpoint()

    async def keep_pulse(self) -> None:
        """Notice a standstill even when no frame comes, and speak up after a silence."""
        hushed = self._is_quiet()
        while True:
            await trio.sleep(self._pulse.pause(trio.current_time()))
            quiet = self._is_quiet()
            if hushed and not quiet:
                for outlet in self._outlets.values():
                    self._tell(outlet, outlet.station.owned)
            hushed = quiet

    def _reconcile(self) -> None:
        """Make the outlets equal to what is owned on usable interfaces."""
        if self._obstacle and self._ownership and not self._warned:
            self._warned = True
            log.warning("nothing is announced by ARP and NDP: %s", self._obstacle)
        wanted: set[tuple[int, Family]] = set()
        for interface in self._usable:
            for family in _FAMILIES:
                owned = self._ownership.on(interface.name, family)
                if not owned:
                    continue
                key = interface.index, family
                wanted.add(key)
                station = Station(interface.mac, owned, self._siblings)
                if (outlet := self._outlets.get(key)) is not None:
                    self._tell(outlet, outlet.update(interface, station))
                    continue
                outlet = self._outlets[key] = Outlet(interface, family, station)
                self._nursery.start_soon(outlet.run, self._link, self._opened, self._heard)
        for key in self._outlets.keys() - wanted:
            self._outlets.pop(key).stop()

    def _opened(self, outlet: Outlet) -> None:
        self._tell(outlet, outlet.station.owned)

    def _tell(self, outlet: Outlet, addresses: frozenset[bytes]) -> None:
        """Announce these addresses; an outlet that is not ready does it when it is."""
        if not addresses or not outlet.ready:
            return
        index = outlet.interface.index
        targets = [(index, address) for address in sorted(addresses)]
        self._schedule = burst.start(self._schedule, targets, trio.current_time())
        self._scheduled.set()

    def _announce(self, index: int, address: bytes) -> None:
        outlet = self._outlets.get((index, 4 if len(address) == 4 else 6))
        if outlet is None or address not in outlet.station.owned or self._is_quiet():
            return
        for message in gratuitous(address, outlet.interface.mac, outlet.interface.link_local):
            sent = outlet.send(message)
            self.counts["gratuitous" if sent else "not sent"] += 1
            self._traffic.gratuitous[address] += sent

    def _heard(self, outlet: Outlet, frame: bytes) -> None:
        if self._is_quiet():
            self.counts["heard after a standstill"] += 1
            return
        reaction = react(frame, outlet.station)
        if isinstance(reaction, Reply):
            sent = outlet.send(reaction.message)
            self.counts["answered" if sent else "not sent"] += 1
            address = about(reaction)
            self._traffic.requests[address] += 1
            self._traffic.responses[address] += sent
        elif isinstance(reaction, Conflict):
            self.counts["conflict"] += 1
            self._report_conflict(outlet, reaction)
        else:
            self.counts[reaction.value] += 1

    def _report_conflict(self, outlet: Outlet, conflict: Conflict) -> None:
        now = trio.current_time()
        if now - self._conflicts.get(conflict.address, float("-inf")) < _CONFLICT_PAUSE:
            return
        self._conflicts = {a: at for a, at in self._conflicts.items() if now - at < _CONFLICT_PAUSE}
        self._conflicts[conflict.address] = now
        log.warning(
            "%s on %s: %s says that this address is its own",
            ip_address(conflict.address),
            outlet.interface.name,
            conflict.mac.hex(":"),
        )

    def _is_quiet(self) -> bool:
        now = trio.current_time()
        self._pulse, stood_still = pulse.beat(self._pulse, now)
        if stood_still:
            log.warning(
                "this process stood still; it answers nothing for %.1f s", self._pulse.silence
            )
        return self._pulse.quiet(now)


def _first_pulse(options: Options, now: float) -> pulse.Pulse:
    """Where fellows are watched, they get a moment to learn that this node is back."""
    heartbeat = options.heartbeat
    quiet_until = now + heartbeat.interval if heartbeat.enabled else now
    return pulse.Pulse(now, heartbeat.dead_after, 3 * heartbeat.interval, quiet_until)


async def _keep_watching(link: Link, interfaces: Latest[Interfaces | None]) -> None:
    """Watch again when watching failed; what was last seen stays in force meanwhile."""
    while True:
        try:
            await link.watch(interfaces)
        except OSError as error:
            log.warning("network interfaces cannot be watched: %s", error.strerror)
        await trio.sleep(_WATCH_PAUSE)
