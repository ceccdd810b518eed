"""What the server makes of a Service: defaults, cluster addresses, node ports, validation."""

from __future__ import annotations

import ipaddress
import random
from collections.abc import Sequence
from typing import Any

from apiserver.errors import Cause, forbidden_field, invalid, required, unsupported
from apiserver.fields import ATOMIC, METADATA, Shape
from apiserver.kinds import Behaviour, Kind
from apiserver.known import SERVICE

Json = dict[str, Any]
NODE_PORTS = range(30000, 32768)
_TYPES = ("ClusterIP", "ExternalName", "LoadBalancer", "NodePort")

SHAPE = Shape(
    fields={
        "metadata": METADATA,
        "spec": Shape(fields={"ports": Shape(keys=("port", "protocol")), "selector": ATOMIC}),
        "status": Shape(fields={"conditions": Shape(keys=("type",))}),
    }
)


def service_kind(cidrs: Sequence[str], dice: random.Random) -> Kind:
    """Services of a cluster with these ranges of cluster addresses, the first family first."""
    return Kind(
        group="",
        version="v1",
        name="Service",
        plural="services",
        singular="service",
        status=True,
        answers_deleted=True,
        name_is_label=True,
        zero={"metadata": {}, "spec": {}, "status": {"loadBalancer": {}}},
        shape=SHAPE,
        selectable={"spec.clusterIP": "", "spec.type": ""},
        behaviour=Services(cidrs, dice),
        storage_hash="0/CO1lhkEBI=",
    )


def _type(value: Json) -> str:
    return str(value["spec"].get("type", ""))


def _has_node_ports(value: Json) -> bool:
    kind = _type(value)
    return kind == "NodePort" or (
        kind == "LoadBalancer" and value["spec"].get("allocateLoadBalancerNodePorts") is not False
    )


def _faces_outside(value: Json) -> bool:
    return _type(value) in ("NodePort", "LoadBalancer") or bool(value["spec"].get("externalIPs"))


def _checks_health(value: Json) -> bool:
    spec = value["spec"]
    return _type(value) == "LoadBalancer" and spec.get("externalTrafficPolicy") == "Local"


