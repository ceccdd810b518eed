"""The announcer: one link for each peer, and the history of their sessions.

Follows the wanted set: routes go to the links that they concern, peers come
and go, and a peer whose resource is unchanged keeps its session whatever else
changes.  Reporting has a task of its own, so that a slow ledger never holds a
session.
"""

from __future__ import annotations

import logging
import socket
from collections.abc import Awaitable, Callable, Mapping
from functools import partial

import msgspec
import trio
from proclaim import (
    Announcement,
    BGPPeer,
    Change,
    Host,
    Latest,
    Listing,
    Observe,
    PeerStatus,
    Sourced,
    Spread,
    Wanted,
)
from proclaim.model import Secret

from proclaim_bgp.connection import GOODBYE_SECONDS, SLICE_SECONDS
from proclaim_bgp.link import DECONFIGURED, RECONFIGURED, Link, remote_address
from proclaim_bgp.neighbor import concerns, family_of
from proclaim_bgp.options import Options
from proclaim_bgp.sockets import set_password
from proclaim_bgp.wire import Prefix, prefix

_LOG = logging.getLogger("proclaim.bgp")

SOURCE = "bgp"
Statuses = Mapping[str, PeerStatus]
_Key = tuple[str, str]
_Start = Callable[[], Awaitable[None]]


class BGPAnnouncer:
    """Announces every address from this node to the peers that want it."""

    name = "bgp"
    spread = Spread.EVERY_NODE

    def __init__(self, host: Host, options: Options | None = None) -> None:
        self._host = host
        self._options = options or Options()

    async def run(self, wanted: Latest[Wanted], observe: Observe) -> None:
        """Keep the peers told until cancelled; then say Cease to each, within a second."""
        roster = _Roster(self._host, self._options)
        try:
            async with trio.open_nursery() as nursery:
                for address, port in self._options.listen:
                    nursery.start_soon(roster.listen, address, port)
                async for value in wanted.changes():
                    for start in await roster.follow(value):
                        nursery.start_soon(start)
                    if not roster.reporting:
                        roster.reporting = True
                        nursery.start_soon(_report, roster.statuses, observe)
        finally:
            with trio.move_on_after(GOODBYE_SECONDS, shield=True):
                await observe(_listing(roster.statuses.value))


