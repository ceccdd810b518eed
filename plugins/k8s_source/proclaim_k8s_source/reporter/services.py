"""Writes the status of one Service after the other, and the annotation that names the pool."""

from __future__ import annotations

from proclaim import Ref
from proclaim.reporting import State

from proclaim_k8s_source.reporter import wanted
from proclaim_k8s_source.reporter.contest import Version, follows
from proclaim_k8s_source.reporter.documents import service_path
from proclaim_k8s_source.reporter.office import Office
from proclaim_k8s_source.reporter.patches import ShownService, agreement_patch, service_patch
from proclaim_k8s_source.reporter.rivals import Rivals


class ServiceWriter:
    """What the status of a Service should show, against what it does."""

    def __init__(self, office: Office, rivals: Rivals) -> None:
        self._office = office
        self._rivals = rivals
        self._ahead: dict[Ref, ShownService] = {}
        """What we have written and the server has not shown yet."""
        self._born: dict[Ref, str] = {}

    async def write(self, state: State, ref: Ref) -> float | None:
        """Write what differs; when to look again, if at some time.

        Raises Refused and Unreachable.
        """
        shown, target = self._shown(ref), wanted.assigned(state, ref)
        if shown is None or target is None:
            self._rivals.forget(ref)
            self._ahead.pop(ref, None)
            self._born.pop(ref, None)
            return None
        if self._born.get(ref) != shown.born:  # what was written is gone with what it was
            self._rivals.forget(ref)
            self._born[ref] = shown.born
        addresses = sorted(target.addresses)
        version = Version(shown.resource_version, sorted(shown.addresses))
        until = await self._rivals.left_until(ref, version, addresses)
        body = service_patch(shown, target) if until is None else agreement_patch(shown, target)
        if body is None:
            return until
        answer = await self._office.patch_status(service_path(ref), body)
        ingress = shown.ingress
        if "status" in body:
            ingress = body["status"]["loadBalancer"]["ingress"] or []
            self._rivals.wrote(ref, Version(answer, addresses))
        agreed = None if until is None else ",".join(target.addresses) or None
        self._ahead[ref] = ShownService(ingress, target.pool or None, agreed, answer, shown.born)
        return until

    def _shown(self, ref: Ref) -> ShownService | None:
        """What the server shows, or will show when it has caught up with what we wrote."""
        shown, ahead = self._office.shown.service(ref), self._ahead.get(ref)
        if shown is None or ahead is None:
            return shown
        if follows(ahead.resource_version, shown.resource_version):
            return ahead
        del self._ahead[ref]
        return shown