class Services(Behaviour):
    """The behaviour of Services; cluster addresses and node ports are drawn at random."""

    known = SERVICE

    def __init__(self, cidrs: Sequence[str], dice: random.Random) -> None:
        self._networks = [ipaddress.ip_network(cidr) for cidr in cidrs]
        self._dice = dice
        self._taken: set[str] = set()
        self._ports: set[int] = set()

    def default(self, value: Json) -> None:
        spec = value.setdefault("spec", {})
        spec.setdefault("sessionAffinity", "None")
        if spec["sessionAffinity"] == "ClientIP":
            affinity = spec.setdefault("sessionAffinityConfig", {}).setdefault("clientIP", {})
            affinity.setdefault("timeoutSeconds", 10800)
        spec.setdefault("type", "ClusterIP")
        for port in spec.get("ports") or ():
            port.setdefault("protocol", "TCP")
            if not port.get("targetPort"):
                port["targetPort"] = port.get("port", 0)
        if spec["type"] != "ExternalName":
            spec.setdefault("internalTrafficPolicy", "Cluster")
        if _faces_outside(value):
            spec.setdefault("externalTrafficPolicy", "Cluster")
        if spec["type"] == "LoadBalancer":
            spec.setdefault("allocateLoadBalancerNodePorts", True)
            for ingress in _ingress(value):
                if ingress.get("ip"):
                    ingress.setdefault("ipMode", "VIP")
        balancer = value.setdefault("status", {}).setdefault("loadBalancer", {})
        if not balancer.get("ingress"):
            balancer.pop("ingress", None)

    def create(self, value: Json) -> None:
        self._allocate(value)

    def update(self, old: Json, new: Json) -> None:
        spec, before = new["spec"], old["spec"]
        if _type(new) != "ExternalName" and _type(old) != "ExternalName":
            for name in ("clusterIP", "clusterIPs", "ipFamilies", "ipFamilyPolicy"):
                if name in before:
                    spec.setdefault(name, before[name])
        if _has_node_ports(new) and _has_node_ports(old):
            held = {(port["port"], port["protocol"]): port for port in before.get("ports", ())}
            for port in spec.get("ports") or ():
                same = held.get((port.get("port"), port.get("protocol")), {})
                if same.get("nodePort"):
                    port.setdefault("nodePort", same["nodePort"])
        if _checks_health(new) and "healthCheckNodePort" in before:
            spec.setdefault("healthCheckNodePort", before["healthCheckNodePort"])
        self._drop(old, new)
        if _type(new) != "LoadBalancer":
            new["status"]["loadBalancer"] = {}
        self._allocate(new)

    def _drop(self, old: Json, new: Json) -> None:
        """What belongs to a type goes with it, unless it was changed in the same breath."""
        spec, before = new["spec"], old["spec"]
        if _type(old) == "LoadBalancer" != _type(new):
            for name in ("allocateLoadBalancerNodePorts", "loadBalancerClass"):
                _drop_same(spec, before, name)
        if _faces_outside(old) and not _faces_outside(new):
            _drop_same(spec, before, "externalTrafficPolicy")
        if _checks_health(old) and not _checks_health(new):
            _drop_same(spec, before, "healthCheckNodePort")
        if _has_node_ports(old) and not _has_node_ports(new):
            ports = {port.get("nodePort") for port in before.get("ports", ())}
            for port in spec.get("ports") or ():
                if port.get("nodePort") in ports:
                    port.pop("nodePort", None)
        if _type(new) == "ExternalName" != _type(old):
            for name in ("clusterIP", "clusterIPs", "ipFamilies", "ipFamilyPolicy"):
                _drop_same(spec, before, name)

    def _allocate(self, value: Json) -> None:
        spec = value["spec"]
        if spec["type"] != "ExternalName":
            self._families(spec)
        if _has_node_ports(value):
            for port in spec.get("ports") or ():
                if not port.get("nodePort"):
                    port["nodePort"] = self._port()
        if _checks_health(value) and not spec.get("healthCheckNodePort"):
            spec["healthCheckNodePort"] = self._port()

    def _families(self, spec: Json) -> None:
        policy = spec.setdefault(
            "ipFamilyPolicy",
            "SingleStack" if len(spec.get("ipFamilies", ())) < 2 else "RequireDualStack",
        )
        families = list(spec.get("ipFamilies", ()))
        if not families and _is_address(spec.get("clusterIP")):
            families = [f"IPv{ipaddress.ip_address(spec['clusterIP']).version}"]
        ours = [f"IPv{network.version}" for network in self._networks]
        wanted = 1 if policy == "SingleStack" else len(ours)
        families += [family for family in ours if family not in families][
            : max(wanted - len(families), 0)
        ]
        spec["ipFamilies"] = families[: 1 if policy == "SingleStack" else 2]
        if spec.get("clusterIP") == "None":
            spec["clusterIPs"] = ["None"]
            return
        given = list(
            spec.get("clusterIPs") or ([spec["clusterIP"]] if spec.get("clusterIP") else ())
        )
        given = given[: len(spec["ipFamilies"])]
        given += [self._address(family) for family in spec["ipFamilies"][len(given) :]]
        self._taken.update(given)
        spec["clusterIPs"] = given
        if given:
            spec["clusterIP"] = given[0]

    def _address(self, family: str) -> str:
        network = next((one for one in self._networks if f"IPv{one.version}" == family), None)
        if network is None:
            return ""
        while True:
            size = min(network.num_addresses, 1 << 32) - 2
            address = str(network[1 + self._dice.randrange(size)])
            if address not in self._taken:
                return address

    def _port(self) -> int:
        free = len(NODE_PORTS) > len(self._ports)
        while True:
            port = self._dice.choice(NODE_PORTS)
            # A benchmark has more Services than there are ports; a real cluster would refuse them.
            if port not in self._ports or not free:
                self._ports.add(port)
                return port

    def cost(self, old: Json | None, new: Json | None) -> tuple[int, int]:
        """The allocators of addresses and of node ports keep their maps in the store too."""
        if old is None and new is not None:
            return (bool(_addresses(new)) + _has_node_ports(new), 0)
        if new is None and old is not None:
            for address in _addresses(old):
                self._taken.discard(address)
            self._ports.difference_update(
                port.get("nodePort", 0) for port in old["spec"].get("ports", ())
            )
            return (0, bool(_addresses(old)) + _has_node_ports(old))
        if old is not None and new is not None:
            return (int(_has_node_ports(old) != _has_node_ports(new)), 0)
        return (0, 0)

    def check(self, old: Json | None, new: Json) -> list[Cause]:
        return [*_check_spec(old, new), *_check_status(new)]


