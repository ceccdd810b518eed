"""The source against an API server that fails or refuses, and beside MetalLB."""

from __future__ import annotations

import logging

import pytest
import trio
from apiserver.objects import bgp_peer, pod, pool, service
from k8s_source.watched import NAMESPACE, Cluster
from proclaim import Change, Listing, Ref

POOL = pool("p", "192.0.2.0/24")
UNKNOWN = b"404 page not found\n"
SPEAKER = pod("speaker-1", labels={"app": "metallb", "component": "speaker"})
CONTROLLER = pod("controller-1", labels={"app": "metallb", "component": "controller"})


# --- what goes wrong -----------------------------------------------------------------------------


async def test_a_server_that_forgot_the_past_is_listed_again_and_only_the_differences_are_told(
    autojump_clock,
):
    cluster = Cluster()
    cluster.server.create_all([service("a"), service("b"), service("c")])
    async with cluster.watched(settle=20):
        cluster.news()
        cluster.server.outage()
        cluster.server.delete("Service", "a", "default")
        cluster.server.create(service("d"))
        cluster.server.compact()
        cluster.server.outage(False)
        await trio.sleep(30)
        changes = cluster.news()
    assert all(isinstance(change, Change) for change in changes)
    assert [ref.name for change in changes for ref in change.gone] == ["a"]
    assert [one.resource.name for change in changes for one in change.resources] == ["d"]


async def test_a_watch_that_breaks_is_resumed_and_nothing_is_listed_again(caplog, autojump_clock):
    caplog.set_level(logging.INFO)
    cluster = Cluster()
    async with cluster.watched(settle=20):
        lists = cluster.lists
        cluster.news()
        for connection in cluster.server.connections:
            connection.cut()
        cluster.server.create(service("a"))
        await trio.sleep(5)
        assert cluster.refs("Service") == ["a"]
        assert cluster.lists == lists
    assert caplog.messages == []


async def test_an_outage_is_said_once_and_so_is_its_end(caplog, autojump_clock):
    caplog.set_level(logging.INFO)
    cluster = Cluster()
    async with cluster.watched(settle=20):
        cluster.server.outage()
        await trio.sleep(120)
        cluster.server.outage(False)
        await trio.sleep(60)
    said = [record.levelname for record in caplog.records]
    assert said == ["ERROR", "INFO"]
    assert caplog.messages[0].startswith("the API server gives no answer: ")
    assert caplog.messages[1] == "the API server answers again"


async def test_a_server_that_is_away_is_not_stormed(autojump_clock):
    cluster = Cluster()
    async with cluster.watched(settle=20):
        before = sum(cluster.api.requests.values())
        cluster.server.outage()
        await trio.sleep(600)
        asked = sum(cluster.api.requests.values()) - before
    assert asked <= 15 * 40


async def test_a_quiet_cluster_costs_few_requests(autojump_clock):
    cluster = Cluster()
    async with cluster.watched(settle=20):
        before = cluster.api.requests.copy()
        await trio.sleep(3600)
        asked = cluster.api.requests - before
    assert sum(n for (verb, _), n in asked.items() if verb == "watch") <= 13 * 3600 / 100
    lists = {kind: n for (verb, kind), n in asked.items() if verb == "list"}
    assert lists.pop("pods") <= 2 * 3600 / 20
    assert all(n <= 3600 / 500 for n in lists.values())
    assert len(cluster.told) == 1


async def test_nothing_is_told_before_everything_has_been_listed(autojump_clock):
    cluster = Cluster()
    cluster.server.create_all([service("a"), POOL])
    cluster.refuse("/communities", 503)
    async with cluster.watched(settle=60):
        assert cluster.told == []
        cluster.relent()
        await trio.sleep(60)
        assert [type(each) for each in cluster.told] == [Listing]


async def test_what_may_not_be_watched_is_said_once_with_what_is_needed(caplog, autojump_clock):
    cluster = Cluster()
    cluster.refuse("/communities", 403)
    async with cluster.watched(settle=300):
        assert cluster.told == []
    (said,) = caplog.messages
    assert said.startswith("communities cannot be watched: ")
    assert "get, list, watch of communities" in said


async def test_a_cluster_without_the_custom_resources_is_told_without_them(autojump_clock):
    cluster = Cluster()
    cluster.server.create_all([service("a"), POOL])
    cluster.refuse("/apis/metallb.io", 404, UNKNOWN)
    async with cluster.watched(settle=10):
        assert cluster.refs("Service") == ["a"]
        assert cluster.refs("IPAddressPool") == []
        cluster.relent()
        await trio.sleep(60)
        assert cluster.refs("IPAddressPool") == ["p"]


async def test_the_old_version_of_peers_is_read_where_only_that_is_served(autojump_clock):
    cluster = Cluster()
    cluster.server.create(bgp_peer("tor", "10.0.0.1"))
    cluster.refuse("/v1beta2/", 404, UNKNOWN)
    async with cluster.watched():
        assert cluster.refs("BGPPeer") == ["tor"]


# --- MetalLB -------------------------------------------------------------------------------------


WITHDRAWN = [Ref("NodeWithdrawal", "", "n1")]


def announced_by_others(cluster):
    """What the ledger is told last of MetalLB: who is withdrawn, and of which nodes it is said."""
    said = cluster.told_of_metallb[-1]
    assert isinstance(said, Listing)
    return [one.resource.ref for one in said.resources], [each.name for each in said.problems]


