"""Runs Proclaim and a small router on loopback beside each other, until Ctrl-C.

Needs no privilege: the router is `proclaim bgp looking-glass`, which prints the routes that it
receives.  Both are ended in good order, Proclaim first, and if one of them dies so does the other.
"""

import errno
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import trio

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
PROCLAIM = str(Path(sys.executable).with_name("proclaim"))
SETTINGS = "examples/quickstart/settings.toml"
MANIFESTS = "examples/quickstart/manifests"
LISTEN = ("127.0.0.1", 1790)
COMMANDS = {
    "the looking glass": (
        *("bgp", "looking-glass", "--listen", f"{LISTEN[0]}:{LISTEN[1]}"),
        *("--asn", "64513", "--peer-asn", "64512"),
    ),
    "proclaim": ("run", MANIFESTS, "--settings", SETTINGS),
}
GOODBYE_SECONDS = 8


def say(text: str) -> None:
    print(text, flush=True)


@dataclass
class Part:
    """One of the two processes, in a process group that Ctrl-C in a terminal does not reach."""

    name: str
    process: trio.Process
    died: bool = False
    """Whether it ended before it was asked to."""

    async def watch(self, scope: trio.CancelScope) -> None:
        await self.process.wait()
        self.died = True
        scope.cancel()

    async def end(self) -> None:
        """Ask it to leave, and insist when it does not."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
        with trio.move_on_after(GOODBYE_SECONDS):
            await self.process.wait()
            return
        say(f"{self.name} does not leave and is killed")
        self.process.kill()
        await self.process.wait()


def _environment() -> dict[str, str]:
    """The environment without what it says of another Proclaim: its ledger is none of ours."""
    return {key: value for key, value in os.environ.items() if not key.startswith("PROCLAIM_")}


async def run(signals: AsyncIterator[int]) -> int:
    parts: list[Part] = []
    try:
        async with trio.open_nursery() as nursery:
            for name, arguments in COMMANDS.items():
                command = [PROCLAIM, *arguments]
                process = await trio.lowlevel.open_process(
                    command, cwd=ROOT, env=_environment(), process_group=0
                )
                parts.append(Part(name, process))
                nursery.start_soon(parts[-1].watch, nursery.cancel_scope)
            async for _ in signals:
                break
            nursery.cancel_scope.cancel()
    finally:
        with trio.CancelScope(shield=True):  # `end` is bounded
            for part in reversed(parts):
                await part.end()
    for part in parts:
        if part.died:
            say(f"{part.name} ended by itself with status {part.process.returncode}")
    return int(any(part.died or part.process.returncode != 0 for part in parts))


async def run_until_signalled() -> int:
    with trio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
        return await run(signals)


def is_taken() -> bool:
    """Whether somebody listens where the looking glass is to."""
    with socket.socket() as made:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            made.bind(LISTEN)
        except OSError as error:
            return error.errno == errno.EADDRINUSE
    return False


def main() -> int:
    if is_taken():
        say(f"Port {LISTEN[1]} of {LISTEN[0]} is taken: is another quickstart running?")
        say("End that one first. For another port, change it in quickstart.py and network.yaml.")
        return 1
    (HERE / "state").mkdir(exist_ok=True)
    say("A Service, a pool, and a small router on loopback. Ctrl-C ends it.")
    say(f"The manifests are in {os.path.relpath(HERE / 'manifests')}; edit them while this runs.\n")
    status = trio.run(run_until_signalled)
    say("Everything has ended." if status == 0 else "Something went wrong; see above.")
    return status


if __name__ == "__main__":
    sys.exit(main())
