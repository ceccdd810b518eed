"""Which resources of an API server are watched, and where they are served."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from proclaim_k8s_source.api import Query

METALLB = "metallb.io"


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

    @property
    def optional(self) -> bool:
        """Whether a server may not serve it."""
        return self.places[0].api_version.startswith(METALLB)

    def __str__(self) -> str:
        return self.places[0].path.rpartition("/")[2] + (f"/{self.name}" if self.name else "")


def _core(kind: str, version: str, plural: str) -> Watched:
    root = f"/apis/{version}" if "/" in version else f"/api/{version}"
    return Watched(kind, (Place(version, f"{root}/{plural}"),))


def _metallb(
    kind: str,
    plural: str,
    namespace: str,
    versions: tuple[str, ...] = ("v1beta1",),
    observed: bool = True,
) -> Watched:
    places = tuple(
        Place(f"{METALLB}/{version}", f"/apis/{METALLB}/{version}/namespaces/{namespace}/{plural}")
        for version in versions
    )
    return Watched(kind, places, observed=observed)


def watched(namespace: str) -> tuple[Watched, ...]:
    """All there is to watch but Secrets; the `metallb.io` resources are of one namespace."""
    return (
        _core("Service", "v1", "services"),
        _core("EndpointSlice", "discovery.k8s.io/v1", "endpointslices"),
        _core("Node", "v1", "nodes"),
        _core("Namespace", "v1", "namespaces"),
        _metallb("IPAddressPool", "ipaddresspools", namespace),
        _metallb("L2Advertisement", "l2advertisements", namespace),
        _metallb("BGPAdvertisement", "bgpadvertisements", namespace),
        _metallb("BGPPeer", "bgppeers", namespace, ("v1beta2", "v1beta1")),
        _metallb("BFDProfile", "bfdprofiles", namespace),
        _metallb("Community", "communities", namespace),
        _metallb("ServiceL2Status", "servicel2statuses", namespace, observed=False),
        _metallb("ServiceBGPStatus", "servicebgpstatuses", namespace, observed=False),
        _metallb("ConfigurationState", "configurationstates", namespace, observed=False),
    )


def secret(namespace: str, name: str) -> Watched:
    """One Secret, and no other: its right to be read may be given by name."""
    place = Place("v1", f"/api/v1/namespaces/{namespace}/secrets")
    return Watched("Secret", (place,), (("fieldSelector", f"metadata.name={name}"),), name=name)
