"""A switch, nodes and clients in network namespaces of their own, removed in the end."""

import ctypes
import json
import os
import secrets
import select
import socket
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

RUNNER = Path(__file__).with_name("runner.py")
_CLONE_NEWNET = 0x40000000


def run(*command, check=True):
    return subprocess.run(command, check=check, capture_output=True, text=True, timeout=20).stdout


def until(condition, within=5.0, every=0.02):
    """Wait until something holds and return it; fail when it does not in time."""
    deadline = time.monotonic() + within
    while True:
        if found := condition():
            return found
        assert time.monotonic() < deadline, f"not within {within} s: {condition}"
        time.sleep(every)


class Machine:
    """One namespace; `eth0` is plugged into the switch."""

    def __init__(self, name, switch):
        self.namespace = name
        self.name = name.rpartition("-")[2]
        self.switch = switch
        run("ip", "netns", "add", name)
        # Addresses must be usable at once, without probing for duplicates first.
        for which in ("all", "default"):
            self.do("sysctl", "-qw", f"net.ipv6.conf.{which}.accept_dad=0")
        self.ip("link", "set", "lo", "up")

    def ip(self, *arguments, check=True):
        return run("ip", "-n", self.namespace, *arguments, check=check)

    def do(self, *command, check=True):
        return run("ip", "netns", "exec", self.namespace, *command, check=check)

    def plug(self, name, *addresses):
        """Give it an interface; returns its Ethernet address."""
        port = "p" + secrets.token_hex(4)
        self.ip("link", "add", name, "type", "veth", "peer", port, "netns", self.switch.namespace)
        self.switch.ip("link", "set", port, "master", "br0")
        self.switch.ip("link", "set", port, "up")
        for address in addresses:
            self.ip("address", "add", address, "dev", name)
        self.ip("link", "set", name, "up")
        return self.mac(name)

    def mac(self, name="eth0"):
        return json.loads(self.ip("-j", "link", "show", name))[0]["address"]

    def neighbour(self, address):
        """The Ethernet address that the kernel resolved, or None."""
        found = json.loads(self.ip("-j", "neighbour", "show", "to", address) or "[]")
        return found[0].get("lladdr") if found else None

    def groups(self, name="eth0"):
        return self.ip("-6", "maddress", "show", "dev", name)

    def inside(self, function):
        """Call a function in this namespace, and return what it returns."""
        returned = []

        def enter():
            with open(f"/run/netns/{self.namespace}") as handle:
                libc = ctypes.CDLL(None, use_errno=True)
                if libc.setns(handle.fileno(), _CLONE_NEWNET):
                    raise OSError(ctypes.get_errno(), "setns")
            returned.append(function())

        thread = threading.Thread(target=enter)  # setns changes one thread only
        thread.start()
        thread.join()
        return returned[0]

    def packet_socket(self, protocol=3, name="eth0"):
        """A raw socket in this namespace."""

        def opened():
            made = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
            made.bind((name, protocol))
            made.settimeout(0.05)
            return made

        return self.inside(opened)


class Announcing:
    """The announcer at work on a machine."""

    def __init__(self, machine, *prefix, fellows=()):
        self.machine = machine
        self.errors = tempfile.TemporaryFile("w+")  # noqa: SIM115 - closed by close()
        enter = ("ip", "netns", "exec", machine.namespace)
        self.process = subprocess.Popen(
            [*enter, *prefix, sys.executable, RUNNER, machine.name, *fellows],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.errors,
            text=True,
        )
        self.first = json.loads(self.process.stdout.readline())

    def want(self, *addresses, to=()):
        self.process.stdin.write(json.dumps(dict.fromkeys(addresses, to)) + "\n")
        self.process.stdin.flush()

    def kill(self):
        self.process.kill()
        self.process.wait()

    def observed(self, within=5.0):
        """The next observation, or None when none comes in time."""
        ready, _, _ = select.select([self.process.stdout], [], [], within)
        return json.loads(self.process.stdout.readline()) if ready else None

    def log(self):
        self.errors.seek(0)
        return self.errors.read()

    def stop(self):
        if self.process.stdin.closed:
            return
        self.process.stdin.close()
        try:
            self.process.wait(5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process.stdout.close()

    def close(self):
        self.stop()
        self.errors.close()


class Lab:
    def __init__(self):
        self._prefix = f"l2-{os.getpid()}-{secrets.token_hex(3)}"
        self._announcing = []
        self._sockets = []
        self._machines = []
        self.switch = Machine(f"{self._prefix}-switch", None)
        self._machines.append(self.switch)
        self.switch.ip("link", "add", "br0", "type", "bridge")
        self.switch.ip("link", "set", "br0", "up")

    def machine(self, name, *addresses, interface="eth0"):
        made = Machine(f"{self._prefix}-{name}", self.switch)
        self._machines.append(made)
        if interface:
            made.plug(interface, *addresses)
        return made

    def announce(self, machine, *prefix, fellows=()):
        made = Announcing(machine, *prefix, fellows=fellows)
        self._announcing.append(made)
        return made

    def sniff(self, machine, **options):
        made = machine.packet_socket(**options)
        self._sockets.append(made)
        return made

    def close(self):
        for announcing in self._announcing:
            announcing.close()
        for opened in self._sockets:
            opened.close()
        for machine in self._machines:
            run("ip", "netns", "delete", machine.namespace, check=False)


def received(sniffer, seconds):
    """The frames that arrive within some time; what the machine sent itself is left out."""
    frames, deadline = [], time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            frame, where = sniffer.recvfrom(2048)
        except TimeoutError:
            continue
        if where[2] != socket.PACKET_OUTGOING:
            frames.append(frame)
    return frames
