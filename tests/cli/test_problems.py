"""`proclaim get problems`: what is wrong or doubtful in a ledger, now or then."""

import json

import yaml
from cli.running import ADVERTISED, ANSWERED, POOL, service

BROKEN = POOL.replace("name: public", "name: broken").replace("/30", "/33")
OVERLAPPING = POOL.replace("name: public", "name: second")
VAIN = ADVERTISED.replace(
    "name: everything, namespace: metallb-system}",
    "name: everything, namespace: metallb-system}\nspec: {peers: [tor, tor2]}",
)


def problems(proclaim, *arguments):
    ran = proclaim("get", "problems", *arguments, "-o", "json")
    assert ran.status == 0, ran.err
    return json.loads(ran.out)


def test_where_all_is_well_there_are_none(proclaim):
    proclaim.apply(POOL, ANSWERED, service("web"))
    assert problems(proclaim) == []
    assert proclaim("get", "problems").out.split() == [
        "SEVERITY",
        "CODE",
        "RESOURCE",
        "FIELD",
        "PLACE",
        "PROBLEM",
    ]


def test_what_was_read_in_vain_what_was_rejected_and_what_is_doubtful_are_told(proclaim):
    proclaim.apply(POOL, OVERLAPPING, BROKEN, VAIN, service("web"))
    found = {each["code"]: each for each in problems(proclaim)}
    assert set(found) == {"InvalidManifest", "Contradiction", "UnknownPeer"}
    invalid, warning = found["InvalidManifest"], found["UnknownPeer"]
    assert (invalid["severity"], invalid["line"], invalid["name"]) == ("problem", 17, "broken")
    assert found["Contradiction"]["severity"] == "problem"
    assert (warning["severity"], warning["kind"]) == ("warning", "BGPAdvertisement")
    assert warning["field"] == "spec.peers[1]"
    assert list(warning) == [
        "file",
        "line",
        "kind",
        "name",
        "field",
        "problem",
        "severity",
        "code",
        "reason",
        "related",
    ]
    assert [each["name"] for each in found["Contradiction"]["related"]] == ["public"]
    assert proclaim("get", "problems").out.count("; IPAddressPool/public is in ") == 1


def test_a_contradiction_of_now_has_its_line_and_one_of_another_time_its_file(proclaim):
    proclaim.apply(POOL, OVERLAPPING, ANSWERED)
    (now,), (then,) = (problems(proclaim, *more) for more in ((), ("--at", "0s")))
    assert (now["line"], now["related"][0]["line"]) == (11, 4)
    assert (then["line"], then["related"][0]["line"]) == (0, 0)


def test_they_are_those_of_check_but_for_the_lines_and_how_documents_are_written(proclaim):
    proclaim.apply(POOL, OVERLAPPING, BROKEN, VAIN, service("web", "203.0.113.1"))
    checked = json.loads(proclaim("check", proclaim.manifests, "-o", "json").out)
    keys = ("kind", "name", "field", "problem", "severity", "code")

    def without_lines(found):
        return sorted(tuple(each[key] for key in keys) for each in found)

    assert without_lines(checked) == without_lines(problems(proclaim))


def test_what_waits_for_the_history_of_the_ledger_is_told_as_well(proclaim):
    proclaim.apply(POOL.replace("/30", "/32"), ANSWERED, service("web"))
    proclaim.apply(POOL.replace("/30", "/32"), ANSWERED, service("api"), service("web"))
    (found,) = problems(proclaim)
    assert (found["code"], found["name"]) == ("PoolExhausted", "public")
    assert found["problem"] == "no free IPv4 address for default/api"


def test_what_was_wrong_then_is_shown_as_it_was(proclaim):
    proclaim.apply(POOL, service("web"))
    position = json.loads(proclaim("log", "-o", "json").out.splitlines()[-1])["position"]
    proclaim.apply(POOL, ANSWERED, service("web"))
    assert problems(proclaim) == []
    assert [each["code"] for each in problems(proclaim, "--at", f"@{position}")] == [
        "PoolNotAdvertised"
    ]


def test_those_of_one_name_are_shown_and_to_have_none_is_an_answer(proclaim):
    proclaim.apply(POOL, ANSWERED, service("web", "203.0.113.1"), service("api", "203.0.113.2"))
    assert [each["name"] for each in problems(proclaim, "web")] == ["default/web"]
    assert [each["name"] for each in problems(proclaim, "default/api")] == ["default/api"]
    assert problems(proclaim, "public") == []


def test_wide_says_what_to_do_and_yaml_what_json_says(proclaim):
    proclaim.apply(POOL, service("web"))
    wide = proclaim("get", "problems", "-o", "wide").out
    assert "WHAT TO DO" in wide
    assert "Write a BGPAdvertisement or an L2Advertisement whose ipAddressPools name" in wide
    assert yaml.safe_load(proclaim("get", "problem", "-o", "yaml").out) == problems(proclaim)
