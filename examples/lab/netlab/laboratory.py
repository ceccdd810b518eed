"""The whole laboratory: the topology, a router, web servers and two Proclaim nodes.

Puts the parts together and takes them apart in the reverse order, whatever
happens in between.
"""

from __future__ import annotations

import contextlib
import shutil
import sys
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

from netlab import bird, frr, topology
from netlab.namespaces import Namespace
from netlab.node import Files, Node
from netlab.routers import Router
from netlab.topology import NODES, Topology

EXAMPLE = Path(__file__).resolve().parent.parent
"""The directory with the manifests, the services and the settings."""
ROUTERS = {"frr": frr, "bird": bird}
_COMMANDS = {"ip": "iproute2", "sysctl": "procps", "curl": "curl"}
_LOG_TAIL = 4000


def missing(router: str) -> str:
    """What keeps the laboratory from being built; empty when nothing does."""
    for command, package in _COMMANDS.items():
        if not shutil.which(command):
            return f"{command} is not there (Debian package {package})"
    return ROUTERS[router].missing() if router else ""


class Laboratory:
    """A built laboratory; `directory/manifests` is what both nodes watch."""

    def __init__(self, wiring: Topology, directory: Path) -> None:
        self.topology = wiring
        self.directory = directory
        self.manifests = directory / "manifests"
        self.router: Router | None = None
        self.nodes: dict[str, Node] = {}
        self._router_lives = ExitStack()

    def start_router(self, stack: ExitStack, kind: str) -> None:
        """Start `frr` or `bird` in the router's namespace; raises CommandFailed."""
        self._router_lives = stack.enter_context(ExitStack())
        self.router = ROUTERS[kind].start(self._router_lives, self.topology, self.directory / kind)

    def stop_router(self) -> None:
        """End its daemons, which take their routes out of the kernel."""
        self._router_lives.close()

    def write(self, name: str, text: str) -> None:
        """Put a manifest into the watched directory, whole or not at all."""
        draft = self.directory / f"{name}.draft"
        draft.write_text(text, encoding="utf-8")
        draft.rename(self.manifests / name)

    def add_service(self, name: str) -> None:
        """Put one of the example's Services into the watched directory."""
        self.write(f"{name}.yaml", (EXAMPLE / "services" / f"{name}.yaml").read_text("utf-8"))

    def remove(self, name: str) -> None:
        """Take a manifest out of the watched directory."""
        (self.manifests / name).unlink()

    def fetch(self, address: str, *, by: Namespace, timeout: float = 1.0, port: int = 80) -> str:
        """Who answers HTTP at an address; raises CommandFailed when nobody does."""
        host = f"[{address}]" if ":" in address else address
        return by.run("curl", "-sfg", "-m", str(timeout), f"http://{host}:{port}/").strip()

    def serve(self, stack: ExitStack, port: int) -> None:
        """Let the web servers of all nodes answer at one more port."""
        for name, node in self.nodes.items():
            log = self.directory / name / f"web-{port}.log"
            node.namespace.start(stack, f"web {name} {port}", web_server(name, port), log)

    def logs(self) -> str:
        """The end of everything that was logged."""
        parts = []
        for path in sorted(self.directory.rglob("*.log")):
            text = path.read_text(encoding="utf-8", errors="replace")[-_LOG_TAIL:].strip()
            if text:
                parts.append(f"--- {path.relative_to(self.directory)}\n{text}")
        return "\n".join(parts)


def web_server(name: str, port: int = 80) -> list[str]:
    """The command that answers HTTP with a name."""
    return [sys.executable, str(Path(__file__).with_name("web.py")), name, str(port)]


def assemble(stack: ExitStack, run_name: str, directory: Path, router: str) -> Laboratory:
    """Build everything but the nodes' services; it goes when `stack` is left.

    `router` is `frr`, `bird` or empty for none.  Raises CommandFailed.
    """
    stack.callback(shutil.rmtree, directory, ignore_errors=True)
    directory.chmod(0o755)  # FRR's user has to come through
    wiring = topology.build(stack, run_name)
    laboratory = Laboratory(wiring, directory)
    shutil.copytree(EXAMPLE / "manifests", laboratory.manifests)
    shutil.copy(EXAMPLE / "settings.toml", directory)
    if router:
        laboratory.start_router(stack, router)
    for name in NODES:
        namespace = wiring.nodes[name]
        own = directory / name
        own.mkdir()
        namespace.start(stack, f"web {name}", web_server(name), own / "web.log")
        laboratory.nodes[name] = Node(name, namespace, Files.under(directory, name))
    return laboratory


@contextlib.contextmanager
def laboratory(router: str = "") -> Iterator[tuple[Laboratory, ExitStack]]:
    """A laboratory under a name of its own, and the stack for what is started in it.

    An exception that passes carries the logs as a note.
    """
    with ExitStack() as stack:
        directory = Path(tempfile.mkdtemp(prefix="proclaim-lab-"))
        built = assemble(stack, uuid.uuid4().hex[:6], directory, router)
        try:
            yield built, stack
        except BaseException as error:
            error.add_note(built.logs())
            raise
