"""`proclaim plan` and `proclaim apply`: what changes, and what is recorded."""

import json
from dataclasses import replace

from cli.running import ADVERTISED, ANSWERED, POOL, service
from proclaim.settings import Settings
from proclaim_cli.opening import opened


def test_a_plan_records_nothing_and_says_by_its_status_that_something_would_change(
    proclaim, tmp_path
):
    proclaim.write("a.yaml", POOL, service("web"))
    assert proclaim("plan", proclaim.manifests).status == 2
    assert not list(tmp_path.glob("ledger*"))


def test_what_was_applied_needs_no_further_plan(proclaim):
    assert proclaim.apply(POOL, ADVERTISED, service("web")).status == 0
    ran = proclaim("plan", proclaim.manifests)
    assert (ran.status, ran.out) == (0, "no changes: 1 service kept\n")


def test_apply_does_what_plan_said(proclaim):
    proclaim.write("all.yaml", POOL, ADVERTISED, service("web"), service("ssh", "192.0.2.2"))
    planned = proclaim("plan", proclaim.manifests).out
    assert proclaim("apply", proclaim.manifests).out == planned


def test_applying_the_same_again_records_nothing(proclaim):
    proclaim.apply(POOL, service("web"))
    assert "0 facts recorded" in proclaim("apply", proclaim.manifests).err


def test_a_plan_as_json_has_the_keys_that_scripts_rely_on(proclaim):
    proclaim.apply(POOL, ADVERTISED, service("web"), service("old"))
    proclaim.write("all.yaml", POOL, ADVERTISED, service("web", "192.0.2.3"), service("new"))
    ran = proclaim("plan", proclaim.manifests, "--node", "n1", "-o", "json")
    planned = json.loads(ran.out)
    assert ran.status == 2
    assert set(planned) == {"services", "announcements", "summary", "unannounced", "left_alone"}
    keys = {"namespace", "name", "change", "before", "after", "reason", "outcome"}
    keys |= {"pool_before", "pool_after"}
    assert all(set(each) == keys for each in planned["services"])
    by_name = {each["name"]: each for each in planned["services"]}
    assert (by_name["web"]["change"], by_name["web"]["after"]) == ("moved", ["192.0.2.3"])
    assert by_name["old"]["change"] == "released"
    assert by_name["new"]["change"] == "assigned"
    assert {each["node"] for each in planned["announcements"]} == {"n1"}
    assert planned["summary"]["to"] == ["tor"]
    assert planned["summary"]["services"]["moved"] == 1


def test_an_announcement_that_comes_or_goes_says_why(proclaim):
    proclaim.apply(POOL, ADVERTISED, service("web"), service("old"))
    proclaim.write("all.yaml", POOL, service("web"))
    planned = json.loads(proclaim("plan", proclaim.manifests, "--node", "n1", "-o", "json").out)
    codes = {each["prefix"]: each["reason"]["code"] for each in planned["announcements"]}
    assert codes == {"192.0.2.0/32": "NoAddress", "192.0.2.1/32": "PoolNotAdvertised"}
    out = proclaim("plan", proclaim.manifests, "--node", "n1").out
    gone = "- bgp on n1: 192.0.2.1/32 removed, to tor for default/web"
    assert f"{gone} (no BGPAdvertisement covers its pool public)\n" in out
    proclaim("apply", proclaim.manifests)
    proclaim.write("all.yaml", POOL, ADVERTISED, service("web"))
    out = proclaim("plan", proclaim.manifests, "--node", "n1").out
    assert " (so far no BGPAdvertisement covers its pool public)\n" in out


def test_an_announcement_that_another_one_takes_the_place_of_says_which(proclaim):
    proclaim.apply(POOL, ADVERTISED, service("web"))
    wider = ADVERTISED.replace(
        "name: everything, namespace: metallb-system}",
        "name: everything, namespace: metallb-system}\nspec: {aggregationLength: 31}",
    )
    proclaim.write("all.yaml", POOL, wider, service("web"))
    out = proclaim("plan", proclaim.manifests, "--node", "n1").out
    assert "192.0.2.0/31 added, to tor for default/web (so far announced as 192.0.2.0/32)" in out
    assert "192.0.2.0/32 removed, to tor for default/web (now announced as 192.0.2.0/31)" in out


def test_a_service_that_gets_an_address_nobody_announces_is_told_at_planning(proclaim):
    proclaim.write("all.yaml", POOL, service("web"))
    told = "! service default/web: announced by nobody: no advertisement covers the pool public"
    assert told in proclaim("plan", proclaim.manifests).out
    (silent,) = json.loads(proclaim("plan", proclaim.manifests, "-o", "json").out)["unannounced"]
    assert (silent["name"], silent["addresses"]) == ("web", ["192.0.2.0"])
    assert told in proclaim("apply", proclaim.manifests).out
    assert "announced by nobody" not in proclaim("plan", proclaim.manifests).out


