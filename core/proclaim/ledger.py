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
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TypeVar

import trio

from proclaim import checkpoint
from proclaim.checkpoint import encoding, seal, unseal
from proclaim.codec import Codec
from proclaim.collector import paused
from proclaim.decide import Decided, deciding
from proclaim.errors import LedgerDamaged, LedgerError, ProclaimError
from proclaim.events import Fact, Recorded
from proclaim.fold import fold, number
from proclaim.host import Host
from proclaim.latest import Latest
from proclaim.log import PAGE, Event, EventLog, Row
from proclaim.model import Change, Listing, Observation
from proclaim.state import State
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
CHECKPOINT_EVERY = 20_000
"""Facts after which another checkpoint is saved."""
FAREWELL_SECONDS = 2.0
"""How long saving the last checkpoint may take."""
_NAMED = 3
_AT_ONCE = 32
"""Facts encoded between two pauses."""


class _Slot:
    """An observation on its way, and what became of it."""

    def __init__(self, observation: Observation) -> None:
        self.observation = observation
        self.done = trio.Event()
        self.error: Exception | None = None


def _about(slot: _Slot) -> str:
    match slot.observation:
        case Listing(source=source, resources=resources, problems=problems):
            return f"{source} lists {len(resources)} resources, with {len(problems)} problems"
        case Change(source=source, resources=resources, gone=gone):
            names = [*(str(each.resource.ref) for each in resources), *map(str, gone)]
            return f"{source} tells of {', '.join(names[:_NAMED])}{', ...' * (len(names) > _NAMED)}"
        case other:
            return type(other).__name__


class Ledger:
    """Call `replay` once, then run `write` as a task, and `keep_checkpoints` beside it.

    `observe` may be called by anyone, any number of times at once.
    """

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

    async def keep_checkpoints(self) -> None:
        """Save a checkpoint now and then and at the end, until cancelled.

        It runs beside the writer, which never waits for it.
        """
        saved = self.state.value.position
        try:
            async for state in self.state.changes():
                if state.position - saved >= CHECKPOINT_EVERY:
                    saved = state.position
                    await self._save(state)
        finally:
            state = self.state.value
            with trio.CancelScope(shield=True, deadline=trio.current_time() + FAREWELL_SECONDS):
                if state.position > saved and not self.failing.value:
                    await self._save(state)

    async def _save(self, state: State) -> None:
        encoded = await paced(encoding(state, self._codec))
        try:
            # Both give up the interpreter lock over anything large.
            await self._blocking(lambda: self._log.save_checkpoint(state.position, seal(encoded)))
        except LedgerError as error:
            _LOG.warning("no checkpoint was saved, the next start takes longer: %s", error.message)

    async def _store(self, slots: Sequence[_Slot]) -> None:
        working = self.state.value
        new: list[Recorded] = []
        events: list[Event] = []
        for slot in slots:
            time = round(self._host.wall_time(), 6)
            try:
                decided = await paced(deciding(working, slot.observation, time))
                facts = await paced(self._encoding(working.position, time, decided.facts))
            except ProclaimError as error:
                slot.error = error
                continue
            except Exception as error:  # noqa: BLE001 - one observation never stops the ledger
                _LOG.exception("an observation could not be decided")
                slot.error = LedgerError(f"an observation could not be decided: {error!r}")
                continue
            new.extend(item for item, _ in facts)
            events.extend(event for _, event in facts)
            working = decided.state
        if _LOG.isEnabledFor(logging.DEBUG):
            _LOG.debug("%s", "; ".join(map(_about, slots)))
        if not events:
            return
        await self._append(events, working.position)
        _LOG.debug("%d facts stored, up to position %d", len(events), working.position)
        self._recent.extend(new)
        self.state.set(working)

    def _encoding(
        self, position: int, time: float, facts: Sequence[Fact]
    ) -> Steps[list[tuple[Recorded, Event]]]:
        """Encode the facts of one transaction that follow a position."""
        made = []
        for at, fact in enumerate(facts, start=1):
            if at % _AT_ONCE == 0:
                yield
            event = Event(*self._codec.encode(fact, time, position + 1))
            made.append((Recorded(position + at, time, position + 1, fact), event))
        return made

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
                if self.failing.value != error.message:
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


