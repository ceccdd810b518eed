"""Real routing daemons, each private to a network namespace, and one way to ask them all.

A `Router` is started with a directory of its own, says which routes it was
given, and is ended by its process id.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import subprocess
import sys
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

SPEAKER4, ROUTER4 = "10.9.0.1", "10.9.0.2"
SPEAKER6, ROUTER6 = "fd00:9::1", "fd00:9::2"


@dataclass(frozen=True)
class Seen:
    """A route as a router has it."""

    next_hop: str
    communities: frozenset[str] = frozenset()
    local_pref: int | None = None


@dataclass(frozen=True)
class Wire:
    """Two namespaces with a veth between them."""

    speaker: str
    router: str


@contextlib.contextmanager
def wire() -> Iterator[Wire]:
    """Make the namespaces, and remove them whatever happens."""
    if os.geteuid() != 0:
        pytest.skip("network namespaces need root")
    stem = f"bgp{os.getpid()}x{time.monotonic_ns() % 100000}"
    made = Wire(f"{stem}s", f"{stem}r")
    try:
        for namespace in (made.speaker, made.router):
            run("ip", "netns", "add", namespace)
            for scope in ("all", "default"):
                inside(namespace, "sysctl", "-qw", f"net.ipv6.conf.{scope}.accept_dad=0")
            inside(namespace, "ip", "link", "set", "dev", "lo", "up")
        run("ip", "link", "add", "v0", "netns", made.speaker, "type", "veth",
            "peer", "name", "v0", "netns", made.router)  # fmt: skip
        addresses = {made.speaker: (SPEAKER4, SPEAKER6), made.router: (ROUTER4, ROUTER6)}
        for namespace, (four, six) in addresses.items():
            inside(namespace, "ip", "link", "set", "dev", "v0", "up")
            inside(namespace, "ip", "address", "add", f"{four}/24", "dev", "v0")
            inside(namespace, "ip", "address", "add", f"{six}/64", "dev", "v0", "nodad")
        yield made
    finally:
        for namespace in (made.speaker, made.router):
            subprocess.run(["ip", "netns", "del", namespace], capture_output=True, check=False)


def run(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=20)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)}: {done.stdout}{done.stderr}")
    return done.stdout


def inside(namespace: str, *command: str) -> str:
    return run("ip", "netns", "exec", namespace, *command)


def eventually(what: str, holds: Callable[[], bool], seconds: float = 15.0) -> None:
    """Ask a real daemon until it says so."""
    until = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > until:
            raise AssertionError(f"not within {seconds} s: {what}")
        time.sleep(0.05)


@dataclass
class Neighbor:
    """How the router sees the speaker."""

    asn: int = 64513
    """The router's."""
    peer_asn: int = 64512
    password: str = ""
    four: bool = True
    """Whether there is a session over IPv4."""
    six: bool = True
    passive: bool = True
    """Whether the router waits for the speaker to connect."""


@dataclass
class Router(ABC):
    """A daemon in the router's namespace."""

    namespace: str
    directory: Path
    neighbor: Neighbor
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list)

    @abstractmethod
    def start(self) -> None:
        """Run the daemon with a configuration for the speaker."""

    @abstractmethod
    def routes(self) -> dict[str, Seen]:
        """By prefix, what the speaker has announced."""

    def spawn(self, *command: str, **environment: str) -> None:
        log = (self.directory / f"{Path(command[0]).name}.log").open("ab")
        with log:
            self.processes.append(
                subprocess.Popen(
                    ["ip", "netns", "exec", self.namespace, *command],
                    stdout=log,
                    stderr=log,
                    cwd=self.directory,
                    env={**os.environ, **environment},
                )
            )

    def ask(self, *command: str) -> str:
        return inside(self.namespace, *command)

    def stop(self, kill: bool = False) -> None:
        for process in self.processes:
            if kill:
                process.kill()
            else:
                process.terminate()
        for process in self.processes:
            try:
                process.wait(5)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait(5)
        self.processes.clear()

    def log(self) -> str:
        return "".join(path.read_text("utf-8", "replace") for path in self.directory.glob("*.log"))


def needs(program: str) -> str:
    found = shutil.which(program)
    if found is None:
        pytest.skip(f"{program} is not installed")
    return found


class AskingRouter(Router):
    """A daemon that can be told to ask for a refresh; ExaBGP's command pipe cannot."""

    @abstractmethod
    def refresh(self) -> None:
        """Ask the speaker to say everything again."""


