"""Datagrams over UDP on all addresses of this machine, IPv4 and IPv6 by one socket.

Carries bytes and looks at none of them.
"""

from __future__ import annotations

import errno
import socket
from ipaddress import ip_address

import trio

_LONGEST = 2048


class UdpDatagrams:
    """A bound UDP socket."""

    def __init__(self, made: trio.socket.SocketType, port: int) -> None:
        self._socket = made
        self._port = port

    async def send(self, data: bytes, address: str) -> None:
        try:
            to = ip_address(address)
        except ValueError:  # a node's status may say anything
            raise OSError(errno.EINVAL, f"{address!r} is no address") from None
        if self._socket.family == socket.AF_INET:
            if to.version == 4:
                await self._socket.sendto(data, (address, self._port))
            return
        host = f"::ffff:{to}" if to.version == 4 else str(to)
        await self._socket.sendto(data, (host, self._port))

    async def receive(self) -> bytes:
        return await self._socket.recv(_LONGEST)

    def close(self) -> None:
        self._socket.close()


async def open_udp(port: int) -> UdpDatagrams:
    """Bind the port on all addresses; raises OSError when it is taken."""
    try:
        made = trio.socket.socket(socket.AF_INET6, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)
    except OSError as error:
        if error.errno != errno.EAFNOSUPPORT:
            raise
        made = trio.socket.socket(socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)
    try:
        if made.family == socket.AF_INET6:
            made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        await made.bind(("::" if made.family == socket.AF_INET6 else "0.0.0.0", port))
    except BaseException:  # cancelled as well: the socket is not ours to leak
        made.close()
        raise
    return UdpDatagrams(made, port)
