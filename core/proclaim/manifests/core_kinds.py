"""The kinds of Kubernetes itself: Service, EndpointSlice, Node, Namespace.

They have many fields that nothing here uses, and those are ignored; what is
used is checked as the API server would check it.  Outside Kubernetes nobody
writes cluster addresses or endpoints, so a Service may leave them out: what it
does not say stays unsaid in the model, and is made up nowhere here.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from proclaim.addresses import clip, parse_address
from proclaim.manifests.fields import Fields
from proclaim.manifests.metadata import (
    CURRENT_PREFIX,
    LEGACY_PREFIX,
    OWN_PREFIX,
    Metadata,
)
from proclaim.manifests.values import canonical_address
from proclaim.model import EndpointSlice, Namespace, Node, Port, Service

SERVICE_TYPES = ("ClusterIP", "NodePort", "LoadBalancer", "ExternalName")
SERVICE_NAME_LABEL = "kubernetes.io/service-name"
AGREED = OWN_PREFIX + "agreed-addresses"
"""Written beside a status that somebody else insists on; it counts instead of it."""
HEADLESS = "None"
_FAMILIES: dict[str, Literal[4, 6]] = {"IPv4": 4, "IPv6": 6}
_POLICIES: tuple[Literal["SingleStack", "PreferDualStack", "RequireDualStack"], ...] = (
    "SingleStack",
    "PreferDualStack",
    "RequireDualStack",
)
_TRAFFIC_POLICIES: tuple[Literal["Cluster", "Local"], ...] = ("Cluster", "Local")
_MAX_REQUESTED = 2


def read_service(root: Fields, metadata: Metadata) -> Service:
    """A Service (core/v1)."""
    spec = root.optional("spec")
    kind = spec.choice("type", SERVICE_TYPES, "ClusterIP")
    requested: tuple[str, ...] = ()
    pool = ""
    if kind == "LoadBalancer":  # on others the annotations mean nothing, not even a mistake
        requested = _requested(root, spec, metadata)
        pool = metadata.annotation("address-pool")[1]
    load_balancer_class = spec.text("loadBalancerClass") or None
    policy = spec.choice("ipFamilyPolicy", _POLICIES, "SingleStack")
    traffic = spec.choice("externalTrafficPolicy", _TRAFFIC_POLICIES, "Cluster")
    return Service(
        namespace=metadata.namespace,
        name=metadata.name,
        labels=metadata.labels,
        annotations=metadata.kept(CURRENT_PREFIX, LEGACY_PREFIX, OWN_PREFIX),
        type=kind,
        load_balancer_class=load_balancer_class,
        requested_addresses=requested,
        requested_pool=pool,
        cluster_ips=_cluster_ips(spec),
        ip_families=tuple(_ip_families(spec)),
        ip_family_policy=policy,
        external_traffic_policy=traffic,
        selector=spec.labels("selector"),
        ports=tuple(_ports(spec)),
        status_addresses=_agreed(metadata) or tuple(_status_addresses(root)),
    )


def _requested(root: Fields, spec: Fields, metadata: Metadata) -> tuple[str, ...]:
    """The addresses asked for: by field or by annotation, one or one of each family."""
    single = spec.text("loadBalancerIP")
    key, listed = metadata.annotation("loadBalancerIPs")
    if single and listed:
        spec.problem("loadBalancerIP", f"is given together with the annotation {key}; drop one")
        return ()
    texts = [part.strip() for part in (listed or single).split(",")] if listed or single else []

    def refuse(sentence: str) -> tuple[str, ...]:
        if listed:
            root.problem("metadata", sentence, "annotations", key)
        else:
            spec.problem("loadBalancerIP", sentence)
        return ()

    if single and len(texts) > 1:
        return refuse(f"{clip(single)} is not an IP address; several stand in {key}")
    if len(texts) > _MAX_REQUESTED:
        return refuse(f"asks for {len(texts)} addresses; one, or one of each family is expected")
    try:
        addresses = tuple(canonical_address(text) for text in texts)
    except ValueError as error:
        return refuse(str(error))
    if len({parse_address(address).family for address in addresses}) < len(addresses):
        return refuse("asks for two addresses of one family; one of each family is expected")
    return addresses


def _cluster_ips(spec: Fields) -> tuple[str, ...]:
    several = [*spec.items("clusterIPs", str, "a text")]
    single = spec.text("clusterIP")
    texts = [text for _, text in several] or ([single] if single else [])
    addresses: list[str] = []
    for index, text in enumerate(texts):
        try:
            addresses.append(HEADLESS if text == HEADLESS else canonical_address(text))
        except ValueError as error:
            if several:
                spec.problem("clusterIPs", str(error), index)
            else:
                spec.problem("clusterIP", str(error))
    return tuple(addresses)


def _ip_families(spec: Fields) -> Iterator[Literal[4, 6]]:
    seen: set[str] = set()
    for index, text in spec.items("ipFamilies", str, "a text"):
        if text not in _FAMILIES:
            spec.problem("ipFamilies", f"{clip(text)} is not one of IPv4, IPv6", index)
        elif text in seen:
            spec.problem("ipFamilies", f"{clip(text)} is given twice", index)
        else:
            seen.add(text)
            yield _FAMILIES[text]


def _ports(spec: Fields) -> Iterator[Port]:
    seen: dict[Port, int] = {}
    for index, fields in spec.mappings("ports"):
        protocol = fields.choice("protocol", ("TCP", "UDP", "SCTP"), "TCP")
        number = fields.whole("port", 1, 65535)
        if number is None:
            if not fields.has("port"):
                fields.missing("port", "a whole number from 1 to 65535")
            continue
        port = Port(protocol=protocol, port=number)
        if port in seen:
            spec.problem("ports", f"{protocol} {number} is given twice", index)
        seen[port] = index
        yield port


def _agreed(metadata: Metadata) -> tuple[str, ...]:
    """What the allocator stands by while somebody else rewrites the status again and again."""
    texts = metadata.annotations.get(AGREED, "").split(",")
    try:
        return tuple(canonical_address(text.strip()) for text in texts)
    except ValueError:
        return ()


def _status_addresses(root: Fields) -> Iterator[str]:
    """What the status claims; an entry that is no address claims nothing."""
    balancer = root.optional("status").optional("loadBalancer")
    for _, fields in balancer.mappings("ingress"):
        try:
            yield canonical_address(fields.text("ip"))
        except ValueError:
            continue


def read_endpoint_slice(root: Fields, metadata: Metadata) -> EndpointSlice:
    """An EndpointSlice (discovery.k8s.io/v1), reduced to where connections are served."""
    nodes: set[str] = set()
    elsewhere = False
    for _, endpoint in root.mappings("endpoints"):
        conditions = endpoint.mapping("conditions")
        node = endpoint.text("nodeName")
        if conditions is not None and not _serves(conditions):
            continue
        if node:
            nodes.add(node)
        else:
            elsewhere = True
    return EndpointSlice(
        namespace=metadata.namespace,
        name=metadata.name,
        service=dict(metadata.labels).get(SERVICE_NAME_LABEL, ""),
        serving_nodes=tuple(sorted(nodes)),
        serving_elsewhere=elsewhere,
    )


def _serves(conditions: Fields) -> bool:
    serving = conditions.flag("serving")
    return conditions.flag("ready", default=True) or serving


def read_node(root: Fields, metadata: Metadata) -> Node:
    """A Node (core/v1)."""
    status = root.optional("status")
    unavailable = False
    for _, condition in status.mappings("conditions"):
        if condition.text("type") == "NetworkUnavailable":
            unavailable = condition.text("status") == "True"
    addresses: list[str] = []
    for _, entry in status.mappings("addresses"):
        if entry.text("type") != "InternalIP":
            continue
        try:
            addresses.append(canonical_address(entry.text("address")))
        except ValueError as error:
            entry.problem("address", str(error))
    return Node(
        name=metadata.name,
        labels=metadata.labels,
        network_unavailable=unavailable,
        addresses=tuple(addresses),
    )


def read_namespace(_root: Fields, metadata: Metadata) -> Namespace:
    """A Namespace (core/v1)."""
    return Namespace(name=metadata.name, labels=metadata.labels)
