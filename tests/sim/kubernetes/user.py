"""A user who cannot leave anything alone, and now and then somebody who writes statuses."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from apiserver import objects
from apiserver.errors import ApiError

from sim.kubernetes.cluster import NODES, ROGUE, USER, Cluster
from sim.kubernetes.services import POOL, REQUEST, SHARE, Json

NAMES = ("a", "b", "c", "d", "e", "f")
SPACES = ("default", "team")
KEYS = ("", "one", "two")
EXCLUDE = "node.kubernetes.io/exclude-from-external-load-balancers"
UNKNOWN = "nobody-defines-it"
"""An alias of a community."""
REQUESTS = (
    None,
    "192.0.2.1",
    "192.0.2.2",
    "192.0.2.9",
    "198.51.100.1",
    "203.0.113.1",
    "2001:db8::1",
    "192.0.2.3,2001:db8::2",
)
POOLS = {
    "public": (["192.0.2.0/29", "2001:db8::/126"], ["192.0.2.0/28"], ["192.0.2.0/30"]),
    "private": (["198.51.100.0/30"], ["198.51.100.0/31"]),
    "other": (["203.0.113.0/30", "2001:db8:1::/127"], ["203.0.113.0/31"]),
}

Act = Callable[[], None]


class User:
    """What somebody may do; each act does one thing, by dice."""

    def __init__(self, cluster: Cluster, dice: Random) -> None:
        self._cluster = cluster
        self._server = cluster.server
        self._dice = dice
        edits: tuple[Act, ...] = (
            self.request_addresses,
            self.request_pool,
            self.share,
            self.move_ports,
            self.retype,
            self.reroute,
            self.stack,
            self.annotate,
        )
        surroundings: tuple[Act, ...] = (
            self.resize_pool,
            self.delete_pool,
            self.close_pool,
            self.label_node,
            self.unplug_node,
            self.delete_node,
            self.advertise,
            self.name_community,
        )
        chosen = [
            self.create,
            self.serve,
            *dice.sample(edits, dice.randint(0, len(edits))),
            *dice.sample(surroundings, max(0, dice.randint(-3, len(surroundings)))),
        ]
        if dice.random() < 0.7:
            chosen.append(self.delete)
        self._acts = [*chosen, self.create]
        self.writes_statuses = dice.random() < 0.2

    def begin(self) -> None:
        """Have something there before the first process starts, or not."""
        for _ in range(self._dice.choice((0, 4))):
            self._try(self.create)

    def act(self) -> None:
        """Do something."""
        self._try(self._dice.choice(self._acts))

    def meddle(self) -> None:
        """Write a status, as somebody who is not of Proclaim."""
        theirs = self._dice.choice(([], ["203.0.113.77"], ["192.0.2.4"], ["192.0.2.1"]))
        entries = [{"ip": text} for text in theirs] or None
        name, space = self._any()
        with self._cluster.acting(ROGUE):
            self._patch("Service", name, {"status": {"loadBalancer": {"ingress": entries}}}, space)

    def _try(self, act: Act) -> None:
        with self._cluster.acting(USER):
            try:
                act()
            except ApiError as error:
                # An edit that the server forbids is one that did not happen.
                assert error.code in (400, 404, 409, 422), error  # noqa: PT017

    def _any(self) -> tuple[str, str]:
        found = [
            (each["metadata"]["name"], each["metadata"]["namespace"])
            for each in self._server.list("Service")
        ]
        return self._dice.choice(found) if found else ("nobody", "default")

    def _patch(self, kind: str, name: str, change: Json, space: str | None = None) -> None:
        try:
            self._server.patch(kind, name, change, space, status="status" in change, by=self._by())
        except ApiError as error:
            assert error.code in (404, 422), error  # noqa: PT017

    def _by(self) -> str:
        return self._cluster.actor

    def _edit(self, change: Json) -> None:
        name, space = self._any()
        self._patch("Service", name, change, space)

    def _note(self, key: str, value: str | None) -> None:
        self._edit({"metadata": {"annotations": {key: value}}})

    # --- Services ------------------------------------------------------------------------------

    def create(self) -> None:
        dice = self._dice
        name, space = dice.choice(NAMES), dice.choice(SPACES)
        if self._server.get("Service", name, space) is not None:
            return
        notes = {}
        if dice.random() < 0.2 and (asked := dice.choice(REQUESTS)):
            notes[REQUEST] = asked
        if dice.random() < 0.2:
            notes[POOL] = dice.choice((*POOLS, "nowhere"))
        if dice.random() < 0.4:
            notes[SHARE] = dice.choice(KEYS)
        more = {"externalTrafficPolicy": "Local"} if dice.random() < 0.3 else {}
        more["ipFamilyPolicy"] = dice.choice(
            ("SingleStack", "SingleStack", "PreferDualStack", "RequireDualStack")
        )
        if dice.random() < 0.1:
            more["loadBalancerClass"] = "example.org/other"
        made = objects.service(
            name, space, annotations=notes, ports=[dice.choice((80, 81, 82))], **more
        )
        self._server.create(made)
        self._slice(name, space, dice.sample(NODES, dice.randint(0, 3)))

    def delete(self) -> None:
        name, space = self._any()
        self._server.delete("Service", name, space)
        if self._server.get("EndpointSlice", f"{name}-1", space) is not None:
            self._server.delete("EndpointSlice", f"{name}-1", space)

    def request_addresses(self) -> None:
        self._note(REQUEST, self._dice.choice(REQUESTS))

    def request_pool(self) -> None:
        self._note(POOL, self._dice.choice((None, *POOLS, "nowhere")))

    def share(self) -> None:
        self._note(SHARE, self._dice.choice((None, *KEYS)))

    def move_ports(self) -> None:
        port = self._dice.choice((80, 81, 82))
        self._edit({"spec": {"ports": [{"name": "web", "protocol": "TCP", "port": port}]}})

    def retype(self) -> None:
        self._edit({"spec": {"type": self._dice.choice(("LoadBalancer", "ClusterIP"))}})

    def reroute(self) -> None:
        policy = self._dice.choice(("Cluster", "Local"))
        self._edit({"spec": {"externalTrafficPolicy": policy}})

    def stack(self) -> None:
        policy = self._dice.choice(("SingleStack", "PreferDualStack", "RequireDualStack"))
        self._edit({"spec": {"ipFamilyPolicy": policy}})

    def annotate(self) -> None:
        """Something that is nobody's business."""
        self._note("example.org/note", str(self._dice.random()))

    def serve(self) -> None:
        name, space = self._any()
        if name != "nobody":
            self._slice(name, space, self._dice.sample(NODES, self._dice.randint(0, 3)))

    def _slice(self, name: str, space: str, nodes: list[str]) -> None:
        endpoints = [objects.endpoint(f"10.244.0.{at}", node) for at, node in enumerate(nodes, 1)]
        if self._server.get("EndpointSlice", f"{name}-1", space) is None:
            self._server.create(objects.endpoint_slice(name, endpoints, space))
        else:
            self._patch("EndpointSlice", f"{name}-1", {"endpoints": endpoints}, space)

    # --- what is around them -------------------------------------------------------------------

    def resize_pool(self) -> None:
        name = self._dice.choice(tuple(POOLS))
        self._put_pool(name, self._dice.choice(POOLS[name]))

    def _put_pool(self, name: str, addresses: list[str]) -> None:
        automatic = name != "private" or self._dice.random() < 0.3
        if self._server.get("IPAddressPool", name) is None:
            self._server.create(objects.pool(name, *addresses, autoAssign=automatic))
        else:
            self._patch("IPAddressPool", name, {"spec": {"addresses": addresses}})

    def delete_pool(self) -> None:
        name = self._dice.choice(tuple(POOLS))
        if self._server.get("IPAddressPool", name) is not None:
            self._server.delete("IPAddressPool", name)
        else:
            self._put_pool(name, POOLS[name][0])

    def leave_a_pool(self) -> None:
        """Put one back if there is none: without any, a newcomer judges nothing that it finds."""
        if not any(self._server.get("IPAddressPool", name) for name in POOLS):
            name = next(iter(POOLS))
            self._put_pool(name, POOLS[name][0])

    def close_pool(self) -> None:
        """Take a pool out of what is given without asking, or put it back."""
        name = self._dice.choice(tuple(POOLS))
        self._patch("IPAddressPool", name, {"spec": {"autoAssign": self._dice.random() < 0.6}})

    def label_node(self) -> None:
        value = self._dice.choice((None, None, ""))
        self._patch("Node", self._dice.choice(NODES), {"metadata": {"labels": {EXCLUDE: value}}})

    def unplug_node(self) -> None:
        said = self._dice.choice(("True", "False", "False"))
        conditions = [{"type": "NetworkUnavailable", "status": said}]
        self._patch("Node", self._dice.choice(NODES), {"status": {"conditions": conditions}})

    def delete_node(self) -> None:
        at = self._dice.randrange(len(NODES))
        name = NODES[at]
        known = [each["metadata"]["name"] for each in self._server.list("Node")]
        if name in known and len(known) > 1 and self._dice.random() < 0.5:
            self._server.delete("Node", name)
        elif name not in known:
            self._server.create(objects.node(name, f"10.0.0.{at + 1}"))

    def advertise(self) -> None:
        """Replace the advertisement of routes by one of some pools."""
        names = self._dice.choice(((), ("public",), ("public", "private")))
        self._patch("BGPAdvertisement", "routes", {"spec": {"ipAddressPools": list(names)}})

    def name_community(self) -> None:
        """Have one advertisement more, of an alias that nobody defines, or not."""
        if self._server.get("BGPAdvertisement", "more") is None:
            self._server.create(objects.bgp_advertisement("more", communities=[UNKNOWN]))
        else:
            self._server.delete("BGPAdvertisement", "more")
