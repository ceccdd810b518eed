"""`proclaim get`: what a state holds, with the keys that scripts rely on."""

import json

import pytest
import yaml
from cli.running import ADVERTISED, ANSWERED, POOL, service
from proclaim.model import AnnouncerStatus, Listing, Sourced, Spread


def shown(proclaim, *arguments):
    ran = proclaim("get", *arguments, "-o", "json")
    assert ran.status == 0, ran.err
    return json.loads(ran.out)


def test_services_are_assigned_pending_or_none_of_our_business(proclaim):
    other = service("inside").replace("LoadBalancer", "ClusterIP")
    proclaim.apply(POOL, service("web"), service("mail", "198.51.100.1"), other)
    by_name = {each["name"]: each for each in shown(proclaim, "services")}
    web, mail, inside = by_name["web"], by_name["mail"], by_name["inside"]
    assert set(web) == {"namespace", "name", "state", "addresses", "pool", "since", "reason"}
    assert (web["state"], web["addresses"], web["pool"]) == ("assigned", ["192.0.2.0"], "public")
    assert set(web["since"]) == {"position", "time"}
    assert (mail["state"], mail["pool"], mail["addresses"]) == ("pending", None, [])
    assert mail["reason"] == {
        "code": "AddressOutsidePools",
        "message": "no IPAddressPool contains 198.51.100.1",
        "rule": "IPAddressPool.spec.addresses",
        "wanted": "198.51.100.1",
    }
    assert (inside["state"], inside["since"]) == ("none", None)


def test_a_service_with_one_of_two_preferred_families_is_partial(proclaim):
    both = service("web").replace("type:", "ipFamilyPolicy: PreferDualStack, type:")
    proclaim.apply(POOL.replace(', "2001:db8::/64"', ""), both)
    (web,) = shown(proclaim, "services", "web")
    assert (web["state"], web["addresses"]) == ("partial", ["192.0.2.0"])


def test_the_addresses_of_a_pool_are_counted_exactly(proclaim):
    proclaim.apply(POOL, service("web"), service("mail"))
    (pool,) = shown(proclaim, "pools", "public")
    assert pool == {
        "name": "public",
        "addresses": ["192.0.2.0/30", "2001:db8::/64"],
        "total": 4 + 2**64,
        "used": 2,
        "available": 2 + 2**64,
        "services": 2,
        "closed": False,
        "quota": None,
        "namespaces": [{"namespace": "default", "addresses": 2, "services": 2, "limit": None}],
    }


def test_a_pool_says_whether_it_is_closed_and_how_much_each_namespace_may_and_does_hold(proclaim):
    proclaim.apply(POOL, service("a", namespace="shop"), service("b"), service("c"))
    notes = "{proclaim.io/allocation: closed, proclaim.io/namespace-quota: 'shop=1, *=3'}"
    closed = POOL.replace("metallb-system}", f"metallb-system, annotations: {notes}}}")
    proclaim.apply(closed, service("a", namespace="shop"), service("b"), service("c"))
    (pool,) = shown(proclaim, "pools")
    assert (pool["closed"], pool["quota"]) == (True, {"*": 3, "shop": 1})
    assert pool["namespaces"] == [
        {"namespace": "default", "addresses": 2, "services": 2, "limit": 3},
        {"namespace": "shop", "addresses": 1, "services": 1, "limit": 1},
    ]
    assert (
        " yes     shop=1,*=3  default=2/3,shop=1/1  " in proclaim("get", "pools", "-o", "wide").out
    )


def test_addresses_that_are_avoided_are_not_in_the_total(proclaim):
    avoiding = POOL.replace('"2001:db8::/64"]', "198.51.100.0/24], avoidBuggyIPs: true")
    proclaim.apply(avoiding, service("web"))
    (pool,) = shown(proclaim, "pools")
    assert (pool["total"], pool["used"], pool["available"]) == (3 + 254, 1, 3 + 253)


