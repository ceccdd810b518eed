"""The looking glass as a process: what a user, or a script, sees of it."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from proclaim_bgp.looking_glass import as_text
from proclaim_bgp.wire import (
    AS_SEQUENCE,
    Family,
    Frame,
    Keepalive,
    Message,
    Notification,
    PathAttributes,
    Reach,
    Segment,
    Type,
    Update,
    encode,
    opening,
    prefix,
    take,
)

pytestmark = pytest.mark.slow


def free_port() -> int:
    with socket.socket() as made:
        made.bind(("127.0.0.1", 0))
        return int(made.getsockname()[1])


@contextmanager
def glass(*options: str) -> Iterator[tuple[subprocess.Popen[str], int]]:
    port = free_port()
    process = subprocess.Popen(
        [sys.executable, "-c", "from proclaim_bgp.commands import app; app()", "looking-glass",
         "--listen", f"127.0.0.1:{port}", *options],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        yield process, port
    finally:
        process.kill()
        process.communicate()


def connect(port: int) -> socket.socket:
    until = time.monotonic() + 10
    while True:
        try:
            return socket.create_connection(("127.0.0.1", port), timeout=10)
        except ConnectionRefusedError:
            assert time.monotonic() < until
            time.sleep(0.05)


def until(stream: socket.socket, kind: Type) -> Frame:
    """Read messages until one of that type comes."""
    buffer = b""
    while True:
        found, at = take(buffer, 0)
        if found is None:
            octets = stream.recv(4096)
            assert octets
            buffer += octets
            continue
        assert isinstance(found, Frame)
        if found.type is kind:
            return found
        buffer = buffer[at:]


def say(stream: socket.socket, *messages: Message) -> None:
    stream.sendall(b"".join(map(encode, messages)))


def heard(process: subprocess.Popen[str], count: int) -> list[dict[str, Any]]:
    assert process.stdout is not None
    return [json.loads(process.stdout.readline()) for _ in range(count)]


def test_each_route_is_one_json_line_and_an_interrupt_ends_it_politely() -> None:
    reach = (Reach("127.0.0.1", (prefix("198.51.100.1/32"),)),)
    path = (Segment(AS_SEQUENCE, (64512,)),)
    attributes = PathAttributes(0, path, communities=(64512 << 16 | 100,))
    with glass("-o", "json", "--asn", "64513") as (process, port), connect(port) as stream:
        say(stream, opening(64512, 90, 1, (Family.IPV4,)), Keepalive())
        until(stream, Type.KEEPALIVE)
        say(stream, Update(reach=reach, attributes=attributes))
        say(stream, Update(withdrawn=reach[0].prefixes))
        lines = heard(process, 3)
        assert [line["event"] for line in lines] == ["established", "announce", "withdraw"]
        assert {"time", "peer", "prefix", "next_hop", "as_path", "local_pref"} <= set(lines[1])
        assert lines[1]["communities"] == ["64512:100"]
        process.send_signal(signal.SIGINT)
        assert until(stream, Type.NOTIFICATION).body[:2] == b"\x06\x02"
        assert process.wait(10) == 0


def test_only_the_expected_as_is_accepted() -> None:
    with glass("-o", "json", "--peer-asn", "64512") as (process, port), connect(port) as stream:
        say(stream, opening(64999, 90, 1, (Family.IPV4,)))
        assert until(stream, Type.NOTIFICATION).body[:2] == b"\x02\x02"
        assert "2/2" in heard(process, 1)[0]["reason"]


@pytest.mark.parametrize("listen", ["nowhere", "127.0.0.1", "127.0.0.1:99999", "example.org:179"])
def test_what_is_no_address_is_wrong_usage(listen: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", "from proclaim_bgp.commands import app; app()",
         "looking-glass", "--listen", listen],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 2
    assert "Traceback" not in done.stderr


def test_a_port_that_is_taken_is_one_sentence_and_a_hint() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        done = subprocess.run(
            [sys.executable, "-c", "from proclaim_bgp.commands import app; app()",
             "looking-glass", "--listen", f"127.0.0.1:{port}"],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
    assert done.returncode == 1
    assert "hint:" in done.stderr
    assert "Traceback" not in done.stderr


def test_people_are_shown_the_same() -> None:
    event = {
        "time": "2026-01-01T00:00:00.000Z",
        "peer": "127.0.0.1",
        "event": "announce",
        "prefix": "198.51.100.1/32",
        "next_hop": "127.0.0.1",
        "as_path": "64512",
        "communities": ["64512:100"],
        "local_pref": None,
    }
    assert "198.51.100.1/32 via 127.0.0.1  path [64512]  communities 64512:100" in as_text(event)


def test_a_notification_is_sent_for_garbage() -> None:
    with glass() as (_, port), connect(port) as stream:
        stream.sendall(b"GET / HTTP/1.0\r\n\r\n")
        assert until(stream, Type.NOTIFICATION).body == bytes(
            (Notification(1, 1).code, Notification(1, 1).subcode)
        )
