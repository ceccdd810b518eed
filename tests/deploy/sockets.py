"""Open the sockets that a node opens, and say for each whether the kernel lets us.

Run as a program of its own, because a process cannot take back what it gave up.
"""

import json
import socket
import sys
from types import SimpleNamespace

from proclaim_bgp.sockets import set_options, set_password
from proclaim_l2_arp.linux import LinuxPort

LOOPBACK = SimpleNamespace(name="lo", index=socket.if_nametoindex("lo"))
GROUP = bytes.fromhex("ff0200000000000000000001ff000001")


def answer_on_the_local_network(family):
    port = LinuxPort(LOOPBACK, family, frozenset())
    if family == 6:
        port.set_group(GROUP, True)
    port.close()


def speak_bgp(family, address):
    with socket.socket(family) as made:
        set_options(made, True)
        set_password(made, address, "signed")


def listen(port):
    with socket.socket() as made:
        made.bind(("127.0.0.1", port))


ATTEMPTS = {
    "ARP": lambda: answer_on_the_local_network(4),
    "Neighbor Discovery": lambda: answer_on_the_local_network(6),
    "BGP over IPv4 with MD5": lambda: speak_bgp(socket.AF_INET, "192.0.2.1"),
    "BGP over IPv6 with MD5": lambda: speak_bgp(socket.AF_INET6, "2001:db8::1"),
    "a high port": lambda: listen(0),
    "a low port": lambda: listen(179),
}


def attempt(what):
    try:
        what()
    except OSError as error:
        return error.strerror
    return ""


if __name__ == "__main__":
    json.dump({name: attempt(what) for name, what in ATTEMPTS.items()}, sys.stdout)
