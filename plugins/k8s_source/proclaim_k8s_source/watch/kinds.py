"""Which resources of an API server are watched, and where they are served."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from proclaim_k8s_source.access.api import Query

METALLB = "metallb.io"
CONTROLLER = "controller"
"""The name of a controller's ConfigurationState."""


@dataclass(frozen=True, slots=True)
class Scope:
    """How much of a cluster a process has to see, and how it takes it."""

    namespace: str
    """Of the `metallb.io` resources and of the Secrets that they name."""
    node: str = ""
    """The node that this process announces from."""
    allocates: bool = True
    announces: bool = True
    """Without it neither EndpointSlices nor Secrets are of any use."""
    page_size: int = 250
    """Objects in one page of a list."""
    beside_metallb: bool = False
    """Whether MetalLB may run in the same namespace."""
    ignore_exclude_lb: bool = False
    """Whether a node announces that its label excludes from that."""

    @property
    def patient(self) -> bool:
        """Whether what takes addresses away is believed only when it lasts (`patience`).

        An allocator puts a status right itself, and has to know at once.
        """
        return not self.allocates


class Place(NamedTuple):
    """One version of a resource."""

    api_version: str
    path: str


@dataclass(frozen=True, slots=True)
class Watched:
    """A resource to list and to watch."""

    kind: str
    places: tuple[Place, ...]
    """The versions that will do, the best one first."""
    query: Query = ()
    """Selectors."""
    observed: bool = True
    """Whether the ledger hears of it; what we write ourselves is only looked at."""
    name: str = ""
    """Of the only object that is watched."""
    scope: Scope | None = None
    """For whom it is translated, where that matters."""

    @property
    def optional(self) -> bool:
        """Whether a server may not serve it."""
        return self.places[0].api_version.startswith(METALLB)

    def __str__(self) -> str:
        return self.places[0].path.rpartition("/")[2] + (f"/{self.name}" if self.name else "")


def watched(scope: Scope) -> tuple[Watched, ...]:
    """All there is to watch but Secrets."""
    found = [
        _core("Service", "v1", "services", scope),
        _core("Node", "v1", "nodes", scope),
        _core("Namespace", "v1", "namespaces", scope),
        _metallb("IPAddressPool", "ipaddresspools", scope),
        _metallb("L2Advertisement", "l2advertisements", scope),
        _metallb("BGPAdvertisement", "bgpadvertisements", scope),
        _metallb("BGPPeer", "bgppeers", scope, ("v1beta2", "v1beta1")),
        _metallb("BFDProfile", "bfdprofiles", scope),
        _metallb("Community", "communities", scope),
        _shown("ConfigurationState", "configurationstates", scope, _own_configuration(scope)),
    ]
    if scope.announces:
        mine = (("labelSelector", f"{METALLB}/node={scope.node}"),) if scope.node else ()
        found += [
            _core("EndpointSlice", "discovery.k8s.io/v1", "endpointslices", scope),
            _shown("ServiceBGPStatus", "servicebgpstatuses", scope, mine),
            # Who takes an address over removes what the node before left behind.
            _shown("ServiceL2Status", "servicel2statuses", scope),
        ]
    return tuple(found)


def secret(namespace: str, name: str) -> Watched:
    """One Secret, and no other: its right to be read may be given by name."""
    place = Place("v1", f"/api/v1/namespaces/{namespace}/secrets")
    return Watched("Secret", (place,), (("fieldSelector", f"metadata.name={name}"),), name=name)


def _core(kind: str, version: str, plural: str, scope: Scope) -> Watched:
    root = f"/apis/{version}" if "/" in version else f"/api/{version}"
    return Watched(kind, (Place(version, f"{root}/{plural}"),), scope=scope)


def _metallb(
    kind: str, plural: str, scope: Scope, versions: tuple[str, ...] = ("v1beta1",)
) -> Watched:
    return Watched(kind, tuple(_place(version, plural, scope) for version in versions))


def _shown(kind: str, plural: str, scope: Scope, query: Query = ()) -> Watched:
    """A kind that only tells how things stand."""
    return Watched(kind, (_place("v1beta1", plural, scope),), query, observed=False)


def _place(version: str, plural: str, scope: Scope) -> Place:
    path = f"/apis/{METALLB}/{version}/namespaces/{scope.namespace}/{plural}"
    return Place(f"{METALLB}/{version}", path)


def _own_configuration(scope: Scope) -> Query:
    """The ConfigurationState of this process alone, unless it has two."""
    if scope.allocates and scope.announces:
        return ()
    name = CONTROLLER if scope.allocates else f"speaker-{scope.node}"
    return (("fieldSelector", f"metadata.name={name}"),)
