"""`proclaim explain`: the chain of rules, and the trap that nothing else names."""

import json

from cli.running import ADVERTISED, POOL, service
from proclaim.model import AnnouncerStatus, Listing, Sourced, Spread


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


def test_who_announces_nothing_does_not_know_what_is_announced(proclaim):
    proclaim.apply(POOL, ADVERTISED, service("web"))
    proclaim.record(Listing("engine"))
    explained = json.loads(proclaim("explain", "web", "--node", "n1", "-o", "json").out)
    routes, answers = explained["announced"]
    assert (routes["announced"], routes["code"]) == (False, "NotKnownHere")
    assert routes["prefixes"] == ["192.0.2.0/32"]
    assert answers["code"] == "PoolNotAdvertised"
    assert explained["trap"] == ""
    out = proclaim("explain", "web", "--node", "n1").out
    assert "n1 bgp: not known here: no announcer takes part in this process" in out
    assert " yes, " not in out


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


def explained(proclaim, *arguments):
    ran = proclaim("explain", *arguments, "--node", "n1", "-o", "json")
    assert ran.status == 0, ran.err
    return json.loads(ran.out)


def sharing(text, key="k", port=80):
    """A Service that would share its address."""
    metadata = f"annotations: {{metallb.io/allow-shared-ip: {key}}}, name: "
    return text.replace("name: ", metadata).replace("port: 80", f"port: {port}")


def test_those_who_share_an_address_are_named_with_what_lets_them(proclaim):
    proclaim.apply(POOL, sharing(service("web")), sharing(service("tls"), port=443))
    web = explained(proclaim, "web")
    assert web["sharing"] == {
        "key": "k",
        "services": [
            {
                "service": "default/tls",
                "addresses": ["192.0.2.0"],
                "key": "k",
                "ports": ["TCP 443"],
                "traffic_policy": "Cluster",
            }
        ],
        "apart": [],
    }
    line = "  shares 192.0.2.0 with default/tls under the key k: TCP 443; Cluster\n"
    assert line in proclaim("explain", "web").out
    found = explained(proclaim, "192.0.2.0")
    assert found["sharing"]["key"] == "k"
    assert [each["service"] for each in found["sharing"]["services"]] == [
        "default/tls",
        "default/web",
    ]
    out = proclaim("explain", "192.0.2.0").out
    assert "  shared by default/web under the key k: TCP 80; Cluster\n" in out


def test_who_would_share_and_does_not_is_told_why_for_each_pool(proclaim):
    both = "{metallb.io/allow-shared-ip: l, metallb.io/loadBalancerIPs: 192.0.2.0}"
    taken = service("web").replace("name: web", f"annotations: {both}, name: web")
    proclaim.apply(POOL, sharing(service("a")))
    proclaim.apply(POOL, sharing(service("a")), taken)
    web = explained(proclaim, "web")
    assert web["reason"]["code"] == "SharingKeyDiffers"
    (public,) = web["pools"]
    assert public["reason"]["services"] == ["default/a"]
    assert (public["reason"]["wanted"], public["reason"]["found"]) == ("l", "k")
    assert (
        "  would share an address under the key l; nobody shares with it\n"
        in proclaim("explain", "web").out
    )


def test_of_many_pools_the_telling_ones_come_first_and_the_rest_is_counted(proclaim):
    many = [
        POOL.replace("public", f"pool-{at:02}").replace(
            '192.0.2.0/30, "2001:db8::/64"', f"198.51.100.{at}/32"
        )
        for at in range(20)
    ]
    last = many[19].replace("/32]", "/32], autoAssign: false").replace("pool-19", "manual")
    proclaim.apply(*many[:18], last, many[18], service("web"), service("b", "192.0.2.9"))
    out = proclaim("explain", "web").out
    lines = [line for line in out.splitlines() if line.startswith("  pool ")]
    assert len(lines) == 12
    assert lines[0] == "  pool pool-00: gave 198.51.100.0"
    assert "  and 8 more pools: 7 Available, 1 NotAutomatic\n" in out
    elsewhere = proclaim("explain", "b").out
    assert "  pool " not in elsewhere
    assert "  and 20 more pools: 20 NotAskedFor\n" in elsewhere
    assert proclaim("explain", "web", "-o", "wide").out.count("  pool ") == 20
    assert len(explained(proclaim, "web")["pools"]) == 20


def test_a_service_that_waits_is_told_with_what_it_had(proclaim):
    proclaim.apply(POOL, service("web"))
    proclaim.apply(service("web"))
    out = proclaim("explain", "web").out
    assert "  has no address\n  because no IPAddressPool is in force [NoPool]\n" in out
    assert "  had 192.0.2.0 from pool public until 20" in out
    last = explained(proclaim, "web")["last"]
    assert (last["addresses"], last["reason"]["code"]) == (["192.0.2.0"], "NotCovered")
    free = explained(proclaim, "192.0.2.0")
    assert (free["pool"], free["free"], free["last"]["service"]) == (None, None, "default/web")


