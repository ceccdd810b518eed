"""A small passive speaker that prints what it is told: a router to try things on.

Made of the same sessions as the announcer.  It accepts every peer, announces
nothing, and remembers no route.
"""

from __future__ import annotations

import json
import math
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import trio
from proclaim import Host

from proclaim_bgp.connection import Connection
from proclaim_bgp.session import Session, context, deadline, step
from proclaim_bgp.signals import (
    Closed,
    CloseTransport,
    Connected,
    Down,
    Failed,
    Input,
    Output,
    Received,
    Routes,
    Send,
    Stop,
    Tick,
    Up,
    Writing,
    Written,
)
from proclaim_bgp.sockets import remote_address, set_options
from proclaim_bgp.terms import Terms
from proclaim_bgp.wire import (
    Context,
    Family,
    Fault,
    Message,
    PathAttributes,
    Update,
    path_text,
)

Say = Callable[[dict[str, Any]], None]


@dataclass(frozen=True, slots=True)
class Glass:
    """Where to listen, and as whom."""

    address: str
    port: int
    asn: int
    peer_asn: int = 0
    """The only AS that is accepted; 0 accepts any."""

    @property
    def router_id(self) -> int:
        """Made from the address; unlike any identifier that a peer on it would choose."""
        return zlib.crc32(f"{self.address}:{self.port}".encode()) or 1


async def look(glass: Glass, host: Host, say: Say) -> None:
    """Accept peers until cancelled, and say each thing that they tell."""

    async def accept(stream: trio.abc.Stream) -> None:
        await _Visit(glass, remote_address(stream), host, say).run(stream)

    await host.serve_tcp(glass.address, glass.port, lambda made: set_options(made, False), accept)


class _Visit:
    """One peer's connection; the `Owner` of its `Connection`."""

    def __init__(self, glass: Glass, peer: str, host: Host, say: Say) -> None:
        terms = Terms(
            asn=glass.asn,
            peer_asn=glass.peer_asn,
            families=tuple(Family),
            passive=True,
        )
        self._session = Session(terms)
        self._glass = glass
        self._peer = peer
        self._host = host
        self._print = say
        self._connection = Connection(self)
        self._wake = trio.Event()

    async def run(self, stream: trio.abc.Stream) -> None:
        """Converse until either side ends."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._keep_time)
            with self._connection.scope:  # ends by itself, also when this task is cancelled
                self._feed(Connected(self._glass.router_id))
                await self._connection.run(stream)
            nursery.cancel_scope.cancel()

    async def _keep_time(self) -> None:
        try:
            while True:
                self._wake = trio.Event()
                at = deadline(self._session)
                with trio.move_on_at(math.inf if at is None else at):
                    await self._wake.wait()
                self._feed(Tick(jitter=self._host.random.uniform(0.75, 1.0)))
        finally:
            self._feed(Stop(2))

    def _feed(self, happened: Input) -> None:
        self._session, outputs = step(self._session, happened, trio.current_time())
        for output in outputs:
            self._carry_out(output)
        self._wake.set()

    def _carry_out(self, output: Output) -> None:
        match output:
            case Send(message):
                self._connection.send(message)
            case CloseTransport():
                self._connection.close()
            case Up(agreed):
                self._say("established", asn=agreed.peer_asn)
            case Down(reason) | Failed(reason):
                self._say("closed", reason=reason)
            case Routes(update):
                self._routes(update)
            case _:
                pass

    # --- the Owner ------------------------------------------------------------------------------

    def context(self, connection: Connection) -> Context:
        return context(self._session)

    def received(self, connection: Connection, message: Message | Fault) -> None:
        self._feed(Received(message))

    def closed(self, connection: Connection, reason: str) -> None:
        self._feed(Closed(reason))

    def writing(self, connection: Connection, busy: bool) -> None:
        self._feed(Writing() if busy else Written())

    def pull(self, connection: Connection) -> bytes | None:
        return None

    # --- saying ---------------------------------------------------------------------------------

    def _routes(self, update: Update) -> None:
        for gone in update.withdrawn:
            self._say("withdraw", prefix=str(gone))
        for reach in update.reach:
            said = _said(update.attributes)
            for announced in reach.prefixes:
                self._say("announce", prefix=str(announced), next_hop=reach.next_hop, **said)
        if update.end_of_rib is not None:
            self._say("end-of-rib", family=update.end_of_rib.label)

    def _say(self, event: str, **more: object) -> None:
        time = datetime.fromtimestamp(self._host.wall_time(), UTC)
        stamp = time.isoformat(timespec="milliseconds").replace("+00:00", "Z")
        self._print({"time": stamp, "peer": self._peer, "event": event, **more})


def _said(attributes: PathAttributes) -> dict[str, object]:
    standard = [f"{value >> 16}:{value & 0xFFFF}" for value in attributes.communities]
    large = [":".join(("large", *map(str, three))) for three in attributes.large_communities]
    return {
        "as_path": path_text(attributes.as_path or ()),
        "communities": standard + large,
        "local_pref": attributes.local_pref,
    }


def as_json(event: dict[str, Any]) -> str:
    """One JSON line."""
    return json.dumps(event)


def as_text(event: dict[str, Any]) -> str:
    """One line for people."""
    line = f"{event['time']}  {event['peer']:<15}  {event['event']:<11}"
    match event["event"]:
        case "announce":
            line += f"  {event['prefix']} via {event['next_hop']}"
            line += f"  path [{event['as_path']}]"
            if event["local_pref"] is not None:
                line += f"  local-pref {event['local_pref']}"
            if event["communities"]:
                line += f"  communities {' '.join(event['communities'])}"
        case "withdraw":
            line += f"  {event['prefix']}"
        case "established":
            line += f"  with AS {event['asn']}"
        case "closed":
            line += f"  {event['reason']}"
        case "end-of-rib":
            line += f"  {event['family']}"
        case _:
            pass
    return line
