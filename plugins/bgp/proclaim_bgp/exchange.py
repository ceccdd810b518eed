"""The routes of one peer in both directions: what it is told, and how much it tells.

Holds the outbox and says what is wrong with it; knows nothing of phases or
streams.  Between `end` and `begin` nothing is told and nothing is counted.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping

import trio
from proclaim.model import Attributes

from proclaim_bgp.connection import SLICE_SECONDS
from proclaim_bgp.neighbor import Speech, next_hops, unspeakable
from proclaim_bgp.outbox import Outbox
from proclaim_bgp.terms import Agreed
from proclaim_bgp.wire import Family, Prefix, Update

_LOG = logging.getLogger("proclaim.bgp")

_COUNTED_PREFIXES = 100_000
"""Received prefixes are remembered up to this many, to count them."""
_CHUNK_OCTETS = 32768


class Exchange:
    """What goes over a session, and what is to go over the next one."""

    def __init__(self, peer: str, configured: Mapping[Family, str]) -> None:
        self._peer = peer
        self._configured = configured
        self._outbox: Outbox[Attributes] = Outbox()
        self._speech: Speech | None = None
        self._received: set[Prefix] = set()
        self._lacking = ""
        self._complete = False
        self._unspeakable: dict[Prefix, str] = {}
        self.messages = 0
        """How many were ever pulled."""

    # --- what is wanted -------------------------------------------------------------------------

    def want(self, prefix: Prefix, content: Attributes) -> None:
        """The peer is to have this route."""
        problem = unspeakable(content)
        if problem:
            self._outbox.drop(prefix)
            self._unspeakable[prefix] = problem
            return
        self._unspeakable.pop(prefix, None)
        self._outbox.want(prefix, content)

    def drop(self, prefix: Prefix) -> None:
        """The peer is to have no route for the prefix."""
        self._unspeakable.pop(prefix, None)
        self._outbox.drop(prefix)

    def complete(self) -> None:
        """The peer is to have nothing but what was wanted until now or changes later."""
        self._complete = True
        self._outbox.complete()

    # --- the session ----------------------------------------------------------------------------

    def begin(self, agreed: Agreed, local: str, beside: tuple[str, ...]) -> None:
        """A session is up, with this local address and these others on its interface."""
        hops = next_hops(agreed.families, local, beside, self._configured)
        lacking = [each.label for each in sorted(agreed.families) if each not in hops]
        if lacking:
            self._lacking = (
                f"{lacking[0]} routes are not advertised: the interface of {local} has no "
                f"global {lacking[0]} address to be their next hop"
            )
            _LOG.warning("peer %s: %s", self._peer, self._lacking)
        self._speech = Speech(agreed, hops)
        incomplete = agreed.graceful and not self._complete
        self._outbox.begin(hops, incomplete, agreed.families)

    def end(self) -> None:
        """The session is over."""
        self._speech = None
        self._outbox.end()
        self._received.clear()
        self._lacking = ""

    def refresh(self, family: Family) -> None:
        """The peer wants to be told everything of a family again."""
        _LOG.debug("peer %s asks for all %s routes", self._peer, family.label)
        self._outbox.refresh(family)

    @property
    def idle(self) -> bool:
        """Whether there is nothing to tell now."""
        return self._speech is None or self._outbox.idle

    def pull(self) -> bytes:
        """As many messages as can be made in one slice; maybe none, though not idle."""
        until = trio.current_time() + SLICE_SECONDS
        pulled: list[bytes] = []
        size = 0
        while self._speech is not None and not self._outbox.idle and size < _CHUNK_OCTETS:
            if message := self._outbox.next(self._speech):
                pulled.append(message)
                self.messages += 1
                size += len(message)
            if trio.current_time() >= until:
                break
        return b"".join(pulled)

    def count(self, update: Update) -> None:
        """The peer has told something; only how much of it there is matters."""
        if update.flaws:
            flaw, more = update.flaws[0], len(update.flaws) - 1
            _LOG.warning(
                "peer %s: %s: %s (and %d more)", self._peer, flaw.disposition, flaw.reason, more
            )
        self._received.difference_update(update.withdrawn)
        for reach in update.reach:
            if len(self._received) < _COUNTED_PREFIXES:
                self._received.update(reach.prefixes)

    # --- for the status -------------------------------------------------------------------------

    @property
    def received(self) -> int:
        """How many prefixes the peer announces, up to a limit."""
        return len(self._received)

    @property
    def wanted(self) -> int:
        """How many routes the peer is to have."""
        return self._outbox.wanted

    @property
    def advertised(self) -> int:
        """How many routes the peer was given."""
        return self._outbox.advertised

    def problem(self) -> str:
        """What is left out, and why; empty when nothing is."""
        if self._lacking:
            return self._lacking
        if self._unspeakable:
            first = min(self._unspeakable, key=str)
            return f"{len(self._unspeakable)} routes are left out: {self._unspeakable[first]}"
        if count := len(self._outbox.unsendable):
            return f"{count} routes are left out: their attributes exceed a message"
        return ""