def test_an_address_that_nobody_holds_says_who_could_get_it(proclaim):
    proclaim.apply(POOL, service("web"))
    nxt = explained(proclaim, "192.0.2.1")
    assert nxt["last"] is None
    assert (nxt["free"]["by_itself"], nxt["free"]["next"]) == (True, True)
    assert (
        "  any Service can get it; the pool gives it next\n" in proclaim("explain", "192.0.2.1").out
    )
    assert "  nobody ever held it\n" in proclaim("explain", "192.0.2.1").out
    assert not explained(proclaim, "192.0.2.2")["free"]["next"]
    assert explained(proclaim, "192.0.2.0")["free"] is None


def test_a_released_address_names_who_gets_it_back(proclaim):
    proclaim.apply(POOL, service("web"))
    proclaim.apply(POOL)
    found = explained(proclaim, "192.0.2.0")
    assert found["free"]["former"] == ["default/web"]
    assert (
        "  service default/web had it, and gets it back when it may\n"
        in proclaim("explain", "192.0.2.0").out
    )
    held = explained(proclaim, "192.0.2.0", "--at", f"@{found['last']['at']}")
    assert (held["free"], held["services"][0]["name"]) == (None, "web")


def test_what_keeps_an_address_back_is_noted(proclaim):
    notes = "{proclaim.io/allocation: closed}"
    closed = POOL.replace("metallb-system}", f"metallb-system, annotations: {notes}}}").replace(
        '"2001:db8::/64"]', "198.51.100.0/24], avoidBuggyIPs: true, autoAssign: false"
    )
    proclaim.apply(closed, service("web", "192.0.2.1"))
    found = explained(proclaim, "198.51.100.255")
    assert found["notes"] == [
        "avoidBuggyIPs of pool public keeps back addresses that end in .0 or .255",
        "pool public is closed to new allocations (proclaim.io/allocation: closed)",
        "pool public gives nothing by itself (autoAssign is false)",
    ]
    assert "  nobody can get it now\n" in proclaim("explain", "198.51.100.255").out
    asked = explained(proclaim, "192.0.2.1")["free"]
    assert (asked["on_request"], asked["by_itself"]) == (False, False)
    (web,) = asked["asked_by"]
    assert (web["service"], web["reason"]["code"]) == ("default/web", "PoolClosed")
    assert (
        "  service default/web asks for it, and is refused: pool public is closed"
        in proclaim("explain", "192.0.2.1").out
    )


def test_whom_the_pool_of_an_address_admits_is_said(proclaim):
    limited = POOL.replace(
        '"2001:db8::/64"]',
        '"2001:db8::/64"], autoAssign: false, serviceAllocation: {namespaces: [shop],'
        " serviceSelectors: [{matchLabels: {tier: gold}}]}",
    )
    proclaim.apply(limited)
    out = proclaim("explain", "192.0.2.1").out
    assert "  a Service can get it that asks for it, or for pool public\n" in out
    assert "  the pool admits Services of these namespaces: shop\n" in out
    assert "  the pool admits Services with these labels: tier=gold\n" in out


def test_a_pool_that_was_rejected_is_named_for_an_address_that_it_would_have(proclaim):
    proclaim.apply(POOL, POOL.replace("public", "second").replace("/30", "/29"))
    out = proclaim("explain", "192.0.2.6").out
    assert "is in no pool; nobody holds it\n" in out
    assert "  IPAddressPool second would have it, but was rejected: " in out


def test_who_follows_is_told_what_is_wrong_with_what_its_status_says(proclaim, tmp_path):
    settings = tmp_path / "proclaim.toml"
    settings.write_text("authority = 'follow'\n")
    status = "status: {loadBalancer: {ingress: [{ip: 203.0.113.7}]}}\n"
    proclaim.write("all.yaml", POOL, service("web") + status)
    assert proclaim("apply", proclaim.manifests, "--settings", settings).status == 0
    web = explained(proclaim, "web")
    assert web["reason"]["code"] == "AddressOutsidePools"
    assert web["reason"]["message"] == (
        "its status says 203.0.113.7, but no IPAddressPool contains 203.0.113.7"
    )
    assert web["pools"] == []


def rationed(quota, spec=""):
    """The pool with a quota, perhaps with more in its spec."""
    notes = f"{{proclaim.io/namespace-quota: '{quota}'}}"
    text = POOL.replace("metallb-system}", f"metallb-system, annotations: {notes}}}")
    return text.replace('"2001:db8::/64"]', f'"2001:db8::/64"]{spec}')


