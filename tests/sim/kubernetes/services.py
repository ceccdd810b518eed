"""What the server holds of a Service, as an onlooker reads it; nothing of Proclaim is asked."""

from __future__ import annotations

from ipaddress import ip_address
from typing import Any, NamedTuple

Json = dict[str, Any]
Name = tuple[str, str]
"""Namespace and name."""

REQUEST = "metallb.io/loadBalancerIPs"
POOL = "metallb.io/address-pool"
SHARE = "metallb.io/allow-shared-ip"
FROM = "metallb.io/ip-allocated-from-pool"
AGREED = "proclaim.io/agreed-addresses"


class Terms(NamedTuple):
    """What sharing an address depends on."""

    key: str
    local: bool
    selector: tuple[tuple[str, str], ...]
    ports: frozenset[tuple[str, int]]


class Wish(NamedTuple):
    """What a user has said that decides where an address may come from."""

    type: str
    kind: str
    """The loadBalancerClass."""
    addresses: tuple[str, ...]
    pool: str
    families: tuple[int, ...]
    policy: str


class Seen(NamedTuple):
    """A Service in one version."""

    name: Name
    uid: str
    wish: Wish
    terms: Terms
    shown: tuple[str, ...]
    agreed: tuple[str, ...]
    pool: str

    @property
    def ours(self) -> bool:
        """Whether it shall have an address."""
        return self.wish.type == "LoadBalancer" and not self.wish.kind

    @property
    def stands_for(self) -> tuple[str, ...]:
        """The addresses that nodes announce."""
        return self.agreed or self.shown


def read(value: Json) -> Seen:
    """A Service of the server."""
    metadata, spec = value["metadata"], value["spec"]
    notes = metadata.get("annotations") or {}
    ingress = (value.get("status") or {}).get("loadBalancer", {}).get("ingress") or ()
    asked = _split(notes.get(REQUEST, "")) or _split(spec.get("loadBalancerIP", ""))
    local = spec.get("externalTrafficPolicy") == "Local"
    return Seen(
        (metadata["namespace"], metadata["name"]),
        metadata["uid"],
        Wish(
            spec["type"],
            spec.get("loadBalancerClass") or "",
            asked,
            notes.get(POOL, ""),
            tuple(ip_address(each).version for each in spec.get("clusterIPs", ())),
            spec.get("ipFamilyPolicy", ""),
        ),
        Terms(
            notes.get(SHARE, ""),
            local,
            tuple(sorted((spec.get("selector") or {}).items())) if local else (),
            frozenset((port["protocol"], port["port"]) for port in spec.get("ports", ())),
        ),
        tuple(each["ip"] for each in ingress if each.get("ip")),
        _split(notes.get(AGREED, "")),
        notes.get(FROM, ""),
    )


def _split(text: str) -> tuple[str, ...]:
    return tuple(each.strip() for each in text.split(",") if each.strip())


def may_share(one: Seen, other: Seen) -> bool:
    """Whether two Services may have one address."""
    mine, theirs = one.terms, other.terms
    same = mine.key and mine.key == theirs.key and mine[1:3] == theirs[1:3]
    return bool(same) and mine.ports.isdisjoint(theirs.ports)


class Pool(NamedTuple):
    """An IPAddressPool in one version; small enough to name all its addresses."""

    name: str
    addresses: frozenset[str]
    automatic: bool


def read_pool(value: Json) -> Pool:
    """A pool of the server, of networks in CIDR notation."""
    from ipaddress import ip_network

    spec = value["spec"]
    every = frozenset(str(one) for text in spec["addresses"] for one in ip_network(text))
    return Pool(value["metadata"]["name"], every, spec.get("autoAssign", True))
