"""The source against an API server in memory: what it tells, when, and at what price."""

from __future__ import annotations

import logging
import random
from contextlib import asynccontextmanager

import pytest
import trio
from apiserver import ApiServer
from proclaim import Change, Latest, Listing, PluginError, Ref
from proclaim_k8s_source.api import Refused, Response
from proclaim_k8s_source.kinds import Scope
from proclaim_k8s_source.source import KubernetesSource

NAMESPACE = "metallb-system"


class FakeHost:
    node = "n1"

    def __init__(self):
        self.random = random.Random(1)
        self.secrets = Latest({"other": "kept"})


class Cluster:
    """A server, a source that watches it, and what the source told."""

    def __init__(self, server=None, **options):
        self.server = server or ApiServer(seed=1)
        self.api = self.server.connect()
        self.host = FakeHost()
        self.source = KubernetesSource(self.api, self.host, Scope(NAMESPACE, **options))
        self.told = []
        self.slow = 0.0
        self.ledger = {}

    async def observe(self, observation):
        self.told.append(observation)
        if isinstance(observation, Listing):
            self.ledger = {}
        for sourced in observation.resources:
            self.ledger[sourced.resource.ref] = sourced.resource
        for ref in observation.gone if isinstance(observation, Change) else ():
            self.ledger.pop(ref, None)
        await trio.sleep(self.slow)

    @asynccontextmanager
    async def watched(self, settle=1.0):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self.source.run, self.observe)
            await trio.sleep(settle)
            yield
            nursery.cancel_scope.cancel()

    def refs(self, kind):
        return sorted(ref.name for ref in self.ledger if ref.kind == kind)

    def news(self):
        """What was told since the last time somebody asked."""
        told, self.told = self.told, []
        return told

    @property
    def lists(self):
        return sum(
            n for (verb, kind), n in self.api.requests.items() if verb == "list" and kind != "pods"
        )


def service(name, kind="LoadBalancer", **spec):
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name, "namespace": "default"},
        "spec": {"type": kind, "ports": [{"port": 80}], **spec},
    }


def a_slice(name, of, *nodes, ready=True):
    endpoints = [
        {"addresses": ["10.1.0.1"], "conditions": {"ready": ready}, "nodeName": node}
        for node in nodes
    ]
    return {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {
            "name": name,
            "namespace": "default",
            "labels": {"kubernetes.io/service-name": of},
        },
        "addressType": "IPv4",
        "endpoints": endpoints,
        "ports": [],
    }


def custom(kind, name, spec, version="v1beta1"):
    return {
        "apiVersion": f"metallb.io/{version}",
        "kind": kind,
        "metadata": {"name": name, "namespace": NAMESPACE},
        "spec": spec,
    }


def pool(name="p", *addresses):
    return custom("IPAddressPool", name, {"addresses": list(addresses or ["192.0.2.0/24"])})


def peer(**spec):
    asked = {"myASN": 64512, "peerASN": 64513, "peerAddress": "10.0.0.1", **spec}
    return custom("BGPPeer", "tor", asked, "v1beta2")


def secret(password="planted", kind="kubernetes.io/basic-auth"):
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "bgp", "namespace": NAMESPACE},
        "type": kind,
        "stringData": {"password": password},
    }


# --- listing and changes -----------------------------------------------------------------------


async def test_everything_is_told_at_once_when_it_has_been_listed(autojump_clock):
    cluster = Cluster()
    cluster.server.create_all([service("a"), service("b"), a_slice("a-1", "a", "n1"), pool()])
    async with cluster.watched():
        (listing,) = cluster.news()
    assert isinstance(listing, Listing)
    assert listing.source == "kubernetes"
    assert cluster.refs("Service") == ["a", "b"]
    assert cluster.refs("EndpointSlice") == ["a-1"]
    assert cluster.refs("IPAddressPool") == ["p"]
    assert NAMESPACE in cluster.refs("Namespace")
    assert not any(sourced.origin for sourced in listing.resources)


async def test_a_list_in_many_pages_is_told_whole(autojump_clock):
    cluster = Cluster(page_size=3)
    cluster.server.create_all(service(f"s{at}") for at in range(20))
    async with cluster.watched():
        assert len(cluster.refs("Service")) == 20
    assert len(cluster.told) == 1


async def test_what_happens_later_is_told_as_a_change(autojump_clock):
    cluster = Cluster()
    async with cluster.watched():
        cluster.news()
        cluster.server.create(service("a"))
        await trio.sleep(0.1)
        assert [type(each) for each in cluster.told] == [Change]
        cluster.server.delete("Service", "a", "default")
        await trio.sleep(0.1)
        assert cluster.told[-1].gone == (Ref("Service", "default", "a"),)


