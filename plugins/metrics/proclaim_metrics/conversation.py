"""One connection: requests of HTTP/1.1 and their answers, one after the other.

Whatever a client does, a connection ends: no request, no answer and no silence
may take longer than their time.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import TypeAlias

import h11
import trio

from proclaim_metrics.application import Answer, Application, Request, plain

IDLE_SECONDS = 75.0
"""Longer than scrapers usually wait between two scrapes, so that they keep their connection."""
REQUEST_SECONDS = 10.0
ANSWER_SECONDS = 30.0
_READ_OCTETS = 4096
_HEAD_OCTETS = 16384
"""The longest head of a request."""
_PART_OCTETS = 65536
"""Answers are sent in parts: to copy and encrypt a large one at once would hold the loop."""

Idle: TypeAlias = Callable[[], AbstractContextManager[object]]
"""A scope to wait for the next request in; leaving it early ends the connection."""


async def converse(stream: trio.abc.Stream, application: Application, idle: Idle) -> None:
    """Answer requests until either side has had enough; raises nothing that a client causes."""
    talk = _Conversation(stream, application)
    try:
        while await talk.has_more(idle) and await talk.take_turn():
            pass
    except (trio.BrokenResourceError, trio.ClosedResourceError):
        pass  # the client has gone
    finally:
        await trio.aclose_forcefully(stream)


class _Conversation:
    def __init__(self, stream: trio.abc.Stream, application: Application) -> None:
        self._stream = stream
        self._application = application
        self._http = h11.Connection(h11.SERVER, max_incomplete_event_size=_HEAD_OCTETS)

    async def has_more(self, idle: Idle) -> bool:
        """Wait for the first octets of the next request, unless they are here."""
        if self._http.trailing_data[0]:
            return True
        octets = b""
        with idle(), trio.move_on_after(IDLE_SECONDS):
            octets = bytes(await self._stream.receive_some(_READ_OCTETS))
        if octets:
            self._http.receive_data(octets)
        return bool(octets)

    async def take_turn(self) -> bool:
        """Read one request and answer it; whether another one may follow."""
        answer = None
        head = False
        try:
            with trio.move_on_after(REQUEST_SECONDS):
                request = await self._request()
                if request is None:
                    return False
                head = request.method == "HEAD"
                answer = await self._application.answer(request)
        except h11.RemoteProtocolError as error:
            answer = plain(error.error_status_hint, "this is not a request of HTTP/1.1")
        if answer is None or self._is_over:
            return False
        with trio.move_on_after(ANSWER_SECONDS) as sending:
            await self._say(answer, head)
        states = (self._http.our_state, self._http.their_state)
        if sending.cancelled_caught or states != (h11.DONE, h11.DONE):
            return False
        self._http.start_next_cycle()
        return True

    @property
    def _is_over(self) -> bool:
        """Whether nothing can be said any more."""
        return self._http.our_state not in (h11.IDLE, h11.SEND_RESPONSE)

    async def _request(self) -> Request | None:
        """A whole request, whose body is ignored; None when there is none."""
        found: Request | None = None
        while True:
            event = self._http.next_event()
            if event is h11.NEED_DATA:
                self._http.receive_data(bytes(await self._stream.receive_some(_READ_OCTETS)))
            elif isinstance(event, h11.Request):
                authorization = dict(event.headers).get(b"authorization", b"")
                path = event.target.decode("ascii").partition("?")[0]
                found = Request(event.method.decode("ascii"), path, authorization)
            elif not isinstance(event, h11.Data):
                return found if isinstance(event, h11.EndOfMessage) else None

    async def _say(self, answer: Answer, head: bool) -> None:
        await self._send(h11.Response(status_code=answer.status, headers=[*answer.headers]))
        if not head:
            whole = b"".join(answer.body)
            for at in range(0, len(whole), _PART_OCTETS):
                await self._send(h11.Data(data=whole[at : at + _PART_OCTETS]))
        await self._send(h11.EndOfMessage())

    async def _send(self, event: h11.Event) -> None:
        if octets := self._http.send(event):
            await self._stream.send_all(octets)
