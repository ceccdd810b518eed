"""Network interfaces from the kernel, as they are and as they change (rtnetlink(7)).

A trio socket carries the bytes and pyroute2 understands them.  Says what
exists and judges nothing; that is `eligibility.py`.  Events are listened for
before the first dump is asked for, so nothing is missed between the two, and
when the kernel had to throw events away everything is asked for again.
"""

from __future__ import annotations

import contextlib
import errno
import logging
import os
import socket
from collections.abc import AsyncGenerator
from dataclasses import dataclass, replace
from ipaddress import ip_address
from typing import Any

import trio
from proclaim import Latest
from pyroute2.netlink import (
    NLM_F_DUMP,
    NLM_F_REQUEST,
    NLMSG_DONE,
    NLMSG_ERROR,
)
from pyroute2.netlink.rtnl import (
    RTM_DELADDR,
    RTM_DELLINK,
    RTM_GETADDR,
    RTM_GETLINK,
    RTM_NEWADDR,
    RTM_NEWLINK,
    RTMGRP_IPV4_IFADDR,
    RTMGRP_IPV6_IFADDR,
    RTMGRP_LINK,
)
from pyroute2.netlink.rtnl.ifaddrmsg import ifaddrmsg
from pyroute2.netlink.rtnl.ifinfmsg import ifinfmsg
from pyroute2.netlink.rtnl.marshal import MarshalRtnl

from proclaim_l2_arp.eligibility import Interface
from proclaim_l2_arp.link import Interfaces

log = logging.getLogger("proclaim.l2.interfaces")

_BUFFER = 4 << 20
_RECEIVE = 1 << 16
_SO_RCVBUFFORCE = 33
_AF_BRIDGE = 7
_TENTATIVE, _DAD_FAILED = 0x40, 0x08  # <linux/if_addr.h>
_EVENTS = RTMGRP_LINK | RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR
_REQUESTS: dict[int, Any] = {RTM_GETLINK: ifinfmsg, RTM_GETADDR: ifaddrmsg}


@dataclass(frozen=True, slots=True)
class _Address:
    index: int
    text: str


class Table:
    """Interfaces and addresses, folded from netlink messages."""

    def __init__(self) -> None:
        self._links: dict[int, Interface] = {}
        self._addresses: set[_Address] = set()

    def apply(self, message: Any) -> None:  # noqa: ANN401 - pyroute2's messages have no types
        """Take in one message; those of other kinds are passed over."""
        kind = message["header"]["type"]
        if kind in (RTM_NEWLINK, RTM_DELLINK):
            self._apply_link(kind, message)
        elif kind in (RTM_NEWADDR, RTM_DELADDR):
            self._apply_address(kind, message)

    def _apply_link(self, kind: int, message: Any) -> None:  # noqa: ANN401 - as above
        if message["family"] == _AF_BRIDGE:
            return  # how a port stands in its bridge; the link itself has a message of its own
        index = message["index"]
        if kind == RTM_DELLINK:
            self._links.pop(index, None)
            self._addresses = {a for a in self._addresses if a.index != index}
            return
        mac = message.get_attr("IFLA_ADDRESS") or ""
        self._links[index] = Interface(
            index=index,
            name=message.get_attr("IFLA_IFNAME") or "",
            mac=bytes.fromhex(mac.replace(":", "")),
            flags=message["flags"],
            master=message.get_attr("IFLA_MASTER") or 0,
        )

    def _apply_address(self, kind: int, message: Any) -> None:  # noqa: ANN401 - as above
        text = message.get_attr("IFA_LOCAL") or message.get_attr("IFA_ADDRESS")
        if not text:
            return
        address = _Address(message["index"], str(ip_address(text)))
        flags = message.get_attr("IFA_FLAGS") or message["flags"]
        if kind == RTM_NEWADDR and not flags & (_TENTATIVE | _DAD_FAILED):
            self._addresses.add(address)
        else:
            self._addresses.discard(address)

    def interfaces(self) -> Interfaces:
        """Everything known, by index."""
        found: dict[int, list[str]] = {}
        for address in self._addresses:
            found.setdefault(address.index, []).append(address.text)
        return tuple(
            replace(link, addresses=tuple(sorted(found.get(index, ()), key=_by_value)))
            for index, link in sorted(self._links.items())
        )


async def watch(interfaces: Latest[Interfaces | None], buffer: int = _BUFFER) -> None:
    """Keep `interfaces` equal to what the kernel has, until cancelled; raises OSError.

    `buffer` is how many bytes of events the kernel may keep for us.
    """
    while True:
        monitor = await _open(_EVENTS, buffer)
        with monitor:
            table = Table()
            for kind in (RTM_GETLINK, RTM_GETADDR):
                await _dump(kind, table)
            _publish(interfaces, table)
            try:
                while True:
                    await _apply_all(await monitor.recv(_RECEIVE), table)
                    _publish(interfaces, table)
            except OSError as error:
                if error.errno != errno.ENOBUFS:
                    raise
                log.info("the kernel dropped interface events: reading all interfaces again")


def _publish(interfaces: Latest[Interfaces | None], table: Table) -> None:
    found = table.interfaces()
    if found != interfaces.value:
        interfaces.set(found)


async def _open(groups: int, buffer: int = _BUFFER) -> trio.socket.SocketType:
    made = trio.socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, 0)
    try:
        try:
            made.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, buffer)
        except PermissionError:
            made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
        await made.bind((0, groups))
    except BaseException:  # cancelled as well: the socket is not ours to leak
        made.close()
        raise
    return made


async def _dump(kind: int, table: Table) -> None:
    """Ask for everything of a kind and take it in."""
    request = _REQUESTS[kind]()
    request["header"]["type"] = kind
    request["header"]["flags"] = NLM_F_REQUEST | NLM_F_DUMP
    request.encode()
    with await _open(0) as asked:
        await asked.send(bytes(request.data))
        async with contextlib.aclosing(_answers(asked)) as answers:
            async for message in answers:
                table.apply(message)


async def _answers(asked: trio.socket.SocketType) -> AsyncGenerator[Any, None]:
    marshal = MarshalRtnl()
    while True:
        for message in marshal.parse(await asked.recv(_RECEIVE)):
            kind = message["header"]["type"]
            if kind == NLMSG_DONE:
                return
            if kind == NLMSG_ERROR:
                code = getattr(message["header"]["error"], "code", errno.EIO)
                raise OSError(code, os.strerror(code))
            yield message
            await trio.lowlevel.checkpoint()  # one link takes half a millisecond to parse


async def _apply_all(received: bytes, table: Table) -> None:
    for message in MarshalRtnl().parse(received):
        table.apply(message)
        await trio.lowlevel.checkpoint()


def _by_value(text: str) -> tuple[int, int]:
    address = ip_address(text)
    return address.version, int(address)
