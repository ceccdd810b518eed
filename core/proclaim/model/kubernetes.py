"""The resources of core/v1 and discovery.k8s.io/v1, as far as they are used."""

from __future__ import annotations

from typing import Literal

from proclaim.model.names import Noun, Pairs, Ref, Struct, service_ref


class Port(Struct, frozen=True, order=True):
    """A port of a Service, as far as sharing an address depends on it."""

    protocol: str
    port: int


class Service(Noun, frozen=True):
    """A Service of any type; only `type: LoadBalancer` ever gets an address."""

    namespace: str
    name: str
    labels: Pairs = ()
    annotations: Pairs = ()
    """Only `metallb.io/`, `metallb.universe.tf/` and `proclaim.io/` keys are kept."""
    type: str = "ClusterIP"
    load_balancer_class: str | None = None
    requested_addresses: tuple[str, ...] = ()
    """`spec.loadBalancerIP`, or the `loadBalancerIPs` annotation, in the order given."""
    requested_pool: str = ""
    """The `address-pool` annotation; empty when absent."""
    cluster_ips: tuple[str, ...] = ()
    ip_families: tuple[Literal[4, 6], ...] = ()
    """`spec.ipFamilies` as 4 and 6."""
    ip_family_policy: Literal["SingleStack", "PreferDualStack", "RequireDualStack"] = "SingleStack"
    external_traffic_policy: Literal["Cluster", "Local"] = "Cluster"
    selector: Pairs = ()
    ports: tuple[Port, ...] = ()
    status_addresses: tuple[str, ...] = ()
    """`status.loadBalancer.ingress[].ip`, those that parse."""
    endpoints_listed: bool = False
    """Whether its source lists EndpointSlices, so that without one nothing serves it."""

    @property
    def ref(self) -> Ref:
        return service_ref(self.namespace, self.name)

    @property
    def sharing_key(self) -> str:
        """The `allow-shared-ip` annotation: the current prefix wins, even if empty."""
        found = ""
        for key, value in self.annotations:
            if key == "metallb.io/allow-shared-ip":
                return value
            if key == "metallb.universe.tf/allow-shared-ip":
                found = value
        return found

    @property
    def backends(self) -> Pairs | None:
        """What a Service that shares an address must have in common with the others.

        Nothing under the traffic policy Cluster; under Local the selector, for only nodes with
        endpoints may attract the traffic.
        """
        return None if self.external_traffic_policy == "Cluster" else self.selector


class EndpointSlice(Noun, frozen=True):
    """A slice reduced to where a connection would be served (discovery.k8s.io/v1).

    An endpoint serves when `ready` is true or absent, or `serving` is true.
    """

    namespace: str
    name: str
    service: str
    """From the label `kubernetes.io/service-name`."""
    serving_nodes: tuple[str, ...] = ()
    """Nodes with at least one serving endpoint, sorted."""
    serving_elsewhere: bool = False
    """Whether an endpoint without `nodeName` serves; it is local to no node."""

    @property
    def ref(self) -> Ref:
        return Ref("EndpointSlice", self.namespace, self.name)


class Node(Noun, frozen=True):
    """A node of the cluster."""

    name: str
    labels: Pairs = ()
    network_unavailable: bool = False
    """Whether the condition `NetworkUnavailable` is True."""
    addresses: tuple[str, ...] = ()
    """`status.addresses` of type InternalIP, in their order."""

    @property
    def ref(self) -> Ref:
        return Ref("Node", "", self.name)


class Namespace(Noun, frozen=True):
    """A namespace, for selectors over its labels."""

    name: str
    labels: Pairs = ()

    @property
    def ref(self) -> Ref:
        return Ref("Namespace", "", self.name)