async def test_a_burst_is_told_in_few_changes(autojump_clock):
    cluster = Cluster()
    async with cluster.watched():
        cluster.news()
        cluster.slow = 0.5
        for at in range(300):
            cluster.server.create(service(f"s{at}"))
            if at % 50 == 0:
                await trio.sleep(0.01)
        await trio.sleep(5)
        assert len(cluster.refs("Service")) == 300
        assert len(cluster.told) <= 3


async def test_services_of_other_types_and_their_slices_are_not_told(autojump_clock):
    cluster = Cluster()
    cluster.server.create_all([service("in", "ClusterIP"), a_slice("in-1", "in", "n1")])
    async with cluster.watched():
        assert cluster.refs("Service") == []
        assert cluster.refs("EndpointSlice") == []
        cluster.server.patch("Service", "in", {"spec": {"type": "LoadBalancer"}}, "default")
        await trio.sleep(0.1)
        assert cluster.refs("Service") == ["in"]
        assert cluster.refs("EndpointSlice") == ["in-1"]
        cluster.server.patch("Service", "in", {"spec": {"type": "ClusterIP"}}, "default")
        await trio.sleep(0.1)
        assert cluster.ledger[Ref("Service", "default", "in")].type == "ClusterIP"


async def test_pods_that_change_on_the_same_nodes_are_not_told(autojump_clock):
    cluster = Cluster()
    cluster.server.create_all([service("a"), a_slice("a-1", "a", "n1")])
    async with cluster.watched():
        cluster.news()
        for at in range(20):
            changed = a_slice("a-1", "a", *(["n1"] * (1 + at % 3)))
            cluster.server.patch(
                "EndpointSlice", "a-1", {"endpoints": changed["endpoints"]}, "default"
            )
            await trio.sleep(0.1)
        assert cluster.news() == []
        gone = a_slice("a-1", "a", "n1", ready=False)
        cluster.server.patch("EndpointSlice", "a-1", {"endpoints": gone["endpoints"]}, "default")
        await trio.sleep(0.1)
        (change,) = cluster.news()
        assert change.resources[0].resource.serving_nodes == ()


async def test_the_heartbeats_of_a_node_are_not_told(autojump_clock):
    cluster = Cluster()
    node = {"apiVersion": "v1", "kind": "Node", "metadata": {"name": "n1"}}
    cluster.server.create(node)
    async with cluster.watched():
        cluster.news()
        for at in range(5):
            condition = {
                "type": "Ready",
                "status": "True",
                "lastHeartbeatTime": f"2026-01-01T00:00:0{at}Z",
            }
            cluster.server.patch("Node", "n1", {"status": {"conditions": [condition]}}, status=True)
            await trio.sleep(1)
        assert cluster.news() == []
        condition = {"type": "NetworkUnavailable", "status": "True"}
        cluster.server.patch("Node", "n1", {"status": {"conditions": [condition]}}, status=True)
        await trio.sleep(0.1)
        assert cluster.ledger[Ref("Node", "", "n1")].network_unavailable


async def test_every_run_begins_with_a_listing(autojump_clock):
    cluster = Cluster()
    cluster.server.create(service("a"))
    for _ in range(2):
        async with cluster.watched():
            (listing,) = cluster.news()
            assert isinstance(listing, Listing)
            assert cluster.refs("Service") == ["a"]


# --- what goes wrong ---------------------------------------------------------------------------


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
        before = sum(n for (verb, _), n in cluster.api.requests.items() if verb == "watch")
        await trio.sleep(3600)
        asked = sum(n for (verb, _), n in cluster.api.requests.items() if verb == "watch") - before
    assert asked <= 13 * 3600 / 100
    assert len(cluster.told) == 1


async def test_nothing_is_told_before_everything_has_been_listed(autojump_clock):
    cluster = Cluster()
    cluster.server.create_all([service("a"), pool()])
    plain = cluster.api.request

    async def refusing(method, path, *rest, **named):
        if path.endswith("/communities"):
            return Response(503, b"{}")
        return await plain(method, path, *rest, **named)

    cluster.api.request = refusing
    async with cluster.watched(settle=60):
        assert cluster.told == []
        cluster.api.request = plain
        await trio.sleep(60)
        assert [type(each) for each in cluster.told] == [Listing]


async def test_what_may_not_be_watched_is_said_once_with_what_is_needed(caplog, autojump_clock):
    cluster = Cluster()
    plain = cluster.api.request

    async def refusing(method, path, *rest, **named):
        if path.endswith("/communities"):
            return Response(403, b'{"message": "forbidden"}')
        return await plain(method, path, *rest, **named)

    cluster.api.request = refusing
    async with cluster.watched(settle=300):
        assert cluster.told == []
    (said,) = caplog.messages
    assert said.startswith("communities cannot be watched: ")
    assert "get, list, watch of communities" in said