class Bird(AskingRouter):
    def start(self) -> None:
        near = self.neighbor
        password = f'password "{near.password}";' if near.password else ""
        passive = "passive yes;" if near.passive else "connect delay time 1;"
        text = "router id 192.0.2.2;\nprotocol device {}\n"
        for wanted, name, address in ((near.four, "p4", SPEAKER4), (near.six, "p6", SPEAKER6)):
            local = ROUTER4 if name == "p4" else ROUTER6
            if wanted:
                text += (
                    f"protocol bgp {name} {{ local {local} as {near.asn}; "
                    f"neighbor {address} as {near.peer_asn}; {password} {passive} "
                    "error wait time 1,2; connect retry time 1;"
                    "ipv4 { import all; export none; import table on; };"
                    "ipv6 { import all; export none; import table on; }; }\n"
                ).replace("import table on; ", "")
        (self.directory / "bird.conf").write_text(text)
        self.spawn(needs("bird"), "-f", "-c", "bird.conf", "-s", "ctl", "-P", "pid")
        eventually("bird answers", lambda: (self.directory / "ctl").exists())

    def birdc(self, *command: str) -> str:
        return self.ask("birdc", "-s", str(self.directory / "ctl"), *command)

    def routes(self) -> dict[str, Seen]:
        found: dict[str, Seen] = {}
        for block in re.split(r"\n(?=\S)", self.birdc("show", "route", "all")):
            begin = re.match(r"([0-9a-f.:]+/\d+)\s", block)
            if not begin:
                continue
            attributes = dict(re.findall(r"BGP\.(\w+): ([^\n]*)", block))
            communities = {f"{a}:{b}" for a, b in re.findall(r"\((\d+),(\d+)\)", block)}
            communities |= {
                f"large:{a}:{b}:{c}" for a, b, c in re.findall(r"\((\d+), (\d+), (\d+)\)", block)
            }
            found[begin[1]] = Seen(
                attributes["next_hop"].split()[0],
                frozenset(communities),
                int(attributes["local_pref"]),
            )
        return found

    def refresh(self) -> None:
        self.birdc("reload", "in", "all")


class Frr(AskingRouter):
    def start(self) -> None:
        near = self.neighbor
        lines = [
            f"router bgp {near.asn}",
            " bgp router-id 192.0.2.2",
            " no bgp ebgp-requires-policy",
            " no bgp default ipv4-unicast",
        ]
        peers = [SPEAKER4] * near.four + [SPEAKER6] * near.six
        for peer in peers:
            lines += [f" neighbor {peer} remote-as {near.peer_asn}"]
            lines += [f" neighbor {peer} passive"] * near.passive
            lines += [f" neighbor {peer} timers connect 1"]
            lines += [f" neighbor {peer} password {near.password}"] * bool(near.password)
        for family in ("ipv4", "ipv6"):
            lines += [f" address-family {family} unicast"]
            for peer in peers:
                lines += [f"  neighbor {peer} activate"]
            lines += [" exit-address-family"]
        (self.directory / "bgpd.conf").write_text("\n".join(lines) + "\n")
        (self.directory / "zebra.conf").write_text("")
        (self.directory / "vtysh.conf").write_text("")
        self.directory.chmod(0o755)
        subprocess.run(["chown", "-R", "frr:frrvty", str(self.directory)], check=True)
        for daemon in ("zebra", "bgpd"):
            program = needs(f"/usr/lib/frr/{daemon}")
            here = str(self.directory)
            self.spawn(
                program, "-f", f"{here}/{daemon}.conf", "-i", f"{here}/{daemon}.pid",
                "--vty_socket", here, "-z", f"{here}/zserv.api", "-P", "0",
            )  # fmt: skip
            eventually(daemon, (self.directory / f"{daemon}.vty").exists)

    def vtysh(self, command: str) -> str:
        here = str(self.directory)
        return self.ask("vtysh", "--vty_socket", here, "--config_dir", here, "-c", command)

    def routes(self) -> dict[str, Seen]:
        found: dict[str, Seen] = {}
        for family in ("ipv4", "ipv6"):
            listed = json.loads(self.vtysh(f"show bgp {family} unicast json") or "{}")
            for prefix in listed.get("routes", {}):
                shown = json.loads(self.vtysh(f"show bgp {family} unicast {prefix} json"))
                if not shown.get("paths"):
                    continue  # it went between the two questions
                path = shown["paths"][0]
                scopes = {hop.get("scope", "global"): hop["ip"] for hop in path["nexthops"]}
                communities = set(path.get("community", {}).get("list", ()))
                communities |= {
                    f"large:{text}" for text in path.get("largeCommunity", {}).get("list", ())
                }
                found[prefix] = Seen(scopes["global"], frozenset(communities), path.get("locPrf"))
        return found

    def refresh(self) -> None:
        self.vtysh("clear bgp * soft in")


