"""The source against an API server in memory: what it tells, when, and at what price."""

from __future__ import annotations

import logging

import trio
from apiserver.objects import bgp_peer, pool, secret, service
from k8s_source.scene import slice_on
from k8s_source.watched import NAMESPACE, Cluster
from proclaim import Change, Listing, Ref

POOL = pool("p", "192.0.2.0/24")
PEER = bgp_peer("tor", "10.0.0.1", passwordSecret={"name": "bgp"})
SECRET = secret("bgp", "planted")
WRITTEN = {
    "apiVersion": "metallb.io/v1beta1",
    "kind": "ConfigurationState",
    "metadata": {"name": "controller", "namespace": NAMESPACE},
}


# --- listing and changes -------------------------------------------------------------------------


async def test_everything_is_told_at_once_when_it_has_been_listed(autojump_clock):
    cluster = Cluster()
    cluster.server.create_all([service("a"), service("b"), slice_on("a", "n1"), POOL])
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
    cluster.server.create_all([service("in", type="ClusterIP"), slice_on("in", "n1")])
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
    cluster.server.create_all([service("a"), slice_on("a", "n1")])
    async with cluster.watched():
        cluster.news()
        for at in range(20):
            changed = slice_on("a", *(["n1"] * (1 + at % 3)))
            cluster.server.patch(
                "EndpointSlice", "a-1", {"endpoints": changed["endpoints"]}, "default"
            )
            await trio.sleep(0.1)
        assert cluster.news() == []
        gone = slice_on("a", "n1", ready=False)
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


# --- problems ------------------------------------------------------------------------------------


async def test_a_broken_resource_is_a_problem_and_keeps_its_last_good_value(autojump_clock):
    cluster = Cluster()
    cluster.server.create(POOL)
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


# --- passwords -----------------------------------------------------------------------------------


async def test_the_password_of_a_secret_goes_to_the_host_before_its_peer_is_told(autojump_clock):
    cluster = Cluster()
    cluster.server.create_all([PEER, SECRET])
    known = []
    plain = cluster.observe

    async def observe(observation):
        if observation.source == cluster.source.name:
            known.append(dict(cluster.host.secrets.value))
        await plain(observation)

    cluster.observe = observe
    async with cluster.watched():
        assert known == [{"other": "kept", "tor": "planted"}]
    assert "planted" not in repr(cluster.told)


async def test_a_secret_that_rotates_is_followed(autojump_clock):
    cluster = Cluster()
    cluster.server.create_all([PEER, SECRET])
    async with cluster.watched():
        cluster.server.patch("Secret", "bgp", {"stringData": {"password": "second"}}, NAMESPACE)
        await trio.sleep(0.1)
        assert cluster.host.secrets.value["tor"] == "second"
        assert len(cluster.told) == 1


async def test_only_the_secrets_that_peers_name_are_watched(autojump_clock):
    cluster = Cluster()
    cluster.server.create(PEER)
    async with cluster.watched():
        assert cluster.api.requests["watch", "secrets"] == 1
        cluster.server.patch("BGPPeer", "tor", {"spec": {"passwordSecret": None}}, NAMESPACE)
        await trio.sleep(0.1)
        assert sum(1 for watch in cluster.api.watches) == 13
        cluster.news()
        cluster.server.create(SECRET)
        await trio.sleep(0.1)
        assert cluster.news() == []


async def test_a_secret_that_is_missing_is_a_problem_of_its_peer_until_it_is_there(autojump_clock):
    cluster = Cluster()
    cluster.server.create(PEER)
    async with cluster.watched():
        (listing,) = cluster.news()
        assert cluster.refs("BGPPeer") == [], "the ledger keeps what may have been in force before"
        (problem,) = listing.problems
        assert (problem.kind, problem.name) == ("BGPPeer", "tor")
        assert problem.field == "spec.passwordSecret"
        cluster.server.create(SECRET)
        await trio.sleep(0.1)
        assert cluster.news()[-1].problems == ()
        assert cluster.refs("BGPPeer") == ["tor"]
        assert cluster.host.secrets.value["tor"] == "planted"


