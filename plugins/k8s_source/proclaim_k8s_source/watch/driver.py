"""Driving one reflector: this moves bytes and waits; what to do is the reflector's business."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Protocol, TypeAlias

import msgspec
import trio
from proclaim import collector_paused

from proclaim_k8s_source.access.api import Api, Query, Refused, Response, Unreachable, checked
from proclaim_k8s_source.access.contact import UNAVAILABLE
from proclaim_k8s_source.steps import PAUSE_EVERY, PAUSE_EVERY_BYTES
from proclaim_k8s_source.watch.kinds import Place, Watched
from proclaim_k8s_source.watch.reflector import Phase, Reflector, Rules, deadline, step
from proclaim_k8s_source.watch.signals import (
    Answering,
    Bookmark,
    Changed,
    Complete,
    Ended,
    Event,
    Failed,
    Input,
    List,
    Opened,
    Page,
    Recovered,
    Start,
    Tick,
    Trouble,
    Watch,
)
from proclaim_k8s_source.watch.translate import EVERYTHING, Item, gone, translator
from proclaim_k8s_source.watch.wire import Head, Line, ListAnswer, Said

LONGEST_LINE_BYTES = 16 * 1024 * 1024
"""An object has at most 1.5 MiB in the server's store."""
_NOT_FOUND = 404

_Heard: TypeAlias = Input[Item]
_list_answer = msgspec.json.Decoder(ListAnswer)
_line = msgspec.json.Decoder(Line)
_head = msgspec.json.Decoder(Head)
_said = msgspec.json.Decoder(Said)


class Follower(Protocol):
    """Whoever wants to know what a watch says."""

    def is_wanted(self, item: Item) -> bool:
        """Whether an item of a list is worth keeping."""

    def changed(self, watched: Watched, item: Item) -> None:
        """One object is new, different or gone."""

    async def completed(self, watched: Watched, pages: tuple[tuple[Item, ...], ...]) -> None:
        """These are all objects that are wanted."""

    def troubled(self, watched: Watched, trouble: Trouble) -> None:
        """It fails, and not just once."""

    def recovered(self, watched: Watched) -> None:
        """The trouble is over."""


