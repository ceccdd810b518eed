"""The announcer: one link for each peer, and the history of their sessions.

Follows the wanted set: routes go to the links that they concern, peers come
and go, and a peer whose resource is unchanged keeps its session whatever else
changes.  Reporting has a task of its own, so that a slow ledger never holds a
session.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Iterator, Mapping
from functools import partial
from heapq import heappop, heappush

import msgspec
import trio
from proclaim import (
    Announcement,
    BGPPeer,
    Change,
    Host,
    Latest,
    Listing,
    Observation,
    Observe,
    PeerStatus,
    Sourced,
    Spread,
    Wanted,
)
from proclaim.model import Secret

from proclaim_bgp.connection import GOODBYE_SECONDS, SLICE_SECONDS
from proclaim_bgp.door import Door
from proclaim_bgp.link import DECONFIGURED, RECONFIGURED, Link
from proclaim_bgp.neighbor import concerns, password_problem
from proclaim_bgp.options import Options
from proclaim_bgp.sockets import remote_address
from proclaim_bgp.traffic import Figures, Sessions, Traffic, label
from proclaim_bgp.wire import Prefix, prefix

_LOG = logging.getLogger("proclaim.bgp")

SOURCE = "bgp"
_AGAIN_SECONDS = 5.0
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
        self._traffic: dict[str, Traffic] = {}

    async def run(self, wanted: Latest[Wanted], observe: Observe) -> None:
        """Keep the peers told until cancelled; then leave each, within two seconds."""
        roster = _Roster(self._host, self._options, self._traffic)
        sessions = Sessions(roster.figures)
        self._host.metrics.register(sessions)
        reporting = False
        try:
            async with trio.open_nursery() as nursery:
                doors = [Door(address, port) for address, port in self._options.listen]
                for door in doors:
                    nursery.start_soon(door.keep_open, self._host, roster.accept)
                    nursery.start_soon(door.follow_passwords, self._host, roster.passwords)
                nursery.start_soon(roster.wait_for_the_rest)
                async for value in wanted.changes():
                    for start in await roster.follow(value):
                        nursery.start_soon(start)
                    for door in doors:
                        door.set_passwords(roster.passwords())
                    if not reporting:
                        reporting = True
                        nursery.start_soon(_report, roster.statuses, observe)
        finally:
            self._host.metrics.unregister(sessions)
            with trio.move_on_after(GOODBYE_SECONDS, shield=True):
                await _tell(_listing(roster.statuses.value), observe)


class _Roster:
    """Who is linked to, and what was last wanted."""

    def __init__(self, host: Host, options: Options, traffic: dict[str, Traffic]) -> None:
        self.statuses: Latest[Statuses] = Latest({})
        self._host = host
        self._options = options
        self._traffic = traffic
        self._links: dict[str, Link] = {}
        self._wanted = Wanted()
        self._owners: dict[str, dict[Prefix, _Key]] = {}
        self._complete = False
        self._restarted_until = trio.current_time() + options.restart_seconds

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
        old = self._wanted
        if fresh:
            await self._apply(fresh, Wanted(), old)
        if wanted.announcements is not old.announcements:
            await self._apply(list(self._links.values()), old, wanted)
            self._wanted = wanted
        if wanted.complete:
            self._become_complete()
        for link in self._links.values():
            link.flush()
        return starts

    async def wait_for_the_rest(self) -> None:
        """End the patience of peers that keep what an earlier process told them.

        Theirs would end soon as well (RFC 4724 section 4.1, Selection_Deferral_Timer).
        """
        await trio.sleep_until(self._restarted_until)
        if any(link.graceful for link in self._links.values()) and not self._complete:
            _LOG.warning("not every source was heard: peers forget what is not known here")
        self._become_complete()

    def _become_complete(self) -> None:
        if self._complete:
            return
        self._complete = True
        for link in self._links.values():
            link.complete()
            link.flush()

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
            link = self._link(peer, anew=present is not None)
            statuses[name] = link.status()
            starts.append(partial(link.run, after))
        if statuses != self.statuses.value:
            self.statuses.set(statuses)
        return starts

    def _link(self, peer: BGPPeer, anew: bool) -> Link:
        """A link to a peer; `anew` to one that was left with Cease, and so forgot everything."""

        def report(status: PeerStatus) -> None:
            self._report(link, status)

        traffic = self._traffic.setdefault(label(peer), Traffic())
        link = Link(peer, self._host, self._options, report, traffic)
        if not anew:
            link.restarted(self._restarted_until)
        if self._complete:
            link.complete()
        self._links[peer.name] = link
        return link

    def _forget(self, name: str, subcode: int) -> Link:
        link = self._links.pop(name)
        self._owners.pop(name, None)
        link.leave(subcode)
        return link

    async def _apply(self, links: list[Link], old: Wanted, new: Wanted) -> None:
        """Hand the difference between two wanted sets to some links."""
        pause_at = trio.current_time() + SLICE_SECONDS
        for difference in _differences(old, new):
            if difference is not None:
                key, announcement, wanted = difference
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

    async def accept(self, stream: trio.abc.Stream) -> None:
        """Let the peer whose address a connection comes from take it; refuse any other."""
        remote = remote_address(stream).partition("%")[0]
        for link in list(self._links.values()):
            if link.peer.peer_address.partition("%")[0] == remote and await link.accept(stream):
                return
        _LOG.debug("refused a connection from %s", remote)
        await trio.aclose_forcefully(stream)

    def figures(self) -> dict[str, Figures]:
        """How things stand, by the label of the peer; who is not linked to is forgotten."""
        found: dict[str, Figures] = {}
        for link in self._links.values():
            name, figures = label(link.peer), link.figures()
            if name not in found or figures.up:  # two may be told apart by their names alone
                found[name] = figures
        for name in self._traffic.keys() - found.keys():
            del self._traffic[name]
        return found

    def passwords(self) -> dict[str, str]:
        """By address, the passwords of peers that have one."""
        secrets = self._host.secrets.value
        return {
            link.peer.peer_address: secrets[name]
            for name, link in self._links.items()
            if link.peer.password is not Secret.NONE
            and link.peer.peer_address
            and not password_problem(link.peer, secrets.get(name))
        }


def _differences(old: Wanted, new: Wanted) -> Iterator[tuple[_Key, Announcement, bool] | None]:
    """What is gone (False), then what came or changed (True); None now and then, to breathe.

    In the order of the prefixes, for a wanted set has none, and what peers are
    told should not depend on how a process happens to hash texts.
    """
    keys = new.differing(old)
    before, after = old.announcements, new.announcements
    gone: list[_Key] = []
    for looked, key in enumerate(before if keys is None else keys):
        if key not in after and key in before:
            heappush(gone, key)
        if looked % 1024 == 0:
            yield None
    while gone:
        key = heappop(gone)
        yield key, before[key], False
    came: list[_Key] = []
    for looked, key in enumerate(after if keys is None else keys):
        if key in after and before.get(key) is not after[key]:
            heappush(came, key)
        if looked % 1024 == 0:
            yield None
    while came:
        key = heappop(came)
        yield key, after[key], True


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
        while True:
            observation = _listing(value) if told is None else _change(told, value)
            if observation is None or await _tell(observation, observe):
                told = value
                break
            told = None  # what the ledger knows is not known: begin again
            await trio.sleep(_AGAIN_SECONDS)
            value = statuses.value


async def _tell(observation: Observation, observe: Observe) -> bool:
    try:
        await observe(observation)
    except Exception as error:  # noqa: BLE001 - a failing ledger must not end what is announced
        _LOG.error("the ledger did not take the peers' status: %s", error)
        return False
    return True


def _change(told: Statuses, value: Statuses) -> Change | None:
    changed = tuple(Sourced(each) for name, each in sorted(value.items()) if told.get(name) != each)
    gone = tuple(each.ref for name, each in sorted(told.items()) if name not in value)
    return Change(SOURCE, changed, gone) if changed or gone else None
