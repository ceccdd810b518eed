"""Writes one ConfigurationState: made where it is missing, its status applied where it differs."""

from __future__ import annotations

from proclaim.reporting import (
    AuthorityTaken,
    Fact,
    Observed,
    ProblemsReported,
    Rejected,
    RejectionWithdrawn,
    Removed,
    SourceListed,
    State,
)

from proclaim_k8s_source.reporter import wanted
from proclaim_k8s_source.reporter.documents import created, path_of, with_times
from proclaim_k8s_source.reporter.office import Office
from proclaim_k8s_source.reporter.patches import status_patch

KIND = "ConfigurationState"
SOURCE = "kubernetes"
"""The source that lists the configuration."""
_CONCERNS = frozenset(
    {"IPAddressPool", "BGPPeer", "BGPAdvertisement", "Community", "BFDProfile", "Node"}
)


def concerns(fact: Fact) -> bool:
    """Whether a fact has a say in whether a configuration is valid."""
    match fact:
        case Observed(resource=resource):
            return resource.ref.kind in _CONCERNS
        case Removed(ref=ref):
            return ref.kind in _CONCERNS
        case (
            ProblemsReported()
            | Rejected()
            | RejectionWithdrawn()
            | SourceListed()
            | AuthorityTaken()
        ):
            return True
        case _:
            return False


class ConfigurationWriter:
    """Server-side apply, under the name of the manager that scripts know from MetalLB."""

    def __init__(self, office: Office, manager: str) -> None:
        self._office = office
        self._manager = manager

    async def write(self, state: State, node: str) -> None:
        """The object of a node, or the controller's where the name is empty.

        Raises Refused and Unreachable.
        """
        if SOURCE not in state.listed:
            return  # of what was never heard, nothing is known to be valid
        office, target = self._office, wanted.configuration(state, node)
        name = target["metadata"]["name"]
        shown = office.shown.object(KIND, name)
        if shown is None:
            body = created(target, name, office.namespace, office.owner)
            await office.create(path_of(KIND, office.namespace), body)
        status = dict(shown.status) if shown and shown.status else None
        if status_patch(status, target["status"]) is None:
            return
        body = {
            "apiVersion": target["apiVersion"],
            "kind": KIND,
            "metadata": {"name": name, "namespace": office.namespace},
            "status": with_times(target["status"], office.host.wall_time()),
        }
        await office.apply_status(path_of(KIND, office.namespace, name), body, self._manager)
