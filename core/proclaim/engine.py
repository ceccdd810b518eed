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
from typing import NamedTuple

import trio

from proclaim.advice import looking_for_unpinned, nameless
from proclaim.hookspecs import (
    Announcer,
    Detector,
    Elector,
    Observe,
    Reporter,
    Source,
    Wanted,
)
from proclaim.host import Host
from proclaim.latest import Latest
from proclaim.ledger import Ledger, paced
from proclaim.listening import Government, electing, listen
from proclaim.model import (
    AnnouncerStatus,
    Authority,
    Authorized,
    Listing,
    Node,
    Sourced,
    Spread,
)
from proclaim.project import Projection, advancing, projecting
from proclaim.reality import ENGINE
from proclaim.state import State
from proclaim.supervise import Failures, Member, crew
from proclaim.telling import tell, tell_decisions
from proclaim.terrain import fellows
from proclaim.trail import Trail
from proclaim.view import View

_LOG = logging.getLogger("proclaim.engine")

FAREWELL_SECONDS = 1.0
"""How long recording the end may take."""
ACQUAINTED_WITHIN_SECONDS = 5.0
"""How long to wait at most for what the detectors find out about the fellows."""
ADVISE_EVERY_SECONDS = 10.0
"""Looking through all Services for advice is not worth doing at each change."""


@dataclass(frozen=True, slots=True)
class Cast:
    """Who takes part: what the plugins offered and the user chose."""

    sources: Sequence[Source]
    announcers: Sequence[Announcer]
    detectors: Sequence[Detector] = ()
    reporters: Sequence[Reporter] = ()
    electors: Sequence[Elector] = ()


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
    sources = frozenset(source.name for source in cast.sources)
    watched: Latest[tuple[Node, ...]] = Latest(())
    projections: dict[Spread, Latest[Projection | None]] = {
        announcer.spread: Latest(None) for announcer in cast.announcers
    }
    failures = Failures(ledger.observe)
    view = View(host.node, ledger.state, ledger.since, ledger.failing, projections, failures.counts)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(ledger.write, name="ledger")
        nursery.start_soon(ledger.keep_checkpoints, name="checkpoints")
        for spread, projection in projections.items():
            targets = [wanted[a.name] for a in cast.announcers if a.spread is spread]
            place = Place(host.node, spread)
            await nursery.start(_follow, ledger, place, sources, projection, targets)
        nursery.start_soon(_watch_fellows, ledger, host.node, watched)
        if cast.announcers:
            nursery.start_soon(_advise, ledger, host.node, not cast.electors, name="advice")
        introduced, heard = trio.Event(), trio.Event()
        nursery.start_soon(tell, ledger.state, heard, name="findings")
        nursery.start_soon(tell_decisions, ledger, name="decisions")
        nursery.start_soon(_introduce, ledger, cast, host.node, introduced)
        acquainted = _Acquainted(ledger, cast, host.node, introduced)
        readers = [
            *(_announcing(a, wanted[a.name], ledger.observe, acquainted) for a in cast.announcers),
            *(_detecting(d, watched, ledger.observe, introduced) for d in cast.detectors),
            *(_reporting(r, view, ledger.observe) for r in cast.reporters),
        ]
        government = Government(ledger, authorized, cast.sources, cast.electors, heard)
        async with (  # left in the reverse order: sources first, then announcers
            crew(electing(government, cast.electors), failures.observe, host.random),
            crew(readers, failures.observe, host.random),
            trio.open_nursery() as listening,
        ):
            listening.start_soon(listen, government, cast.sources, failures.observe, host.random)
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
    return Listing(ENGINE, tuple(Sourced(status) for status in statuses))


class _Acquainted:
    """Whether it is known which fellows live, as far as this is found out at all."""

    def __init__(self, ledger: Ledger, cast: Cast, node: str, introduced: trio.Event) -> None:
        self._ledger = ledger
        self._watches = bool(cast.detectors)
        self._node = node
        self._introduced = introduced

    async def wait(self) -> None:
        """Wait until every fellow that can be watched was found alive or lost, or for a while.

        A node that starts from what it remembers may not know that another one has taken its
        place meanwhile.
        """
        if not self._watches:
            return
        with trio.move_on_after(ACQUAINTED_WITHIN_SECONDS):
            await self._introduced.wait()
            async for state in self._ledger.state.changes():
                known = {ref.name for ref in state.of_kind("NodeReachability")}
                others = [each for each in fellows(state, self._node) if each.addresses]
                if all(each.name in known for each in others):
                    return


def _announcing(
    announcer: Announcer, wanted: Latest[Wanted], observe: Observe, acquainted: _Acquainted
) -> Member:
    async def run() -> None:
        if announcer.spread is Spread.ONE_NODE:
            await acquainted.wait()
        await announcer.run(wanted, observe)

    return Member(f"announcer {announcer.name}", run)


def _reporting(reporter: Reporter, view: View, observe: Observe) -> Member:
    return Member(f"reporter {reporter.name}", lambda: reporter.run(view, observe))


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


class Place(NamedTuple):
    """Where announcements are projected for."""

    node: str
    spread: Spread


async def _follow(
    ledger: Ledger,
    place: Place,
    sources: frozenset[str],
    followed: Latest[Projection | None],
    targets: Sequence[Latest[Wanted]],
    task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Keep the projection and the wanted sets equal to what the state demands."""
    projection: Projection | None = None
    trail, complete = Trail(), False
    async for state in ledger.state.changes():
        if projection is None:
            projection = await paced(projecting(state, place.node, place.spread))
            task_status.started()
        else:
            facts = ledger.since(projection.state.position)
            if facts is not None:
                facts = [item for item in facts if item.position <= state.position]
            projection = await paced(advancing(projection, state, facts))
        followed.set(projection)
        trail.note(projection.differing)
        complete = complete or _is_complete(state, sources)
        wanted = _wanted(projection, trail, complete)
        for target in targets:
            if not _same(target.value, wanted):
                target.set(wanted)


def _is_complete(state: State, sources: frozenset[str]) -> bool:
    """Whether every source was heard, now or in an earlier run, and decided on."""
    return sources <= state.listed and state.authority is not Authority.ADOPT


def _wanted(projection: Projection, trail: Trail, complete: bool) -> Wanted:
    routes = projection.terrain.spread is Spread.EVERY_NODE
    peers = projection.terrain.peers if routes else ()
    return Wanted(projection.announcements, peers, trail, trail.version, complete)


def _same(one: Wanted, other: Wanted) -> bool:
    """Whether nothing changed, told by identity: projecting keeps what it does not change."""
    told = (one.peers, one.complete) == (other.peers, other.complete)
    return one.announcements is other.announcements and told


async def _watch_fellows(ledger: Ledger, node: str, watched: Latest[tuple[Node, ...]]) -> None:
    async for state in ledger.state.changes():
        found = fellows(state, node)
        if found != watched.value:
            watched.set(found)


async def _advise(ledger: Ledger, node: str, alone: bool) -> None:
    """Warn once for each advice, when every source has been heard.

    `alone` where every node would allocate for itself.
    """
    given = ""
    async for state in ledger.state.changes():
        if state.authority is Authority.ADOPT or not state.of_kind("Node"):
            continue
        advice = nameless(state, node)
        if alone and not advice and state.authority is Authority.ALLOCATE:
            advice = await paced(looking_for_unpinned(state, node))
        if advice and advice != given:
            _LOG.warning("%s", advice)
        given = advice
        await trio.sleep(ADVISE_EVERY_SECONDS)
