"""BIRD as the router: one daemon in a namespace, asked through its control socket.

BIRD answers in text only, so this knows how it writes sessions and routes.
"""

from __future__ import annotations

import re
import shutil
import time
from contextlib import ExitStack
from pathlib import Path

from netlab.processes import CommandFailed, run
from netlab.routers import Neighbor
from netlab.topology import NODE_ASN, NODE_V4, NODE_V6, ROUTER_ASN, ROUTER_V4, Topology

_PREFIX = re.compile(r"^(\S+/\d+)\s")
_HOP = re.compile(r"^\s+via (\S+) on ")
_STATE = re.compile(r"^\s+BGP state:\s+(\S+)")
_ADDRESS = re.compile(r"^\s+Neighbor address:\s+([^%\s]+)")
_ERROR = re.compile(r"^\s+Last error:\s+(.*)")

_HEAD = f"""
router id {ROUTER_V4};
log stderr all;
protocol device {{ scan time 1; }}
protocol kernel {{ ipv4 {{ import none; export where source = RTS_BGP; }}; merge paths on; }}
protocol kernel {{ ipv6 {{ import none; export where source = RTS_BGP; }}; merge paths on; }}
template bgp nodes {{
    local as {ROUTER_ASN};
    direct;
    connect delay time 1;
    connect retry time 1;
    error wait time 1, 2;
}}
"""


def missing() -> str:
    """What keeps this router from being started; empty when nothing does."""
    for command in ("bird", "birdc"):
        if not shutil.which(command):
            return f"{command} is not there (Debian package bird2)"
    return ""


def configuration() -> str:
    """What BIRD is told: one session of each family to each node, ECMP, no policy."""
    channels = {4: "ipv4 { import all; export none; };", 6: "ipv6 { import all; export none; };"}
    sessions = [
        f"protocol bgp {node}_v4 from nodes "
        f"{{ neighbor {address} as {NODE_ASN}; {channels[4]} {channels[6]} }}"
        for node, address in NODE_V4.items()
    ]
    sessions += [
        f"protocol bgp {node}_v6 from nodes {{ neighbor {address} as {NODE_ASN}; {channels[6]} }}"
        for node, address in NODE_V6.items()
    ]
    return _HEAD + "\n".join(sessions) + "\n"


class Bird:
    """A running BIRD."""

    name = "bird"

    def __init__(self, control: Path) -> None:
        self._control = control

    def command(self, text: str) -> list[str]:
        """The call of `birdc`, which may only look, with a command; with none it asks for some."""
        return ["birdc", "-r", "-s", str(self._control), *text.split()]

    def ask(self, command: str) -> str:
        """The answer of `birdc`; raises CommandFailed when no daemon answers."""
        return run(self.command(command))

    def routes(self, version: int) -> dict[str, frozenset[str]]:
        """Prefixes learned by BGP, each with the next hops of all its paths."""
        return parse_routes(self.ask(f"show route table master{version}"))

    def neighbors(self) -> dict[str, Neighbor]:
        """The configured sessions by the address of the other end."""
        return parse_neighbors(self.ask("show protocols all"))


def parse_routes(text: str) -> dict[str, frozenset[str]]:
    """Read `show route`: a prefix begins a line, its further paths leave it out."""
    found: dict[str, set[str]] = {}
    prefix = ""
    for line in text.splitlines():
        if begins := _PREFIX.match(line):
            prefix = begins[1]
        if prefix and (hop := _HOP.match(line)):
            found.setdefault(prefix, set()).add(hop[1])
    return {prefix: frozenset(hops) for prefix, hops in found.items()}


def parse_neighbors(text: str) -> dict[str, Neighbor]:
    """Read `show protocols all`: one block for each protocol, those of BGP say their state."""
    found = {}
    for block in re.split(r"\n\s*\n", text):
        said = {}
        for line in block.splitlines():
            for key, pattern in (("state", _STATE), ("address", _ADDRESS), ("error", _ERROR)):
                if match := pattern.match(line):
                    said[key] = match[1]
        if "address" in said:
            found[said["address"]] = Neighbor(
                said["address"], said.get("state", "Idle"), said.get("error", "")
            )
    return found


def start(stack: ExitStack, topology: Topology, directory: Path, within: float = 10.0) -> Bird:
    """Start BIRD and wait until it answers; raises CommandFailed."""
    directory.mkdir(exist_ok=True)
    (directory / "bird.conf").write_text(configuration(), encoding="utf-8")
    control = directory / "bird.ctl"
    command = [
        *("bird", "-f", "-c", str(directory / "bird.conf")),
        *("-s", str(control), "-P", str(directory / "bird.pid")),
    ]
    process = topology.router.start(stack, "bird", command, directory.with_name("bird.log"))
    bird = Bird(control)
    end = time.monotonic() + within
    while True:
        try:
            bird.ask("show status")
        except CommandFailed as error:
            if not process.running or time.monotonic() > end:
                raise CommandFailed(f"bird did not come up: {error}: {process.said()}") from None
            time.sleep(0.02)
        else:
            return bird
