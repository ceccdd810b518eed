"""Socket options of a BGP connection, and the addresses of this machine.

The only place that speaks to the kernel about TCP, besides `Host`; passwords
pass through and are kept nowhere.
"""

from __future__ import annotations

import socket
import struct
from ipaddress import IPv4Address, IPv6Address, ip_address

import trio

_TCP_MD5SIG = 14
_PRECEDENCE_INTERNETWORK_CONTROL = 0xC0  # RFC 4271 appendix E
_RTM_NEWADDR, _RTM_GETADDR = 20, 22
_NLMSG_ERROR, _NLMSG_DONE = 2, 3
_DUMP_REQUEST = 0x301
_IFA_ADDRESS, _IFA_LOCAL = 1, 2


def set_options(made: socket.socket | trio.socket.SocketType, single_hop: bool) -> None:
    """Options of any BGP connection; `single_hop` keeps packets on the link."""
    made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if made.family == socket.AF_INET6:
        made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_TCLASS, _PRECEDENCE_INTERNETWORK_CONTROL)
        if single_hop:
            made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_UNICAST_HOPS, 1)
        return
    made.setsockopt(socket.IPPROTO_IP, socket.IP_TOS, _PRECEDENCE_INTERNETWORK_CONTROL)
    if single_hop:
        made.setsockopt(socket.IPPROTO_IP, socket.IP_TTL, 1)


def md5_option(address: str, password: str) -> bytes:
    """`struct tcp_md5sig` (RFC 2385, linux/tcp.h); an empty password removes the key."""
    key = password.encode()
    parsed = ip_address(address.partition("%")[0])
    if parsed.version == 4:
        peer = struct.pack("=HH4s", socket.AF_INET, 0, parsed.packed)
    else:
        peer = struct.pack("=HHI16sI", socket.AF_INET6, 0, 0, parsed.packed, 0)
    return struct.pack("=128sBBHi80s", peer, 0, 0, len(key), 0, key)


def set_password(made: socket.socket, address: str, password: str) -> None:
    """Demand TCP MD5 signatures in all that is exchanged with an address.

    Raises OSError when the kernel cannot.
    """
    made.setsockopt(socket.IPPROTO_TCP, _TCP_MD5SIG, md5_option(address, password))


def addresses_beside(local: str) -> tuple[str, ...]:
    """The other addresses of the interface that has this one; global ones only.

    Empty when no interface has it.  Raises OSError when the kernel cannot be asked.
    """
    wanted = ip_address(local.partition("%")[0])
    table = _addresses()
    indexes = [index for index, address in table if address == wanted]
    return tuple(
        str(address)
        for index, address in table
        if index in indexes[:1] and address != wanted and not address.is_link_local
    )


def _addresses() -> list[tuple[int, IPv4Address | IPv6Address]]:
    """Every (interface index, address), by one netlink dump (rtnetlink(7))."""
    found: list[tuple[int, IPv4Address | IPv6Address]] = []
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, 0) as asked:
        asked.settimeout(1.0)
        body = struct.pack("=BBBBi", socket.AF_UNSPEC, 0, 0, 0, 0)
        asked.send(struct.pack("=IHHII", 16 + len(body), _RTM_GETADDR, _DUMP_REQUEST, 1, 0) + body)
        while True:
            answer = asked.recv(1 << 18)
            at = 0
            while at + 16 <= len(answer):
                length, kind = struct.unpack_from("=IH", answer, at)
                if kind in (_NLMSG_DONE, _NLMSG_ERROR) or length < 16:
                    return found
                if kind == _RTM_NEWADDR:
                    found += _address(answer[at + 16 : at + length])
                at += length + 3 & ~3


def _address(message: bytes) -> list[tuple[int, IPv4Address | IPv6Address]]:
    (index,) = struct.unpack_from("=i", message, 4)
    values: dict[int, bytes] = {}
    at = 8
    while at + 4 <= len(message):
        length, kind = struct.unpack_from("=HH", message, at)
        if length < 4:
            break
        values[kind] = message[at + 4 : at + length]
        at += length + 3 & ~3
    octets = values.get(_IFA_LOCAL) or values.get(_IFA_ADDRESS)
    return [(index, ip_address(octets))] if octets else []


def local_address(stream: trio.abc.Stream) -> str:
    """This side's address of a stream.

    A stream that is no `trio.SocketStream` has it as `local_address`, and
    other addresses of that interface as `local_addresses`.
    """
    if isinstance(stream, trio.SocketStream):
        return str(stream.socket.getsockname()[0])
    return str(getattr(stream, "local_address", "127.0.0.1"))


def remote_address(stream: trio.abc.Stream) -> str:
    """The peer's address of a stream; `remote_address` of one that is no socket.

    Empty when the peer has gone already.
    """
    if not isinstance(stream, trio.SocketStream):
        return str(getattr(stream, "remote_address", ""))
    try:
        return str(stream.socket.getpeername()[0])
    except OSError:
        return ""