def test_many_services_that_nobody_announces_for_one_reason_share_a_line(proclaim):
    proclaim.write("all.yaml", POOL, *(service(name) for name in ("a", "b", "c", "d")))
    lines = proclaim("plan", proclaim.manifests).out.splitlines()
    (told,) = [line for line in lines if "announced by nobody" in line]
    assert told.startswith("! service default/a, default/b, default/c and 1 more: announced by ")


def test_the_lines_of_a_plan_say_why(proclaim):
    proclaim.apply(POOL, service("web"))
    proclaim.write("all.yaml", POOL, service("mail", "198.51.100.1"))
    out = proclaim("plan", proclaim.manifests).out
    assert "- service default/web: released 192.0.2.0 (the Service was deleted)\n" in out
    assert "! service default/mail: refused (no IPAddressPool contains 198.51.100.1)\n" in out


def test_problems_are_told_and_everything_else_goes_on(proclaim):
    proclaim.write("bad.yaml", POOL.replace("public", "bad").replace("192.0.2.0/30", "x"))
    ran = proclaim.apply(POOL, service("web"))
    assert ran.status == 1
    assert "default/web: assigned 192.0.2.0" in ran.out
    assert "problem: " in ran.err
    assert "bad.yaml:5: IPAddressPool/bad: spec.addresses[0]" in ran.err


def test_a_pool_in_the_way_of_another_is_told_at_planning(proclaim):
    proclaim.write("second.yaml", POOL.replace("public", "second"))
    proclaim.write("all.yaml", POOL)
    ran = proclaim("plan", proclaim.manifests)
    assert ran.status == 1
    assert "IPAddressPool/second" in ran.err


def test_a_broken_document_keeps_its_last_good_value(proclaim):
    proclaim.apply(POOL, service("web"))
    ran = proclaim.apply(POOL.replace("192.0.2.0/30", "nonsense"), service("web"))
    assert ran.status == 1
    assert ran.out == "no changes: 1 service kept\n"


def test_a_password_is_never_recorded(proclaim, tmp_path):
    secret = ADVERTISED.replace("203.0.113.1}", "203.0.113.1, password: horsebattery}")
    ran = proclaim.apply(POOL, secret)
    shown = "".join([*ran[1:], *proclaim("log", "-p")[1:]])
    assert "tor" in shown
    assert "horsebattery" not in shown
    assert all(b"horsebattery" not in path.read_bytes() for path in tmp_path.glob("ledger*"))


def test_no_path_given_is_a_wrong_usage(proclaim):
    assert proclaim("plan").status == 64
    assert proclaim("apply").status == 64


def test_a_ledger_that_follows_an_allocator_goes_on_following(proclaim, tmp_path):
    settings = tmp_path / "proclaim.toml"
    settings.write_text("authority = 'follow'\n")
    proclaim.write("all.yaml", POOL, service("web"))
    assert proclaim("apply", proclaim.manifests, "--settings", settings).status == 0
    ran = proclaim("apply", proclaim.manifests)
    assert "0 facts recorded" in ran.err
    assert "192.0.2" not in proclaim("get", "services").out
    assert "has not written its status yet" in proclaim("explain", "web").out


def changes_of(proclaim, *arguments):
    """A plan as a value, whatever it ends with."""
    return json.loads(proclaim("plan", proclaim.manifests, *arguments, "-o", "json").out)


def test_a_plan_without_a_ledger_says_that_everything_is_new(proclaim, tmp_path):
    proclaim.write("all.yaml", POOL, ADVERTISED, service("web"))
    ran = proclaim("plan", proclaim.manifests, "--node", "n1")
    assert "there is no ledger yet; everything is new" in ran.err
    assert "+ bgp on n1: 192.0.2.0/32 added" in ran.out
    assert not list(tmp_path.glob("ledger*"))


def test_a_plan_is_made_beside_whoever_writes_the_ledger(proclaim):
    proclaim.apply(POOL, service("web"))
    proclaim.write("all.yaml", POOL, service("web"), service("mail"))
    with opened(replace(Settings(), ledger=proclaim.ledger), read_only=False) as writer:
        head = writer.log.head()
        ran = proclaim("plan", proclaim.manifests)
        assert (ran.status, writer.log.head()) == (2, head)
        assert "+ service default/mail: assigned 192.0.2.1" in ran.out
        assert proclaim("apply", proclaim.manifests).status == 1  # it has the ledger
    assert proclaim("apply", proclaim.manifests).out == ran.out