async def test_a_new_peer_is_told_before_its_secret_is_there(autojump_clock):
    cluster = Cluster()
    async with cluster.watched():
        cluster.server.create(PEER)
        await trio.sleep(0.1)
        assert cluster.refs("BGPPeer") == ["tor"]


async def test_a_peer_keeps_its_session_until_the_secret_that_it_comes_to_name_is_there(
    autojump_clock,
):
    cluster = Cluster()
    cluster.server.create_all([PEER, SECRET])
    tor = Ref("BGPPeer", "", "tor")
    async with cluster.watched():
        before = cluster.ledger[tor]
        cluster.news()
        other = {"spec": {"passwordSecret": {"name": "other"}}}
        cluster.server.patch("BGPPeer", "tor", other, NAMESPACE)
        await trio.sleep(1)
        assert cluster.ledger[tor] == before
        assert cluster.host.secrets.value["tor"] == "planted"
        assert [each.name for each in cluster.news()[-1].problems] == ["tor"]
        cluster.server.create(secret("other", "second"))
        await trio.sleep(1)
        (change,) = cluster.news()
        assert change.problems == ()
        assert cluster.ledger[tor].password_secret == "other"
        assert cluster.host.secrets.value["tor"] == "second"
        cluster.server.delete("Secret", "bgp", NAMESPACE)
        await trio.sleep(1)
        assert cluster.news() == [], "nobody names it any more"
        assert sum(1 for watch in cluster.api.watches) == 14, "13 and that of one Secret"


async def test_a_source_that_begins_anew_keeps_the_password_of_a_peer_in_force(autojump_clock):
    cluster = Cluster()
    cluster.server.create(bgp_peer("tor", "10.0.0.1", password="planted"))
    async with cluster.watched():
        edited = {"spec": {"password": None, "passwordSecret": {"name": "bgp"}}}
        cluster.server.patch("BGPPeer", "tor", edited, NAMESPACE)
        await trio.sleep(1)
    async with cluster.watched():
        assert cluster.host.secrets.value["tor"] == "planted"
        cluster.server.create(secret("bgp", "second"))
        await trio.sleep(1)
        assert cluster.host.secrets.value["tor"] == "second"


async def test_a_controller_reads_no_secret_and_waits_for_none(autojump_clock):
    cluster = Cluster(announces=False)
    cluster.server.create(bgp_peer("tor", "10.0.0.1"))
    async with cluster.watched():
        reference = {"spec": {"passwordSecret": {"name": "bgp"}}}
        cluster.server.patch("BGPPeer", "tor", reference, NAMESPACE)
        await trio.sleep(1)
        assert cluster.ledger[Ref("BGPPeer", "", "tor")].password_secret == "bgp"


async def test_a_secret_that_may_not_be_read_is_a_problem_of_its_peer_and_of_nobody_else(
    autojump_clock,
):
    cluster = Cluster()
    cluster.server.create_all([PEER, SECRET, service("a")])
    cluster.refuse("/secrets", 403)
    async with cluster.watched(settle=5):
        (listing,) = cluster.news()
        assert cluster.refs("Service") == ["a"]
        assert "cannot be read" in listing.problems[0].problem
        cluster.relent()
        await trio.sleep(60)
        assert cluster.news()[-1].problems == ()


async def test_an_inline_password_is_in_nothing_that_is_told(caplog, autojump_clock):
    caplog.set_level(logging.DEBUG)
    cluster = Cluster()
    cluster.server.create(bgp_peer("tor", "10.0.0.1", password="planted"))
    async with cluster.watched():
        assert cluster.host.secrets.value["tor"] == "planted"
        assert "planted" not in repr(cluster.told)
        broken = {"spec": {"passwordSecret": {"name": "bgp"}}}
        cluster.server.patch("BGPPeer", "tor", broken, NAMESPACE)
        await trio.sleep(0.1)
        assert cluster.host.secrets.value["tor"] == "planted"
    assert "planted" not in repr(cluster.told)
    assert "planted" not in caplog.text


# --- what writers see ----------------------------------------------------------------------------


async def test_what_is_written_is_seen_and_not_told(autojump_clock):
    cluster = Cluster()
    cluster.server.create(service("a"))
    async with cluster.watched():
        cluster.news()
        version, _ = await cluster.source.seen.changed(0)
        cluster.server.create(WRITTEN)
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
