"""Who else insists on what we write: named in the log and in the ledger, and left alone."""

from __future__ import annotations

import logging
from typing import Any

import trio
from proclaim import Listing, Observe, Problem, Ref

from proclaim_k8s_source.reporter.contest import Contests, Version
from proclaim_k8s_source.reporter.managers import others
from proclaim_k8s_source.reporter.office import Office

log = logging.getLogger("proclaim.kubernetes")


class Rivals:
    """The contests over what one reporter writes."""

    def __init__(self, office: Office) -> None:
        self._office = office
        self._contests: Contests[Ref] = Contests()
        self._names: dict[Ref, str] = {}
        self._changed = trio.Event()

    async def left_until(self, ref: Ref, shown: Version, wanted: Any) -> float | None:  # noqa: ANN401
        """Until when an object is left to others, by trio's clock; None when it is ours.

        `wanted` compares with the content of what is shown.  Raises Unreachable.
        """
        now = trio.current_time()
        if self._contests.look(ref, shown, wanted, now):
            await self._name(ref)
        if shown.content == wanted:
            self._contests.end(ref)
        until = self._contests.until(ref, now)
        if until is None:
            self._make_peace(ref)
        return until

    def wrote(self, ref: Ref, version: Version) -> None:
        """We have written an object."""
        self._contests.wrote(ref, version)

    def forget(self, ref: Ref) -> None:
        """An object is gone, or is ours no longer."""
        self._contests.forget(ref)
        self._make_peace(ref)

    async def report(self, source: str, observe: Observe) -> None:
        """Have the ledger know, so that every command can say it; until cancelled."""
        told: dict[Ref, str] = {}
        while True:
            changed = self._changed
            if told != self._names:
                told = dict(self._names)
                problems = tuple(_problem(ref, rival) for ref, rival in sorted(told.items()))
                await observe(Listing(source, problems=problems))
            else:
                await changed.wait()

    async def _name(self, ref: Ref) -> None:
        response = await self._office.api.request("GET", self._office.path(ref))
        self._names[ref] = others(response.body, self._office.manager)
        log.error("%s: its status %s", ref, _complaint(self._names[ref]))
        self._tell()

    def _make_peace(self, ref: Ref) -> None:
        if self._names.pop(ref, None) is not None:
            log.info("%s: its status is written again", ref)
            self._tell()

    def _tell(self) -> None:
        self._changed.set()
        self._changed = trio.Event()


def _complaint(rival: str) -> str:
    return (
        f"is rewritten by {rival} again and again; it is left to them for now, and what was "
        "decided stays announced"
    )


def _problem(ref: Ref, rival: str) -> Problem:
    return Problem(
        kind=ref.kind,
        namespace=ref.namespace,
        name=ref.name,
        field="status",
        problem=_complaint(rival),
    )
