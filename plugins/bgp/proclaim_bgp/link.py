"""The task of one peer: opens its streams, feeds its sessions, sleeps on one deadline.

Everything that is decided about the protocol is decided in `neighbor` and
`session`; this shell carries it out.  A link that has left does nothing more.
"""

from __future__ import annotations

import logging
import math
import socket
from collections.abc import Callable, Mapping

import trio
from proclaim import BGPPeer, Host, PeerStatus
from proclaim.model import Attributes, Secret

from proclaim_bgp.collision import Side
from proclaim_bgp.connection import SLICE_SECONDS, Connection, error_text
from proclaim_bgp.neighbor import (
    Neighbor,
    Speech,
    happen,
    impediment,
    neighbor,
    next_hops,
    password_problem,
    reservations,
    router_id,
    single_hop,
    terms_of,
    wake_at,
)
from proclaim_bgp.outbox import Outbox
from proclaim_bgp.session import Phase, context
from proclaim_bgp.signals import (
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
from proclaim_bgp.sockets import addresses_beside, set_options, set_password
from proclaim_bgp.terms import Agreed, Terms
from proclaim_bgp.wire import Context, Family, Fault, Message, Prefix, Update

_LOG = logging.getLogger("proclaim.bgp")

SETTLE_SECONDS = 1.0
"""How often the counts of prefixes are reported at most."""
_COUNTED_PREFIXES = 100_000
"""Received prefixes are remembered up to this many, to count them."""
_CHUNK_OCTETS = 32768
SHUT_DOWN, DECONFIGURED, RECONFIGURED = 2, 3, 6
"""Subcodes of Cease (RFC 4486)."""
_REASONS = {
    SHUT_DOWN: "shut down here",
    DECONFIGURED: "taken out here",
    RECONFIGURED: "configured anew here",
}
_NOBODY = Terms(asn=0)


class Link:
    """One peer, from its appearance in the wanted set to its disappearance."""

    def __init__(
        self,
        peer: BGPPeer,
        host: Host,
        hops: Mapping[Family, str],
        report: Callable[[PeerStatus], None],
    ) -> None:
        self.peer = peer
        self.gone = trio.Event()
        self._host = host
        self._hops = hops
        self._report = report
        self._impediment = impediment(peer)
        self._known = neighbor(_NOBODY if self._impediment else terms_of(peer))
        self._connections: dict[Side, Connection] = {}
        self._local: dict[Side, tuple[str, tuple[str, ...]]] = {}
        self._dialing: list[Connection] = []
        self._driving = False
        self._wake = trio.Event()
        self._scope = trio.CancelScope()
        self._leaving = SHUT_DOWN
        self._password: str | None = None
        self._outbox: Outbox[Attributes] = Outbox()
        self._speech: Speech | None = None
        self._received: set[Prefix] = set()
        self._lacking = ""
        self._said: PeerStatus | None = None
        self._counts_at = math.inf

    # --- what the announcer asks for ------------------------------------------------------------

    def want(self, prefix: Prefix, content: Attributes) -> None:
        """The peer is to have this route; takes effect with `flush`."""
        self._outbox.want(prefix, content)

    def drop(self, prefix: Prefix) -> None:
        """The peer is to lose its route for the prefix; takes effect with `flush`."""
        self._outbox.drop(prefix)

    def flush(self) -> None:
        """Let the stream pull what has changed."""
        if self._known.up and not self._outbox.idle:
            self._connections[self._known.up].wake()

    def leave(self, subcode: int) -> None:
        """Say goodbye to the peer and end `run`."""
        self._leaving = subcode
        self._scope.cancel()

    def status(self) -> PeerStatus:
        """How the session stands."""
        problem = self._impediment or password_problem(self.peer, self._password)
        return PeerStatus(
            node=self._host.node,
            peer=self.peer.name,
            address=self.peer.peer_address,
            state=str(self._known.phase),
            received_prefixes=len(self._received),
            advertised_prefixes=self._outbox.advertised,
            last_error=problem or self._known.last_error or self._lacking or self._misfits(),
        )

    def _misfits(self) -> str:
        count = len(self._outbox.unsendable)
        return f"{count} routes are left out: their attributes exceed a message" if count else ""

    # --- the task -------------------------------------------------------------------------------

    async def run(self, after: trio.Event | None = None) -> None:
        """Keep a session with the peer until `leave` or cancelled; then Cease, bounded.

        `after` is awaited first: the link that this one replaces must be gone.
        """
        try:
            with self._scope:
                if after is not None:
                    await after.wait()
                for reservation in reservations(self.peer):
                    _LOG.warning("peer %s: %s", self.peer.name, reservation)
                async with trio.open_nursery() as connections:
                    self._driving = True
                    try:
                        await self._drive(connections)
                    finally:
                        self._driving = False
                        self._stop(self._leaving)
        finally:
            self.gone.set()

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
            self._tell(counts=True)
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
            self._feed(side, Stop(subcode, _REASONS[subcode]))

    def _jitter(self) -> float:
        return self._host.random.uniform(0.75, 1.0)

    # --- streams --------------------------------------------------------------------------------

    async def _dial(self, connection: Connection) -> None:
        peer = self.peer
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
        if refused or not self._driving or Side.THEIRS in self._connections:
            return False
        connection = Connection(self)
        self._connections[Side.THEIRS] = connection
        with connection.scope:
            if isinstance(stream, trio.SocketStream):
                set_options(stream.socket, single_hop(self.peer))
            await self._converse(connection, stream, Side.THEIRS)
        return True

    async def _converse(self, connection: Connection, stream: trio.abc.Stream, side: Side) -> None:
        local = local_address(stream)
        beside = self._beside(local, stream)
        self._local[side] = (local, beside)
        identifier = router_id(self.peer, self._host.node, local, beside)
        self._event(connection, Connected(identifier))
        await connection.run(stream)

    def _beside(self, local: str, stream: trio.abc.Stream) -> tuple[str, ...]:
        """Addresses of the same interface, where the other family could need one."""
        if not self.peer.dual_stack_address_family and ":" not in local:
            return ()
        if not isinstance(stream, trio.SocketStream):
            return tuple(getattr(stream, "local_addresses", ()))
        try:
            return addresses_beside(local)
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
        self._event(connection, Received(message, jitter=self._jitter()))

    def closed(self, connection: Connection, reason: str) -> None:
        self._event(connection, Closed(reason, jitter=self._jitter()))

    def writing(self, connection: Connection, busy: bool) -> None:
        self._event(connection, Writing() if busy else Written())

    def pull(self, connection: Connection) -> bytes | None:
        if self._speech is None or self._outbox.idle or not self._is_up(connection):
            return None
        until = trio.current_time() + SLICE_SECONDS
        pulled: list[bytes] = []
        size = 0
        while not self._outbox.idle and size < _CHUNK_OCTETS:
            if message := self._outbox.next(self._speech):
                pulled.append(message)
                size += len(message)
            if trio.current_time() >= until:
                break
        if self._outbox.idle:
            self._settle()
        return b"".join(pulled)

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
            case CloseTransport():
                if connection_or_none := self._connections.pop(side, None):
                    connection_or_none.close()
            case Up(agreed):
                self._up(side, agreed)
            case Down(reason):
                self._down(reason)
            case Failed(reason):
                _LOG.debug("peer %s: %s", self.peer.name, reason)
            case Routes(update):
                self._count(update)
            case Refresh(family):
                _LOG.debug("peer %s asks for all %s routes", self.peer.name, family.label)
                self._outbox.refresh(family)
                self.flush()

    def _up(self, side: Side, agreed: Agreed) -> None:
        local, beside = self._local[side]
        hops = next_hops(agreed.families, local, beside, self._hops)
        lacking = [each.label for each in sorted(agreed.families) if each not in hops]
        self._lacking = (
            f"{lacking[0]} routes are not advertised: the interface of {local} has no global "
            f"{lacking[0]} address to be their next hop"
            if lacking
            else ""
        )
        self._speech = Speech(agreed, hops)
        self._outbox.begin(hops)
        self._received.clear()
        self._settle()
        self.flush()
        _LOG.info("peer %s: established with AS %d", self.peer.name, agreed.peer_asn)

    def _down(self, reason: str) -> None:
        self._speech = None
        self._outbox.end()
        self._received.clear()
        self._lacking = ""
        self._counts_at = math.inf
        _LOG.info("peer %s: down: %s", self.peer.name, reason)

    def _count(self, update: Update) -> None:
        if update.flaws:
            flaw, more = update.flaws[0], len(update.flaws) - 1
            _LOG.warning(
                "peer %s: %s: %s (and %d more)", self.peer.name, flaw.disposition, flaw.reason, more
            )
        self._received.difference_update(update.withdrawn)
        for reach in update.reach:
            if len(self._received) < _COUNTED_PREFIXES:
                self._received.update(reach.prefixes)
        self._settle()

    def _settle(self) -> None:
        if self._known.up or self._speech:
            self._counts_at = min(self._counts_at, trio.current_time() + SETTLE_SECONDS)
            self._wake.set()

    def _tell(self, counts: bool = False) -> None:
        """Report the status, unless only the phase or the counts on the way have changed."""
        status = self.status()
        if counts and not self._outbox.idle:
            return  # it is told when the peer has all
        if status != self._said:
            self._said = status
            self._report(status)


def local_address(stream: trio.abc.Stream) -> str:
    """This side's address of a stream.

    A stream that is no `trio.SocketStream` has it as `local_address`, and
    other addresses of that interface as `local_addresses`.
    """
    if isinstance(stream, trio.SocketStream):
        return str(stream.socket.getsockname()[0])
    return str(getattr(stream, "local_address", "127.0.0.1"))


def remote_address(stream: trio.abc.Stream) -> str:
    """The peer's address of a stream; `remote_address` of one that is no socket."""
    if isinstance(stream, trio.SocketStream):
        return str(stream.socket.getpeername()[0])
    return str(getattr(stream, "remote_address", ""))


def is_established(status: PeerStatus) -> bool:
    """Whether a status says that routes are exchanged."""
    return status.state == Phase.ESTABLISHED