async def test_a_cluster_without_the_custom_resources_is_told_without_them(autojump_clock):
    cluster = Cluster()
    plain = cluster.api.request

    async def unknown(method, path, *rest, **named):
        if path.startswith("/apis/metallb.io"):
            return Response(404, b"404 page not found\n")
        return await plain(method, path, *rest, **named)

    cluster.server.create_all([service("a"), pool()])
    cluster.api.request = unknown
    async with cluster.watched(settle=10):
        assert cluster.refs("Service") == ["a"]
        assert cluster.refs("IPAddressPool") == []
        cluster.api.request = plain
        await trio.sleep(60)
        assert cluster.refs("IPAddressPool") == ["p"]


async def test_the_old_version_of_peers_is_read_where_only_that_is_served(autojump_clock):
    cluster = Cluster()
    plain = cluster.api.request

    async def old(method, path, *rest, **named):
        if "/v1beta2/" in path:
            return Response(404, b"404 page not found\n")
        return await plain(method, path, *rest, **named)

    cluster.server.create(peer())
    cluster.api.request = old
    async with cluster.watched():
        assert cluster.refs("BGPPeer") == ["tor"]


# --- problems ----------------------------------------------------------------------------------


async def test_a_broken_resource_is_a_problem_and_keeps_its_last_good_value(autojump_clock):
    cluster = Cluster()
    cluster.server.create(pool("p", "192.0.2.0/24"))
    async with cluster.watched():
        cluster.news()
        broken = {"spec": {"addresses": ["nonsense"]}}
        cluster.server.patch("IPAddressPool", "p", broken, NAMESPACE)
        await trio.sleep(0.1)
        (change,) = cluster.news()
        assert change.resources == change.gone == ()
        assert [(each.kind, each.name) for each in change.problems] == [("IPAddressPool", "p")]
        mended = {"spec": {"addresses": ["198.51.100.0/24"]}}
        cluster.server.patch("IPAddressPool", "p", mended, NAMESPACE)
        await trio.sleep(0.1)
        (change,) = cluster.news()
        assert change.problems == ()
        assert change.resources[0].resource.addresses == ("198.51.100.0/24",)


# --- passwords ---------------------------------------------------------------------------------


async def test_the_password_of_a_secret_goes_to_the_host_before_its_peer_is_told(autojump_clock):
    cluster = Cluster()
    cluster.server.create_all([peer(passwordSecret={"name": "bgp"}), secret()])
    known = []
    plain = cluster.observe

    async def observe(observation):
        known.append(dict(cluster.host.secrets.value))
        await plain(observation)

    cluster.observe = observe
    async with cluster.watched():
        assert known == [{"other": "kept", "tor": "planted"}]
    assert "planted" not in repr(cluster.told)


async def test_a_secret_that_rotates_is_followed(autojump_clock):
    cluster = Cluster()
    cluster.server.create_all([peer(passwordSecret={"name": "bgp"}), secret()])
    async with cluster.watched():
        cluster.server.patch("Secret", "bgp", {"stringData": {"password": "second"}}, NAMESPACE)
        await trio.sleep(0.1)
        assert cluster.host.secrets.value["tor"] == "second"
        assert len(cluster.told) == 1


async def test_only_the_secrets_that_peers_name_are_watched(autojump_clock):
    cluster = Cluster()
    cluster.server.create(peer(passwordSecret={"name": "bgp"}))
    async with cluster.watched():
        assert cluster.api.requests["watch", "secrets"] == 1
        cluster.server.patch("BGPPeer", "tor", {"spec": {"passwordSecret": None}}, NAMESPACE)
        await trio.sleep(0.1)
        assert sum(1 for watch in cluster.api.watches) == 13
        cluster.news()
        cluster.server.create(secret())
        await trio.sleep(0.1)
        assert cluster.news() == []


async def test_a_secret_that_is_missing_is_a_problem_of_its_peer_until_it_is_there(autojump_clock):
    cluster = Cluster()
    cluster.server.create(peer(passwordSecret={"name": "bgp"}))
    async with cluster.watched():
        (listing,) = cluster.news()
        assert cluster.refs("BGPPeer") == ["tor"]
        (problem,) = listing.problems
        assert (problem.kind, problem.field) == ("BGPPeer", "spec.passwordSecret")
        cluster.server.create(secret())
        await trio.sleep(0.1)
        assert cluster.news()[-1].problems == ()
        assert cluster.host.secrets.value["tor"] == "planted"


