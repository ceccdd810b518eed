"""Makes the recorded requests again, in their order, of an emulator."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import trio
import trio.testing
from apiserver import ApiServer, Connection
from proclaim_k8s_source.access.api import JSON

from apiserver_conformance.comparison import Drawn, differences
from apiserver_conformance.script import BEFORE, DURING, LISTENED, new_cluster

Json = dict[str, Any]
Row = tuple[str, int]

_TRANSCRIPTS = Path(__file__).parent.parent / "apiserver" / "transcripts"
_STEP_SECONDS = 0.2
_LISTEN_SECONDS = 3.0


@cache
def rows() -> dict[Row, Json]:
    """Every recorded request with its answer, by file and number in it."""
    return dict(_rows())


def _rows() -> Iterator[tuple[Row, Json]]:
    for path in sorted(_TRANSCRIPTS.glob("*.jsonl")):
        lines = path.read_text().splitlines()
        for number, line in enumerate(lines[1:], 1):
            yield (path.name, number), json.loads(line)


@cache
def replayed() -> dict[Row, list[str]]:
    """In what the emulator's answers differ from those recorded."""
    return trio.run(_replay, clock=trio.testing.MockClock(autojump_threshold=0))


async def _replay() -> dict[Row, list[str]]:
    server, drawn = new_cluster(), Drawn()
    found: dict[Row, list[str]] = {}
    for row, recorded in rows().items():
        for step in BEFORE.get(row, ()):
            step(server)
        unknown = "authorization" in recorded["request"]
        api = server.connect(user=None if unknown else "recorder")
        if "lines" in recorded["response"]:
            found[row] = await _watch(server, api, row, recorded, drawn)
        else:
            found[row] = await _ask(api, recorded, drawn)
    return found


async def _ask(api: Connection, recorded: Json, drawn: Drawn) -> list[str]:
    request, expected = recorded["request"], recorded["response"]
    body = json.dumps(drawn.translated(request["body"])).encode() if "body" in request else b""
    media = request.get("content_type", JSON)
    response = await api.request(request["method"], request["path"], (), body, media)
    ours = {
        "status": response.status,
        "content_type": response.headers["content-type"],
        "body": response.body.decode(),
    }
    if ours["content_type"] == JSON:
        ours["body"] = json.loads(response.body)
    if headers := expected.get("headers"):
        ours["headers"] = {name: response.headers.get(name.lower()) for name in headers}
    return differences(expected, ours, drawn)


async def _watch(
    server: ApiServer, api: Connection, row: Row, recorded: Json, drawn: Drawn
) -> list[str]:
    expected = recorded["response"]
    received: list[bytes] = []
    began, ended = trio.current_time(), None
    async with api.stream(recorded["request"]["path"]) as stream, trio.open_nursery() as nursery:
        nursery.start_soon(_act, server, row)
        with trio.move_on_after(LISTENED.get(row, _LISTEN_SECONDS)):
            async for part in stream:
                received.append(part)  # noqa: PERF401 - kept when time is up
            ended = trio.current_time() - began
    ours = {
        "lines": [json.loads(line) for line in b"".join(received).splitlines()],
        "server_closed_after": ended,
    }
    wanted = {
        "lines": [line["line"] for line in expected["lines"]],
        "server_closed_after": expected["server_closed_after"],
    }
    return differences(wanted, ours, drawn)


async def _act(server: ApiServer, row: Row) -> None:
    for step in DURING.get(row, ()):
        await trio.sleep(_STEP_SECONDS)
        step(server)
