"""Two neighbors with an unkind wire between them: whatever it does, they meet."""

from __future__ import annotations

import heapq
from dataclasses import dataclass, field
from random import Random

import pytest
from proclaim import BGPPeer
from proclaim_bgp.collision import Side
from proclaim_bgp.neighbor import Neighbor, happen, neighbor, terms_of, wake_at
from proclaim_bgp.session import context
from proclaim_bgp.signals import (
    Approached,
    Closed,
    CloseTransport,
    Connected,
    ConnectFailed,
    Down,
    Input,
    OpenTransport,
    Received,
    Routes,
    Send,
    Start,
    Tick,
    Up,
)
from proclaim_bgp.wire import Fault, Frame, Update, decode, encode, prefix, take


@dataclass
class Pipe:
    """One direction of a connection: octets on their way, in order."""

    to: Speaker
    side: Side
    """Whose connection it is, as the receiver sees it."""
    buffer: bytearray = field(default_factory=bytearray)
    last_at: float = 0.0
    open: bool = True
    back: Pipe | None = None
    """The other direction."""


@dataclass
class Speaker:
    """One end, with what it is connected by."""

    name: str
    identifier: int
    known: Neighbor
    out: dict[Side, Pipe] = field(default_factory=dict)
    heard: list[Update] = field(default_factory=list)
    up: bool = False