async def test_a_secret_that_may_not_be_read_is_a_problem_of_its_peer_and_of_nobody_else(
    autojump_clock,
):
    cluster = Cluster()
    cluster.server.create_all([peer(passwordSecret={"name": "bgp"}), secret(), service("a")])
    plain = cluster.api.request

    async def refusing(method, path, *rest, **named):
        if path.endswith("/secrets"):
            return Response(403, b'{"message": "forbidden"}')
        return await plain(method, path, *rest, **named)

    cluster.api.request = refusing
    async with cluster.watched(settle=5):
        (listing,) = cluster.news()
        assert cluster.refs("Service") == ["a"]
        assert "cannot be read" in listing.problems[0].problem
        cluster.api.request = plain
        await trio.sleep(60)
        assert cluster.news()[-1].problems == ()


async def test_an_inline_password_is_in_nothing_that_is_told(caplog, autojump_clock):
    caplog.set_level(logging.DEBUG)
    cluster = Cluster()
    cluster.server.create(peer(password="planted"))
    async with cluster.watched():
        assert cluster.host.secrets.value["tor"] == "planted"
        assert "planted" not in repr(cluster.told)
        broken = {"spec": {"passwordSecret": {"name": "bgp"}}}
        cluster.server.patch("BGPPeer", "tor", broken, NAMESPACE)
        await trio.sleep(0.1)
        assert cluster.host.secrets.value["tor"] == "planted"
    assert "planted" not in repr(cluster.told)
    assert "planted" not in caplog.text


# --- what writers see --------------------------------------------------------------------------


async def test_what_is_written_is_seen_and_not_told(autojump_clock):
    cluster = Cluster()
    cluster.server.create(service("a"))
    async with cluster.watched():
        cluster.news()
        version, _ = await cluster.source.seen.changed(0)
        written = custom("ConfigurationState", "controller", None)
        del written["spec"]
        cluster.server.create(written)
        await trio.sleep(0.1)
        assert cluster.news() == []
        _, refs = await cluster.source.seen.changed(version)
        assert list(refs) == [Ref("ConfigurationState", "", "controller")]
        assert cluster.source.seen.listed("ServiceL2Status")


async def test_the_status_of_a_service_is_seen(autojump_clock):
    cluster = Cluster()
    cluster.server.create(service("a"))
    async with cluster.watched():
        ingress = {"status": {"loadBalancer": {"ingress": [{"ip": "192.0.2.1"}]}}}
        cluster.server.patch("Service", "a", ingress, "default", status=True)
        await trio.sleep(0.1)
        ref = Ref("Service", "default", "a")
        assert cluster.source.seen.service(ref).addresses == ("192.0.2.1",)
        assert cluster.ledger[ref].status_addresses == ("192.0.2.1",)
        cluster.server.delete("Service", "a", "default")
        await trio.sleep(0.1)
        assert cluster.source.seen.service(ref) is None


# --- MetalLB -----------------------------------------------------------------------------------


def speaker():
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": "speaker-1",
            "namespace": NAMESPACE,
            "labels": {"app": "metallb", "component": "speaker"},
        },
        "spec": {"containers": [{"name": "c", "image": "i"}]},
    }


async def test_a_cluster_where_metallb_runs_is_refused_with_a_hint(autojump_clock):
    cluster = Cluster()
    cluster.server.create(speaker())
    with pytest.raises(PluginError, match="speaker: speaker-1") as raised:
        await cluster.source.run(cluster.observe)
    assert "--replicas=0" in raised.value.hint
    assert cluster.told == []


async def test_running_beside_metallb_can_be_allowed(autojump_clock):
    cluster = Cluster(beside_metallb=True)
    cluster.server.create(speaker())
    async with cluster.watched():
        assert len(cluster.told) == 1


async def test_metallb_that_appears_later_is_said_once_and_so_is_its_end(caplog, autojump_clock):
    caplog.set_level(logging.INFO)
    cluster = Cluster()
    async with cluster.watched():
        cluster.server.create(speaker())
        await trio.sleep(120)
        cluster.server.delete("Pod", "speaker-1", NAMESPACE)
        await trio.sleep(120)
    assert [record.levelname for record in caplog.records] == ["ERROR", "INFO"]


async def test_where_pods_may_not_be_seen_that_is_said_once(caplog, autojump_clock):
    cluster = Cluster()
    plain = cluster.api.request

    async def refusing(method, path, *rest, **named):
        if path.endswith("/pods"):
            raise Refused(f"GET {path}", Response(403, b'{"message": "forbidden"}'))
        return await plain(method, path, *rest, **named)

    cluster.api.request = refusing
    async with cluster.watched(settle=120):
        assert len(cluster.told) == 1
    (said,) = caplog.messages
    assert said.startswith("whether MetalLB runs as well cannot be seen: ")


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
