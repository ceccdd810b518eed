"""`proclaim run` in a namespace, and the questions that its command line answers.

Uses the command line alone, as an operator would, and none of Proclaim's code.
"""

from __future__ import annotations

import json
import sys
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from netlab.namespaces import Namespace
from netlab.processes import Process, run

PROCLAIM = (sys.executable, "-m", "proclaim_cli")


class Ended(Exception):
    """A service has ended that should run; the message has what it said."""


@dataclass(frozen=True, slots=True)
class Files:
    """Where a node reads and writes."""

    manifests: Path
    settings: Path
    own: Path
    """A directory for the ledger, the log and the pid."""

    @classmethod
    def under(cls, directory: Path, node: str) -> Files:
        """The files of one node of the laboratory in a directory."""
        return cls(directory / "manifests", directory / "settings.toml", directory / node)

    @property
    def pid(self) -> Path:
        return self.own / "pid"


class Node:
    """One node: its namespace, its ledger, and its service while that runs."""

    def __init__(self, name: str, namespace: Namespace, files: Files) -> None:
        self.name = name
        self.namespace = namespace
        self.log = files.own / "proclaim.log"
        self.ledger = f"sqlite:{files.own / 'ledger.db'}"
        self.files = files
        self._process: Process | None = None
        self._said_before = 0

    def start(self, stack: ExitStack, *, ledger: str = "") -> None:
        """Start the service without waiting; it ends at the latest when `stack` is left."""
        self._said_before = len(self.said())
        self.ledger = ledger or self.ledger
        command = [
            *PROCLAIM,
            *("run", str(self.files.manifests)),
            *("--node", self.name),
            *("--settings", str(self.files.settings)),
            *("--ledger", self.ledger),
        ]
        self._process = self.namespace.start(stack, f"proclaim {self.name}", command, self.log)

    @property
    def process(self) -> Process:
        """The service, which must have been started."""
        assert self._process is not None, f"{self.name} was not started"
        return self._process

    def is_ready(self) -> bool:
        """Whether the service started last has said that it runs; raises Ended when it is gone."""
        said = self.said()[self._said_before :]
        if not self.process.running:
            raise Ended(f"{self.name} ended instead of running: {said.strip()}")
        return f"node {self.name} is running" in said

    def said(self) -> str:
        """What the service has written to standard error."""
        return self.log.read_text(encoding="utf-8", errors="replace") if self.log.exists() else ""

    def ask(self, *arguments: str) -> str:
        """What a reading command prints about this node's ledger; raises CommandFailed."""
        return run([*PROCLAIM, *arguments, "--ledger", self.ledger], timeout=30)

    def ask_json(self, *arguments: str) -> Any:  # noqa: ANN401 - its shape is the command's
        """The same as data; raises CommandFailed."""
        return json.loads(self.ask(*arguments, "-o", "json"))

    def addresses(self, service: str) -> list[str]:
        """The addresses that a Service of the namespace `default` holds in this node's ledger."""
        listed = self.ask_json("get", "services")
        return next((each["addresses"] for each in listed if each["name"] == service), [])