def test_an_address_that_a_quota_keeps_from_everyone_says_so(proclaim):
    limited = rationed("shop=1", ", serviceAllocation: {namespaces: [shop]}")
    proclaim.apply(limited, service("web", namespace="shop"))
    free = explained(proclaim, "192.0.2.1")["free"]
    assert (free["on_request"], free["by_itself"], free["next"]) == (False, False, False)
    assert free["full"] == [{"namespace": "shop", "addresses": 1, "limit": 1}]
    out = proclaim("explain", "192.0.2.1").out
    assert "  nobody can get it now\n" in out
    assert "  namespace shop can get no more of pool public: it holds 1 of 1 (procl" in out


def test_an_address_that_a_quota_keeps_from_some_names_them(proclaim):
    proclaim.apply(rationed("*=1"), service("web"), service("api", namespace="shop"))
    out = proclaim("explain", "192.0.2.2").out
    assert "  any Service can get it; the pool gives it next\n" in out
    assert "  namespace default can get no more of pool public: it holds 1 of 1 (" in out
    assert "  namespace shop can get no more of pool public: it holds 1 of 1 (" in out


def test_who_asks_for_an_address_in_no_pool_and_is_refused_is_named(proclaim):
    proclaim.apply(POOL, service("web", "8.8.8.8"), service("a", "192.0.2.1"))
    (web,) = explained(proclaim, "8.8.8.8")["asked_by"]
    assert (web["service"], web["reason"]["code"]) == ("default/web", "AddressOutsidePools")
    assert (
        "  service default/web asks for it, and is refused: no IPAddressPool contains 8.8.8.8 ["
        in proclaim("explain", "8.8.8.8").out
    )
    assert explained(proclaim, "192.0.2.1")["asked_by"] == []


def local(text, selector):
    """A Service whose traffic stays on the node that it reaches."""
    more = f"externalTrafficPolicy: Local, selector: {{app: {selector}}}, type:"
    return sharing(text).replace("type:", more)


def test_who_has_the_same_key_and_does_not_share_is_named_with_the_rule(proclaim):
    proclaim.apply(POOL, local(service("l1"), "b"))
    proclaim.apply(POOL, local(service("l1"), "b"), local(service("l2"), "c"))
    (apart,) = explained(proclaim, "l2")["sharing"]["apart"]
    assert (apart["address"], apart["services"]) == ("192.0.2.0", ["default/l1"])
    assert apart["reason"]["code"] == "TrafficPolicyDiffers"
    out = proclaim("explain", "l2").out
    assert "  does not share with default/l1: 192.0.2.0 is held by default/l1, with ext" in out
    assert "[TrafficPolicyDiffers]\n" in out


def test_of_many_who_do_not_share_a_few_are_named(proclaim):
    many = [sharing(service(name)) for name in ("a", "b", "c", "d")]
    wide = POOL.replace("192.0.2.0/30", "192.0.2.0/28")
    proclaim.apply(wide, *many)
    proclaim.apply(wide, *many, sharing(service("e")))
    assert len(explained(proclaim, "e")["sharing"]["apart"]) == 4
    out = proclaim("explain", "e").out
    assert out.count("  does not share with ") == 3
    assert "  nor at 1 more address under that key (-o wide)\n" in out
    assert proclaim("explain", "e", "-o", "wide").out.count("  does not share with ") == 4


def advertisement(name, spec):
    """A BGPAdvertisement with this spec."""
    text = ADVERTISED.split("---")[0].replace("everything", name)
    return f"{text}spec: {spec}\n"


def test_which_advertisement_announces_which_prefix_to_whom_is_said(proclaim):
    second = ADVERTISED.split("---")[1].replace("tor", "spine").replace("203.0.113.1", "10.0.0.1")
    whole = advertisement("whole", "{aggregationLength: 30, peers: [spine], localPref: 200}")
    each = advertisement("each", "{communities: ['64512:1'], peers: [tor]}")
    proclaim.apply(POOL, ADVERTISED.split("---")[1], second, whole, each, service("web"))
    routes, answers = explained(proclaim, "web")["announced"]
    assert [(one["advertisement"], one["prefix"], one["to"]) for one in routes["routes"]] == [
        ("whole", "192.0.2.0/30", ["spine"]),
        ("each", "192.0.2.0/32", ["tor"]),
    ]
    assert [one["local_pref"] for one in routes["routes"]] == [200, None]
    assert answers["routes"] == []
    out = proclaim("explain", "web", "--node", "n1").out
    assert "    192.0.2.0/30 by BGPAdvertisement whole: to spine; localPref 200\n" in out
    assert "    192.0.2.0/32 by BGPAdvertisement each: to tor; community 64512:1\n" in out


