"""Build, look at and remove a laboratory with a client, a router and two Proclaim nodes.

As root:

    .venv/bin/python examples/lab/lab.py up [--router frr|bird]
    .venv/bin/python examples/lab/lab.py status
    .venv/bin/python examples/lab/lab.py router show bgp summary
    .venv/bin/python examples/lab/lab.py down

Everything lives in network namespaces and under `/run/proclaim-lab`; `down`
removes all of it, also what an interrupted `up` left.  `--name` lets several
stand side by side.
"""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import sys
from contextlib import ExitStack
from functools import partial
from ipaddress import ip_network
from pathlib import Path

from netlab import namespaces, topology
from netlab.bird import Bird
from netlab.frr import Frr
from netlab.laboratory import ROUTERS, Laboratory, assemble, missing
from netlab.node import Files, Node
from netlab.processes import CommandFailed
from netlab.routers import Router, kernel_next_hops
from netlab.waiting import NotInTime, eventually

ROUTED = "203.0.113.10"
ON_LINK = "192.0.2.240"
DEFAULT_NAME = "lab"
QUESTIONS = {"frr": "show bgp summary", "bird": "show route"}

WELCOME = """\
The laboratory stands.  Some things to try:

  a request through the router    ip netns exec {prefix}client curl http://203.0.113.10/
  and by IPv6                     ip netns exec {prefix}client curl 'http://[2001:db8:f::10]/'
  a request on the LAN itself     ip netns exec {prefix}local curl http://192.0.2.240/
  why it is so                    {proclaim} explain default/web --ledger {ledger}
  ask the router itself           {script} router {question}
  stop a node, or kill it         kill $(cat {directory}/node1/pid)
  and start it again              {script} start node1
  change what is announced        edit the files in {directory}/manifests
  how it stands                   {script} status
  and away with it                {script} down
"""


def up(name: str, router: str) -> None:
    """Build it all, wait until the services answer, and leave it running."""
    directory = _directory(name)
    if namespaces.named(topology.prefix_of(name)) or directory.exists():
        raise SystemExit(
            f"lab: it stands already, or an `up` was cut off\nhint: {_script(name)} down"
        )
    if lacking := missing(router):
        raise SystemExit(f"lab: {lacking}")
    with ExitStack() as stack:
        directory.mkdir(parents=True)
        laboratory = assemble(stack, name, directory, router)
        for service in ("web", "door"):
            laboratory.add_service(service)
        for node in laboratory.nodes.values():
            _start(node, stack)
        _wait(laboratory)
        stack.pop_all()  # from here on it is for `down` to remove
    print(
        WELCOME.format(
            prefix=topology.prefix_of(name),
            directory=directory,
            ledger=laboratory.nodes["node1"].ledger,
            proclaim=Path(sys.executable).with_name("proclaim"),
            script=_script(name),
            question=QUESTIONS[router],
        ),
        end="",
    )


def _script(name: str) -> str:
    """How this script is called for a laboratory."""
    named = "" if name == DEFAULT_NAME else f" --name {name}"
    return f"{sys.executable} {sys.argv[0]}{named}"


def _directory(name: str) -> Path:
    return Path("/run", f"proclaim-{name}")


def _wait(laboratory: Laboratory) -> None:
    wiring = laboratory.topology
    try:
        for address, namespace in ((ROUTED, wiring.client), (ON_LINK, wiring.local)):
            answer = partial(laboratory.fetch, address, by=namespace)
            eventually(f"an answer from http://{address}/", answer, within=20)
    except NotInTime as late:
        raise SystemExit(f"lab: {late}\n{laboratory.logs()}") from None


def start(name: str, node: str) -> None:
    """Start the service of a node that was stopped."""
    _must_stand(name)
    if _runs(name, node):
        raise SystemExit(f"lab: {node} runs already")
    _start(_node(name, node), ExitStack())  # never left: the node is to outlive this script