class _Roster:
    """Who is linked to, and what was last wanted."""

    def __init__(self, host: Host, options: Options) -> None:
        self.statuses: Latest[Statuses] = Latest({})
        self.reporting = False
        self._host = host
        self._options = options
        self._links: dict[str, Link] = {}
        self._wanted: Mapping[_Key, Announcement] = {}
        self._owners: dict[str, dict[Prefix, _Key]] = {}
        self._listening: list[socket.socket] = []

    def _report(self, link: Link, status: PeerStatus) -> None:
        if self._links.get(status.peer) is link:
            self.statuses.set({**self.statuses.value, status.peer: status})

    # --- following the wanted set ---------------------------------------------------------------

    async def follow(self, wanted: Wanted) -> list[_Start]:
        """Bring links and their routes up to date; what it returns is to be started."""
        starts = self._follow_peers({peer.name: peer for peer in wanted.peers})
        fresh = [link for name, link in self._links.items() if name not in self._owners]
        for link in fresh:
            self._owners[link.peer.name] = {}
        old, new = self._wanted, wanted.announcements
        if fresh:
            await self._apply(fresh, {}, old)
        if new is not old:
            await self._apply(list(self._links.values()), old, new)
            self._wanted = new
        for link in self._links.values():
            link.flush()
        self._key_listeners()
        return starts

    def _follow_peers(self, peers: Mapping[str, BGPPeer]) -> list[_Start]:
        starts: list[_Start] = []
        statuses = dict(self.statuses.value)
        for name in [name for name in self._links if name not in peers]:
            self._forget(name, DECONFIGURED)
            statuses.pop(name, None)
        for name, peer in peers.items():
            present = self._links.get(name)
            if present is not None and _session_part(present.peer) == _session_part(peer):
                continue
            after = self._forget(name, RECONFIGURED).gone if present is not None else None
            link = self._link(peer)
            statuses[name] = link.status()
            starts.append(partial(link.run, after))
        if statuses != self.statuses.value:
            self.statuses.set(statuses)
        return starts

    def _link(self, peer: BGPPeer) -> Link:
        def report(status: PeerStatus) -> None:
            self._report(link, status)

        link = Link(peer, self._host, self._options.next_hops, report)
        self._links[peer.name] = link
        return link

    def _forget(self, name: str, subcode: int) -> Link:
        link = self._links.pop(name)
        self._owners.pop(name, None)
        link.leave(subcode)
        return link

    async def _apply(
        self,
        links: list[Link],
        old: Mapping[_Key, Announcement],
        new: Mapping[_Key, Announcement],
    ) -> None:
        """Hand the difference between two wanted sets to some links."""
        pause_at = trio.current_time() + SLICE_SECONDS
        gone = [(key, announcement, False) for key, announcement in old.items() if key not in new]
        come = [(key, each, True) for key, each in new.items() if old.get(key) is not each]
        for key, announcement, wanted in gone + come:
            parsed = prefix(announcement.prefix)
            for link in links:
                told = wanted and concerns(announcement, link.peer.name)
                self._hand(link, key, parsed, announcement if told else None)
            if trio.current_time() >= pause_at:
                await trio.lowlevel.checkpoint()
                pause_at = trio.current_time() + SLICE_SECONDS

    def _hand(
        self, link: Link, key: _Key, parsed: Prefix, announcement: Announcement | None
    ) -> None:
        owners = self._owners[link.peer.name]
        if announcement is not None:
            owners[parsed] = key
            link.want(parsed, announcement.attributes)
        elif owners.get(parsed) == key:
            del owners[parsed]
            link.drop(parsed)

    # --- the passive side -----------------------------------------------------------------------

    async def listen(self, address: str, port: int) -> None:
        """Accept connections from peers that are configured, and refuse others."""

        def prepare(made: socket.socket) -> None:
            self._listening.append(made)
            self._key_listeners()

        await self._host.serve_tcp(address, port, prepare, self._accept)

    async def _accept(self, stream: trio.abc.Stream) -> None:
        remote = remote_address(stream).partition("%")[0]
        for link in list(self._links.values()):
            if link.peer.peer_address.partition("%")[0] == remote and await link.accept(stream):
                return
        _LOG.debug("refused a connection from %s", remote)
        await trio.aclose_forcefully(stream)

    def _key_listeners(self) -> None:
        """Demand the signatures of peers with a password on what listens."""
        for made in self._listening:
            for link in self._links.values():
                password = self._host.secrets.value.get(link.peer.name, "")
                if link.peer.password is Secret.NONE or not link.peer.peer_address or not password:
                    continue
                family = (
                    socket.AF_INET if family_of(link.peer.peer_address) == 1 else socket.AF_INET6
                )
                if made.family == family:
                    set_password(made, link.peer.peer_address, password)


def _session_part(peer: BGPPeer) -> BGPPeer:
    """A peer without what has no bearing on its session."""
    return msgspec.structs.replace(peer, node_selectors=())


# --- history ------------------------------------------------------------------------------------


def _listing(statuses: Statuses) -> Listing:
    return Listing(SOURCE, tuple(Sourced(each) for _, each in sorted(statuses.items())))


async def _report(statuses: Latest[Statuses], observe: Observe) -> None:
    """Tell the ledger what changes; where it is slow, only the newest."""
    told: Statuses | None = None
    async for value in statuses.changes():
        if told is None:
            await observe(_listing(value))
        elif change := _change(told, value):
            await observe(change)
        told = value


def _change(told: Statuses, value: Statuses) -> Change | None:
    changed = tuple(Sourced(each) for name, each in sorted(value.items()) if told.get(name) != each)
    gone = tuple(each.ref for name, each in sorted(told.items()) if name not in value)
    return Change(SOURCE, changed, gone) if changed or gone else None