def test_an_advertisement_that_says_nothing_beside_one_that_does_is_named(proclaim):
    proclaim.apply(POOL, ADVERTISED, advertisement("uc", "{communities: [nosuch]}"), service("web"))
    routes, _ = explained(proclaim, "web")["announced"]
    assert routes["announced"]
    assert [(one["advertisement"], one["code"]) for one in routes["routes"]] == [
        ("everything", ""),
        ("uc", "UnknownCommunity"),
    ]
    assert (
        "    nothing by BGPAdvertisement uc: no Community defines the alias in BGPAdvertisement"
        " uc: nosuch [UnknownCommunity]\n" in proclaim("explain", "web", "--node", "n1").out
    )


def test_a_family_that_a_service_prefers_and_has_not_is_told_with_what_is_in_its_way(proclaim):
    both = service("web").replace("type:", "ipFamilyPolicy: PreferDualStack, type:")
    proclaim.apply(POOL.replace(', "2001:db8::/64"', ""), both)
    lacks = explained(proclaim, "web")["lacks"]
    assert (lacks["families"], lacks["pool"], lacks["code"]) == (["IPv6"], "public", "NoRange")
    assert (
        "  prefers to have IPv6 as well; pool public: has no IPv6 range [NoRange]\n"
        in proclaim("explain", "web").out
    )
    proclaim.apply(POOL, both)
    assert explained(proclaim, "web")["lacks"] is None


def test_a_status_that_is_not_adopted_is_told_with_the_reason(proclaim):
    status = "status: {loadBalancer: {ingress: [{ip: 9.9.9.9}]}}\n"
    proclaim.apply(POOL, service("web") + status)
    claim = explained(proclaim, "web")["claim"]
    assert (claim["addresses"], claim["reason"]["code"]) == (["9.9.9.9"], "AddressOutsidePools")
    out = proclaim("explain", "web").out
    assert "  its status says 9.9.9.9, which is not adopted: no IPAddressPool contains" in out
    proclaim.apply(POOL, service("web") + status.replace("9.9.9.9", "192.0.2.0"))
    assert explained(proclaim, "web")["claim"] is None


def test_a_name_that_nobody_has_leads_to_names_like_it(proclaim):
    proclaim.apply(POOL, service("dns-tcp"), service("web", namespace="shop"))
    assert "hint: did you mean default/dns-tcp? " in proclaim("explain", "dns-tpc").err
    assert "hint: did you mean shop/web? " in proclaim("explain", "web").err
    assert "did you mean" not in proclaim("explain", "something-else").err


def test_a_range_is_no_address_to_explain(proclaim):
    proclaim.apply(POOL)
    ran = proclaim("explain", "192.0.2.0/30")
    assert (ran.status, ran.out) == (64, "")
    assert "'192.0.2.0/30' is a range, and one address or one Service is explained" in ran.err


def test_a_pool_names_itself_once(proclaim):
    notes = "{proclaim.io/allocation: closed}"
    closed = POOL.replace("metallb-system}", f"metallb-system, annotations: {notes}}}")
    proclaim.apply(closed, service("web", "192.0.2.1"))
    assert "  pool public: is closed to new all" in proclaim("explain", "web").out


def test_what_many_nodes_say_alike_stands_there_once(proclaim):
    nodes = [f"apiVersion: v1\nkind: Node\nmetadata: {{name: k{at}}}\n" for at in range(5)]
    proclaim.apply(POOL, ADVERTISED, *nodes, service("web"))
    out = proclaim("explain", "web").out
    assert "  bgp on 5 nodes (k0, k1, k2 and 2 more): yes, 192.0.2.0/32; wanted for tor\n" in out
    assert out.count("by BGPAdvertisement everything") == 1
    assert proclaim("explain", "web", "-o", "wide").out.count(" bgp: yes, 192.0.2.0/32") == 5


def test_of_many_who_hold_an_address_a_few_are_explained(proclaim):
    sharers = [sharing(service(f"s{at}"), port=8000 + at) for at in range(5)]
    proclaim.apply(POOL, *sharers)
    out = proclaim("explain", "192.0.2.0").out
    assert out.count("\nservice default/s") == 3
    assert out.endswith("and 2 more Services hold it (-o wide)\n")
    assert proclaim("explain", "192.0.2.0", "-o", "wide").out.count("\nservice default/s") == 5


def test_before_any_source_was_heard_that_is_why_nothing_is_known(proclaim):
    proclaim.record(
        Listing("engine", (Sourced(AnnouncerStatus("n1", "bgp", Spread.EVERY_NODE, running=True)),))
    )
    ran = proclaim("explain", "web")
    assert ran.status == 1
    assert "no Service default/web: no source has said anything yet" in ran.err
    proclaim.apply(POOL)
    assert "no source" not in proclaim("explain", "web").err
