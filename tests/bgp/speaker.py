"""The announcer alone, as a process that a test can put into a network namespace.

Reads wanted sets from standard input, one JSON object a line with `peers`,
`routes` and `secrets`; prints what it observes as JSON lines.  Ends when the
input does, as a node would: with a goodbye to each peer.
"""

from __future__ import annotations

import json
import sys
from typing import Any

import msgspec
import trio
from proclaim import (
    Announcement,
    Attributes,
    BGPPeer,
    Latest,
    Listing,
    Observation,
    SystemHost,
    Wanted,
)
from proclaim_bgp.driver import BGPAnnouncer
from proclaim_bgp.options import Options


def wanted_of(line: dict[str, Any]) -> Wanted:
    peers = tuple(msgspec.convert({"noun": "BGPPeer", **peer}, BGPPeer) for peer in line["peers"])
    announcements = {}
    for route in line["routes"]:
        attributes = Attributes(route.get("local_pref", 0), tuple(route.get("communities", ())))
        made = Announcement(route["prefix"], (), (), tuple(route.get("to", ())), attributes)
        announcements[route["prefix"], ""] = made
    return Wanted(announcements, peers)


async def observe(observation: Observation) -> None:
    resources = [each.resource for each in getattr(observation, "resources", ())]
    kind = "listing" if isinstance(observation, Listing) else "change"
    sys.stdout.write(json.dumps({kind: msgspec.to_builtins(resources)}) + "\n")
    sys.stdout.flush()


async def main() -> None:
    host = SystemHost("node1")
    wanted = Latest(Wanted())
    listen = tuple((address, 179) for address in sys.argv[1:])
    async with trio.open_nursery() as nursery:
        announcer = BGPAnnouncer(host, Options(listen=listen))
        nursery.start_soon(announcer.run, wanted, observe)
        lines = trio.wrap_file(sys.stdin)
        async for line in lines:
            document = json.loads(line)
            host.secrets.set(document.get("secrets", {}))
            wanted.set(wanted_of(document))
        nursery.cancel_scope.cancel()


if __name__ == "__main__":
    trio.run(main)
