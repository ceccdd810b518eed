"""Seconds until a BIRD peer has 10,000 routes, from Established on.

Yardstick: the same routes in packed, ready-made UPDATEs, written by one bare
`sendall`.  Both talk to a BIRD of their own over loopback on a high port; BIRD
is asked every few milliseconds how many routes it has imported.

    python benchmarks/bgp_routes.py [--routes 10000] [--runs 3]
"""

from __future__ import annotations

import argparse
import re
import shutil
import socket
import statistics
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import trio
from proclaim import (
    Announcement,
    Attributes,
    BGPPeer,
    Change,
    Latest,
    Observation,
    SystemHost,
    Wanted,
)
from proclaim_bgp.driver import BGPAnnouncer
from proclaim_bgp.wire import (
    AS_SEQUENCE,
    IGP,
    Family,
    Frame,
    Keepalive,
    PathAttributes,
    Segment,
    Type,
    encode,
    encode_attributes,
    opening,
    pack,
    pack_reach,
    prefix,
    take,
)

PORT = 17990
CONFIG = """
router id 192.0.2.2;
protocol device {{}}
protocol bgp p {{
  local 127.0.0.1 port {port} as 64513; neighbor 127.0.0.1 as 64512; multihop; passive yes;
  error wait time 1,2; connect retry time 1;
  ipv4 {{ import all; export none; }};
}}
"""


def prefixes(count: int) -> list[str]:
    return [f"10.{n >> 16}.{n >> 8 & 255}.{n & 255}/32" for n in range(1, count + 1)]


class Bird:
    """A BIRD of our own, asked over its control socket."""

    def __init__(self, directory: str, port: int) -> None:
        self._control = f"{directory}/ctl"
        Path(f"{directory}/bird.conf").write_text(CONFIG.format(port=port))
        self.process = subprocess.Popen(
            ["bird", "-f", "-c", "bird.conf", "-s", "ctl", "-P", "pid"],
            cwd=directory,
            stderr=subprocess.DEVNULL,
        )
        self._asked = self._connect()
        self._answer()

    def _connect(self) -> socket.socket:
        """The control socket, which BIRD opens some time after its start."""
        give_up = time.perf_counter() + 10
        while True:
            asked = socket.socket(socket.AF_UNIX)
            try:
                asked.connect(self._control)
            except OSError:
                asked.close()
                if self.process.poll() is not None or time.perf_counter() > give_up:
                    raise SystemExit("BIRD did not open its control socket") from None
                time.sleep(0.01)
            else:
                return asked

    def _answer(self) -> str:
        text = ""
        while not re.search(r"^\d{4} .*\n\Z", text, re.MULTILINE):
            text += self._asked.recv(65536).decode()
        return text

    def imported(self) -> int:
        self._asked.sendall(b"show protocols all p\n")
        found = re.search(r"Routes:\s+(\d+) imported", self._answer())
        return int(found[1]) if found else 0

    def seconds_until(self, count: int, since: list[float]) -> float:
        give_up = time.perf_counter() + 60
        while self.imported() < count:
            if time.perf_counter() > give_up:
                raise SystemExit(f"BIRD has {self.imported()} of {count} routes after 60 s")
            time.sleep(0.002)
        return time.perf_counter() - since[0]


@contextmanager
def bird() -> Iterator[tuple[Bird, int]]:
    global PORT
    PORT += 1
    with tempfile.TemporaryDirectory(prefix="proclaim-bird-") as directory:
        made = Bird(directory, PORT)
        try:
            yield made, PORT
        finally:
            made.process.terminate()
            made.process.wait()


def with_proclaim(count: int) -> float:
    """The announcer as it is, with everything wanted before the session comes up."""
    announcements = {
        (text, ""): Announcement(text, (text[:-3],), (), (), Attributes())
        for text in prefixes(count)
    }
    since: list[float] = []
    up = trio.Event()
    with bird() as (peer, port):
        near = BGPPeer("p", my_asn=64512, peer_asn=64513, peer_address="127.0.0.1", peer_port=port)

        async def observe(observation: Observation) -> None:
            established = isinstance(observation, Change) and any(
                getattr(each.resource, "state", "") == "Established"
                for each in observation.resources
            )
            if established and not since:
                since.append(time.perf_counter())
                up.set()

        async def speak(stop: trio.Event) -> None:
            async with trio.open_nursery() as nursery:
                wanted = Latest(Wanted(announcements, (near,)))
                nursery.start_soon(BGPAnnouncer(SystemHost("bench")).run, wanted, observe)
                await stop.wait()
                nursery.cancel_scope.cancel()

        async def main() -> float:
            stop = trio.Event()
            async with trio.open_nursery() as nursery:
                nursery.start_soon(speak, stop)
                await up.wait()
                seconds = await trio.to_thread.run_sync(peer.seconds_until, count, since)
                stop.set()
                return seconds

        return trio.run(main)


def with_sendall(count: int) -> float:
    """Ready-made octets, from the moment that BIRD's first KEEPALIVE has come."""
    path = (Segment(AS_SEQUENCE, (64512,)),)
    attributes = encode_attributes(PathAttributes(IGP, path), socket.inet_aton("127.0.0.1"))
    routes = [prefix(text) for text in prefixes(count)]
    octets = b"".join(
        pack_reach(Family.IPV4, b"", attributes, pack(routes[at : at + 800]))
        for at in range(0, count, 800)
    )
    with bird() as (peer, port), socket.create_connection(("127.0.0.1", port)) as stream:
        stream.sendall(encode(opening(64512, 90, 0x0A000001, (Family.IPV4,))))
        stream.sendall(encode(Keepalive()))
        buffer = b""
        while True:
            buffer += stream.recv(4096)
            found, at = take(buffer, 0)
            while isinstance(found, Frame) and found.type is not Type.KEEPALIVE:
                buffer = buffer[at:]
                found, at = take(buffer, 0)
            if found is not None:
                break
        since = [time.perf_counter()]
        seconds: list[float] = []
        asking = threading.Thread(target=lambda: seconds.append(peer.seconds_until(count, since)))
        asking.start()
        stream.sendall(octets)
        asking.join()
        return seconds[0]


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--routes", type=int, default=10_000)
    parser.add_argument("--runs", type=int, default=3)
    options = parser.parse_args()
    if shutil.which("bird") is None:
        raise SystemExit("bird is not installed (Debian: apt-get install bird2)")
    ours = statistics.median(with_proclaim(options.routes) for _ in range(options.runs))
    bare = statistics.median(with_sendall(options.routes) for _ in range(options.runs))
    print(f"{options.routes} routes to a BIRD peer, medians of {options.runs}")
    print(f"  proclaim, Established to all imported   {ours:8.3f} s")
    print(f"  bare sendall of ready-made UPDATEs      {bare:8.3f} s")
    print(f"  ratio                                   {ours / bare:8.1f}")


if __name__ == "__main__":
    main()
