"""Sees what ARP and Neighbor Discovery say on one interface.

Run inside a namespace as a script, it writes one JSON object a frame, with the
time of `CLOCK_MONOTONIC`, which all namespaces of a machine share.  The parser
is written from RFC 826 and RFC 4861 and shares nothing with the responder, so
that the two cannot be wrong in the same way.
"""

import json
import socket
import struct
import sys
import time
from ipaddress import ip_address

_ETH_P_ALL = 0x0003
_SOL_PACKET, _PACKET_ADD_MEMBERSHIP, _PACKET_MR_PROMISC = 263, 1, 1
_SOLICITATION, _ADVERTISEMENT = 135, 136
_ROUTER, _SOLICITED, _OVERRIDE = 0x80, 0x40, 0x20


def parse(frame):
    """What a frame says, or None when it is neither ARP nor Neighbor Discovery."""
    said = {"to": frame[0:6].hex(":"), "from": frame[6:12].hex(":")}
    match int.from_bytes(frame[12:14]):
        case 0x0806:
            return said | _arp(frame[14:])
        case 0x86DD if frame[20] == 58 and frame[54] in (_SOLICITATION, _ADVERTISEMENT):
            return said | _discovery(frame[14:])
    return None


def _arp(packet):
    operation = int.from_bytes(packet[6:8])
    sender, target = packet[14:18], packet[24:28]
    return {
        "kind": {1: "arp-request", 2: "arp-reply"}.get(operation, "arp"),
        "mac": packet[8:14].hex(":"),
        "address": str(ip_address(sender if operation == 2 else target)),
        "gratuitous": sender == target,
    }


def _discovery(packet):
    source, icmp = packet[8:24], packet[40:]
    said = {
        "kind": "ns" if icmp[0] == _SOLICITATION else "na",
        "source": str(ip_address(source)),
        "address": str(ip_address(icmp[8:24])),
        "hop_limit": packet[7],
    }
    if icmp[0] == _ADVERTISEMENT:
        said |= {
            "gratuitous": not icmp[4] & _SOLICITED,
            "override": bool(icmp[4] & _OVERRIDE),
            "router": bool(icmp[4] & _ROUTER),
        }
        if icmp[24:26] == b"\x02\x01":
            said["mac"] = icmp[26:32].hex(":")
    return said


def watch(interface):
    """Write what is seen until the process is ended."""
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(_ETH_P_ALL)) as heard:
        heard.bind((interface, _ETH_P_ALL))
        index = socket.if_nametoindex(interface)
        promiscuous = struct.pack("iHH8s", index, _PACKET_MR_PROMISC, 0, b"")
        heard.setsockopt(_SOL_PACKET, _PACKET_ADD_MEMBERSHIP, promiscuous)
        _write({"kind": "listening"})
        while True:
            frame = heard.recv(2048)
            if (said := parse(frame)) is not None:
                _write({"at": time.monotonic()} | said)


def _write(said):
    sys.stdout.write(json.dumps(said) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    watch(sys.argv[1])
