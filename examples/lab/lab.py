"""Build, look at and remove a laboratory with a client, a router and two Proclaim nodes.

    sudo .venv/bin/python examples/lab/lab.py up [--router frr|bird]
    sudo .venv/bin/python examples/lab/lab.py status
    sudo .venv/bin/python examples/lab/lab.py down

Everything lives in network namespaces and under `/run/proclaim-lab`; `down`
removes all of it, also what an interrupted `up` left.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
from contextlib import ExitStack
from functools import partial
from ipaddress import ip_network
from pathlib import Path

from netlab import namespaces, topology
from netlab.bird import Bird
from netlab.frr import Frr
from netlab.laboratory import ROUTERS, Laboratory, assemble, missing
from netlab.node import PROCLAIM
from netlab.processes import CommandFailed, run
from netlab.routers import Router, kernel_next_hops
from netlab.waiting import NotInTime, eventually

RUN = "lab"
DIRECTORY = Path("/run/proclaim-lab")
ROUTED = "203.0.113.10"
ON_LINK = "192.0.2.240"

WELCOME = f"""
The laboratory stands.  Some things to try:

  a request through the router      ip netns exec pl-lab-client curl http://{ROUTED}/
  and by IPv6                       ip netns exec pl-lab-client curl 'http://[2001:db8:f::10]/'
  a request on the LAN itself       ip netns exec pl-lab-local curl http://{ON_LINK}/
  why it is so                      {{proclaim}} explain default/web --ledger {{ledger}}
  stop one node                     kill $(cat {DIRECTORY}/node1/pid)
  another service                   edit the files in {DIRECTORY}/manifests
  how it stands                     python {{script}} status
  and away with it                  python {{script}} down
"""


def up(router: str) -> None:
    """Build it all, wait until the service answers, and leave it running."""
    if namespaces.named(topology.prefix_of(RUN)) or DIRECTORY.exists():
        raise SystemExit("lab: it stands already, or an `up` was cut off\nhint: lab.py down")
    if lacking := missing(router):
        raise SystemExit(f"lab: {lacking}")
    with ExitStack() as stack:
        DIRECTORY.mkdir(parents=True)
        laboratory = assemble(stack, RUN, DIRECTORY, router)
        for service in ("web", "door"):
            laboratory.add_service(service)
        for node in laboratory.nodes.values():
            node.start(stack)
            own = DIRECTORY / node.name
            (own / "pid").write_text(f"{node.process.pid}\n", encoding="utf-8")
        _wait(laboratory)
        stack.pop_all()  # from here on it is for `down` to remove
    ledger = laboratory.nodes["node1"].ledger
    print(
        WELCOME.format(proclaim=" ".join(PROCLAIM), ledger=ledger, script=Path(sys.argv[0])),
        end="",
    )


def _wait(laboratory: Laboratory) -> None:
    wiring = laboratory.topology
    try:
        for address, namespace in ((ROUTED, wiring.client), (ON_LINK, wiring.local)):
            answer = partial(laboratory.fetch, address, by=namespace)
            eventually(f"an answer from http://{address}/", answer, within=20)
    except NotInTime as late:
        raise SystemExit(f"lab: {late}\n{laboratory.logs()}") from None


def status() -> None:
    """Say what runs, what the router knows and what each node announces."""
    if not namespaces.named(topology.prefix_of(RUN)):
        raise SystemExit("lab: it does not stand\nhint: lab.py up")
    router = _router()
    print(f"router ({router.name})")
    for neighbor in router.neighbors().values():
        print(f"  {neighbor.address:<18} {neighbor.state:<12} {neighbor.last_error}")
    inside = namespaces.Namespace(topology.prefix_of(RUN) + "router")
    for prefix in sorted({*router.routes(4), *router.routes(6)}, key=lambda p: str(ip_network(p))):
        print(f"  {prefix:<18} via {', '.join(sorted(kernel_next_hops(inside, prefix)))}")
    for name in topology.NODES:
        print(f"\n{name}: {'runs' if _runs(name) else 'does not run'}")
        ledger = f"sqlite:{DIRECTORY / name / 'ledger.db'}"
        arguments = ("get", "announcements", "--node", name, "--ledger", ledger)
        print(run([*PROCLAIM, *arguments], timeout=30), end="")


def _router() -> Router:
    if (DIRECTORY / "bird").exists():
        return Bird(DIRECTORY / "bird" / "bird.ctl")
    return Frr(DIRECTORY / "frr")


def _runs(node: str) -> bool:
    pid = (DIRECTORY / node / "pid").read_text(encoding="utf-8").strip()
    return int(pid) in namespaces.pids(topology.prefix_of(RUN) + node)


def down() -> None:
    """End and remove everything; nothing happens when there is nothing."""
    for name in namespaces.named(topology.prefix_of(RUN)):
        namespaces.remove(name)
    if DIRECTORY.exists():
        shutil.rmtree(DIRECTORY)


def main() -> None:
    """Read the command line and do it."""
    parser = argparse.ArgumentParser(prog="lab.py", description=(__doc__ or "").split("\n")[0])
    commands = parser.add_subparsers(dest="command", required=True)
    begin = commands.add_parser("up", help="build it and leave it running")
    begin.add_argument("--router", choices=sorted(ROUTERS), default="frr")
    commands.add_parser("status", help="what runs, and who knows which route")
    commands.add_parser("down", help="remove all of it")
    chosen = parser.parse_args()
    if os.geteuid():
        raise SystemExit("lab: network namespaces need root\nhint: sudo")
    try:
        match chosen.command:
            case "up":
                up(chosen.router)
            case "status":
                status()
            case _:
                down()
    except CommandFailed as error:
        raise SystemExit(f"lab: {error}") from None


if __name__ == "__main__":
    main()