class Driver:
    """Keeps up with one resource until cancelled."""

    def __init__(
        self,
        api: Api,
        watched: Watched,
        follower: Follower,
        page_size: int,
        jitter: Callable[[], float],
    ) -> None:
        self._api = api
        self._watched = watched
        self._follower = follower
        self._jitter = jitter
        self._reflector: Reflector[Item] = Reflector(Rules(page_size, watched.optional))
        self._asked: List | Watch | None = None
        self._use(watched.places[0])

    async def run(self) -> None:
        """List, watch, and begin again whenever it is needed."""
        await self._hear(Start())
        while True:
            match self._asked:
                case List() as asked:
                    with collector_paused():  # what is listed stays, and it is much
                        await self._list(asked)
                case Watch() as asked:
                    with self._api.contact.hoping() as hope:
                        await self._watch(asked)
                    if hope.cancelled_caught:
                        self._others_came_first()
                case None:
                    await self._hear(await self._pause())

    def _others_came_first(self) -> None:
        """Ask again what may be lost, now that others are answered."""
        self._step(Failed("others were answered first", jitter=self._jitter(), away=True))
        self._step(Answering(self._jitter()))

    async def _pause(self) -> _Heard:
        at = deadline(self._reflector)
        assert at is not None, "a reflector that asks for nothing has a deadline"
        with trio.move_on_at(at):
            await self._api.contact.wait_restored()
            return Answering(self._jitter())
        return Tick(self._jitter())

    def _use(self, place: Place) -> None:
        self._place = place
        scope = self._watched.scope or EVERYTHING
        self._translate = translator(self._watched.kind, place.api_version, scope)

    async def _hear(self, happened: _Heard) -> None:
        for pages in self._step(happened):
            await self._follower.completed(self._watched, pages)

    def _step(self, happened: _Heard) -> list[tuple[tuple[Item, ...], ...]]:
        """Let the reflector decide; complete lists are returned, which take longer."""
        self._reflector, outputs = step(self._reflector, happened, trio.current_time())
        if self._reflector.phase is Phase.PAUSING:
            self._asked = None
        complete: list[tuple[tuple[Item, ...], ...]] = []
        for output in outputs:
            match output:
                case List() | Watch():
                    self._asked = output
                case Changed(item=item):
                    self._follower.changed(self._watched, item)
                case Complete(pages=pages):
                    complete.append(pages)
                case Trouble():
                    self._follower.troubled(self._watched, output)
                case Recovered():
                    self._follower.recovered(self._watched)
        return complete

    # --- lists ---------------------------------------------------------------------------------

    async def _list(self, asked: List) -> None:
        heard: _Heard | None = None
        with self._api.contact.hoping():
            heard = await self._listed(asked)
        if heard is None:
            self._others_came_first()
        else:  # nobody gives up any more what has come
            await self._hear(heard)

    async def _listed(self, asked: List) -> _Heard:
        query = list(self._watched.query)
        if asked.limit:
            query.append(("limit", str(asked.limit)))
        if asked.token:
            query.append(("continue", asked.token))
        try:
            response = await self._answer(query, goes_on=bool(asked.token))
            return await self._page(response)
        except (Refused, Unreachable) as error:
            return self._failed(error)
        except msgspec.MsgspecError as error:
            reason = f"GET {self._place.path}: the answer is no list: {error}"
            return Failed(reason, jitter=self._jitter())

    async def _answer(self, query: Query, goes_on: bool) -> Response:
        """A list of the best version that is served."""
        places = (self._place,) if goes_on else self._watched.places
        for place in places:
            self._use(place)
            response = await self._api.request("GET", place.path, query)
            if response.status != _NOT_FOUND:
                break
        return checked(f"GET {self._place.path}", response)

    async def _page(self, response: Response) -> _Heard:
        answer = _list_answer.decode(response.body)
        items: list[Item] = []
        size = 0
        for at, raw in enumerate(answer.items or ()):
            item, _ = self._translate(raw)
            if self._follower.is_wanted(item):
                items.append(item)
            size += len(memoryview(raw))
            if at % PAUSE_EVERY == 0 or size > PAUSE_EVERY_BYTES:
                size = 0
                await trio.lowlevel.checkpoint()
        metadata = answer.metadata
        return Page(tuple(items), metadata.resourceVersion, metadata.token, self._jitter())

    # --- watches -------------------------------------------------------------------------------

    async def _watch(self, asked: Watch) -> None:
        """Follow a watch to its end; nothing but the deadline ends one that says nothing."""
        query = [
            *self._watched.query,
            ("watch", "1"),
            ("resourceVersion", asked.version),
            ("timeoutSeconds", str(asked.seconds)),
            ("allowWatchBookmarks", "true"),
        ]
        with trio.CancelScope() as scope:
            try:
                self._extend(scope)
                async with self._api.stream(self._place.path, query) as chunks:
                    self._step(Opened())
                    self._extend(scope)
                    if not await self._follow(chunks, scope):
                        return
                self._step(Ended(self._jitter()))
            except (Refused, Unreachable) as error:
                self._step(self._failed(error))
        if scope.cancelled_caught:
            self._step(Tick(self._jitter()))

    def _extend(self, scope: trio.CancelScope) -> None:
        at = deadline(self._reflector)
        if at is not None:
            scope.deadline = at

    async def _follow(self, chunks: AsyncIterator[bytes], scope: trio.CancelScope) -> bool:
        """Whether the server ended the watch in good order."""
        rest = bytearray()
        at = size = 0
        async for chunk in chunks:
            rest += chunk
            if b"\n" not in chunk:
                if len(rest) > LONGEST_LINE_BYTES:
                    self._step(Failed("a line of the watch has no end", jitter=self._jitter()))
                    return False
                continue
            *lines, last = bytes(rest).split(b"\n")
            rest = bytearray(last)
            for line in lines:
                if line.strip():
                    self._step(self._heard(line))
                if self._reflector.phase is not Phase.WATCHING:
                    return False
                at, size = at + 1, size + len(line)
                if at % PAUSE_EVERY == 0 or size > PAUSE_EVERY_BYTES:
                    size = 0
                    await trio.lowlevel.checkpoint()
            self._extend(scope)
        return True

    def _heard(self, line: bytes) -> _Heard:
        try:
            said = _line.decode(line)
            match said.type:
                case "ADDED" | "MODIFIED":
                    return Event(*self._translate(said.object))
                case "DELETED":
                    return Event(*gone(self._watched.kind, said.object))
                case "BOOKMARK":
                    return Bookmark(_head.decode(said.object).metadata.resourceVersion)
                case _:
                    status = _said.decode(said.object)
                    reason = f"watching {self._place.path}: {status.message or status.reason}"
                    return Failed(reason, status.code or 500, jitter=self._jitter())
        except msgspec.MsgspecError as error:
            reason = f"watching {self._place.path}: a line is not understood: {error}"
            return Failed(reason, jitter=self._jitter())

    def _failed(self, error: Refused | Unreachable) -> Failed:
        if isinstance(error, Unreachable):
            return Failed(str(error), jitter=self._jitter(), away=True)
        asked = error.response.headers.get("retry-after", "")
        seconds = float(asked) if asked.isdecimal() else 0.0
        away = error.status in UNAVAILABLE and not asked
        return Failed(str(error), error.status, seconds, self._jitter(), away)