def test_what_cannot_be_read_is_planned_as_it_was(proclaim):
    proclaim.write("web.yaml", service("web"))
    proclaim.apply(POOL)
    proclaim.write("web.yaml", "")
    ran = proclaim("plan", proclaim.manifests)
    assert (ran.status, ran.out) == (1, "no changes: 1 service kept\n")
    assert "web.yaml: is empty, as if half written" in ran.err
    (proclaim.manifests / "web.yaml").unlink()
    ran = proclaim("plan", proclaim.manifests, proclaim.manifests.parent / "nowhere")
    assert ran.status == 1
    assert "- service default/web: released 192.0.2.0" in ran.out
    assert "is missing" in ran.err


def test_who_only_gains_an_address_has_not_moved(proclaim):
    both = service("web").replace("type:", "ipFamilyPolicy: PreferDualStack, type:")
    proclaim.apply(POOL.replace(', "2001:db8::/64"', ""), both)
    proclaim.write("all.yaml", POOL, both)
    out = proclaim("plan", proclaim.manifests).out
    assert "+ service default/web: assigned 2001:db8::, keeps 192.0.2.0 (pool public has" in out
    proclaim("apply", proclaim.manifests)
    proclaim.write("all.yaml", POOL, service("web"))
    (web,) = changes_of(proclaim)["services"]
    assert (web["change"], web["before"], web["after"]) == (
        "released",
        ["192.0.2.0", "2001:db8::"],
        ["192.0.2.0"],
    )
    assert (web["reason"]["code"], web["reason"]["found"]) == ("FamilyLost", "FamilyChanged")
    out = proclaim("plan", proclaim.manifests).out
    assert "- service default/web: released 2001:db8::, keeps 192.0.2.0 (" in out


def test_who_loses_its_address_is_told_why_and_why_it_gets_no_other(proclaim):
    proclaim.apply(POOL, service("web"))
    proclaim.write("all.yaml", service("web"))
    (web,) = changes_of(proclaim)["services"]
    assert (web["reason"]["code"], web["outcome"]["code"]) == ("NotCovered", "NoPool")
    assert (web["pool_before"], web["pool_after"]) == ("public", None)
    line = "released 192.0.2.0 (no pool covers 192.0.2.0 any more; it came from pool public; no IP"
    assert line in proclaim("plan", proclaim.manifests).out


def test_an_address_that_stays_in_a_pool_of_another_name_is_a_change(proclaim):
    proclaim.apply(POOL, service("web"))
    proclaim.write("all.yaml", POOL.replace("public", "other"), service("web"))
    ran = proclaim("plan", proclaim.manifests)
    assert ran.status == 2
    assert "~ service default/web: kept 192.0.2.0 (the address stays; pool other" in ran.out


NODES = [f"apiVersion: v1\nkind: Node\nmetadata: {{name: {name}}}\n" for name in ("a", "b")]


def test_the_reach_of_a_change_is_counted_by_node_and_by_peer(proclaim):
    second = ADVERTISED.split("---")[1].replace("tor", "spine").replace("203.0.113.1", "10.0.0.1")
    ground = (POOL, ADVERTISED, second, ANSWERED, *NODES)
    proclaim.apply(*ground)
    proclaim.write("all.yaml", *ground, service("web"), service("mail"))
    summary = changes_of(proclaim)["summary"]
    by_node = {each["node"]: each["added"] for each in summary["by_node"]}
    assert sum(by_node.values()) == 2 * 2 + 2
    tor = {"announcer": "bgp", "name": "tor", "nodes": ["a", "b"]}
    assert summary["by_receiver"][1] == {**tor, "added": 4, "removed": 0, "changed": 0}
    out = proclaim("plan", proclaim.manifests).out
    assert f"  on a, b: {by_node['a']} added each\n" in out
    assert (
        f"  on a: {by_node['a']} added\n" in proclaim("plan", proclaim.manifests, "-o", "wide").out
    )
    assert "  bgp to tor: 4 added, from 2 nodes\n" in out
    assert "  l2 to (every interface): 2 added, from" in out


def test_a_peer_that_is_told_the_same_in_other_company_notices_nothing(proclaim):
    second = ADVERTISED.split("---")[1].replace("tor", "spine").replace("203.0.113.1", "10.0.0.1")
    proclaim.apply(POOL, ADVERTISED, service("web"))
    proclaim.write("all.yaml", POOL, ADVERTISED, second, service("web"))
    planned = changes_of(proclaim, "--node", "n1")
    assert len(planned["announcements"]) in (1, 2)
    (spine,) = planned["summary"]["by_receiver"]
    assert (spine["name"], spine["added"]) == ("spine", 1)
    assert planned["summary"]["to"] == ["spine"]


