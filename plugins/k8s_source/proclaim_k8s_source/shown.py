"""What the server shows of the objects that are written, as the writers ask for it.

The door between `watch`, which sees it, and `reporter`, which writes what differs.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple, Protocol

import msgspec
from proclaim import Ref
from proclaim.model import Pairs, Service

POOL = "metallb.io/ip-allocated-from-pool"
"""Names the pool that a Service's addresses come from."""
AGREED = "proclaim.io/agreed-addresses"
"""The addresses that are announced while somebody else insists on another status."""


class ShownService:
    """What the server shows of a Service, as far as it is ours to write."""

    __slots__ = ("agreed", "born", "ingress", "pool", "resource_version")

    def __init__(
        self,
        ingress: Sequence[dict[str, Any]],
        pool: str | None = None,
        agreed: str | None = None,
        resource_version: str = "",
        born: str = "",
    ) -> None:
        """`born` is the version since which it is the same Service, of a type with addresses."""
        self.ingress = ingress
        self.pool = pool
        self.agreed = agreed
        self.resource_version = resource_version
        self.born = born

    @property
    def addresses(self) -> tuple[str, ...]:
        """The addresses of the status, in its order."""
        return tuple(each["ip"] for each in self.ingress if each.get("ip"))


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

    def listed(self, kind: str) -> bool:
        """Whether all objects of a kind are seen."""

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


def asked(service: Service) -> Service:
    """A Service without what an allocator answered."""
    kept: Pairs = tuple(pair for pair in service.annotations if pair[0] not in (POOL, AGREED))
    return msgspec.structs.replace(service, annotations=kept, status_addresses=())
