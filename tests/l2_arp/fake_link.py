"""A `Link` on virtual time: interfaces are set, frames are delivered, what is sent is kept."""

import errno
import os
from collections import defaultdict
from dataclasses import replace

import trio
from proclaim import Latest
from proclaim_l2_arp.eligibility import BROADCAST_CAPABLE, RUNNING, UP, Interface
from proclaim_l2_arp.frames import Message, decode

ETHERNET = UP | BROADCAST_CAPABLE | RUNNING


def interface(name, index, mac, **more):
    """An Ethernet interface that is up."""
    return replace(Interface(index, name, mac, ETHERNET), **more)


class FakePort:
    def __init__(self, link, opened, family, owned):
        self.link = link
        self.index = opened.index
        self.family = family
        self.filter = owned
        self.groups = set()
        self.closed = False
        self._feed, self._frames = trio.open_memory_channel(1000)

    async def receive(self):
        frame = await self._frames.receive()
        if isinstance(frame, OSError):
            raise frame
        return (frame,)

    def feed(self, frame):
        self._feed.send_nowait(frame)

    def send(self, frame):
        if self.link.mute:
            raise OSError(errno.ENOBUFS, os.strerror(errno.ENOBUFS))
        self.link.sent.append((trio.current_time(), self.index, frame))
        self.link.segment.carry(frame, self.link)

    def set_filter(self, owned):
        self.filter = owned

    def set_group(self, group, member):
        if self.link.no_groups:
            raise OSError(errno.ENODEV, os.strerror(errno.ENODEV))
        (self.groups.add if member else self.groups.remove)(group)

    def close(self):
        self.closed = True


class Segment:
    """A switch between links: what one sends, those that it is for receive at once."""

    def __init__(self):
        self.links = []
        self.cut = set()
        """Links that neither send nor receive."""

    def carry(self, frame, sender):
        if sender in self.cut:
            return
        for link in self.links:
            if link is not sender and link not in self.cut:
                for interface in link.interfaces.value:
                    if frame[0] & 1 or frame[:6] == interface.mac:
                        link.deliver(frame, interface.index)


class FakeLink:
    def __init__(self, *interfaces, obstacle="", segment=None):
        self.segment = segment or Segment()
        self.segment.links.append(self)
        self.interfaces = Latest(interfaces)
        self.sent = []
        """(when, interface index, frame)"""
        self.ports = defaultdict(list)
        """Every port ever opened, by (interface index, family)."""
        self.refused = set()
        """(interface index, family) that cannot be opened."""
        self.mute = False
        self.no_groups = False
        self.watch_error = None
        self._obstacle = obstacle

    def obstacle(self):
        return self._obstacle

    async def watch(self, interfaces):
        async for found in self.interfaces.changes():
            if self.watch_error is not None:
                error, self.watch_error = self.watch_error, None
                raise error
            interfaces.set(found)

    def open(self, opened, family, owned):
        if (opened.index, family) in self.refused:
            raise OSError(errno.ENODEV, os.strerror(errno.ENODEV))
        port = FakePort(self, opened, family, owned)
        self.ports[opened.index, family].append(port)
        return port

    def port(self, index, family):
        """The port that is open now, or None."""
        return next((p for p in self.ports[index, family] if not p.closed), None)

    def deliver(self, frame, index=2):
        """A frame arrives; nobody hears it where no port of its family is open."""
        family = 4 if frame[12:14] == b"\x08\x06" else 6
        if (port := self.port(index, family)) is not None:
            port.feed(frame)

    def said(self) -> list[tuple[float, int, Message]]:
        """What was sent since the last call, decoded."""
        said = [(round(when, 6), index, decode(frame)) for when, index, frame in self.sent]
        self.sent.clear()
        return said