def _addresses(value: Json) -> list[str]:
    return [address for address in value["spec"].get("clusterIPs", ()) if address != "None"]


def _is_address(text: Any) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def _drop_same(spec: Json, before: Json, name: str) -> None:
    if name in spec and spec[name] == before.get(name):
        del spec[name]


def _ingress(value: Json) -> list[Json]:
    return (value.get("status") or {}).get("loadBalancer", {}).get("ingress") or []


def _check_spec(old: Json | None, new: Json) -> list[Cause]:
    spec = new["spec"]
    found: list[Cause] = []
    if not spec.get("ports") and spec["type"] != "ExternalName" and spec.get("clusterIP") != "None":
        found.append(required("spec.ports"))
    for index, port in enumerate(spec.get("ports") or ()):
        number = port.get("port", 0)
        if not isinstance(number, int) or not 0 < number < 65536:
            why = "must be between 1 and 65535, inclusive"
            found.append(invalid(f"spec.ports[{index}].port", str(number), why))
    if spec["type"] not in _TYPES:
        found.append(unsupported("spec.type", f'"{spec["type"]}"', _TYPES))
    if "" in spec.get("clusterIPs", ()):
        found.append(invalid("spec.ipFamilies", "null", "not configured on this cluster"))
    found += _check_class(old, new)
    before = (old or new)["spec"]
    if before.get("clusterIP") != spec.get("clusterIP") and before["type"] != "ExternalName":
        shown = f'"{spec.get("clusterIP", "")}"'
        found.append(invalid("spec.clusterIPs[0]", shown, "may not change once set"))
    return found


def _check_class(old: Json | None, new: Json) -> list[Cause]:
    given = new["spec"].get("loadBalancerClass")
    path = "spec.loadBalancerClass"
    if _type(new) != "LoadBalancer":
        if given is None:
            return []
        return [forbidden_field(path, "may only be used when `type` is 'LoadBalancer'")]
    if old is None or _type(old) != "LoadBalancer":
        return []
    if old["spec"].get("loadBalancerClass") == given:
        return []
    shown = "null" if given is None else f'"{given}"'
    return [invalid(path, shown, "may not change once set")]


def _check_status(value: Json) -> list[Cause]:
    ingress = _ingress(value)
    path = "status.loadBalancer.ingress"
    if ingress and _type(value) != "LoadBalancer":
        return [forbidden_field(path, "may only be used when `spec.type` is LoadBalancer")]
    found: list[Cause] = []
    for index, entry in enumerate(ingress):
        found += _check_ingress(entry, f"{path}[{index}]")
    return found


def _check_ingress(entry: Json, path: str) -> list[Cause]:
    found: list[Cause] = []
    address, mode = entry.get("ip"), entry.get("ipMode")
    if address and not _is_address(address):
        why = "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)"
        found.append(invalid(f"{path}.ip", f'"{address}"', why))
    if address and mode is None:
        found.append(required(f"{path}.ipMode", "must be specified when `ip` is set"))
    if mode is not None and not address:
        found.append(forbidden_field(f"{path}.ipMode", "may not be specified when `ip` is not set"))
    elif mode not in (None, "VIP", "Proxy"):
        found.append(unsupported(f"{path}.ipMode", f'"{mode}"', ("Proxy", "VIP")))
    return found
