"""`proclaim log`: the facts, filtered, and what they changed."""

import json

import pytest
import yaml
from cli.running import POOL, service


@pytest.fixture
def recorded(proclaim):
    """A ledger in which one Service came, changed and went, beside another."""
    proclaim.apply(POOL, service("web"), service("mail"))
    proclaim.apply(POOL, service("web", "192.0.2.3"), service("mail"))
    proclaim.apply(POOL, service("mail"))
    return proclaim


def records(proclaim, *arguments):
    ran = proclaim("log", *arguments, "-o", "json")
    assert ran.status == 0, ran.err
    return [json.loads(line) for line in ran.out.splitlines()]


def test_every_fact_is_a_line_in_order(recorded):
    found = records(recorded)
    assert [each["position"] for each in found] == list(range(1, len(found) + 1))
    assert all({"position", "time", "topic", "ref"} <= set(each) for each in found)
    assert all(each["time"].endswith("Z") and "." in each["time"] for each in found)


def test_a_resource_is_found_by_its_name_with_the_decisions_about_it(recorded):
    topics = [each["topic"] for each in records(recorded, "service/default/web")]
    assert topics == [
        "ServiceObserved/1",
        "AddressAssigned/2",
        "ServiceObserved/1",
        "AddressReleased/2",
        "AddressAssigned/2",
        "ResourceRemoved/1",
        "AddressReleased/2",
    ]


def test_a_name_alone_is_a_service(recorded):
    assert records(recorded, "web") == records(recorded, "service/default/web")


def test_where_nothing_is_found_it_says_so(recorded):
    ran = recorded("log", "service/nosuch")
    assert (ran.status, ran.out) == (0, "")
    assert "no fact is about service/nosuch; the ledger begins at 20" in ran.err
    assert "no fact lies there" in recorded("log", "--until", "1d").err


def test_several_names_are_found_together(recorded):
    found = records(recorded, "Service/default/mail", "ipaddresspool/public")
    assert {each["ref"] for each in found} == {"Service/default/mail", "IPAddressPool/public"}


def test_a_kind_alone_means_all_of_it(recorded):
    assert {each["ref"] for each in records(recorded, "services")} == {
        "Service/default/web",
        "Service/default/mail",
    }


def test_a_range_of_positions_is_open_at_its_beginning(recorded):
    found = records(recorded, "--since", "@2", "--until", "@4")
    assert [each["position"] for each in found] == [3, 4]
    assert records(recorded, "--since", "1h") == records(recorded)
    assert records(recorded, "--until", "1h") == []


def test_what_changed_is_told_field_by_field(recorded):
    fields = [each for fact in records(recorded, "-p", "service/web") for each in fact["changed"]]
    assert {"field": "requested_addresses", "before": None, "after": ["192.0.2.3"]} in fields
    assert {"field": "addresses", "before": ["192.0.2.1"], "after": None} in fields
    text = recorded("log", "-p", "service/web").out
    assert '    + requested_addresses: ["192.0.2.3"]\n' in text


def test_changes_are_told_against_what_was_before_the_range(recorded):
    whole = records(recorded, "-p")
    assert records(recorded, "-p", "--since", "@6") == whole[6:]


def test_as_yaml_each_fact_is_a_document(recorded):
    documents = list(yaml.safe_load_all(recorded("log", "-o", "yaml").out))
    assert documents == records(recorded)


def test_one_line_each(recorded):
    lines = recorded("log", "--oneline").out.splitlines()
    assert len(lines) == len(records(recorded))
    assert lines[0].startswith("@1 ")


@pytest.mark.parametrize(
    "arguments",
    [
        ["nosuchkind/x/y"],
        ["service/a/b/c"],
        ["--since", "yesterday"],
        ["--since", "@1000"],
        ["--until", "2026-01-01"],
    ],
)
def test_what_means_nothing_is_a_wrong_usage_with_a_hint(recorded, arguments):
    ran = recorded("log", *arguments)
    assert (ran.status, ran.out) == (64, "")
    assert "\nhint: " in ran.err


def test_a_reason_has_one_shape_wherever_it_is_shown(proclaim):
    proclaim.write("all.yaml", POOL, service("web", "192.0.2.0"), service("z", "192.0.2.0"))
    planned = json.loads(proclaim("plan", proclaim.manifests, "-o", "json").out)
    proclaim("apply", proclaim.manifests)
    expected = {
        "code": "AddressInUse",
        "message": "192.0.2.0 is held by default/web",
        "addresses": ["192.0.2.0"],
        "services": ["default/web"],
        "wanted": "192.0.2.0",
    }
    (refused,) = [each for each in planned["services"] if each["name"] == "z"]
    (row,) = json.loads(proclaim("get", "services", "z", "-o", "json").out)
    explained = json.loads(proclaim("explain", "z", "-o", "json").out)
    (fact,) = [each for each in records(proclaim, "z") if each["topic"] == "AddressRefused/2"]
    steps = [json.loads(line) for line in proclaim("replay", "-o", "json").out.splitlines()]
    (change,) = [
        each
        for step in steps
        for each in step.get("holdings", ())
        if each["service"] == "default/z"
    ]
    shown = [each["reason"] for each in (refused, row, explained, fact, change)]
    assert shown == [expected] * 5
    assert explained["pools"][0]["reason"] == expected


def test_a_namespace_and_a_name_are_a_service(recorded):
    assert recorded("log", "default/web").out == recorded("log", "service/default/web").out != ""
    ran = recorded("log", "shop/odd")
    assert (ran.status, ran.out) == (0, "")
    assert "no fact is about shop/odd" in ran.err
