"""`proclaim explain`: the chain of rules, and the trap that nothing else names."""

import json

from cli.running import ADVERTISED, POOL, service


def test_an_address_that_nothing_advertises_is_named_as_the_trap_it_is(proclaim):
    proclaim.apply(POOL, service("web"))
    ran = proclaim("explain", "web", "--node", "n1")
    assert ran.status == 0
    assert "has 192.0.2.0 from pool public" in ran.out
    assert "not announced anywhere: no advertisement covers the pool public" in ran.out


def test_an_advertisement_that_was_rejected_is_named_instead_of_asked_for(proclaim):
    wide = ADVERTISED.replace(
        "name: everything, namespace: metallb-system}",
        "name: everything, namespace: metallb-system}\nspec: {aggregationLength: 24}",
    )
    proclaim.apply(POOL, wide, service("web"))
    out = proclaim("explain", "web", "--node", "n1").out
    assert "not announced anywhere: no advertisement in force covers the pool public; " in out
    assert "BGPAdvertisement everything would, but was rejected: aggregationLength 24 would" in out
    assert "write a BGPAdvertisement" not in out


def test_an_announced_service_has_no_trap(proclaim):
    proclaim.apply(POOL, ADVERTISED, service("web"))
    explained = json.loads(proclaim("explain", "web", "--node", "n1", "-o", "json").out)
    assert explained["trap"] == ""
    routes, answers = explained["announced"]
    assert (routes["announcer"], routes["announced"]) == ("bgp", True)
    assert routes["to"] == [{"name": "tor", "state": ""}]
    assert (answers["announced"], answers["code"]) == (False, "PoolNotAdvertised")


def test_a_refused_service_is_told_what_each_pool_says(proclaim):
    manual = POOL.replace("name: public", "name: manual").replace(
        '192.0.2.0/30, "2001:db8::/64"]', "198.51.100.0/30], autoAssign: false"
    )
    one = POOL.replace("192.0.2.0/30", "192.0.2.0/32")
    proclaim.apply(one, manual, service("a"), service("b"))
    out = proclaim("explain", "b").out
    assert "has no address" in out
    assert "[Exhausted]" in out
    assert "pool public: has no free IPv4 address" in out
    assert "pool manual: gives nothing by itself (autoAssign is false)" in out


def test_every_way_to_name_a_service_means_the_same(proclaim):
    proclaim.apply(POOL, service("web", namespace="default"))
    ways = ["web", "default/web", "service/default/web", "Service/web"]
    assert len({proclaim("explain", way).out for way in ways}) == 1


def test_an_address_leads_to_who_holds_it(proclaim):
    proclaim.apply(POOL, service("web"))
    out = proclaim("explain", "192.0.2.0").out
    assert out.startswith("address 192.0.2.0 is in pool public\nservice default/web\n")
    assert "nobody holds it" in proclaim("explain", "2001:db8::5").out
    assert "is in no pool" in proclaim("explain", "203.0.113.9").out


def test_why_it_was_refused_at_another_time(proclaim):
    proclaim.apply(service("web"))
    proclaim.apply(POOL, service("web"))
    head = json.loads(proclaim("replay", "-o", "json").out.splitlines()[-1])["position"]
    records = [json.loads(line) for line in proclaim("log", "-o", "json").out.splitlines()]
    refused = next(each for each in records if each["topic"] == "AddressRefused/2")
    assert "[NoPool]" in proclaim("explain", "web", "--at", f"@{refused['position']}").out
    assert "[Free]" in proclaim("explain", "web", "--at", f"@{head}").out


def test_a_service_that_nobody_knows_is_an_error(proclaim):
    proclaim.apply(POOL)
    ran = proclaim("explain", "nosuch")
    assert ran.status == 1
    assert "there is no Service default/nosuch" in ran.err
    assert proclaim("explain", "a/b/c/d").status == 64


def test_a_service_that_was_deleted_is_told_with_what_it_had_and_when(proclaim):
    proclaim.apply(POOL, service("web"))
    proclaim.apply(POOL)
    ran = proclaim("explain", "web")
    assert ran.status == 0
    assert "is gone\n  had 192.0.2.0 from pool public until 20" in ran.out
    assert "because the Service was deleted [Gone]" in ran.out
    hint = next(line for line in ran.out.splitlines() if "explains it as it was" in line)
    command = hint.split("`")[1].split()[1:]
    assert "has 192.0.2.0 from pool public" in proclaim(*command).out
    last = json.loads(proclaim("explain", "web", "-o", "json").out)["last"]
    assert (last["addresses"], last["reason"]["code"]) == (["192.0.2.0"], "Gone")


def test_a_service_that_was_deleted_without_an_address_is_told_as_well(proclaim):
    proclaim.apply(service("web"))
    proclaim.write("all.yaml", POOL)
    assert proclaim("apply", proclaim.manifests).status == 0
    ran = proclaim("explain", "web")
    assert ran.status == 0
    assert ", and had no address\n" in ran.out


def test_an_address_that_nobody_holds_leads_to_the_last_who_did(proclaim):
    proclaim.apply(POOL, service("web"))
    proclaim.apply(POOL, service("web", "192.0.2.3"))
    out = proclaim("explain", "192.0.2.0").out
    assert "nobody holds it\n  the last to hold it was service default/web\n" in out
    assert "because the Service now asks for 192.0.2.3 [RequestChanged]" in out
    assert "last" not in proclaim("explain", "192.0.2.2").out


def test_whatever_keeps_every_node_silent_stands_in_the_last_line(proclaim):
    slice_ = """
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: web-1, namespace: default, labels: {kubernetes.io/service-name: web}}
addressType: IPv4
endpoints: [{addresses: [10.1.0.1], nodeName: n1, conditions: {ready: false}}]
"""
    proclaim.apply(POOL, ADVERTISED, service("web"), slice_)
    out = proclaim("explain", "web", "--node", "n1").out
    assert out.endswith(
        "  not announced anywhere: no endpoint of the Service is serving (n1 bgp)\n"
    )


def test_a_service_whose_manifest_is_broken_is_told_what_is_wrong_with_it(proclaim):
    proclaim.apply(POOL, service("web").replace("port: 80", "port: eighty"))
    ran = proclaim("explain", "web")
    assert ran.status == 1
    assert "there is no Service default/web: " in ran.err
    assert "spec.ports[0].port" in ran.err