class GoBgp(AskingRouter):
    def start(self) -> None:
        near = self.neighbor
        config: list[str] = [
            "[global.config]",
            f"as = {near.asn}",
            'router-id = "192.0.2.2"',
        ]
        for peer in [SPEAKER4] * near.four + [SPEAKER6] * near.six:
            config += [
                "[[neighbors]]",
                "[neighbors.config]",
                f'neighbor-address = "{peer}"',
                f"peer-as = {near.peer_asn}",
                f'auth-password = "{near.password}"' if near.password else "",
                "[neighbors.transport.config]",
                "passive-mode = true",
            ]
            for family in ("ipv4-unicast", "ipv6-unicast"):
                config += [
                    "[[neighbors.afi-safis]]",
                    "[neighbors.afi-safis.config]",
                    f'afi-safi-name = "{family}"',
                ]
        (self.directory / "gobgp.toml").write_text("\n".join(config) + "\n")
        self.spawn(
            needs("gobgpd"), "-f", "gobgp.toml", "--api-hosts", "127.0.0.1:50051", "--pprof-disable"
        )
        eventually("gobgpd answers", self._answers)

    def _answers(self) -> bool:
        try:
            return len(json.loads(self.ask("gobgp", "-j", "neighbor"))) > 0
        except (RuntimeError, ValueError):
            return False

    def routes(self) -> dict[str, Seen]:
        found: dict[str, Seen] = {}
        for family in ("ipv4", "ipv6"):
            answer = json.loads(self.ask("gobgp", "-j", "global", "rib", "-a", family) or "{}")
            for prefix, paths in answer.items():
                found[prefix] = self._seen({each["type"]: each for each in paths[0]["attrs"]})
        return found

    def _seen(self, attributes: dict[int, dict[str, Any]]) -> Seen:
        hop = attributes.get(3) or attributes[14]
        communities = {
            f"{value >> 16}:{value & 0xFFFF}"
            for value in attributes.get(8, {}).get("communities", ())
        }
        communities |= {
            f"large:{each['ASN']}:{each['LocalData1']}:{each['LocalData2']}"
            for each in attributes.get(32, {}).get("value", ())
        }
        return Seen(hop["nexthop"], frozenset(communities), attributes.get(5, {}).get("value"))

    def refresh(self) -> None:
        self.ask("gobgp", "neighbor", "all", "softresetin")


class OpenBgpd(AskingRouter):
    def start(self) -> None:
        near = self.neighbor
        socket = self.directory / "bgpd.sock"
        lines = [f'socket "{socket}"', f"AS {near.asn}", "router-id 192.0.2.2", "fib-update no"]
        for wanted, peer, family in ((near.four, SPEAKER4, "IPv4"), (near.six, SPEAKER6, "IPv6")):
            if wanted:
                lines += [f"neighbor {peer} {{", f"remote-as {near.peer_asn}", "passive"]
                lines += [f"announce {family} unicast"]
                lines += [f'tcp md5sig password "{near.password}"'] * bool(near.password)
                lines += ["}"]
        lines += ["allow from any", "deny to any"]
        path = self.directory / "bgpd.conf"
        path.write_text("\n".join(lines) + "\n")
        path.chmod(0o600)
        Path("/run/openbgpd").mkdir(exist_ok=True)
        self.spawn(needs("/usr/sbin/bgpd"), "-d", "-f", str(path))
        eventually("bgpd answers", socket.exists)

    def bgpctl(self, *command: str) -> str:
        return self.ask("bgpctl", "-s", str(self.directory / "bgpd.sock"), *command)

    def routes(self) -> dict[str, Seen]:
        found: dict[str, Seen] = {}
        for route in json.loads(self.bgpctl("-j", "show", "rib", "detail")).get("rib", ()):
            communities = set(route.get("communities", ()))
            communities |= {f"large:{text}" for text in route.get("large_communities", ())}
            seen = Seen(route["exit_nexthop"], frozenset(communities), route.get("localpref"))
            found[route["prefix"]] = seen
        return found

    def refresh(self) -> None:
        near = self.neighbor
        for peer in [SPEAKER4] * near.four + [SPEAKER6] * near.six:
            self.bgpctl("neighbor", peer, "refresh")


