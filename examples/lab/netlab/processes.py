"""Processes that we start, ask and end.

Knows no network.  A process is only ever signalled through its own handle,
which also reaps it, so that nothing is left behind and no stranger is hit.
"""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

_GOODBYE = 8.0
"""Seconds that a process may take to leave before it is killed."""


class CommandFailed(Exception):
    """A command ended with an error; the message has the command and what it said."""


def run(argv: Sequence[str], *, stdin: str = "", timeout: float = 15.0) -> str:
    """Run a command to its end and return its standard output; raises CommandFailed."""
    try:
        done = subprocess.run(
            argv, input=stdin, capture_output=True, text=True, timeout=timeout, check=False
        )
    except subprocess.TimeoutExpired:
        raise CommandFailed(f"{' '.join(argv)}: no end after {timeout:g} s") from None
    if done.returncode:
        said = (done.stderr or done.stdout).strip()
        raise CommandFailed(f"{' '.join(argv)}: status {done.returncode}: {said}")
    return done.stdout


class Process:
    """A process of ours; what it says goes into `log`."""

    def __init__(self, name: str, argv: Sequence[str], log: Path) -> None:
        self.name = name
        self.log = log
        with log.open("ab") as output:
            self._handle = subprocess.Popen(
                argv,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # a Ctrl-C is for the one who started it
            )

    @property
    def pid(self) -> int:
        return self._handle.pid

    @property
    def running(self) -> bool:
        return self._handle.poll() is None

    def said(self) -> str:
        """All that it has written so far."""
        return self.log.read_text(encoding="utf-8", errors="replace")

    def signal_end(self) -> None:
        """Ask it to end, and do not wait."""
        self._handle.terminate()

    def terminate(self, within: float = _GOODBYE) -> int:
        """Ask it to end and wait; kill it when it does not.  Returns the exit status."""
        self.signal_end()
        return self.wait(within)

    def wait(self, within: float = _GOODBYE) -> int:
        """Wait for its end; kill it when that does not come.  Returns the exit status."""
        try:
            return self._handle.wait(within)
        except subprocess.TimeoutExpired:
            return self.kill()

    def suspend(self) -> None:
        """Let it stand still until `resume`."""
        self._handle.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Let it go on."""
        self._handle.send_signal(signal.SIGCONT)

    def kill(self) -> int:
        """End it without a chance to say goodbye.  Returns the exit status."""
        if self.running:
            self._handle.kill()
        return self._handle.wait()


def start(stack: ExitStack, name: str, argv: Sequence[str], log: Path) -> Process:
    """Start a process which ends at the latest when `stack` is left."""
    process = Process(name, argv, log)
    stack.callback(process.terminate)
    return process
