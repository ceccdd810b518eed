"""Network namespaces, and the wires and addresses in them, by iproute2.

Knows nothing of what is built.  A namespace is on the caller's stack as soon
as it exists; taking it away takes its interfaces along.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from netlab.processes import CommandFailed, Process, run, start

_SYSCTLS = {
    "net.ipv6.conf.all.accept_dad": "0",  # addresses are usable at once
    "net.ipv6.conf.default.accept_dad": "0",
    "net.ipv6.conf.all.accept_ra": "0",
    "net.ipv6.conf.default.accept_ra": "0",
    "net.ipv4.conf.all.rp_filter": "0",
    "net.ipv4.conf.default.rp_filter": "0",
}


class Namespace:
    """A network namespace that exists under `/run/netns`."""

    def __init__(self, name: str) -> None:
        self.name = name

    def argv(self, *command: str) -> list[str]:
        """The command as it is started inside."""
        return ["ip", "netns", "exec", self.name, *command]

    def run(self, *command: str, timeout: float = 15.0) -> str:
        """Run a command inside to its end; raises CommandFailed."""
        return run(self.argv(*command), timeout=timeout)

    def start(self, stack: ExitStack, name: str, command: Sequence[str], log: Path) -> Process:
        """Start a command inside; `ip netns exec` becomes it, so the pid is its own."""
        return start(stack, name, self.argv(*command), log)

    def ip(self, *lines: str) -> None:
        """Run `ip` commands, one a line, as one batch; raises CommandFailed."""
        run(["ip", "-n", self.name, "-batch", "-"], stdin="\n".join(lines) + "\n")

    def ip_json(self, *arguments: str) -> list[dict[str, Any]]:
        """What `ip -json` answers; raises CommandFailed."""
        found: list[dict[str, Any]] = json.loads(
            run(["ip", "-n", self.name, "-json", *arguments]) or "[]"
        )
        return found

    def sysctl(self, values: dict[str, str]) -> None:
        """Set kernel parameters, which are all of this namespace alone; raises CommandFailed."""
        self.run("sysctl", "-q", "-w", *(f"{key}={value}" for key, value in values.items()))


def exists(name: str) -> bool:
    """Whether there is a namespace of this name."""
    return Path("/run/netns", name).exists()


def named(prefix: str) -> list[str]:
    """The namespaces whose names begin like this, sorted."""
    base = Path("/run/netns")
    if not base.is_dir():
        return []
    return sorted(entry.name for entry in base.iterdir() if entry.name.startswith(prefix))


def add(stack: ExitStack, name: str) -> Namespace:
    """Make a namespace that is removed when `stack` is left; raises CommandFailed."""
    run(["ip", "netns", "add", name])
    stack.callback(remove, name)
    namespace = Namespace(name)
    namespace.sysctl(_SYSCTLS)
    namespace.ip("link set dev lo up")
    return namespace


def remove(name: str, within: float = 5.0) -> None:
    """End what still runs in a namespace of ours and remove it; raises CommandFailed."""
    end = time.monotonic() + within
    while inside := pids(name):
        late = time.monotonic() > end
        for pid in inside:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL if late else signal.SIGTERM)
        time.sleep(0.05)
    with contextlib.suppress(FileNotFoundError):
        run(["ip", "netns", "del", name])


def pids(name: str) -> list[int]:
    """Processes inside that still run; a dead one whose parent has not noticed does not count."""
    try:
        listed = run(["ip", "netns", "pids", name])
    except CommandFailed:  # it is gone
        return []
    return [int(pid) for pid in listed.split() if _lives(pid)]


def _lives(pid: str) -> bool:
    try:
        status = Path("/proc", pid, "stat").read_text(encoding="utf-8")
    except (FileNotFoundError, ProcessLookupError):
        return False
    return status.rpartition(")")[2].split()[0] != "Z"


def wire(one: Namespace, one_name: str, other: Namespace, other_name: str, mac: str = "") -> None:
    """Join two namespaces by a wire with an interface at each end, both up.

    `mac` is for the first end; without one the kernel chooses.
    """
    address = f"address {mac}" if mac else ""
    one.ip(
        f"link add {one_name} {address} type veth peer name {other_name} netns {other.name}",
        f"link set dev {one_name} up",
    )
    other.ip(f"link set dev {other_name} up")
