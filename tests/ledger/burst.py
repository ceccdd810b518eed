"""The process that `test_kill` kills: a real ledger under a burst of observations.

Usage: `burst.py URL SEED`.  Each observation that the ledger acknowledges is one
line on stdout, written with a single system call: the source, its number and
what the observation left behind, so that the parent knows what must be there.
"""

from __future__ import annotations

import os
import sys
from random import Random

import proclaim.ledger
import trio
from proclaim import SystemHost
from proclaim.builtin import KINDS
from proclaim.codec import Codec
from proclaim.ledger import Ledger
from proclaim.model import (
    Authority,
    Authorized,
    Change,
    Listing,
    Node,
    Pool,
    Service,
    Sourced,
    service_ref,
)
from proclaim.sqlite_log import SQLiteLog

SOURCES = ("a", "b", "c", "d")
CHECKPOINT_EVERY = 50
"""Few facts, so that the process is also killed while it saves checkpoints."""


def observation(source: str, at: int, random: Random) -> Change | Listing:
    """The next thing that a source says; its marker tells how far it came."""
    marker = Sourced(Node(f"marker-{source}", (("at", str(at)),)))
    said: list[Sourced] = [marker]
    gone = []
    for _ in range(random.randrange(6)):
        name = f"{source}{random.randrange(12)}"
        if random.random() < 0.3:
            gone.append(service_ref("default", name))
        else:
            wanted = (f"192.0.2.{random.randrange(40)}",) if random.random() < 0.3 else ()
            said.append(
                Sourced(Service("default", name, type="LoadBalancer", requested_addresses=wanted))
            )
    if random.random() < 0.3:
        size = random.choice(("192.0.2.0/28", "192.0.2.0/27", "192.0.2.8-192.0.2.12"))
        said.append(Sourced(Pool("public", addresses=(size,))))
    if random.random() < 0.1:
        return Listing(source, tuple(said))
    return Change(source, tuple(said), tuple(gone))


async def talk(ledger: Ledger, source: str, seed: int) -> None:
    random = Random(f"{seed} {source}")
    entry = ledger.state.value.get(Node(f"marker-{source}").ref)
    at = int(dict(entry.resource.labels)["at"]) if entry else 0
    while True:
        at += 1
        await ledger.observe(observation(source, at, random))
        os.write(1, f"{source} {at}\n".encode())


async def main(url: str, seed: int) -> None:
    proclaim.ledger.CHECKPOINT_EVERY = CHECKPOINT_EVERY
    log = SQLiteLog(url, f"process-{os.getpid()}", read_only=False)
    ledger = Ledger(log, Codec(KINDS), SystemHost("n1"))
    await ledger.replay()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(ledger.write)
        nursery.start_soon(ledger.keep_checkpoints)
        await ledger.observe(Authorized(Authority.ALLOCATE))
        os.write(1, b"ready\n")
        for source in SOURCES:
            nursery.start_soon(talk, ledger, source, seed)


if __name__ == "__main__":
    trio.run(main, sys.argv[1], int(sys.argv[2]))
