"""Running the sources and the electors, and recording what this process may decide.

The shell around `governing`.  Announcers do not wait for it: where the disk is
full already, or no source can be reached, what was announced before a restart
is announced again.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from random import Random

import trio

from proclaim.doubt import doubting
from proclaim.governing import (
    UNCONTESTED,
    Governing,
    Mandate,
    begin,
    doubted,
    heard,
    mandated,
    together,
)
from proclaim.hookspecs import Elector, Observe, Source
from proclaim.latest import Latest
from proclaim.ledger import Ledger, paced
from proclaim.model import Authority, Authorized, Listing, Observation
from proclaim.supervise import Member, crew

_LOG = logging.getLogger("proclaim.engine")


class Government:
    """What this process may decide now, recorded whenever it changes."""

    def __init__(
        self,
        ledger: Ledger,
        authorized: Authorized,
        sources: Sequence[Source],
        electors: Sequence[Elector],
        complete: trio.Event,
    ) -> None:
        self.mandates: dict[str, Latest[Mandate]] = {
            elector.name: Latest(Mandate()) for elector in electors
        }
        self.observe = ledger.observe
        self._state = ledger.state
        self._doubt = ""
        self._class = authorized.load_balancer_class
        self._follows = authorized.authority is Authority.FOLLOW
        self._complete = complete
        first = together(mandate.value for mandate in self.mandates.values())
        names = [source.name for source in sources]
        self._now = begin(authorized.authority, names, first if electors else UNCONTESTED)
        self.anew: Latest[int] = Latest(0)
        """Grows when the sources have to be asked again."""

    async def record(self) -> None:
        """Record what this process may decide at its start."""
        now = self._now.authority
        if now is Authority.ALLOCATE:  # it asks no source at all
            await self._observe(Authority.ADOPT)
        await self._observe(now)
        self._note_completeness()

    async def follow(self, mandate: Latest[Mandate]) -> None:
        """Take what an elector grants, until cancelled."""
        async for _ in mandate.changes():
            if self._follows:
                continue
            if not self._now.missing:
                await self._weigh()
            granted = together(each.value for each in self.mandates.values())
            await self._become(mandated(self._now, granted))

    async def reconsider(self) -> None:
        """Look again at what could not be judged whenever something changes, until cancelled."""
        async for _ in self._state.changes():
            if self._now.doubtful:
                await self._weigh()

    def hearing(self, source: str) -> Observe:
        """`observe` for one run of a source, which notes that its listing is recorded."""
        asked = self._now.anew

        async def observe(observation: Observation) -> None:
            await self.observe(observation)
            listed = isinstance(observation, Listing) and observation.source == source
            if listed and asked == self._now.anew:
                if self._now.missing <= {source}:
                    await self._weigh()
                await self._become(heard(self._now, source))
                self._note_completeness()

        return observe

    async def _weigh(self) -> None:
        """Find out whether what was heard can be judged, until something is given."""
        if self._follows or self._allocates:
            return
        why = await paced(doubting(self._state.value))
        if why and why != self._doubt:
            _LOG.error("nothing is given and no status is written yet: %s", why)
        elif self._doubt and not why:
            _LOG.info("what the statuses show can be judged now")
        self._doubt = why
        if not self._allocates:
            await self._become(doubted(self._now, bool(why)))

    @property
    def _allocates(self) -> bool:
        return self._now.authority is Authority.ALLOCATE

    async def _become(self, now: Governing) -> None:
        before, self._now = self._now, now
        self.anew.set(now.anew)
        if now.authority is not before.authority:
            await self._observe(now.authority)

    def _note_completeness(self) -> None:
        if not self._now.missing:
            self._complete.set()

    async def _observe(self, authority: Authority) -> None:
        await self.observe(Authorized(authority, self._class))


def electing(government: Government, electors: Sequence[Elector]) -> list[Member]:
    """The electors as members of a crew."""
    return [_electing(elector, government.mandates[elector.name]) for elector in electors]


def _electing(elector: Elector, mandate: Latest[Mandate]) -> Member:
    async def run() -> None:
        try:
            await elector.run(mandate)
        finally:  # while it is not running, nothing is granted
            mandate.set(mandate.value._replace(authority=Authority.ADOPT))

    return Member(f"elector {elector.name}", run)


async def listen(
    government: Government, sources: Sequence[Source], failed: Observe, random: Random
) -> None:
    """Run the sources until cancelled, from the start whenever they have to be asked anew.

    `failed` is told of each that raises.
    """
    await government.record()
    async with trio.open_nursery() as nursery:
        for mandate in government.mandates.values():
            nursery.start_soon(government.follow, mandate)
        nursery.start_soon(government.reconsider)
        asked = await government.anew.wait_newer(-1)
        while True:
            members = [_listening(source, government) for source in sources]
            async with crew(members, failed, random):
                asked = await government.anew.wait_newer(asked)


def _listening(source: Source, government: Government) -> Member:
    hearing = government.hearing(source.name)
    return Member(f"source {source.name}", lambda: source.run(hearing))
