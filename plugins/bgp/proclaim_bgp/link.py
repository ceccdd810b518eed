"""The task of one peer: opens its streams, feeds its sessions, sleeps on one deadline.

Everything that is decided about the protocol is decided in `neighbor` and
`session`; this shell carries it out.  A link that has left does nothing more.
"""

from __future__ import annotations

import logging
import math
import socket
from collections.abc import Callable
from dataclasses import replace

import trio
from proclaim import BGPPeer, Host, PeerStatus
from proclaim.model import Attributes, Secret

from proclaim_bgp.collision import Side
from proclaim_bgp.connection import GOODBYE_SECONDS, Connection, error_text
from proclaim_bgp.exchange import Exchange
from proclaim_bgp.neighbor import (
    Neighbor,
    happen,
    impediment,
    neighbor,
    password_problem,
    reservations,
    router_id,
    single_hop,
    terms_of,
    wake_at,
)
from proclaim_bgp.options import Options
from proclaim_bgp.session import UNANSWERED, context
from proclaim_bgp.signals import (
    Approached,
    Closed,
    CloseTransport,
    Connected,
    ConnectFailed,
    Down,
    Failed,
    Input,
    OpenTransport,
    Output,
    Received,
    Refresh,
    Routes,
    Send,
    Start,
    Stop,
    Tick,
    Up,
    Writing,
    Written,
)
from proclaim_bgp.sockets import addresses_beside, local_address, set_options, set_password
from proclaim_bgp.terms import Terms
from proclaim_bgp.traffic import UPDATES, Figures, Traffic
from proclaim_bgp.wire import Context, Fault, Message, Prefix

_LOG = logging.getLogger("proclaim.bgp")

SETTLE_SECONDS = 1.0
"""How often the counts of prefixes are reported at most."""
SHUT_DOWN, DECONFIGURED, RECONFIGURED = 2, 3, 6
"""Subcodes of Cease (RFC 4486)."""
_REASONS = {
    SHUT_DOWN: "shut down here",
    DECONFIGURED: "its BGPPeer is gone, or does not select this node any more",
    RECONFIGURED: "configured anew here",
}
_NOBODY = Terms(asn=0)
_LONGEST_PAUSE_SECONDS = 60.0


