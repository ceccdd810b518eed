"""FRR as the router: zebra and bgpd in a namespace, with a run directory of their own.

Both drop to the user `frr`, who must own the directory.  Each reads its whole
configuration at start: typed in later, a session that has begun would be
reset (measured: 4.2 s until Established instead of 0.13 s).
"""

from __future__ import annotations

import json
import shutil
import time
from contextlib import ExitStack
from ipaddress import ip_network
from pathlib import Path
from typing import Any

from netlab.namespaces import Namespace
from netlab.processes import CommandFailed, Process, run
from netlab.routers import Neighbor
from netlab.topology import NODE_ASN, NODE_V4, NODE_V6, ROUTER_ASN, ROUTER_V4, Topology

_DAEMONS = Path("/usr/lib/frr")


def missing() -> str:
    """What keeps this router from being started; empty when nothing does."""
    for path in (_DAEMONS / "zebra", _DAEMONS / "bgpd"):
        if not path.exists():
            return f"{path} is not there (Debian package frr)"
    return "" if shutil.which("vtysh") else "vtysh is not there (Debian package frr)"


def configuration(asn: int = ROUTER_ASN, router_id: str = ROUTER_V4) -> str:
    """What bgpd is told: one session of each family to each node, ECMP, no policy."""
    lines = [
        f"router bgp {asn}",
        f" bgp router-id {router_id}",
        " no bgp ebgp-requires-policy",
        " no bgp default ipv4-unicast",
        " bgp bestpath as-path multipath-relax",
    ]
    for address in (*NODE_V4.values(), *NODE_V6.values()):
        lines += [
            f" neighbor {address} remote-as {NODE_ASN}",
            f" neighbor {address} timers connect 1",
        ]
    lines.append(" address-family ipv4 unicast")
    lines += [f"  neighbor {address} activate" for address in NODE_V4.values()]
    lines += ["  maximum-paths 8", " exit-address-family", " address-family ipv6 unicast"]
    lines += [
        f"  neighbor {address} activate" for address in (*NODE_V4.values(), *NODE_V6.values())
    ]
    lines += ["  maximum-paths 8", " exit-address-family"]
    return "\n".join(lines) + "\n"


class Frr:
    """A running FRR."""

    name = "frr"

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def command(self, text: str) -> list[str]:
        """The call of `vtysh` with a command; with none it asks for some."""
        directory = str(self._directory)
        call = ["vtysh", "--vty_socket", directory, "--config_dir", directory]
        return [*call, "-c", text] if text else call

    def ask(self, command: str) -> dict[str, Any]:
        """The JSON answer of `vtysh`; raises CommandFailed when no daemon answers."""
        answer = run(self.command(command))
        try:
            found: dict[str, Any] = json.loads(answer or "{}")
        except json.JSONDecodeError:
            raise CommandFailed(f"vtysh -c {command!r}: not JSON: {answer.strip()}") from None
        return found

    def configure(self, *lines: str) -> None:
        """Type lines into the running configuration, from its top; raises CommandFailed."""
        typed = [part for line in ("configure terminal", *lines) for part in ("-c", line)]
        run([*self.command(""), *typed])

    def reset(self, address: str) -> None:
        """Break the session with a neighbor, which may begin anew at once; raises CommandFailed."""
        run(self.command(f"clear bgp {address}"))

    def paths(self, prefix: str) -> list[dict[str, Any]]:
        """All paths of one prefix with their attributes, as FRR tells them."""
        version = ip_network(prefix).version
        found: list[dict[str, Any]] = self.ask(f"show bgp ipv{version} unicast {prefix} json").get(
            "paths", []
        )
        return found

    def routes(self, version: int) -> dict[str, frozenset[str]]:
        """Prefixes learned by BGP, each with the next hops of all its paths."""
        table = self.ask(f"show bgp ipv{version} unicast json").get("routes", {})
        return {
            prefix: frozenset(
                hop["ip"]
                for path in paths
                if path.get("valid")
                for hop in path["nexthops"]
                if hop.get("scope") != "link-local"
            )
            for prefix, paths in table.items()
        }

    def neighbors(self) -> dict[str, Neighbor]:
        """The configured sessions by the address of the other end."""
        asked = self.ask("show bgp neighbors json")
        return {a: _neighbor(a, said) for a, said in asked.items() if isinstance(said, dict)}


def _neighbor(address: str, said: dict[str, Any]) -> Neighbor:
    reason = said.get("lastNotificationReason") or said.get("lastResetDueTo") or ""
    return Neighbor(address, str(said.get("bgpState", "")), str(reason))


def start(stack: ExitStack, topology: Topology, directory: Path) -> Frr:
    """Start both daemons and wait until bgpd answers; raises CommandFailed."""
    return start_in(stack, topology.router, directory, configuration())


def start_in(
    stack: ExitStack, router: Namespace, directory: Path, told: str, within: float = 10.0
) -> Frr:
    """The same in any namespace, with what bgpd is told; raises CommandFailed."""
    directory.mkdir(exist_ok=True)
    (directory / "zebra.conf").write_text("", encoding="utf-8")
    (directory / "bgpd.conf").write_text(told, encoding="utf-8")
    (directory / "vtysh.conf").write_text("", encoding="utf-8")
    for path in (directory, *directory.iterdir()):
        shutil.chown(path, "frr", "frrvty")
    for daemon in ("zebra", "bgpd"):
        (directory / f"{daemon}.vty").unlink(missing_ok=True)  # of an earlier start
        process = _start(stack, router, directory, daemon)
        _wait_for(directory / f"{daemon}.vty", process, within)
    frr = Frr(directory)
    frr.ask("show bgp summary json")
    return frr


def _start(stack: ExitStack, router: Namespace, directory: Path, daemon: str) -> Process:
    command = [
        str(_DAEMONS / daemon),
        *("-f", str(directory / f"{daemon}.conf")),
        *("-i", str(directory / f"{daemon}.pid")),
        *("--vty_socket", str(directory)),
        *("-z", str(directory / "zserv.api")),
        *("-P", "0"),
        *("--log", "stdout"),
    ]
    return router.start(stack, daemon, command, directory.with_name(f"{daemon}.log"))


def _wait_for(path: Path, process: Process, within: float) -> None:
    end = time.monotonic() + within
    while not path.exists():
        if not process.running or time.monotonic() > end:
            raise CommandFailed(f"{process.name} did not come up: {process.said()[-2000:]}")
        time.sleep(0.02)