@pytest.mark.parametrize(
    ("options", "withdrawn", "seconds"),
    [
        ({"allocates": False}, WITHDRAWN, 4),
        ({}, WITHDRAWN, 2),
        ({"announces": False}, [], 2),
    ],
    ids=["a node", "both", "a controller"],
)
async def test_beside_a_speaker_nothing_is_listed_before_it_is_gone(
    caplog, autojump_clock, options, withdrawn, seconds
):
    caplog.set_level(logging.INFO)
    cluster = Cluster(node="n1", **options)
    cluster.server.create(SPEAKER)
    async with cluster.watched(settle=300):
        assert cluster.told == []
        assert len(cluster.told_of_metallb) == 1
        assert announced_by_others(cluster) == (withdrawn, ["n1"])
        assert [record.levelname for record in caplog.records] == ["ERROR"]
        assert "speaker: speaker-1" in caplog.text
        assert "--replicas=0" in caplog.text
        cluster.server.delete("Pod", "speaker-1", NAMESPACE)
        await trio.sleep(seconds + 1)
        assert announced_by_others(cluster) == ([], [])
        assert len(cluster.told) == 1
    assert [record.levelname for record in caplog.records] == ["ERROR", "INFO"]


async def test_who_waits_for_metallb_asks_no_more_than_it_must(autojump_clock):
    cluster = Cluster(node="n1", allocates=False)
    cluster.server.create(SPEAKER)
    async with cluster.watched(settle=300):
        assert cluster.api.requests.total() == cluster.api.requests["list", "pods"]
        assert cluster.api.requests["list", "pods"] <= 2 * 300 / 2


async def test_beside_nothing_but_its_controller_a_node_waits_and_announces(autojump_clock):
    cluster = Cluster(node="n1", allocates=False)
    cluster.server.create_all([SPEAKER, CONTROLLER])
    async with cluster.watched(settle=30):
        assert announced_by_others(cluster) == (WITHDRAWN, ["n1"])
        cluster.server.delete("Pod", "speaker-1", NAMESPACE)
        await trio.sleep(5)
        assert announced_by_others(cluster) == ([], ["n1"])
        assert cluster.told == []
        cluster.server.delete("Pod", "controller-1", NAMESPACE)
        await trio.sleep(5)
        assert announced_by_others(cluster) == ([], [])
        assert len(cluster.told) == 1


@pytest.mark.parametrize("status", [403, 503])
async def test_a_speaker_that_was_seen_counts_until_the_server_says_that_it_is_gone(
    caplog, autojump_clock, status
):
    cluster = Cluster(node="n1", allocates=False)
    cluster.server.create(SPEAKER)
    async with cluster.watched(settle=30):
        cluster.refuse("/pods", status)
        cluster.server.delete("Pod", "speaker-1", NAMESPACE)
        await trio.sleep(600)
        assert announced_by_others(cluster) == (WITHDRAWN, ["n1"])
        assert len(caplog.messages) == 2, "that the server does not say it is said once"
        cluster.relent()
        await trio.sleep(60)
        assert announced_by_others(cluster) == ([], [])
        assert len(cluster.told) == 1


async def test_running_beside_metallb_can_be_allowed(autojump_clock):
    cluster = Cluster(beside_metallb=True)
    cluster.server.create(SPEAKER)
    async with cluster.watched():
        assert len(cluster.told) == 1
        assert announced_by_others(cluster) == ([], []), "what an earlier run said is void"


async def test_metallb_that_appears_later_is_said_once_and_so_is_its_end(caplog, autojump_clock):
    caplog.set_level(logging.INFO)
    cluster = Cluster(node="n1")
    async with cluster.watched():
        cluster.server.create(SPEAKER)
        await trio.sleep(120)
        assert announced_by_others(cluster) == ([], ["n1"])
        cluster.server.delete("Pod", "speaker-1", NAMESPACE)
        await trio.sleep(120)
        assert announced_by_others(cluster) == ([], [])
    assert [record.levelname for record in caplog.records] == ["ERROR", "INFO"]


async def test_where_pods_may_not_be_seen_that_is_said_once(caplog, autojump_clock):
    cluster = Cluster()
    cluster.refuse("/pods", 403)
    async with cluster.watched(settle=120):
        assert len(cluster.told) == 1
    (said,) = caplog.messages
    assert said.startswith("whether MetalLB runs as well cannot be seen: ")


async def test_metallb_is_found_though_the_server_forbids_to_look_at_first(autojump_clock):
    cluster = Cluster(node="n1")
    cluster.server.create(SPEAKER)
    cluster.refuse("", 403)

    async def relent():
        await trio.sleep(2)
        cluster.relent()

    async with cluster.watched(settle=0), trio.open_nursery() as nursery:
        nursery.start_soon(relent)
        await trio.sleep(60)
        assert announced_by_others(cluster) == (WITHDRAWN, ["n1"])
        assert cluster.told == []


async def test_a_server_that_is_away_at_the_start_is_waited_for(caplog, autojump_clock):
    caplog.set_level(logging.INFO)
    cluster = Cluster()
    cluster.server.outage()
    async with cluster.watched(settle=30):
        assert cluster.told == []
        cluster.server.outage(False)
        await trio.sleep(60)
        assert len(cluster.told) == 1
    assert [record.levelname for record in caplog.records] == ["ERROR", "INFO"]
