"""Writes the counters of the IPAddressPools, each at most once a second."""

from __future__ import annotations

import trio
from proclaim import Ref
from proclaim.reporting import State

from proclaim_k8s_source.reporter import wanted
from proclaim_k8s_source.reporter.contest import Version
from proclaim_k8s_source.reporter.office import Office
from proclaim_k8s_source.reporter.patches import status_patch
from proclaim_k8s_source.reporter.rivals import Rivals

EVERY_SECONDS = 1.0


class PoolWriter:
    """How full a pool is, against what its status says."""

    def __init__(self, office: Office, rivals: Rivals) -> None:
        self._office = office
        self._rivals = rivals
        self._written: dict[Ref, float] = {}

    async def write(self, state: State, ref: Ref) -> float | None:
        """Write what differs; when to look again, if at some time.

        Raises Refused and Unreachable.
        """
        now = trio.current_time()
        due = self._written.get(ref, float("-inf")) + EVERY_SECONDS
        if now < due:
            return due
        counters = wanted.pool_counters(state, ref.name)
        shown = self._office.shown.object(ref.kind, ref.name)
        if counters is None or shown is None:
            self._rivals.forget(ref)
            self._written.pop(ref, None)
            return None
        status = dict(shown.status) if shown.status else None
        version = Version(shown.resource_version, status, shown.uid)
        until = await self._rivals.left_until(ref, version, counters)
        body = status_patch(status, counters)
        if until is None and body is not None:
            self._written[ref] = now
            answer = await self._office.patch_status(self._office.path(ref), body)
            self._rivals.wrote(ref, Version(answer, counters, shown.uid))
        return until