def _start(node: Node, stack: ExitStack) -> None:
    node.start(stack)
    node.files.pid.write_text(f"{node.process.pid}\n", encoding="utf-8")


def _node(name: str, node: str) -> Node:
    namespace = namespaces.Namespace(topology.prefix_of(name) + node)
    return Node(node, namespace, Files.under(_directory(name), node))


def _runs(name: str, node: str) -> bool:
    files = Files.under(_directory(name), node)
    if not files.pid.exists():
        return False
    pid = int(files.pid.read_text(encoding="utf-8"))
    return pid in namespaces.pids(topology.prefix_of(name) + node)


def status(name: str) -> None:
    """Say what runs, what the router knows and what each node announces."""
    _must_stand(name)
    router = _router(name)
    print(f"router ({router.name})")
    for neighbor in router.neighbors().values():
        error = "" if neighbor.state == "Established" else f"  {neighbor.last_error}"
        print(f"  {neighbor.address:<20} {neighbor.state}{error}")
    inside = namespaces.Namespace(topology.prefix_of(name) + "router")
    for version in (4, 6):
        for prefix in sorted(router.routes(version), key=ip_network):
            hops = sorted(kernel_next_hops(inside, prefix))
            print(f"  {prefix:<20} via {', '.join(hops)}")
    for node in topology.NODES:
        if not _runs(name, node):
            print(f"\n{node} does not run")
            continue
        print(f"\n{node} runs")
        said = _node(name, node).ask("get", "announcements", "--node", node, "-o", "table")
        print("".join(f"  {line}\n" for line in said.splitlines()), end="")


def _router(name: str) -> Router:
    directory = _directory(name)
    bird = directory / "bird"
    return Bird(bird / "bird.ctl") if bird.exists() else Frr(directory / "frr")


def ask_router(name: str, words: list[str]) -> None:
    """Become the router's own command line, with a command or to type into."""
    _must_stand(name)
    command = _router(name).command(" ".join(words))
    os.execvp(command[0], command)


def _must_stand(name: str) -> None:
    if not namespaces.named(topology.prefix_of(name)):
        raise SystemExit(f"lab: it does not stand\nhint: {_script(name)} up")


def down(name: str) -> None:
    """End and remove everything; nothing happens when there is nothing."""
    for namespace in namespaces.named(topology.prefix_of(name)):
        namespaces.remove(namespace)
    shutil.rmtree(_directory(name), ignore_errors=True)


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="lab.py", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--name", default=DEFAULT_NAME, help="of this laboratory (default: lab)")
    commands = parser.add_subparsers(dest="command", required=True)
    begin = commands.add_parser("up", help="build it and leave it running")
    begin.add_argument("--router", choices=sorted(ROUTERS), default="frr")
    commands.add_parser("status", help="what runs, and who knows which route")
    again = commands.add_parser("start", help="start the service of a node again")
    again.add_argument("node", choices=topology.NODES)
    own = commands.add_parser("router", help="the router's own command line (vtysh or birdc)")
    own.add_argument("words", nargs=argparse.REMAINDER, metavar="COMMAND")
    commands.add_parser("down", help="remove all of it")
    return parser.parse_args()


def main() -> None:
    """Do what the command line says."""
    chosen = arguments()
    if os.geteuid():
        raise SystemExit(
            "lab: network namespaces need root\nhint: run it as root, for example with sudo"
        )
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("lab: told to end"))
    try:
        match chosen.command:
            case "up":
                up(chosen.name, chosen.router)
            case "status":
                status(chosen.name)
            case "start":
                start(chosen.name, chosen.node)
            case "router":
                ask_router(chosen.name, chosen.words)
            case _:
                down(chosen.name)
        sys.stdout.flush()
    except BrokenPipeError:  # the reader has seen enough; nothing is left to flush at exit
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except CommandFailed as error:
        raise SystemExit(f"lab: {error}") from None


if __name__ == "__main__":
    main()
