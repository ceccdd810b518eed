"""Socket options of a BGP connection, and the addresses of this machine.

The only place that speaks to the kernel about TCP, besides `Host`; passwords
pass through and are kept nowhere.
"""

from __future__ import annotations

import socket
import struct
from ipaddress import ip_address

import trio

_TCP_MD5SIG = 14
_PRECEDENCE_INTERNETWORK_CONTROL = 0xC0  # RFC 4271 appendix E


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

    Asks the kernel and so blocks for some milliseconds: call it in a thread.
    Empty when no interface has the address.  Raises OSError when the kernel
    cannot be asked.
    """
    from pyroute2 import IPRoute  # takes a while to import, and few sessions need it
    from pyroute2.netlink.exceptions import NetlinkError

    wanted = ip_address(local.partition("%")[0])
    try:
        with IPRoute() as kernel:
            table = [
                (message["index"], ip_address(text))
                for message in kernel.get_addr()
                if (text := message.get_attr("IFA_LOCAL") or message.get_attr("IFA_ADDRESS"))
            ]
    except NetlinkError as error:
        raise OSError(error.code, str(error)) from None
    indexes = [index for index, address in table if address == wanted]
    return tuple(
        str(address)
        for index, address in table
        if index in indexes[:1] and address != wanted and not address.is_link_local
    )


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