def replay(
    log: EventLog, codec: Codec, until: int | None = None, from_start: bool = False
) -> State:
    """Fold a log, to `until` if given, beginning with its checkpoint where that is sound.

    Raises LedgerDamaged naming the position that does not decode.
    """
    with paused():
        state = State() if from_start else resume(log, codec, until)
        return fold(state, recorded(log, codec, state.position, until))


def resume(log: EventLog, codec: Codec, until: int | None = None) -> State:
    """The state of the log's checkpoint; the empty one when it is of no use.

    A checkpoint saves time and nothing else, so whatever is wrong with it is
    no error: it is damaged, of another format, after `until`, or not of this log.
    """
    try:
        sealed = log.load_checkpoint()
        encoded = unseal(sealed) if sealed else None
        state = checkpoint.decode(encoded, codec) if encoded else None
        if state is None or (until is not None and state.position > until):
            return State()
        last = decode(codec, log.read(state.position - 1, 1))
    except LedgerError:
        return State()
    found = [(item.position, item.time, item.transaction) for item in last]
    return state if found == [(state.position, state.time, state.transaction)] else State()


def recorded(
    log: EventLog, codec: Codec, after: int = 0, until: int | None = None
) -> Iterator[Recorded]:
    """The facts after a position, to `until` if given.

    Raises LedgerDamaged naming the position that does not decode or is missing, after the facts
    before it.
    """
    while True:
        try:
            page = log.read(after, PAGE if until is None else max(0, min(PAGE, until - after)))
        except LedgerDamaged:
            yield from _before_damage(codec, _one_by_one(log, after))
            raise
        if page and page[-1].position - after != len(page):
            yield from _before_damage(codec, _unbroken(after, page))
            raise LedgerDamaged(_gap(after, page))
        try:
            items = decode(codec, page)
        except LedgerDamaged:
            yield from _before_damage(codec, page)
            raise
        yield from items
        if len(page) < PAGE:
            return
        after = page[-1].position


def _one_by_one(log: EventLog, after: int) -> Iterator[Row]:
    """The rows after a position up to the one that cannot be read."""
    while True:
        try:
            found = log.read(after, 1)
        except LedgerDamaged:
            return
        if not found:
            return
        if found[0].position != after + 1:
            raise LedgerDamaged(_gap(after, found))
        yield found[0]
        after += 1


def _before_damage(codec: Codec, page: Iterable[Row]) -> Iterator[Recorded]:
    """The facts of a page, one by one, up to the one that does not decode, which raises."""
    for row in page:
        yield from decode(codec, [row])


def _unbroken(after: int, page: Sequence[Row]) -> Iterator[Row]:
    """The rows of a page up to the first position that is missing or there twice."""
    for expected, row in enumerate(page, start=after + 1):
        if row.position != expected:
            return
        yield row


def _gap(after: int, page: Sequence[Row]) -> str:
    """Which positions are missing first; a log has them all."""
    for expected, row in enumerate(page, start=after + 1):
        if row.position != expected:
            last = row.position - 1
            if last == expected:
                return f"position {expected} is missing"
            return f"positions {expected} to {last} are missing"
    return "a position is there twice"


def decode(codec: Codec, rows: Sequence[Row]) -> list[Recorded]:
    """Stored rows as recorded facts.

    Raises LedgerDamaged naming the position that does not decode.
    """
    found = []
    for row in rows:
        try:
            time, transaction, fact = codec.decode(row.topic, row.stored)
        except LedgerDamaged as error:
            raise LedgerDamaged(f"position {row.position}: {error.message}", error.hint) from None
        found.append(Recorded(row.position, time, transaction, fact))
    return found


def record_now(log: EventLog, codec: Codec, state: State, decided: Decided, time: float) -> None:
    """Store what was decided at once; for commands that are not a running service."""
    items = number(state, decided.facts, time)
    if items:
        log.append([Event(*codec.encode(item.fact, item.time, item.transaction)) for item in items])


async def paced(steps: Steps[T]) -> T:
    """Drive small steps, giving way to other tasks by time."""
    with paused():
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