class Link:
    """One peer, from its appearance in the wanted set to its disappearance."""

    def __init__(
        self,
        peer: BGPPeer,
        host: Host,
        options: Options,
        report: Callable[[PeerStatus], None],
        traffic: Traffic,
    ) -> None:
        self.peer = peer
        self.gone = trio.Event()
        self._host = host
        self._report = report
        self._impediment = impediment(peer)
        self._terms = _NOBODY if self._impediment else terms_of(peer, options.restart_seconds)
        self._known = neighbor(self._terms)
        self._connections: dict[Side, Connection] = {}
        self._local: dict[Side, tuple[str, tuple[str, ...]]] = {}
        self._dialing: list[Connection] = []
        self._driving = False
        self._wake = trio.Event()
        self._complaint = ""
        self._scope = trio.CancelScope()
        self._leaving = SHUT_DOWN
        self._password: str | None = None
        self._exchange = Exchange(peer.name, options.next_hops)
        self._restarted_until = -math.inf
        self._traffic = traffic
        self._said: PeerStatus | None = None
        self._counts_at = math.inf

    # --- what the announcer asks for ------------------------------------------------------------

    def want(self, prefix: Prefix, content: Attributes) -> None:
        """The peer is to have this route; takes effect with `flush`."""
        self._exchange.want(prefix, content)

    def drop(self, prefix: Prefix) -> None:
        """The peer is to lose its route for the prefix; takes effect with `flush`."""
        self._exchange.drop(prefix)

    def restarted(self, until: float) -> None:
        """The peer may still have what an earlier process told it, at most until then."""
        self._restarted_until = until

    def complete(self) -> None:
        """The peer is to have no more than it was to have until now; takes effect with `flush`."""
        self._exchange.complete()

    def flush(self) -> None:
        """Let the stream pull what has changed."""
        if self._known.up and not self._exchange.idle:
            self._connections[self._known.up].wake()

    def leave(self, subcode: int) -> None:
        """Say goodbye to the peer and end `run`."""
        self._leaving = subcode
        self._scope.cancel()

    @property
    def graceful(self) -> bool:
        """Whether the peer would wait for this process to come back."""
        return self._known.graceful

    def status(self) -> PeerStatus:
        """How the session stands."""
        problem = self._impediment or password_problem(self.peer, self._password)
        error = self._known.last_error
        if error == UNANSWERED and self._password:
            error += ", as it does when the passwords differ"  # RFC 2385: no answer at all
        return PeerStatus(
            node=self._host.node,
            peer=self.peer.name,
            address=self.peer.peer_address,
            state=str(self._known.phase),
            received_prefixes=self._exchange.received,
            advertised_prefixes=self._exchange.advertised,
            last_error=problem or error or self._exchange.problem(),
            graceful_restart=self.graceful,
        )

    def figures(self) -> Figures:
        """The same in figures, for who watches many."""
        up = self._known.up is not None
        return Figures(up, self._exchange.advertised, self._exchange.wanted, self._traffic)

    # --- the task -------------------------------------------------------------------------------

    async def run(self, after: trio.Event | None = None) -> None:
        """Keep a session with the peer until `leave` or cancelled; then end it, bounded.

        It ends with Cease, unless the peer would wait for this process to
        come back and the process ends.

        `after` is awaited first: the link that this one replaces must be gone.
        """
        try:
            with self._scope:
                if after is not None:
                    await after.wait()
                for reservation in reservations(self.peer):
                    _LOG.warning("peer %s: %s", self.peer.name, reservation)
                await self._persist()
        finally:
            self.gone.set()

    async def _persist(self) -> None:
        """Begin again when something raises that nobody thought of; other peers never notice."""
        pause = 1.0
        while True:
            try:
                await self._keep_up()
            except Exception:  # noqa: BLE001 - one peer must never take the others down
                _LOG.exception("peer %s: begins again in %.0f s", self.peer.name, pause)
            self._exchange.end()
            self._connections.clear()
            self._dialing.clear()
            self._password = None
            self._known = replace(neighbor(self._terms), last_error="failed here: see the log")
            self._tell()
            await trio.sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE_SECONDS)

    async def _keep_up(self) -> None:
        async with trio.open_nursery() as connections:
            self._driving = True
            try:
                await self._drive(connections)
            finally:
                self._driving = False
                try:
                    if self._leaving == SHUT_DOWN and self.graceful:
                        await self._say_the_rest()
                    self._stop(self._leaving)
                finally:
                    for connection in self._connections.values():
                        connection.close()

    async def _drive(self, connections: trio.Nursery) -> None:
        if self._impediment:
            _LOG.error("peer %s: %s", self.peer.name, self._impediment)
            self._tell()
            await trio.sleep_forever()
        if self.peer.password is Secret.NONE:
            self._feed(Side.OURS, Start())
        else:
            connections.start_soon(self._follow_password)
        self._tell()
        while True:
            while self._dialing:
                connections.start_soon(self._dial, self._dialing.pop())
            self._wake = trio.Event()
            with trio.move_on_at(self._deadline()):
                await self._wake.wait()
            if trio.current_time() >= self._deadline():
                # What has arrived meanwhile is heard first: silence must be the peer's.
                await trio.lowlevel.checkpoint()
                await trio.lowlevel.checkpoint()
                self._tick()

    def _deadline(self) -> float:
        at = wake_at(self._known)
        return min(math.inf if at is None else at, self._counts_at)

    def _tick(self) -> None:
        now = trio.current_time()
        if self._counts_at <= now:
            self._counts_at = math.inf
            if self._exchange.idle:  # otherwise it is told when the peer has all
                self._tell()
        for side in Side:
            self._feed(side, Tick(jitter=self._jitter()))

    async def _follow_password(self) -> None:
        """Restart the session whenever the password becomes another one."""
        async for secrets in self._host.secrets.changes():
            password = secrets.get(self.peer.name)
            if password == self._password:
                continue
            self._password = password
            self._stop(RECONFIGURED)
            if not password_problem(self.peer, password):
                self._feed(Side.OURS, Start(jitter=self._jitter()))
            self._tell()

    def _stop(self, subcode: int) -> None:
        for side in Side:
            self._feed(side, Stop(subcode, _REASONS[subcode], returning=subcode == SHUT_DOWN))

    async def _say_the_rest(self) -> None:
        """Wait until the peer was told all, for what it was told is what it keeps."""
        with trio.move_on_after(GOODBYE_SECONDS / 2, shield=True):
            while self._known.up and not self._exchange.idle:
                self._wake = trio.Event()
                await self._wake.wait()

    def _jitter(self) -> float:
        return self._host.random.uniform(0.75, 1.0)

    # --- streams --------------------------------------------------------------------------------

    async def _dial(self, connection: Connection) -> None:
        peer = self.peer
        _LOG.debug("peer %s: connecting to %s", peer.name, peer.peer_address)
        with connection.scope:
            try:
                stream = await self._host.connect_tcp(
                    peer.peer_address, peer.peer_port, self.prepare, peer.source_address
                )
            except OSError as error:
                reason = f"cannot connect: {error_text(error)}"
                self._event(connection, ConnectFailed(reason, jitter=self._jitter()))
                return
            await self._converse(connection, stream, Side.OURS)

    async def accept(self, stream: trio.abc.Stream) -> bool:
        """Hold a conversation that the peer began; False when there is one already."""
        refused = self._impediment or password_problem(self.peer, self._password)
        if refused or not self._driving:
            return False
        for side in Side:
            self._feed(side, Approached(jitter=self._jitter()))
        if Side.THEIRS in self._connections:
            return False
        try:
            if isinstance(stream, trio.SocketStream):
                set_options(stream.socket, single_hop(self.peer))
        except OSError as error:
            _LOG.debug("peer %s: %s", self.peer.name, error)
            return False
        connection = Connection(self)
        self._connections[Side.THEIRS] = connection
        with connection.scope:
            await self._converse(connection, stream, Side.THEIRS)
        return True

    async def _converse(self, connection: Connection, stream: trio.abc.Stream, side: Side) -> None:
        local = local_address(stream)
        beside = await self._beside(local, stream)
        self._local[side] = (local, beside)
        identifier = router_id(self.peer, self._host.node, local, beside)
        restarted = trio.current_time() < self._restarted_until
        self._event(connection, Connected(identifier, restarted))
        await connection.run(stream)

    async def _beside(self, local: str, stream: trio.abc.Stream) -> tuple[str, ...]:
        """Addresses of the same interface, where the other family could need one."""
        if not self.peer.dual_stack_address_family and ":" not in local:
            return ()
        if not isinstance(stream, trio.SocketStream):
            return tuple(getattr(stream, "local_addresses", ()))
        try:
            return await trio.to_thread.run_sync(addresses_beside, local)
        except OSError as error:
            _LOG.warning("peer %s: addresses of %s: %s", self.peer.name, local, error)
            return ()

    def prepare(self, made: socket.socket) -> None:
        """Set the options of a socket before it connects."""
        set_options(made, single_hop(self.peer))
        if self._password:
            set_password(made, self.peer.peer_address, self._password)

    # --- what a connection tells (connection.Owner) ---------------------------------------------

    def context(self, connection: Connection) -> Context:
        return context(self._known.of(self._side(connection) or Side.OURS))

    def received(self, connection: Connection, message: Message | Fault) -> None:
        if not isinstance(message, Fault):
            self._traffic.receive(message)
        self._event(connection, Received(message, jitter=self._jitter()))

    def closed(self, connection: Connection, reason: str) -> None:
        self._event(connection, Closed(reason, jitter=self._jitter()))

    def writing(self, connection: Connection, busy: bool) -> None:
        self._event(connection, Writing() if busy else Written())

    def pull(self, connection: Connection) -> bytes | None:
        if self._exchange.idle or not self._is_up(connection):
            return None
        before = self._exchange.messages
        pulled = self._exchange.pull()
        self._traffic.sent[UPDATES] += self._exchange.messages - before
        if self._exchange.idle:
            self._settle()
        return pulled

    def _side(self, connection: Connection) -> Side | None:
        for side, present in self._connections.items():
            if present is connection:
                return side
        return None  # its session has ended already

    def _is_up(self, connection: Connection) -> bool:
        up = self._known.up
        return up is not None and self._connections.get(up) is connection

    def _event(self, connection: Connection, happened: Input) -> None:
        side = self._side(connection)
        if side is not None:
            self._feed(side, happened)

    # --- carrying out ---------------------------------------------------------------------------

    def _feed(self, side: Side, happened: Input) -> None:
        before = self._known
        self._known, answer = happen(self._known, side, happened, trio.current_time())
        for whose, output in answer:
            self._carry_out(whose, output)
        if self._known is not before:
            self._wake.set()
            if self._significant(before):
                self._tell()

    def _significant(self, before: Neighbor) -> bool:
        return before.up != self._known.up or before.last_error != self._known.last_error

    def _carry_out(self, side: Side, output: Output) -> None:
        match output:
            case OpenTransport():
                connection = Connection(self)
                self._connections[side] = connection
                self._dialing.append(connection)
            case Send(message):
                self._connections[side].send(message)
                self._traffic.send(message)
            case CloseTransport():
                if closing := self._connections.pop(side, None):
                    closing.close()
            case Up(agreed):
                self._exchange.begin(agreed, *self._local[side])
                self._settle()
                self.flush()
                self._complaint = ""
                self._restarted_until = -math.inf
                keeps = f"{self._terms.restart_seconds} s when this node restarts"
                keeps = f", which keeps our routes for {keeps}" if agreed.graceful else ""
                _LOG.info(
                    "peer %s: established with AS %d%s", self.peer.name, agreed.peer_asn, keeps
                )
            case Down(reason):
                self._exchange.end()
                self._counts_at = math.inf
                _LOG.info("peer %s: down: %s", self.peer.name, reason)
            case Failed(reason):
                self._complain(reason)
            case Routes(update):
                self._exchange.count(update)
                self._settle()
            case Refresh(family):
                self._exchange.refresh(family)
                self.flush()

    def _complain(self, reason: str) -> None:
        """Say why no session comes about, once for each reason in a row."""
        level = logging.DEBUG if reason == self._complaint else logging.WARNING
        self._complaint = reason
        _LOG.log(level, "peer %s: no session: %s", self.peer.name, reason)

    def _settle(self) -> None:
        self._counts_at = min(self._counts_at, trio.current_time() + SETTLE_SECONDS)
        self._wake.set()

    def _tell(self) -> None:
        status = self.status()
        if status != self._said:
            self._said = status
            self._report(status)
