"""That the laws of the simulation see what is done against them, and only that."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import trio
from apiserver import objects

from sim.clockwork import run
from sim.kubernetes.cluster import ROGUE, USER, Cluster
from sim.kubernetes.laws import Laws
from sim.kubernetes.services import POOL, REQUEST, SHARE

LAG = 10.0
Deed = Callable[["World"], None]


class World:
    """A cluster where no process runs, and everything is done in somebody's name."""

    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster
        self.server = cluster.server
        self.laws = Laws(cluster, LAG)

    def create(self, name: str, **notes: str) -> None:
        self.server.create(objects.service(name, annotations=notes))

    def note(self, name: str, key: str, value: str | None) -> None:
        self.server.patch("Service", name, {"metadata": {"annotations": {key: value}}})

    def spec(self, name: str, **spec: object) -> None:
        self.server.patch("Service", name, {"spec": spec})

    def show(self, name: str, *addresses: str, by: str = "c1 (late)") -> None:
        """Write a status, by a process unless it says otherwise."""
        entries = [{"ip": text} for text in addresses] or None
        change = {"status": {"loadBalancer": {"ingress": entries}}}
        with self.cluster.acting(by):
            self.server.patch("Service", name, change, status=True)

    def display(self, node: str, *prefixes: str) -> None:
        display = self.cluster.processes[node].routes
        display._show(frozenset(prefixes))  # noqa: SLF001 - as its announcer does


def broken(*deeds: Deed, pause: float = 0.0) -> list[str]:
    """What the laws say of deeds, with a pause between two."""

    async def main() -> list[str]:
        async with trio.open_nursery() as nursery:
            world = World(Cluster(nursery, 0))
            for process in world.cluster.everyone:
                process.alive = True
            world.create("a")
            world.create("b")
            world.show("a", "192.0.2.1")
            for deed in deeds:
                await trio.sleep(pause)
                deed(world)
            return world.laws.broken

    return run(0, main)


PERMITTED: dict[str, Deed] = {
    "type": lambda world: world.spec("a", type="ClusterIP"),
    "addresses": lambda world: world.note("a", REQUEST, "192.0.2.5"),
    "pool": lambda world: world.note("a", POOL, "private"),
    "families": lambda world: world.spec("a", ipFamilyPolicy="PreferDualStack"),
    "sharing": lambda world: world.note("a", SHARE, "key"),
    "policy": lambda world: world.spec("a", externalTrafficPolicy="Local"),
    "pool gone": lambda world: world.server.delete("IPAddressPool", "public"),
    "status": lambda world: world.show("a", "192.0.2.6", by=ROGUE),
}


def test_nothing_is_wrong_where_nothing_is_done() -> None:
    assert broken() == []


@pytest.mark.parametrize("deed", PERMITTED.values(), ids=PERMITTED)
def test_what_permits_an_address_to_go_permits_it_once(deed: Deed) -> None:
    def lose(world: World) -> None:
        if world.laws.services["default", "a"].shown:
            world.show("a")

    assert broken(deed, lose) == []


@pytest.mark.parametrize(
    "deed",
    [
        lambda world: None,
        lambda world: world.note("a", "example.org/note", "x"),
        lambda world: world.note("b", REQUEST, "192.0.2.5"),
        lambda world: world.server.delete("Service", "b"),
        lambda world: world.server.delete("IPAddressPool", "private"),
    ],
)
def test_an_address_does_not_go_for_any_other_reason(deed: Deed) -> None:
    (found,) = broken(deed, lambda world: world.show("a"))
    assert "took ['192.0.2.1'] from ('default', 'a')" in found


def test_an_address_is_shown_by_two_only_where_they_share_it() -> None:
    (found,) = broken(lambda world: world.show("b", "192.0.2.1"))
    assert "gave 192.0.2.1 of ('default', 'a')" in found

    def share(world: World) -> None:
        for name in "ab":
            world.note(name, SHARE, "key")
        world.spec("b", ports=[{"name": "other", "port": 81}])
        world.laws.end_permits()

    assert broken(share, lambda world: world.show("b", "192.0.2.1")) == []


def test_nobody_is_given_what_was_not_asked_for() -> None:
    ask = lambda world: world.note("b", REQUEST, "192.0.2.5")  # noqa: E731
    assert broken(ask, lambda world: world.show("b", "192.0.2.5")) == []
    (found,) = broken(ask, lambda world: world.show("b", "192.0.2.4"))
    assert "gave ('192.0.2.4',)" in found


def test_only_who_leads_writes_a_status() -> None:
    found = broken(lambda world: world.show("b", "192.0.2.2", by="c1"))
    assert ["led only until" in each for each in found] == [True]


def test_a_node_announces_what_a_status_showed_a_short_while_ago() -> None:
    announce = lambda world: world.display("n1", "192.0.2.1/32")  # noqa: E731
    lose = lambda world: world.show("a", by=USER)  # noqa: E731
    assert broken(announce) == []
    assert broken(lose, announce, pause=LAG / 2) == []
    (found,) = broken(lose, announce, pause=2 * LAG)
    assert "n1 announces 192.0.2.1" in found


def test_a_node_withdraws_nothing_of_which_nothing_was_changed() -> None:
    announce = lambda world: world.display("n1", "192.0.2.1/32")  # noqa: E731
    withdraw = lambda world: world.display("n1")  # noqa: E731
    (found,) = broken(announce, withdraw, pause=2 * LAG)
    assert "n1 withdrew 192.0.2.1" in found
    serve = lambda world: world.server.create(objects.endpoint_slice("a"))  # noqa: E731
    assert broken(announce, serve, withdraw, pause=LAG - 1) == []
    (found,) = broken(announce, serve, withdraw, pause=2 * LAG)
    assert "n1 withdrew 192.0.2.1" in found