class ExaBgp(Router):
    """It keeps no table, so its API's messages are folded into one here."""

    def start(self) -> None:
        near = self.neighbor
        heard = self.directory / "heard.jsonl"
        heard.unlink(missing_ok=True)
        writer = self.directory / "write.py"
        writer.write_text(
            "import sys\n"
            f"with open({str(heard)!r}, 'a') as heard:\n"
            "    for line in sys.stdin:\n"
            "        heard.write(line)\n"
            "        heard.flush()\n"
        )
        lines = [f"process heard {{ run {sys.executable} {writer}; encoder json; }}"]
        for wanted, peer, local in (
            (near.four, SPEAKER4, ROUTER4),
            (near.six, SPEAKER6, ROUTER6),
        ):
            if wanted:
                lines += [
                    f"neighbor {peer} {{ router-id 192.0.2.2; local-address {local};"
                    f" local-as {near.asn}; peer-as {near.peer_asn}; passive true; listen 179;"
                    + (f' md5-password "{near.password}";' if near.password else "")
                    + " capability { route-refresh enable; }"
                    " family { ipv4 unicast; ipv6 unicast; }"
                    " api { processes [ heard ]; neighbor-changes;"
                    " receive { parsed; update; } } }"
                ]
        (self.directory / "exabgp.conf").write_text("\n".join(lines) + "\n")
        (self.directory / "run").mkdir(exist_ok=True)
        for name in ("exabgp.in", "exabgp.out"):
            fifo = self.directory / "run" / name
            if not fifo.exists():
                os.mkfifo(fifo)
        self.spawn(
            needs("exabgp"),
            "exabgp.conf",
            **{
                "exabgp.daemon.user": "root",
                "exabgp.daemon.drop": "false",
                "exabgp.daemon.daemonize": "false",
                "exabgp.log.destination": "stdout",
                "exabgp.api.cli": "true",
            },
        )
        eventually("exabgp runs its process", heard.exists)

    def routes(self) -> dict[str, Seen]:
        found: dict[str, Seen] = {}
        for line in (self.directory / "heard.jsonl").read_text().splitlines():
            heard = json.loads(line)
            if heard["type"] == "state" and heard["neighbor"]["state"] != "up":
                found.clear()
            update = heard["neighbor"].get("message", {}).get("update", {})
            attributes = update.get("attribute", {})
            communities = {":".join(map(str, each)) for each in attributes.get("community", ())}
            communities |= {
                "large:" + ":".join(map(str, each))
                for each in attributes.get("large-community", ())
            }
            for by_hop in update.get("announce", {}).values():
                for hop, prefixes in by_hop.items():
                    if not isinstance(prefixes, list):
                        continue
                    for each in prefixes:
                        found[each["nlri"]] = Seen(
                            hop, frozenset(communities), attributes.get("local-preference")
                        )
            for prefixes in update.get("withdraw", {}).values():
                for each in prefixes:
                    found.pop(each["nlri"], None)
        return found


class Speaker:
    """The announcer in its namespace."""

    def __init__(self, namespace: str, *listen: str) -> None:
        self.observed: dict[str, dict[str, Any]] = {}
        self._process = subprocess.Popen(
            ["ip", "netns", "exec", namespace, sys.executable,
             str(Path(__file__).with_name("speaker.py")), *listen],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        assert self._process.stdout is not None
        os.set_blocking(self._process.stdout.fileno(), False)

    def want(self, peers: list[dict[str, Any]], routes: list[dict[str, Any]], **more: Any) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps({"peers": peers, "routes": routes, **more}) + "\n")
        self._process.stdin.flush()

    def states(self) -> dict[str, str]:
        """By peer, the last state that was observed."""
        assert self._process.stdout is not None
        while line := self._process.stdout.readline():
            for statuses in json.loads(line).values():
                self.observed.update({status["peer"]: status for status in statuses})
        return {peer: status.get("state", "Idle") for peer, status in self.observed.items()}

    def stop(self) -> None:
        assert self._process.stdin is not None
        if not self._process.stdin.closed:
            self._process.stdin.close()
        self._process.wait(10)

    def kill(self) -> None:
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait(10)
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None and not stream.closed:
                stream.close()
