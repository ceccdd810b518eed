"""Allocation at scale: 10,000 Services in 200 pools and 100,000 in 20, and a quarter of each.

Decided, encoded and projected for both spreads: a first listing, one Service
more, changed or gone, a pool widened, and the same listing again; then restarts
from a file, and what stays resident.  Times are of the processor.  Of what
concerns one Service the yardstick is a plain copy of a dict with as many
entries; of what concerns all of them, their ledger parsed as JSON and thrown
away; of memory, the same ledger as bytes.

`allocation_scale.py 10000 200` measures one size instead.  `--weigh` is for the
processes that it starts to be weighed: each has nothing else in it.
"""

from __future__ import annotations

import gc
import json
import subprocess
import sys
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

from msgspec import structs
from proclaim.addresses import Range
from proclaim.checkpoint import encode, seal
from proclaim.collector import paused
from proclaim.decide import decide
from proclaim.events import Observed
from proclaim.fold import number
from proclaim.ledger import recorded, replay
from proclaim.log import Event
from proclaim.model import Authority, Authorized, Change, Listing, Observation, Spread
from proclaim.project import Projection, advance, project
from proclaim.sqlite_log import SQLiteLog
from proclaim.state import State
from scenes import CODEC, NODE, TIME, cluster, decided, member, pool, seconds, show, sourced

SIZES = ((2_500, 50), (10_000, 200), (25_000, 5), (100_000, 20))
ROUNDS = 3
"""Of what concerns all Services, and takes long enough to be measured well."""
MEMBER = 7
"""The Service that is changed or goes."""
NOUNS, STATE, ALL = "nouns", "state", "all"


def projected(state: State) -> list[Projection]:
    return [project(state, NODE, spread) for spread in Spread]


def follow(state: State, projections: list[Projection], observation: Observation) -> None:
    """Everything that an observation costs but its write to the disk."""
    result = decide(state, observation, TIME)
    items = number(state, result.facts, TIME)
    for item in items:
        CODEC.encode(item.fact, item.time, item.transaction)
    for projection in projections:
        advance(projection, result.state, items)


def changes(services: int, pools: int) -> dict[str, Change]:
    """What may happen to one Service, and to a pool that is full."""
    full = pool(0, -(-services * 11 // (pools * 10)))
    more = str(Range(4, 11 << 24, (11 << 24) + 255))
    return {
        "one Service more": Change("files", (sourced(member(services)),)),
        "one Service changed": Change("files", (sourced(member(MEMBER, 8080)),)),
        "one Service gone": Change("files", (), (member(MEMBER).ref,)),
        "a pool widened": Change(
            "files", (sourced(structs.replace(full, addresses=(*full.addresses, more))),)
        ),
    }


def measure(services: int, pools: int) -> None:
    print(f"-- {services:,} Services in {pools} pools", flush=True)
    listed = cluster(services, pools)
    with paused():
        empty, events = decided(State(), Authorized(Authority.ALLOCATE))
        state, stored = decided(empty, listed)
        events += stored
    parsed = seconds(lambda: _parse(events), 3)
    plain = {at: at for at in range(services)}
    copied = seconds(lambda: dict(plain), 51)
    whole, one = (
        partial(_show, parsed, "json.loads"),
        partial(_show, copied, "the copy of one dict"),
    )
    whole("first listing, decided", _spared(lambda: decide(empty, listed, TIME)), ROUNDS)
    whole("first listing, projected", _spared(lambda: projected(state)), ROUNDS)
    projections = projected(state)
    gc.freeze()  # what stays is not looked through before each round
    for name, change in changes(services, pools).items():
        followed = _spared(partial(follow, state, projections, change))
        one(name, followed, 21 if "Service" in name else ROUNDS)
    whole("the same listing again", _spared(lambda: decide(state, listed, TIME)), ROUNDS)
    with tempfile.TemporaryDirectory() as folder:
        _from_a_file(Path(folder) / "ledger.db", events, state, listed, whole)


def _from_a_file(
    path: Path,
    events: list[Event],
    state: State,
    listed: Listing,
    whole: Callable[[str, Callable[[], object], int], None],
) -> None:
    log = SQLiteLog(f"sqlite://{path}", "me", read_only=False)
    log.append(events)
    whole(
        "restart from the start of the ledger", lambda: replay(log, CODEC, from_start=True), ROUNDS
    )
    log.save_checkpoint(state.position, seal(encode(state, CODEC)))
    whole("restart from a checkpoint", lambda: replay(log, CODEC), ROUNDS)
    log.close()
    size = sum(len(event.stored) for event in events)
    count = len(listed.resources)
    before = 0
    for what, named in (
        (NOUNS, "resident: the Services alone"),
        (STATE, "resident: and all else of the state"),
        (ALL, "resident: and both projections"),
    ):
        command = [sys.executable, __file__, "--weigh", what, str(path)]
        weight = int(subprocess.run(command, capture_output=True, check=True, text=True).stdout)
        figure = f"{(weight - before) / count:,.0f} B each"
        show(named, figure, (weight - before) / size, "the ledger")
        before = weight
    show("resident in all", f"{before / count:,.0f} B each", before / size, "the ledger")


def _parse(events: list[Event]) -> None:
    for event in events:
        json.loads(event.stored)


def _show(yardstick: float, named: str, what: str, call: Callable[[], object], rounds: int) -> None:
    took = seconds(call, rounds)
    show(what, f"{took * 1000:,.2f} ms", took / yardstick, named)


def _spared(call: Callable[[], object]) -> Callable[[], None]:
    """The call as the engine makes it: nothing is collected meanwhile."""

    def spared() -> None:
        with paused():
            call()

    return spared


def weigh(what: str, path: str) -> int:
    """How many bytes of memory one part of what a node keeps takes."""
    log = SQLiteLog(f"sqlite://{path}", "me", read_only=True)
    gc.collect()
    before = _resident()
    if what == NOUNS:
        kept: object = [
            item.fact.resource for item in recorded(log, CODEC) if isinstance(item.fact, Observed)
        ]
    else:
        state = replay(log, CODEC, from_start=True)
        kept = state, projected(state) if what == ALL else None
    gc.collect()
    weight = _resident() - before
    del kept
    return weight


def _resident() -> int:
    for line in Path("/proc/self/smaps_rollup").read_text("ascii").splitlines():
        if line.startswith("Rss:"):
            return int(line.split()[1]) * 1024
    raise SystemExit("allocation_scale: /proc/self/smaps_rollup says nothing of Rss")


def main() -> None:
    if sys.argv[1:2] == ["--weigh"]:
        print(weigh(*sys.argv[2:4]))
        return
    chosen = [(int(sys.argv[1]), int(sys.argv[2]))] if len(sys.argv) == 3 else SIZES
    for services, pools in chosen:
        measure(services, pools)


if __name__ == "__main__":
    main()