def test_announcements_are_those_of_the_node_that_is_asked_for(proclaim):
    proclaim.apply(POOL, ADVERTISED, ANSWERED, service("web"))
    routes, answers = shown(proclaim, "announcements", "--node", "n1")
    assert routes == {
        "node": "n1",
        "announcer": "bgp",
        "prefix": "192.0.2.0/32",
        "addresses": ["192.0.2.0"],
        "services": ["default/web"],
        "to": ["tor"],
        "attributes": {"local_pref": None, "communities": []},
    }
    assert (answers["announcer"], answers["to"]) == ("l2", [])


def test_announcements_are_of_every_node_that_is_described(proclaim):
    nodes = [f"apiVersion: v1\nkind: Node\nmetadata: {{name: {name}}}\n" for name in ("b", "a")]
    proclaim.apply(POOL, ADVERTISED, service("web"), *nodes)
    assert [each["node"] for each in shown(proclaim, "announcements")] == ["a", "b"]
    assert [each["name"] for each in shown(proclaim, "nodes")] == ["a", "b"]


def test_a_node_that_nobody_described_is_there_alone(proclaim, tmp_path):
    settings = tmp_path / "proclaim.toml"
    settings.write_text("node = 'alone'\n")
    proclaim.apply(POOL, ADVERTISED, service("web"))
    (node,) = shown(proclaim, "nodes", "--settings", settings)
    assert (node["name"], node["here"], node["reachable"]) == ("alone", True, None)
    assert " self " in proclaim("get", "nodes", "--settings", settings).out
    ran = proclaim("get", "announcements", "--settings", settings)
    assert "alone " in ran.out
    assert "these are for node alone, as no Node is described; --node names another" in ran.err
    assert proclaim("get", "announcements", "--node", "n1").err == ""


@pytest.mark.parametrize("asked", ["service", "svc", "Services"])
def test_what_to_show_may_be_named_as_kubectl_names_it(proclaim, asked):
    proclaim.apply(POOL, service("web"))
    assert proclaim("get", asked).out == proclaim("get", "services").out


def test_what_cannot_be_shown_is_guessed_at(proclaim):
    ran = proclaim("get", "servces")
    assert (ran.status, ran.out) == (64, "")
    assert "hint: did you mean services?" in ran.err


def test_a_time_before_the_ledger_is_told(proclaim):
    proclaim.apply(POOL, service("web"))
    ran = proclaim("get", "services", "--at", "1d")
    assert ran.status == 0
    assert "1d is before the ledger, which begins at 20" in ran.err


def test_what_was_is_shown_as_it_was(proclaim):
    proclaim.apply(POOL, service("web"))
    proclaim.apply(POOL)
    assert shown(proclaim, "services") == []
    records = [json.loads(line) for line in proclaim("log", "-o", "json").out.splitlines()]
    assigned = next(each for each in records if each["topic"] == "AddressAssigned/2")
    (web,) = shown(proclaim, "services", "--at", f"@{assigned['position']}")
    assert web["addresses"] == ["192.0.2.0"]
    (at_that_time,) = shown(proclaim, "services", "--at", assigned["time"])
    assert at_that_time == web
    assert shown(proclaim, "services", "--at", "1d") == []


def test_statuses_are_the_objects_that_readers_of_metallb_know(proclaim):
    proclaim.apply(POOL, ADVERTISED, ANSWERED, service("web"))
    found = shown(proclaim, "statuses", "--node", "n1")
    assert [each["kind"] for each in found] == [
        "ConfigurationState",
        "ConfigurationState",
        "IPAddressPool",
        "ServiceBGPStatus",
        "ServiceL2Status",
    ]
    assert all(set(each) == {"apiVersion", "kind", "metadata", "status"} for each in found)
    assert found[3]["status"] == {
        "node": "n1",
        "serviceName": "web",
        "serviceNamespace": "default",
        "peers": ["tor"],
    }
    ran = proclaim("get", "statuses", "--node", "n1", "-o", "yaml")
    assert yaml.safe_load(ran.out) == found


