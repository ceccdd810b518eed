"""What the server shows of the objects that are written, as the writers ask for it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple, Protocol

from proclaim import Ref
from proclaim.model import Service

from proclaim_k8s_source.reporter.patches import ShownService


class ShownObject(NamedTuple):
    """An object of a kind that only tells how things stand."""

    name: str
    node: str = ""
    """The label `metallb.io/node`."""
    resource_version: str = ""
    status: Mapping[str, Any] | None = None
    owner: str = ""
    """The uid of the first owner; empty where it has none."""
    uid: str = ""


class Shown(Protocol):
    """A view of the server's objects that is kept up to date by somebody else."""

    async def wait_listed(self, kind: str) -> None:
        """Wait until all objects of a kind are seen: what is not seen then is not there."""

    def service(self, ref: Ref) -> ShownService | None:
        """A Service; None when there is none."""

    def asked(self, ref: Ref) -> Service | None:
        """A Service as its user has it now; None when there is none, or it cannot be read."""

    def showing(self, address: str) -> Sequence[Ref]:
        """The Services whose statuses show an address."""

    def uid(self, ref: Ref) -> str:
        """The uid of a Service; empty when there is none."""

    def object(self, kind: str, name: str) -> ShownObject | None:
        """An IPAddressPool or a ConfigurationState."""

    def of_service(self, kind: str, service: Ref) -> Sequence[ShownObject]:
        """The ServiceL2Statuses or ServiceBGPStatuses of a Service, by name."""

    def services_of(self, kind: str, node: str) -> Iterable[Ref]:
        """The Services of which a node has a status object of a kind."""

    async def changed(self, since: int) -> tuple[int, Iterable[Ref] | None]:
        """Wait until something changed after a version; the new version and what changed.

        A status object stands under its kind and the name of its Service.
        None where it is not known what changed, so that everything may have.
        """
