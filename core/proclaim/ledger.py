"""The ledger: the only writer of facts, and the only holder of the state.

Observations queue up while the log writes; what has queued is decided one
after the other and stored together (group commit), each observation's facts
and decisions in one transaction of their own number.  The state that others
see is always one that is stored.  When the log fails, nothing is forgotten and
nothing announced changes: the same events are tried again until they are
stored.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Sequence
from typing import TypeVar

import trio

from proclaim.codec import Codec
from proclaim.decide import Decided, deciding
from proclaim.errors import LedgerDamaged, LedgerError, ProclaimError
from proclaim.events import Recorded
from proclaim.host import Host
from proclaim.latest import Latest
from proclaim.log import PAGE, Event, EventLog, Row
from proclaim.model import Observation
from proclaim.state import State, fold, number
from proclaim.steps import Steps

_LOG = logging.getLogger("proclaim.ledger")

T = TypeVar("T")

LARGEST_BATCH = 512
"""Observations that are stored together at most."""
REMEMBERED = 8192
"""Facts kept in memory for those who follow the state by its changes."""
SLICE_SECONDS = 0.0005
"""How long pure work may hold the loop that also answers ARP."""
RETRY_SECONDS = 1.0


class _Slot:
    """An observation on its way, and what became of it."""

    def __init__(self, observation: Observation) -> None:
        self.observation = observation
        self.done = trio.Event()
        self.error: Exception | None = None


class Ledger:
    """Call `replay` once, then run `write` as a task; `observe` may be called by anyone."""

    def __init__(self, log: EventLog, codec: Codec, host: Host) -> None:
        self._log = log
        self._codec = codec
        self._host = host
        self._send, self._receive = trio.open_memory_channel[_Slot](0)
        self._recent: deque[Recorded] = deque(maxlen=REMEMBERED)
        self.state: Latest[State] = Latest(State())
        self.failing: Latest[str] = Latest("")
        """Why the log cannot be written at present; empty when it can."""

    async def replay(self) -> None:
        """Fold what is stored.

        Raises LedgerDamaged naming the position that does not decode.
        """
        state = await self._blocking(lambda: replay(self._log, self._codec))
        self.state.set(state)

    async def observe(self, observation: Observation) -> None:
        """Hand in an observation; returns when it and what it caused are stored.

        Raises LedgerError when the observation itself could not be decided.
        """
        slot = _Slot(observation)
        await self._send.send(slot)
        await slot.done.wait()
        if slot.error is not None:
            raise slot.error

    def since(self, position: int) -> Sequence[Recorded] | None:
        """The facts after a position; None when they are no longer in memory."""
        if position == self.state.value.position:
            return ()
        if not self._recent or self._recent[0].position > position + 1:
            return None
        newest = self._recent[-1].position
        return [self._recent[at] for at in range(position - newest, 0)]

    async def write(self) -> None:
        """The writer's task: decide and store what is observed, until cancelled."""
        async for slot in self._receive:
            slots = [slot]
            while len(slots) < LARGEST_BATCH:
                try:
                    slots.append(self._receive.receive_nowait())
                except trio.WouldBlock:
                    break
            await self._store(slots)
            for each in slots:
                each.done.set()

    async def _store(self, slots: Sequence[_Slot]) -> None:
        working = self.state.value
        recorded: list[Recorded] = []
        events: list[Event] = []
        for slot in slots:
            time = round(self._host.wall_time(), 6)
            try:
                decided = await paced(deciding(working, slot.observation, time))
            except ProclaimError as error:
                slot.error = error
                continue
            except Exception as error:  # noqa: BLE001 - one observation never stops the ledger
                _LOG.exception("an observation could not be decided")
                slot.error = LedgerError(f"an observation could not be decided: {error!r}")
                continue
            new = number(working, decided.facts, time)
            events.extend(await paced(self._encoding(new)))
            recorded.extend(new)
            working = decided.state
        if not events:
            return
        await self._append(events, working.position)
        self._recent.extend(recorded)
        self.state.set(working)

    def _encoding(self, recorded: Sequence[Recorded]) -> Steps[list[Event]]:
        events: list[Event] = []
        for at, item in enumerate(recorded):
            if at % 64 == 0:
                yield
            events.append(Event(*self._codec.encode(item.fact, item.time, item.transaction)))
        return events

    async def _append(self, events: list[Event], expected: int) -> None:
        """Store the events, however long it takes the log to accept them."""
        while True:
            try:
                # Shielded: whether a commit happened must not be left unknown.
                with trio.CancelScope(shield=True):
                    head = await self._blocking(lambda: self._log.append(events))
            except LedgerError as error:
                if not self.failing.value:
                    _LOG.error("%s; announcements stay as they are", error.message)
                self.failing.set(error.message)
                await trio.sleep(RETRY_SECONDS)
                continue
            if self.failing.value:
                _LOG.warning("the ledger can be written again")
                self.failing.set("")
            if head != expected:
                raise LedgerDamaged(
                    f"the ledger is at {head}, not at {expected}: another process writes to it"
                )
            return

    async def _blocking(self, call: Callable[[], T]) -> T:
        """Call the log: in a thread when it may block, else here (virtual time has no threads)."""
        if self._log.blocking:
            return await trio.to_thread.run_sync(call)
        await trio.lowlevel.checkpoint()
        return call()


def replay(log: EventLog, codec: Codec, until: int | None = None) -> State:
    """Fold a log from its start, to `until` if given, page by page.

    Raises LedgerDamaged naming the position that does not decode.
    """
    state = State()
    while True:
        page = log.read(state.position, PAGE)
        if until is not None:
            page = [row for row in page if row.position <= until]
        state = fold(state, decode(codec, page))
        if len(page) < PAGE:
            return state


def decode(codec: Codec, rows: Sequence[Row]) -> list[Recorded]:
    """Stored rows as recorded facts.

    Raises LedgerDamaged naming the position that does not decode.
    """
    recorded = []
    for row in rows:
        try:
            recorded.append(Recorded(row.position, *codec.decode(row.topic, row.stored)))
        except LedgerDamaged as error:
            raise LedgerDamaged(f"position {row.position}: {error.message}", error.hint) from None
    return recorded


def record_now(log: EventLog, codec: Codec, state: State, decided: Decided, time: float) -> None:
    """Store what was decided at once; for commands that are not a running service."""
    items = number(state, decided.facts, time)
    if items:
        log.append([Event(*codec.encode(item.fact, item.time, item.transaction)) for item in items])


async def paced(steps: Steps[T]) -> T:
    """Drive small steps, giving way to other tasks by time."""
    until = trio.current_time() + SLICE_SECONDS
    while True:
        try:
            next(steps)
        except StopIteration as stopped:
            result: T = stopped.value
            return result
        if trio.current_time() >= until:
            await trio.lowlevel.checkpoint()
            until = trio.current_time() + SLICE_SECONDS