def test_the_first_node_that_is_described_takes_the_place_of_this_one(proclaim, tmp_path):
    settings = tmp_path / "proclaim.toml"
    settings.write_text("node = 'here'\n")
    proclaim.apply(POOL, ADVERTISED, service("web"))
    proclaim.write("all.yaml", POOL, ADVERTISED, service("web"), NODES[0])
    planned = changes_of(proclaim, "--settings", settings)
    found = {each["node"]: (each["change"], each["reason"]["code"]) for each in
             planned["announcements"]}  # fmt: skip
    assert found == {"a": ("added", "NodeUnknown"), "here": ("removed", "NodeUnknown")}


def test_an_announcement_that_changes_says_how_it_was(proclaim):
    proclaim.apply(POOL, ADVERTISED, service("web"))
    told = ADVERTISED.replace(
        "name: everything, namespace: metallb-system}",
        "name: everything, namespace: metallb-system}\n"
        "spec: {localPref: 200, communities: ['64512:1']}",
    )
    proclaim.write("all.yaml", POOL, told, service("web", "192.0.2.1"), service("new", "192.0.2.0"))
    out = proclaim("plan", proclaim.manifests, "--node", "n1").out
    was = "now also for default/new; no longer for default/web; localPref not set -> 200; "
    was += "communities none -> 64512:1"
    assert f"~ bgp on n1: 192.0.2.0/32 changed, to tor for default/new ({was})\n" in out
    assert "moved 192.0.2.0 -> 192.0.2.1 (the Service now asks for 192.0.2.1)\n" in out
    summary = changes_of(proclaim, "--node", "n1")["summary"]
    (tor,) = summary["by_receiver"]
    assert (tor["added"], tor["changed"]) == (1, 1)


def test_what_is_the_same_on_many_nodes_has_one_line(proclaim):
    nodes = [NODES[0].replace("name: a", f"name: k{at}") for at in range(5)]
    proclaim.apply(POOL, ADVERTISED, *nodes)
    proclaim.write("all.yaml", POOL, ADVERTISED, *nodes, service("web"))
    out = proclaim("plan", proclaim.manifests).out
    told = "192.0.2.0/32 added, to tor for default/web\n"
    assert f"+ bgp on 5 nodes (k0, k1, k2 and 2 more): {told}" in out
    assert "  on 5 nodes (k0, k1, k2 and 2 more): 1 added each\n" in out
    assert proclaim("plan", proclaim.manifests, "-o", "wide").out.count(told) == 5
    assert len(changes_of(proclaim)["announcements"]) == 5


def test_a_service_that_joins_a_prefix_is_no_line_of_its_own(proclaim):
    wider = ADVERTISED.replace(
        "name: everything, namespace: metallb-system}",
        "name: everything, namespace: metallb-system}\nspec: {aggregationLength: 30}",
    )
    proclaim.apply(POOL, wider, service("web"))
    proclaim.write("all.yaml", POOL, wider, service("web"), service("mail"))
    out = proclaim("plan", proclaim.manifests, "--node", "n1").out
    assert "bgp on n1" not in out
    assert "~ 1 announcement changed in nothing but the Services (-o wide lists them)\n" in out
    (changed,) = changes_of(proclaim, "--node", "n1")["announcements"]
    assert changed["reason"]["message"] == "now also for default/mail; now also of 192.0.2.1"
    wide = proclaim("plan", proclaim.manifests, "--node", "n1", "-o", "wide").out
    assert "~ bgp on n1: 192.0.2.0/30 changed, to tor for default/mail, default/web (" in wide


def test_a_plan_of_the_first_ledger_does_not_say_that_nobody_was_known(proclaim):
    proclaim.write("all.yaml", POOL, ADVERTISED, NODES[0], service("web"))
    out = proclaim("plan", proclaim.manifests).out
    assert "+ bgp on a: 192.0.2.0/32 added, to tor for default/web\n" in out


def test_a_file_is_named_from_the_working_directory(proclaim, monkeypatch):
    monkeypatch.chdir(proclaim.manifests.parent)
    ran = proclaim.apply(POOL.replace("192.0.2.0/30", "x"))
    assert ran.err.startswith("problem: manifests/all.yaml:5: IPAddressPool/public: ")
    assert " manifests/all.yaml" in proclaim("get", "problems").out
    (found,) = json.loads(proclaim("get", "problems", "-o", "json").out)
    assert found["file"] == str(proclaim.manifests / "all.yaml")
