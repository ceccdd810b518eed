"""The engine: wires the ledger, the sources and the announcers, in the order of dying.

The ledger outlives everyone; announcers may still report while they say
goodbye; sources are silenced first.  What each announcer must keep visible is
projected from the stored state, so that nothing is announced that a restart
would not remember.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

import trio

from proclaim.advice import looking_for_unpinned, nameless
from proclaim.hookspecs import Announcer, Detector, Observe, Source, Wanted
from proclaim.host import Host
from proclaim.latest import Latest
from proclaim.ledger import Ledger, paced
from proclaim.model import (
    AnnouncerStatus,
    Authority,
    Authorized,
    Listing,
    Node,
    Observation,
    Sourced,
    Spread,
)
from proclaim.project import Projection, advancing, projecting
from proclaim.supervise import Member, crew
from proclaim.telling import tell, tell_decisions
from proclaim.terrain import fellows

_LOG = logging.getLogger("proclaim.engine")

SELF = "engine"
"""The source of what the engine says about itself."""
FAREWELL_SECONDS = 1.0
"""How long recording the end may take."""
ADVISE_EVERY_SECONDS = 10.0
"""Looking through all Services for advice is not worth doing at each change."""


@dataclass(frozen=True, slots=True)
class Cast:
    """Who takes part: what the plugins offered and the user chose."""

    sources: Sequence[Source]
    announcers: Sequence[Announcer]
    detectors: Sequence[Detector] = ()


async def run(
    ledger: Ledger,
    cast: Cast,
    host: Host,
    authorized: Authorized,
    wait_for_shutdown: Callable[[], Awaitable[None]],
) -> None:
    """Run until `wait_for_shutdown` returns, and then leave in good order.

    The ledger must have been replayed.  Raises LedgerDamaged when another
    process writes to the ledger.
    """
    wanted = {announcer.name: Latest(Wanted()) for announcer in cast.announcers}
    watched: Latest[tuple[Node, ...]] = Latest(())
    async with trio.open_nursery() as nursery:
        nursery.start_soon(ledger.write, name="ledger")
        nursery.start_soon(ledger.keep_checkpoints, name="checkpoints")
        for spread in Spread:
            targets = [wanted[a.name] for a in cast.announcers if a.spread is spread]
            if targets:
                await nursery.start(_follow, ledger, host.node, spread, targets)
        nursery.start_soon(_watch_fellows, ledger, host.node, watched)
        nursery.start_soon(_advise, ledger, host.node, name="advice")
        introduced, heard = trio.Event(), trio.Event()
        nursery.start_soon(tell, ledger.state, heard, name="findings")
        nursery.start_soon(tell_decisions, ledger, name="decisions")
        nursery.start_soon(_introduce, ledger, cast, host.node, introduced)
        readers = [
            *(_announcing(a, wanted[a.name], ledger.observe) for a in cast.announcers),
            *(_detecting(d, watched, ledger.observe, introduced) for d in cast.detectors),
        ]
        async with (  # left in the reverse order: sources first, then announcers
            crew(readers, ledger.observe, host.random),
            trio.open_nursery() as listening,
        ):
            gate = _Gate(ledger.observe, authorized, cast.sources, heard)
            listening.start_soon(_listen, ledger, cast.sources, host, gate)
            await wait_for_shutdown()
            listening.cancel_scope.cancel()
        with trio.move_on_after(FAREWELL_SECONDS):
            await ledger.observe(_roll(cast, host.node, running=False))
        nursery.cancel_scope.cancel()


async def _introduce(ledger: Ledger, cast: Cast, node: str, introduced: trio.Event) -> None:
    """Record who takes part, and void what an earlier run had found out about the fellows."""
    before = ledger.state.value.of_kind("NodeReachability")
    await ledger.observe(_roll(cast, node, running=True))
    for source in sorted({entry.source for entry in before.values()}):
        await ledger.observe(Listing(source))
    introduced.set()


def _roll(cast: Cast, node: str, running: bool) -> Listing:
    statuses = [AnnouncerStatus(node, each.name, each.spread, running) for each in cast.announcers]
    return Listing(SELF, tuple(Sourced(status) for status in statuses))


async def _listen(ledger: Ledger, sources: Sequence[Source], host: Host, gate: _Gate) -> None:
    """Run the sources, once it is recorded that nothing may be allocated yet.

    Announcers do not wait for this: where the disk is full already, what was
    announced before a restart is announced again.
    """
    await ledger.observe(_at_first(gate.authorized))
    members = [_listening(source, gate.of(source.name)) for source in sources]
    async with crew(members, ledger.observe, host.random):
        await gate.open_if_complete()
        await trio.sleep_forever()


def _at_first(authorized: Authorized) -> Authorized:
    if authorized.authority is not Authority.ALLOCATE:
        return authorized
    return Authorized(Authority.ADOPT, authorized.load_balancer_class)


class _Gate:
    """Lets nothing be allocated before every source has given its first complete listing."""

    def __init__(
        self, observe: Observe, authorized: Authorized, sources: Sequence[Source], heard: trio.Event
    ) -> None:
        self._observe = observe
        self.authorized = authorized
        self._missing = {source.name for source in sources}
        self._heard = heard
        self._opened = False

    def of(self, source: str) -> Observe:
        """`observe` for one source, which notes its listing."""

        async def observe(observation: Observation) -> None:
            await self._observe(observation)
            if isinstance(observation, Listing):
                self._missing.discard(source)
                await self.open_if_complete()

        return observe

    async def open_if_complete(self) -> None:
        if not self._missing and not self._opened:
            self._opened = True
            await self._observe(self.authorized)
            self._heard.set()


def _announcing(announcer: Announcer, wanted: Latest[Wanted], observe: Observe) -> Member:
    return Member(f"announcer {announcer.name}", lambda: announcer.run(wanted, observe))


def _detecting(
    detector: Detector,
    watched: Latest[tuple[Node, ...]],
    observe: Observe,
    introduced: trio.Event,
) -> Member:
    async def run() -> None:
        await introduced.wait()
        await detector.run(watched, observe)

    return Member(f"detector {detector.name}", run)


def _listening(source: Source, observe: Observe) -> Member:
    return Member(f"source {source.name}", lambda: source.run(observe))


async def _follow(
    ledger: Ledger,
    node: str,
    spread: Spread,
    targets: Sequence[Latest[Wanted]],
    task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Keep the wanted sets equal to what the state demands."""
    projection: Projection | None = None
    async for state in ledger.state.changes():
        if projection is None:
            projection = await paced(projecting(state, node, spread))
            task_status.started()
        else:
            facts = ledger.since(projection.state.position)
            if facts is not None:
                facts = [item for item in facts if item.position <= state.position]
            projection = await paced(advancing(projection, state, facts))
        wanted = _wanted(projection)
        for target in targets:
            if not _same(target.value, wanted):
                target.set(wanted)


def _wanted(projection: Projection) -> Wanted:
    routes = projection.terrain.spread is Spread.EVERY_NODE
    return Wanted(projection.announcements, projection.terrain.peers if routes else ())


def _same(one: Wanted, other: Wanted) -> bool:
    """Whether nothing changed, told by identity: projecting keeps what it does not change."""
    return one.announcements is other.announcements and one.peers == other.peers


async def _watch_fellows(ledger: Ledger, node: str, watched: Latest[tuple[Node, ...]]) -> None:
    async for state in ledger.state.changes():
        found = fellows(state, node)
        if found != watched.value:
            watched.set(found)


async def _advise(ledger: Ledger, node: str) -> None:
    """Warn once for each advice, when every source has been heard."""
    given = ""
    async for state in ledger.state.changes():
        if state.authority is Authority.ADOPT or not state.of_kind("Node"):
            continue
        advice = nameless(state, node)
        if not advice and state.authority is Authority.ALLOCATE:
            advice = await paced(looking_for_unpinned(state, node))
        if advice and advice != given:
            _LOG.warning("%s", advice)
        given = advice
        await trio.sleep(ADVISE_EVERY_SECONDS)