class World:
    """Delivers octets late and in pieces, refuses, and resets; from one seed."""

    def __init__(self, seed: int, identifiers: tuple[int, int], graceful: bool) -> None:
        self._graceful = graceful
        self.random = Random(seed)
        self.now = 0.0
        self.unkind = True
        self._queue: list[tuple[float, int, object]] = []
        self._count = 0
        self.left, self.right = (
            Speaker(name, identifier, neighbor(terms_of(self._peer(mine, yours))))
            for name, identifier, mine, yours in (
                ("left", identifiers[0], 64512, 64513),
                ("right", identifiers[1], 64513, 64512),
            )
        )

    def _peer(self, mine: int, yours: int) -> BGPPeer:
        return BGPPeer(
            "p",
            my_asn=mine,
            peer_asn=yours,
            peer_address="192.0.2.2",
            hold_seconds=9,
            graceful_restart=self._graceful,
        )

    def other(self, speaker: Speaker) -> Speaker:
        return self.right if speaker is self.left else self.left

    def later(self, what: object, at: float | None = None) -> None:
        self._count += 1
        at = self.now + self.random.uniform(0.0, 0.4) if at is None else at
        heapq.heappush(self._queue, (at, self._count, what))

    def feed(self, speaker: Speaker, side: Side, happened: Input) -> None:
        speaker.known, answer = happen(speaker.known, side, happened, self.now)
        for whose, output in answer:
            self._carry_out(speaker, whose, output)

    def _carry_out(self, speaker: Speaker, side: Side, output: object) -> None:
        match output:
            case OpenTransport():
                self.later(("connect", speaker))
            case Send(message) if side in speaker.out:
                self._send(speaker.out[side], encode(message))
            case CloseTransport():
                if pipe := speaker.out.pop(side, None):
                    self._send(pipe, None)
            case Up():
                assert not speaker.up
                speaker.up = True
                update = Update(withdrawn=(prefix(f"10.0.0.{speaker.identifier}/32"),))
                self._send(speaker.out[side], encode(update))
            case Down():
                assert speaker.up
                speaker.up = False
            case Routes(update):
                speaker.heard.append(update)
            case _:
                pass

    def _send(self, pipe: Pipe, octets: bytes | None) -> None:
        pieces: list[bytes | None] = [None]
        if octets is not None:
            cut = self.random.randrange(len(octets)) if self.unkind else 0
            pieces = [octets[:cut], octets[cut:]]
        for piece in pieces:
            pipe.last_at = max(pipe.last_at, self.now + self.random.uniform(0.0, 0.3))
            self.later(("arrive", pipe, piece), pipe.last_at)

    def _connect(self, speaker: Speaker) -> None:
        other = self.other(speaker)
        refused = self.unkind and self.random.random() < 0.3
        for side in () if refused else tuple(Side):
            self.feed(other, side, Approached(jitter=self._jitter()))
        if refused or Side.THEIRS in other.out:
            self.feed(speaker, Side.OURS, ConnectFailed("refused", jitter=self._jitter()))
            return
        speaker.out[Side.OURS] = Pipe(other, Side.THEIRS)
        other.out[Side.THEIRS] = Pipe(speaker, Side.OURS)
        there, back = speaker.out[Side.OURS], other.out[Side.THEIRS]
        there.back, back.back = back, there
        there.last_at = back.last_at = self.now
        self.feed(other, Side.THEIRS, Connected(other.identifier, jitter=self._jitter()))
        self.feed(speaker, Side.OURS, Connected(speaker.identifier, jitter=self._jitter()))

    def _arrive(self, pipe: Pipe, octets: bytes | None) -> None:
        if not pipe.open or pipe.to.out.get(pipe.side) is not pipe.back:
            return  # the receiver has closed this connection
        if octets is None:
            pipe.open = False
            pipe.to.out.pop(pipe.side)
            self.feed(pipe.to, pipe.side, Closed("closed", jitter=self._jitter()))
            return
        pipe.buffer += octets
        at = 0
        while True:
            found, at = take(pipe.buffer, at)
            if found is None:
                break
            message = (
                decode(found, context(pipe.to.known.of(pipe.side)))
                if isinstance(found, Frame)
                else found
            )
            assert not isinstance(message, Fault)
            self.feed(pipe.to, pipe.side, Received(message, jitter=self._jitter()))
        del pipe.buffer[:at]

    def _reset(self) -> None:
        for speaker in (self.left, self.right):
            for side in list(speaker.out):
                speaker.out.pop(side).open = False
                self.feed(speaker, side, Closed("reset", jitter=self._jitter()))

    def _jitter(self) -> float:
        return self.random.uniform(0.75, 1.0)

    def run(self, until: float) -> None:
        while True:
            ticks = [
                (at, speaker)
                for speaker in (self.left, self.right)
                if (at := wake_at(speaker.known)) is not None
            ]
            soonest = min(ticks, key=lambda tick: tick[0], default=(until, self.left))
            if self._queue and self._queue[0][0] <= soonest[0]:
                if self._queue[0][0] > until:
                    return
                at, _, what = heapq.heappop(self._queue)
                self.now = max(self.now, at)
                self._do(what)
                continue
            if soonest[0] >= until:
                return
            self.now = max(self.now, soonest[0])
            for side in Side:
                self.feed(soonest[1], side, Tick(jitter=self._jitter()))

    def _do(self, what: object) -> None:
        match what:
            case ("connect", Speaker() as speaker):
                self._connect(speaker)
            case ("arrive", Pipe() as pipe, octets):
                self._arrive(pipe, octets)  # type: ignore[arg-type]  # bytes or None
            case "reset":
                self._reset()
            case _:
                raise AssertionError(what)


@pytest.mark.parametrize("identifiers", [(1, 2), (2, 1), (5, 5)])
@pytest.mark.parametrize("seed", range(40))
@pytest.mark.parametrize("graceful", [False, True])
def test_two_speakers_meet_over_an_unkind_wire(
    seed: int, identifiers: tuple[int, int], graceful: bool
) -> None:
    world = World(seed, identifiers, graceful)
    for speaker in (world.left, world.right):
        world.feed(speaker, Side.OURS, Start())
    for _ in range(world.random.randrange(4)):
        world.later("reset", world.random.uniform(0.0, 60.0))
    world.run(60.0)
    world.unkind = False
    world.run(120.0)
    for speaker in (world.left, world.right):
        assert speaker.up, (seed, speaker.name, speaker.known)
        assert speaker.heard[-1].withdrawn
        assert len(speaker.out) == 1
    assert world.left.known.up is not world.right.known.up  # one connection, seen from both ends
