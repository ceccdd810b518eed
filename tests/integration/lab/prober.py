"""Asks on a segment who has an address, and hears everybody who answers."""

import socket
import struct
import time
from ipaddress import ip_address

from integration.lab.frames import parse
from integration.lab.inside import inside

_ETH_P_ALL = 0x0003


class Prober:
    """One interface in a namespace, and who answers there."""

    def __init__(self, stack, namespace, interface):
        (link,) = namespace.ip_json("addr", "show", "dev", interface)
        self._mac = bytes.fromhex(link["address"].replace(":", ""))
        known = {each["family"]: each["local"] for each in reversed(link["addr_info"])}
        self._source = {4: ip_address(known["inet"]), 6: ip_address(known["inet6"])}
        self._socket = inside(namespace, lambda: _listening(interface))
        stack.callback(self._socket.close)

    def answers(self, address, seconds=0.15):
        """The MAC addresses that say within some time that they have an address."""
        wanted = ip_address(address)
        self._forget()
        self._socket.send(self._asking(wanted))
        heard, end = set(), time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            self._socket.settimeout(left)
            try:
                said = parse(self._socket.recv(2048))
            except TimeoutError:
                break
            if said and _answers(said, wanted):
                heard.add(said["mac"])
        return heard

    def _forget(self):
        self._socket.settimeout(0)
        while True:
            try:
                self._socket.recv(2048)
            except BlockingIOError:
                return

    def _asking(self, wanted):
        source = self._source[wanted.version].packed
        if wanted.version == 4:
            body = struct.pack("!HHBBH", 1, 0x0800, 6, 4, 1) + self._mac + source
            return b"\xff" * 6 + self._mac + b"\x08\x06" + body + bytes(6) + wanted.packed
        group = ip_address("ff02::1:ff00:0").packed[:13] + wanted.packed[13:]
        option = b"\x01\x01" + self._mac
        message = struct.pack("!BBHI", 135, 0, 0, 0) + wanted.packed + option
        total = _checksum(source + group + struct.pack("!II", len(message), 58) + message)
        message = message[:2] + total + message[4:]
        header = struct.pack("!IHBB", 6 << 28, len(message), 58, 255) + source + group
        return b"\x33\x33" + group[12:] + self._mac + b"\x86\xdd" + header + message


def _answers(said, wanted):
    solicited = said["kind"] in ("arp-reply", "na") and not said["gratuitous"]
    return solicited and said["address"] == str(wanted)


def _listening(interface):
    heard = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(_ETH_P_ALL))
    heard.bind((interface, _ETH_P_ALL))
    return heard


def _checksum(data):
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return struct.pack("!H", ~total & 0xFFFF)