@pytest.mark.parametrize("asked", ["servicel2statuses", "ServiceL2Status"])
def test_one_kind_of_status_can_be_asked_for_and_one_name(proclaim, asked):
    proclaim.apply(POOL, ANSWERED, service("web"), service("mail"))
    assert {each["kind"] for each in shown(proclaim, asked, "--node", "n1")} == {"ServiceL2Status"}
    (web,) = shown(proclaim, asked, "web", "--node", "n1")
    assert web["status"]["serviceName"] == "web"
    assert "(every interface)" in proclaim("get", asked, "web", "--node", "n1").out


def test_a_problem_makes_the_configuration_invalid(proclaim):
    wrong = POOL.replace("192.0.2.0/30", "192.0.2.0/33")
    proclaim.apply(wrong)
    ran = proclaim("get", "configurationstates", "--node", "n1")
    assert ran.out.count("Invalid configuration error: ") == 2


def test_who_announces_nothing_claims_no_announcement_and_says_whom_to_ask(proclaim):
    proclaim.apply(POOL, ADVERTISED, ANSWERED, service("web"))
    proclaim.record(Listing("engine"))
    kinds = {each["kind"] for each in shown(proclaim, "statuses", "--node", "n1")}
    assert kinds == {"ConfigurationState", "IPAddressPool"}
    for what in ("announcements", "peers", "interfaces"):
        assert shown(proclaim, what, "--node", "n1") == []
        said = proclaim("get", what, "--node", "n1").err
        assert "proclaim: this is not known here, for no announcer takes part in" in said
        assert f"ask on a node: `proclaim get {what}`" in said
    assert "those of Services are not known here" in proclaim("get", "statuses").err


def test_why_there_is_no_session_is_said(proclaim):
    proclaim.apply(POOL)
    assert "there is no BGPPeer in force" in proclaim("get", "peers").err
    proclaim.apply(POOL, ADVERTISED)
    assert "no process has run on this ledger" in proclaim("get", "peers").err
    proclaim.record(
        Listing("engine", (Sourced(AnnouncerStatus("n1", "l2", Spread.ONE_NODE, True)),))
    )
    assert "no BGPPeer selects this node, or no announcer" in proclaim("get", "peers").err


@pytest.mark.parametrize("what", ["peers", "interfaces"])
def test_what_nobody_reported_is_an_empty_list(proclaim, what):
    proclaim.apply(POOL)
    assert shown(proclaim, what) == []


def test_a_name_that_is_not_there_is_an_error_with_a_hint(proclaim):
    proclaim.apply(POOL)
    ran = proclaim("get", "services", "nosuch")
    assert (ran.status, ran.out) == (1, "")
    assert ran.err.startswith("error: there is no nosuch")
    assert "\nhint: " in ran.err


def test_yaml_says_what_json_says(proclaim):
    proclaim.apply(POOL, service("web"))
    ran = proclaim("get", "services", "-o", "yaml")
    assert yaml.safe_load(ran.out) == shown(proclaim, "services")


def test_a_reader_never_makes_a_ledger(proclaim, tmp_path):
    ran = proclaim("get", "services")
    assert ran.status == 1
    assert ran.err.startswith("error: there is no ledger at ")
    assert not list(tmp_path.glob("ledger*"))


def test_a_closed_pool_is_told_in_the_narrow_table_too(proclaim):
    notes = "{proclaim.io/allocation: closed}"
    proclaim.apply(POOL, service("web"))
    assert "CLOSED" not in proclaim("get", "pools").out
    closed = POOL.replace("metallb-system}", f"metallb-system, annotations: {notes}}}")
    proclaim.apply(closed, service("web"))
    head, public = proclaim("get", "pools").out.splitlines()
    assert head.endswith("SERVICES  CLOSED")
    assert public.endswith("yes")


def test_of_much_that_is_wrong_a_status_table_has_the_first(proclaim):
    wrong = [POOL.replace("public", f"p{at}").replace("192.0.2.0/30", "x") for at in range(4)]
    proclaim.apply(*wrong)
    lines = proclaim("get", "configurationstates").out.splitlines()
    assert lines[1].count("spec.addresses[0]") == 1
    assert "; and 3 more" in lines[1]
    assert (
        proclaim("get", "configurationstates", "-o", "wide").out.splitlines()[1].count("[0]") == 4
    )
