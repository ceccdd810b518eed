"""One family on one interface: its port, kept open and kept current.

Knows one port and what is owned there; what to say is decided elsewhere.
Whatever fails is tried again after a pause, alone.
"""

from __future__ import annotations

import contextlib
import logging
import math
from collections.abc import Callable

import trio
from proclaim import Latest

from proclaim_l2_arp.eligibility import Interface
from proclaim_l2_arp.frames import Message, encode, solicited_node
from proclaim_l2_arp.link import Family, Link, Port
from proclaim_l2_arp.responder import Station

log = logging.getLogger("proclaim.l2")

_OPEN_PAUSE = 0.5
_GROUP_PAUSE = 2.0
_NAMES = {4: "ARP", 6: "Neighbor Discovery"}


class Outlet:
    """Answers for some addresses of one family on one interface while its task runs."""

    def __init__(self, interface: Interface, family: Family, station: Station) -> None:
        self.interface = interface
        self.family = family
        self.station = station
        self.ready = False
        """Whether the port is open."""
        self._scope = trio.CancelScope()
        self._owned = Latest(station.owned)
        self._port: Port | None = None
        self._complaint = ""

    def update(self, interface: Interface, station: Station) -> frozenset[bytes]:
        """Follow a change; returns the addresses that neighbours should be told about."""
        before, self.interface = self.interface, interface
        owned, self.station = self.station.owned, station
        if station.owned != owned:
            self._owned.set(station.owned)
        if interface.mac != before.mac or (interface.carrier and not before.carrier):
            return station.owned
        return station.owned - owned

    def stop(self) -> None:
        """Answer nothing from now on, and end the task."""
        self.station = Station(self.station.mac, frozenset())
        self._scope.cancel()

    def send(self, message: Message) -> bool:
        """Send if that can be done now; whether it was."""
        if self._port is None:
            return False
        try:
            self._port.send(encode(message))
        except OSError as error:
            self._complain(f"cannot send: {error.strerror}")
            return False
        return True

    async def run(
        self, link: Link, opened: Callable[[Outlet], None], heard: Callable[[Outlet, bytes], None]
    ) -> None:
        """Call `opened` whenever the port has been opened, and `heard` for each frame."""
        with self._scope:
            while True:
                try:
                    port = link.open(self.interface, self.family, self.station.owned)
                except OSError as error:
                    self._complain(f"cannot be opened: {error.strerror}")
                else:
                    with contextlib.closing(port):
                        await self._work(port, opened, heard)
                await trio.sleep(_OPEN_PAUSE)

    async def _work(
        self,
        port: Port,
        opened: Callable[[Outlet], None],
        heard: Callable[[Outlet, bytes], None],
    ) -> None:
        self._port, self.ready = port, True
        try:
            opened(self)
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._keep_current, port)
                try:
                    while True:
                        for frame in await port.receive():
                            heard(self, frame)
                except OSError as error:
                    self._complain(f"cannot receive: {error.strerror}")
                nursery.cancel_scope.cancel()
        finally:
            self._port, self.ready = None, False

    async def _keep_current(self, port: Port) -> None:
        """Keep the filter and the multicast groups equal to what is owned."""
        joined: set[bytes] = set()
        version, missing = -1, False
        while True:
            with trio.move_on_after(_GROUP_PAUSE if missing else math.inf):
                version = await self._owned.wait_newer(version)
            owned = self._owned.value
            groups = {solicited_node(a) for a in owned} if self.family == 6 else set()
            try:
                port.set_filter(owned)
            except OSError as error:
                self._complain(f"cannot change its filter: {error.strerror}")
            missing = not await self._keep_groups(port, groups, joined)

    async def _keep_groups(self, port: Port, wanted: set[bytes], joined: set[bytes]) -> bool:
        """Join and leave, each group by itself; whether all went well."""
        went_well = True
        for group in sorted(joined ^ wanted):
            try:
                port.set_group(group, member=group in wanted)
            except OSError as error:
                self._complain(f"cannot join or leave a multicast group: {error.strerror}")
                went_well = False
            else:
                joined ^= {group}
            await trio.lowlevel.checkpoint()
        return went_well

    def _complain(self, what: str) -> None:
        """Say what is wrong, once until something else is."""
        if what != self._complaint:
            self._complaint = what
            log.warning("%s on %s: %s", _NAMES[self.family], self.interface.name, what)
