"""Asks for the Lease as long as the process runs, and says what it may do.

The shell around `lease`: it sends, waits and logs.
"""

from __future__ import annotations

import logging
from math import inf

import trio
from proclaim import Host, Latest, Mandate

from proclaim_k8s_source.access.api import Api, Refused, Response, Unreachable
from proclaim_k8s_source.election import lease
from proclaim_k8s_source.election.messages import (
    Ask,
    Failed,
    Found,
    Input,
    Overtaken,
    Passed,
    Rules,
    Stopped,
    Stored,
    Verb,
)
from proclaim_k8s_source.election.record import NoLease, read
from proclaim_k8s_source.election.words import sayings

log = logging.getLogger("proclaim.kubernetes.lease")

_GIVE_BACK_WITHIN = 1.0


class LeaseElector:
    """Lets the one process allocate that holds a Lease; the elector named `lease`."""

    def __init__(self, api: Api, rules: Rules, host: Host) -> None:
        self.name = "lease"
        self._api = api
        self._host = host
        self._rules = rules
        self._election = lease.Election(rules)
        self._path = f"/apis/coordination.k8s.io/v1/namespaces/{rules.place.namespace}/leases"

    def valid_until(self) -> float:
        """Until when no other process leads, as a time of trio; -inf while this one does not.

        A write that arrives later may cross one of the next leader.
        """
        return self._election.valid_until if self._election.leads else -inf

    async def run(self, mandate: Latest[Mandate]) -> None:
        """Keep the mandate true until cancelled, then give the Lease back within a second."""
        self._election = lease.resumed(self._election)
        try:
            await self._campaign(mandate)
        finally:
            self._take(Stopped(), mandate)
            with trio.move_on_after(_GIVE_BACK_WITHIN, shield=True):
                await self._give_back(mandate)

    async def _give_back(self, mandate: Latest[Mandate]) -> None:
        while not lease.finished(self._election):
            await trio.sleep_until(lease.deadline(self._election))
            asked = self._take(self._passed(), mandate)
            if asked is not None:
                answer = await self._answer(asked)
                self._take(answer, mandate)
                if isinstance(answer, Failed):  # it runs out by itself
                    return

    async def _campaign(self, mandate: Latest[Mandate]) -> None:
        answers_in, answers = trio.open_memory_channel[Input](1)

        async def send(asked: Ask) -> None:
            await answers_in.send(await self._answer(asked))

        async with trio.open_nursery() as nursery:
            while True:
                came: Input | None = None
                with trio.move_on_at(lease.deadline(self._election)):
                    came = await answers.receive()
                asked = self._take(came or self._passed(), mandate)
                if asked is not None:
                    nursery.start_soon(send, asked)

    def _take(self, came: Input, mandate: Latest[Mandate]) -> Ask | None:
        before = self._election
        self._election, asked = lease.step(before, came, trio.current_time())
        granted = lease.mandate(self._election)
        if granted != mandate.value:
            mandate.set(granted)
        for saying in sayings(before, self._election):
            log.log(logging.WARNING if saying.alarming else logging.INFO, "%s", saying.sentence)
        return asked

    def _passed(self) -> Passed:
        return Passed(self._host.wall_time(), self._host.random.random())

    async def _answer(self, asked: Ask) -> Input:
        path = self._path if asked.verb is Verb.POST else f"{self._path}/{self._rules.place.name}"
        seconds = self._rules.answer_seconds
        try:
            with self._api.contact.hoping(), trio.fail_after(seconds):
                response = await self._api.request(asked.verb.value, path, body=asked.body)
                return _meaning(asked.verb, response)
            return Failed("others were answered first", answering=True)
        except Unreachable as error:
            return Failed(str(error))
        except trio.TooSlowError:
            return Failed(f"no answer within {seconds:g} s")
        except NoLease as error:
            return Failed(str(error))


def _meaning(verb: Verb, response: Response) -> Input:
    """What an answer tells; raises NoLease."""
    if response.ok:
        record = read(response.body)
        return Found(record) if verb is Verb.GET else Stored(record)
    if verb is Verb.GET and response.status == 404:
        return Found(None)
    if response.status == 409 or (verb is Verb.PUT and response.status == 404):
        return Overtaken()
    return Failed(str(Refused(f"{verb.value} of the Lease", response)))
