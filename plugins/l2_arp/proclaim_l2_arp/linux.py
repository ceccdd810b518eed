"""The real link: AF_PACKET sockets, multicast membership, netlink (packet(7), ipv6(7)).

Does what it is told and decides nothing.  A socket is bound only after its
filter is attached, so it never holds a frame that the filter would refuse.
"""

from __future__ import annotations

import ctypes
import errno
import socket
import struct
from collections.abc import Sequence

import trio
from proclaim import Latest

from proclaim_l2_arp import interfaces as netlink
from proclaim_l2_arp.eligibility import Interface
from proclaim_l2_arp.filters import ANY_ARP, ANY_ND, Instruction, arp_filter, nd_filter
from proclaim_l2_arp.frames import ETHERTYPE_ARP, ETHERTYPE_IPV6
from proclaim_l2_arp.link import Family, Interfaces

_SO_ATTACH_FILTER = 26
_OTHER_HOST = 3  # PACKET_OTHERHOST; PACKET_OUTGOING is 4
_AT_ONCE = 24
"""Frames of one receive: answering them all takes less than a millisecond."""
_FRAME = 2048
_QUEUE = 1 << 20


class LinuxLink:
    """The interfaces of this network namespace."""

    def obstacle(self) -> str:
        try:
            socket.socket(socket.AF_PACKET, socket.SOCK_RAW | socket.SOCK_CLOEXEC, 0).close()
        except PermissionError:
            return "answering ARP and NDP needs the capability CAP_NET_RAW"
        except OSError as error:
            return f"packet sockets do not work here: {error.strerror}"
        return ""

    async def watch(self, interfaces: Latest[Interfaces | None]) -> None:
        await netlink.watch(interfaces)

    def open(self, interface: Interface, family: Family, owned: frozenset[bytes]) -> LinuxPort:
        return LinuxPort(interface, family, owned)


class LinuxPort:
    """A packet socket of one family on one interface."""

    def __init__(self, interface: Interface, family: Family, owned: frozenset[bytes]) -> None:
        self._family = family
        self._index = interface.index
        self._groups: socket.socket | None = None
        self._socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW | socket.SOCK_CLOEXEC, 0)
        try:
            self._socket.setblocking(False)
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _QUEUE)
            self.set_filter(owned)
            protocol = ETHERTYPE_ARP if family == 4 else ETHERTYPE_IPV6
            self._socket.bind((interface.name, protocol))
        except BaseException:  # nobody else could close it
            self._socket.close()
            raise

    async def receive(self) -> Sequence[bytes]:
        await trio.lowlevel.wait_readable(self._socket)
        return self._drain(_AT_ONCE)

    def _drain(self, limit: int) -> list[bytes]:
        frames: list[bytes] = []
        for _ in range(limit):
            try:
                frame, where = self._socket.recvfrom(_FRAME)
            except BlockingIOError:
                break
            if where[2] < _OTHER_HOST:
                frames.append(frame)
        return frames

    def send(self, frame: bytes) -> None:
        self._socket.send(frame)

    def set_filter(self, owned: frozenset[bytes]) -> None:
        program, without = (
            (arp_filter(owned), ANY_ARP) if self._family == 4 else (nd_filter(owned), ANY_ND)
        )
        try:
            attach_filter(self._socket, program)
        except OSError as error:
            if error.errno != errno.ENOMEM:
                raise
            attach_filter(self._socket, without)  # net.core.optmem_max is small here

    def set_group(self, group: bytes, member: bool) -> None:
        if self._groups is None:
            self._groups = socket.socket(
                socket.AF_INET6, socket.SOCK_RAW | socket.SOCK_CLOEXEC, socket.IPPROTO_ICMPV6
            )
            self._groups.setsockopt(socket.IPPROTO_ICMPV6, 1, b"\xff" * 32)  # ICMP6_FILTER: none
        option = socket.IPV6_JOIN_GROUP if member else socket.IPV6_LEAVE_GROUP
        try:
            self._groups.setsockopt(
                socket.IPPROTO_IPV6, option, group + struct.pack("@I", self._index)
            )
        except OSError as error:
            if error.errno not in (errno.EADDRINUSE, errno.EADDRNOTAVAIL):
                raise  # those two say that it is so already

    def close(self) -> None:
        self._socket.close()
        if self._groups is not None:
            self._groups.close()


def attach_filter(made: socket.socket, program: Sequence[Instruction]) -> None:
    """Attach a classic BPF program, replacing the present one at once; raises OSError."""
    code = b"".join(struct.pack("HBBI", *instruction) for instruction in program)
    buffer = ctypes.create_string_buffer(code, len(code))
    made.setsockopt(
        socket.SOL_SOCKET,
        _SO_ATTACH_FILTER,
        struct.pack("HL", len(program), ctypes.addressof(buffer)),
    )
