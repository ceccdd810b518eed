"""Writes the status of one Service after the other, and the annotation that names the pool."""

from __future__ import annotations

from collections.abc import Iterator

import trio
from proclaim import Ref
from proclaim.reporting import State

from proclaim_k8s_source.reporter import wanted
from proclaim_k8s_source.reporter.contest import Version, follows
from proclaim_k8s_source.reporter.documents import service_path
from proclaim_k8s_source.reporter.office import Office
from proclaim_k8s_source.reporter.patches import agreement_patch, service_patch
from proclaim_k8s_source.reporter.rivals import Rivals
from proclaim_k8s_source.shown import ShownService, asked

_LOOK_AGAIN = 0.1
_LEAVES_WITHIN = 5.0
"""How long to wait at most until another Service shows an address no longer."""


class ServiceWriter:
    """What the status of a Service should show, against what it does."""

    def __init__(self, office: Office, rivals: Rivals) -> None:
        self._office = office
        self._rivals = rivals
        self._ahead: dict[Ref, ShownService] = {}
        """What we have written and the server has not shown yet."""
        self._waiting: dict[Ref, float] = {}
        """Since when Services wait for what others still show."""

    async def write(self, state: State, ref: Ref) -> float | None:
        """Write what differs; when to look again, if at some time.

        Raises Refused and Unreachable.
        """
        shown, target = self._shown(ref), wanted.assigned(state, ref)
        if shown is None or target is None:
            self._rivals.forget(ref)
            for kept in (self._ahead, self._waiting):
                kept.pop(ref, None)
            return None
        addresses = sorted(target.addresses)
        version = Version(shown.resource_version, sorted(shown.addresses), shown.born)
        until = await self._rivals.left_until(ref, version, addresses)
        body = service_patch(shown, target) if until is None else agreement_patch(shown, target)
        if body is None or not self._decided_on(state, ref):
            return until
        if "status" in body and (again := self._awaits(state, ref, target)) is not None:
            return again
        answer = await self._office.patch_status(service_path(ref), body)
        ingress = shown.ingress
        if "status" in body:
            ingress = body["status"]["loadBalancer"]["ingress"] or []
            self._rivals.wrote(ref, Version(answer, addresses, shown.born))
        agreed = None if until is None else ",".join(target.addresses) or None
        self._ahead[ref] = ShownService(ingress, target.pool or None, agreed, answer, shown.born)
        return until

    def _decided_on(self, state: State, ref: Ref) -> bool:
        """Whether a state is of the Service that is shown, not of what it was before.

        A write names the version that was seen last; what is decided for it is told soon.
        """
        now, then = self._office.shown.asked(ref), state.service(ref)
        return now is None or then is None or asked(now) == asked(then)

    def _awaits(self, state: State, ref: Ref, target: wanted.Assigned) -> float | None:
        """When to look again, where an address is still shown by who has lost it."""
        now = trio.current_time()
        if not any(self._leaves(state, other, text) for text, other in self._others(ref, target)):
            self._waiting.pop(ref, None)
            return None
        since = self._waiting.setdefault(ref, now)
        return now + _LOOK_AGAIN if now < since + _LEAVES_WITHIN else None

    def _others(self, ref: Ref, target: wanted.Assigned) -> Iterator[tuple[str, Ref]]:
        for text in target.addresses:
            for other in self._office.shown.showing(text):
                if other != ref:
                    yield text, other

    def _leaves(self, state: State, ref: Ref, text: str) -> bool:
        """Whether the status of a Service shows an address that we are about to take from it."""
        shown, target = self._shown(ref), wanted.assigned(state, ref)
        if shown is None or target is None:
            return False
        return text in shown.addresses and text not in target.addresses

    def _shown(self, ref: Ref) -> ShownService | None:
        """What the server shows, or will show when it has caught up with what we wrote."""
        shown, ahead = self._office.shown.service(ref), self._ahead.get(ref)
        if shown is None or ahead is None:
            return shown
        if follows(ahead.resource_version, shown.resource_version):
            return ahead
        del self._ahead[ref]
        return shown
