"""The quickstart, run as `make run` does: in a copy, on a port of its own."""

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from queue import Empty, Queue
from threading import Thread
from time import monotonic

import pytest

ROOT = Path(__file__).parents[2]
PATIENCE = 30.0

pytestmark = pytest.mark.slow


def free_port() -> int:
    with socket.socket() as made:
        made.bind(("127.0.0.1", 0))
        port: int = made.getsockname()[1]
        return port


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A copy of the quickstart, with another port in place of 1790."""
    port = str(free_port())
    copy = tmp_path / "examples/quickstart"
    shutil.copytree(
        ROOT / "examples/quickstart", copy, ignore=shutil.ignore_patterns("state", "__pycache__")
    )
    for name in ("quickstart.py", "manifests/network.yaml"):
        file = copy / name
        text = file.read_text(encoding="utf-8")
        assert "1790" in text
        file.write_text(text.replace("1790", port), encoding="utf-8")
    return tmp_path


class Running:
    """The quickstart's script, whose lines can be waited for."""

    def __init__(self, place: Path) -> None:
        self.place = place
        self.lines: list[str] = []
        self._queue: Queue[str] = Queue()
        self.process = subprocess.Popen(
            [sys.executable, "examples/quickstart/quickstart.py"],
            cwd=place,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self._reader = Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self._queue.put(line)

    def wait_for(self, *words: str) -> str:
        """The next line that has all the words."""
        until = monotonic() + PATIENCE
        while (left := until - monotonic()) > 0:
            try:
                line = self._queue.get(timeout=left)
            except Empty:
                break
            self.lines.append(line)
            if all(word in line for word in words):
                return line
        raise AssertionError(f"no line with {words} in\n{''.join(self.lines)}")

    def interrupt(self) -> int:
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(timeout=PATIENCE)

    def close(self) -> None:
        if self.process.poll() is None:
            self.interrupt()
        for pid in self.left():
            os.kill(pid, signal.SIGKILL)
        self._reader.join(timeout=PATIENCE)
        assert self.process.stdout is not None
        self.process.stdout.close()

    def left(self) -> list[int]:
        """The processes that still run in the quickstart's place."""
        found = []
        for entry in Path("/proc").glob("[0-9]*"):
            try:
                if (entry / "cwd").readlink() == self.place:
                    found.append(int(entry.name))
            except OSError:
                continue
        return found


@pytest.fixture
def quickstart(place: Path) -> Iterator[Running]:
    running = Running(place)
    try:
        yield running
    finally:
        running.close()


def service(name: str) -> str:
    return f"""
apiVersion: v1
kind: Service
metadata:
  name: {name}
spec:
  type: LoadBalancer
  ports:
    - port: 80
"""


def proclaim(place: Path, *arguments: str) -> str:
    command = Path(sys.executable).with_name("proclaim")
    settings = ("--settings", "examples/quickstart/settings.toml")
    done = subprocess.run(
        [command, *arguments, *settings],
        cwd=place,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_service_is_announced_added_withdrawn_and_kept(quickstart: Running) -> None:
    place = quickstart.place
    manifests = place / "examples/quickstart/manifests"
    quickstart.wait_for("announce", "192.0.2.0/32")
    (manifests / "api.yaml").write_text(service("api"), encoding="utf-8")
    quickstart.wait_for("announce", "192.0.2.1/32")
    assert "192.0.2.1" in proclaim(place, "get", "services", "api", "-o", "json")
    (manifests / "web.yaml").unlink()
    quickstart.wait_for("withdraw", "192.0.2.0/32")
    assert quickstart.interrupt() == 0
    assert quickstart.left() == []

    again = Running(place)
    try:
        again.wait_for("announce", "192.0.2.1/32")
        assert again.interrupt() == 0
    finally:
        again.close()
    assert "192.0.2.1" in proclaim(place, "get", "services", "api", "-o", "json")


TIME = re.compile(r"\d{4}-\d\d-\d\dT[\d:.]+Z")


def test_the_tutorial_shows_what_is_printed(quickstart: Running) -> None:
    page = TIME.sub("TIME", (ROOT / "docs/tutorial/quickstart.md").read_text(encoding="utf-8"))
    quickstart.wait_for("announce", "192.0.2.0/32")
    printed = [line for line in quickstart.lines if TIME.match(line)]
    explained, until = "", monotonic() + PATIENCE
    while "announced to looking-glass" not in explained and monotonic() < until:
        explained = proclaim(quickstart.place, "explain", "web")
    printed += explained.splitlines(keepends=True)
    assert len(printed) > 10
    assert [line for line in printed if TIME.sub("TIME", line) not in page] == []


def test_when_one_of_the_two_dies_the_other_is_ended_too(quickstart: Running) -> None:
    quickstart.wait_for("announce", "192.0.2.0/32")
    [glass] = [
        pid
        for pid in quickstart.left()
        if b"looking-glass" in Path(f"/proc/{pid}/cmdline").read_bytes()
    ]
    os.kill(glass, signal.SIGKILL)
    quickstart.wait_for("the looking glass ended by itself")
    assert quickstart.process.wait(timeout=PATIENCE) == 1
    assert quickstart.left() == []
