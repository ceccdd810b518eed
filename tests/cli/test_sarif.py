"""`proclaim check -o sarif`: a log that code scanning takes (OASIS SARIF 2.1.0)."""

import json
import os
from importlib.metadata import version
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from cli.running import ADVERTISED, ANSWERED, POOL, service
from proclaim.findings import RULES, Severity
from proclaim_cli.values.sarif import artifact

GOLDEN = Path(__file__).parents[1] / "golden" / "cli" / "check.sarif"
"""Written anew with PROCLAIM_UPDATE_GOLDEN=1; read the difference before you keep it."""

MIXED = [
    POOL,
    ADVERTISED.replace("peerASN", "bfdProfile: fast, peerASN"),
    POOL.replace("name: public", "name: broken").replace("/30", "/33"),
    ANSWERED + "spec: {interfaces: [eth0, eth0]}\n",
    service("web"),
    POOL.replace("name: public", "name: second"),
    service("none").replace("spec: {", "spec: {clusterIP: None, "),
]


@pytest.fixture
def log(proclaim, monkeypatch):
    """The log of manifests of which some are wrong, seen from the directory above them."""
    proclaim.write("pools and more.yaml", *MIXED)
    monkeypatch.chdir(proclaim.manifests.parent)
    ran = proclaim("check", "manifests", "manifests/nowhere.yaml", "-o", "sarif")
    assert ran.status == 1
    return json.loads(ran.out)


def test_the_log_is_the_golden_one(log):
    driver = log["runs"][0]["tool"]["driver"]
    assert driver.pop("version") == version("proclaim")
    rules = {each["id"] for each in driver.pop("rules")}
    assert rules == set(RULES)
    if os.environ.get("PROCLAIM_UPDATE_GOLDEN"):
        GOLDEN.write_text(json.dumps(log, indent=2) + "\n", encoding="utf-8")
    assert log == json.loads(GOLDEN.read_text(encoding="utf-8"))


def test_the_log_has_what_the_standard_requires(log):
    assert log["version"] == "2.1.0"  # section 3.13, sarifLog
    assert urlsplit(log["$schema"]).path.endswith("sarif-2.1.0.json")
    (run,) = log["runs"]
    assert run["columnKind"] in ("utf16CodeUnits", "unicodeCodePoints")  # 3.14, run
    driver = run["tool"]["driver"]  # 3.18, tool
    assert driver["name"] == "proclaim"  # 3.19, toolComponent
    ids = [rule["id"] for rule in driver["rules"]]
    assert len(ids) == len(set(ids))
    for result in run["results"]:  # 3.27, result
        assert ids[result["ruleIndex"]] == result["ruleId"]
        assert result["level"] in ("none", "note", "warning", "error")
        assert result["message"]["text"]
        for location in result["locations"]:  # 3.28, location
            physical = location["physicalLocation"]  # 3.29
            assert physical["artifactLocation"]["uri"]
            assert physical.get("region", {"startLine": 1})["startLine"] >= 1  # 3.30, region


def test_every_rule_says_what_it_is_what_to_do_and_how_serious_it_is(log):
    for rule in log["runs"][0]["tool"]["driver"]["rules"]:  # 3.49, reportingDescriptor
        known = RULES[rule["id"]]
        assert rule["shortDescription"]["text"] == f"{known.what}."
        assert rule["help"]["text"] == f"{known.remedy}."
        level = "error" if known.severity is Severity.PROBLEM else "warning"
        assert rule["defaultConfiguration"] == {"level": level}


def test_files_below_the_directory_are_named_from_there_and_no_others(log):
    places = {
        result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"]
        for result in log["runs"][0]["results"]
    }
    assert places == {"manifests/pools%20and%20more.yaml", "manifests/nowhere.yaml"}


@pytest.mark.parametrize(
    ("file", "uri"),
    [
        ("a.yaml", "a.yaml"),
        ("/src/deploy/a.yaml", "deploy/a.yaml"),
        ("deploy/pools #1.yaml", "deploy/pools%20%231.yaml"),
        ("http:a.yaml", "./http%3Aa.yaml"),
        ("-", "-"),
    ],
)
def test_a_path_below_the_root_becomes_a_relative_reference(file, uri):
    found = artifact(file, "/src")
    assert found == {"uri": uri, "uriBaseId": "%SRCROOT%"}
    parts = urlsplit(uri)
    assert (parts.scheme, parts.netloc) == ("", "")
    assert not parts.path.startswith("/")


@pytest.mark.parametrize(
    ("file", "uri"),
    [("/etc/a b.yaml", "file:///etc/a%20b.yaml"), ("/srcs/a.yaml", "file:///srcs/a.yaml")],
)
def test_a_path_elsewhere_becomes_an_absolute_one(file, uri):
    assert artifact(file, "/src") == {"uri": uri}


def test_a_contradiction_has_the_place_of_what_it_is_with(log):
    (result,) = (each for each in log["runs"][0]["results"] if each["ruleId"] == "Contradiction")
    (related,) = result["relatedLocations"]  # 3.27.22
    assert related["message"] == {"text": "IPAddressPool/public"}
    assert related["physicalLocation"]["region"] == {"startLine": 4}


def test_a_refusal_has_its_reason_among_the_properties(log):
    reasons = [each["properties"] for each in log["runs"][0]["results"] if "properties" in each]
    assert reasons == [{"reason": "Headless"}]


def test_where_all_is_well_the_log_has_no_result(proclaim):
    proclaim.write("a.yaml", POOL, ADVERTISED, service("web"))
    ran = proclaim("check", proclaim.manifests, "-o", "sarif")
    assert ran.status == 0
    assert json.loads(ran.out)["runs"][0]["results"] == []


@pytest.mark.parametrize("command", [["plan", "x"], ["get", "pools"], ["plugins"]])
def test_no_other_command_offers_it(proclaim, command):
    assert proclaim(*command, "-o", "sarif").status == 64
