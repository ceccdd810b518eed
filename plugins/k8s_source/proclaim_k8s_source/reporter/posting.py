"""Posts Events, one after the other; what comes too fast is dropped, with a word in the log."""

from __future__ import annotations

import logging
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterable

import msgspec
import trio

from proclaim_k8s_source.access.api import Refused, Unreachable
from proclaim_k8s_source.reporter.bars import Barred, done
from proclaim_k8s_source.reporter.documents import Teller, event
from proclaim_k8s_source.reporter.events import Event
from proclaim_k8s_source.reporter.office import Office

log = logging.getLogger("proclaim.kubernetes")

MOST_WAITING = 10_000
_REMEMBERED = 4096
_SAME_SECONDS = 600.0
"""The same Event at the same Service is told again only after so long."""
_BUSY = (429, 500, 502, 503, 504)
_GIVE_WAY_SECONDS = 5.0
"""For how long an Event gives way to everything else that is to be written."""
_TRIES = 3
_PAUSE = 1.0


class Poster:
    """Where Events are handed in."""

    def __init__(
        self, office: Office, teller: Teller, wait_idle: Callable[[], Awaitable[None]]
    ) -> None:
        """`wait_idle` waits until nothing that is more than a courtesy waits to be written."""
        self._office = office
        self._teller = teller
        self._wait_idle = wait_idle
        self._send, self._receive = trio.open_memory_channel[Event](MOST_WAITING)
        self._recent: OrderedDict[tuple[str, Event], float] = OrderedDict()
        """When each was told, by the uid of its Service: one that is made anew is another."""
        self._dropped = 0
        self._complaints: set[str] = set()

    def post(self, events: Iterable[Event]) -> None:
        """Have some Events posted, unless the same was told just now."""
        now = trio.current_time()
        for each in events:
            key = (self._office.shown.uid(each.service), each)
            known = self._recent.get(key)
            if known is not None and now - known < _SAME_SECONDS:
                continue
            try:
                self._send.send_nowait(each)
            except trio.WouldBlock:
                self._dropped += 1
                continue
            self._recent[key] = now
            self._recent.move_to_end(key)
            if len(self._recent) > _REMEMBERED:
                self._recent.popitem(last=False)

    async def run(self) -> None:
        """Post until cancelled."""
        async for told in self._receive:
            with trio.move_on_after(_GIVE_WAY_SECONDS):
                await self._wait_idle()
            for attempt in range(_TRIES):
                if await self._try(told):
                    break
                await trio.sleep(_PAUSE * 2**attempt)
            if self._dropped:
                log.warning("%d Events were not told: there were too many at once", self._dropped)
                self._dropped = 0

    async def _try(self, told: Event) -> bool:
        """Whether there is no use in trying again.  Events are a courtesy."""
        try:
            await self._post(told)
        except Unreachable:
            return False
        except Barred as barred:
            self._complain(barred)
        except Refused as refused:
            if refused.status in _BUSY:
                return False
            log.debug("an Event is not told: %s", refused)  # its namespace may be going
        else:
            self._complaints.clear()
        return True

    def _complain(self, barred: Barred) -> None:
        """Say what is missing, once for each thing that is."""
        if barred.said.message not in self._complaints:
            self._complaints.add(barred.said.message)
            log.warning("Events are not told: %s", barred)

    async def _post(self, told: Event) -> None:
        ref = told.service
        host = self._office.host
        token = f"{host.random.getrandbits(64):016x}"
        uid = self._office.shown.uid(ref)
        now = host.wall_time()
        body = event(told, uid, self._teller, token, now)
        path = f"/api/v1/namespaces/{ref.namespace}/events"
        response = await self._office.api.request("POST", path, (), msgspec.json.encode(body))
        done("POST", path, response)
