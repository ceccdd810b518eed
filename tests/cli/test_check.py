"""`proclaim check`: every finding, one line each, and never a traceback."""

import json
import re
from pathlib import Path

import pytest
import yaml
from cli.running import ADVERTISED, ANSWERED, POOL, service

ROOT = Path(__file__).parents[2]
HERE = Path(__file__).parents[1] / "core" / "manifests"
BROKEN = sorted(path.name for path in (HERE / "broken").iterdir())
DOCUMENTED = (HERE / "broken.txt").read_text(encoding="utf-8").splitlines()

CODE = re.compile(r" \[[A-Za-z]+\]$")
OVERLAPPING = POOL.replace("name: public", "name: second").replace("192.0.2.0/30", "192.0.2.0/24")


OLD_PEER = """
apiVersion: metallb.io/v1beta1
kind: BGPPeer
metadata: {name: tor}
spec: {myASN: 64512, peerASN: 64513, peerAddress: 203.0.113.1}
"""
NAMED_IN_VAIN = ADVERTISED.replace(
    "name: everything, namespace: metallb-system}",
    "name: everything, namespace: metallb-system}\nspec:\n  communities: [64512:1,\n    no-exprot]",
)


def without_codes(text):
    return [CODE.sub("", line) for line in text.splitlines()]


def test_sound_manifests_are_silent(proclaim):
    proclaim.write("a.yaml", POOL, ANSWERED, ADVERTISED, service("web"))
    assert proclaim("check", "--strict", proclaim.manifests)[:2] == (0, "")


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_manifest_gives_its_documented_lines_and_status_one(proclaim, monkeypatch, name):
    monkeypatch.chdir(HERE / "broken")
    ran = proclaim("check", name)
    documented = [line for line in DOCUMENTED if line.startswith((f"{name}:", f"{name} "))]
    assert ran.status == 1
    assert sorted(set(documented)) == sorted(
        line for line in without_codes(ran.out) if line in documented
    )
    assert "Traceback" not in ran.err


def test_pools_that_overlap_are_named_with_their_place(proclaim):
    proclaim.write("a.yaml", POOL, ANSWERED)
    proclaim.write("b.yaml", OVERLAPPING)
    ran = proclaim("check", proclaim.manifests)
    assert ran.status == 1
    assert ran.out.startswith(f"{proclaim.manifests}/b.yaml:5: IPAddressPool/second: spec.ad")
    assert ran.out.endswith(
        f"; IPAddressPool/public is in {proclaim.manifests}/a.yaml:4 [Contradiction]\n"
    )
    assert len(ran.out.splitlines()) == 1


def test_an_advertisement_that_leads_out_of_a_pool_is_named_with_its_place(proclaim):
    wide = """
apiVersion: metallb.io/v1beta1
kind: BGPAdvertisement
metadata: {name: wide}
spec: {aggregationLength: 24}
"""
    proclaim.write("pool.yaml", POOL)
    proclaim.write("wide.yaml", wide)
    ran = proclaim("check", proclaim.manifests)
    assert ran.status == 1
    assert ran.out == (
        f"{proclaim.manifests}/wide.yaml:5: BGPAdvertisement/wide: spec.aggregationLength: "
        "aggregationLength 24 would announce more than 192.0.2.0/30 of IPAddressPool public; "
        f"30 to 32 is accepted; IPAddressPool/public is in {proclaim.manifests}/pool.yaml:4 "
        "[Contradiction]\n"
    )


def test_an_alias_that_goes_is_told_by_every_plan_until_it_is_back(proclaim):
    routes = """
apiVersion: metallb.io/v1beta1
kind: BGPAdvertisement
metadata: {name: routes}
spec: {communities: [blue]}
"""
    blue = """
apiVersion: metallb.io/v1beta1
kind: Community
metadata: {name: blues}
spec: {communities: [{name: blue, value: "64512:1"}]}
"""
    assert proclaim.apply(POOL, routes, blue).err.count("problem") == 0
    told = "'blue' is an alias that no Community defines any more; its last value 64512:1 stays"
    for _ in range(2):
        assert told in proclaim.apply(POOL, routes).err
    assert told not in proclaim.apply(POOL, routes, blue).err


def test_findings_as_json_have_the_keys_that_scripts_rely_on(proclaim):
    proclaim.write("a.yaml", POOL.replace("192.0.2.0/30", "192.0.2.0/99"), OLD_PEER)
    ran = proclaim("check", proclaim.manifests, "-o", "json")
    problem, warning = json.loads(ran.out)
    assert ran.status == 1
    keys = ["file", "line", "kind", "name", "field", "problem", "severity", "code"]
    keys += ["reason", "related"]
    assert (list(problem), list(warning)) == (keys, keys)
    assert (problem["line"], problem["kind"], problem["name"]) == (5, "IPAddressPool", "public")
    assert problem["field"] == "spec.addresses[0]"
    assert (problem["severity"], problem["code"]) == ("problem", "InvalidManifest")
    assert (warning["severity"], warning["code"]) == ("warning", "DeprecatedVersion")
    assert yaml.safe_load(proclaim("check", proclaim.manifests, "-o", "yaml").out) == [
        problem,
        warning,
    ]


def test_a_name_that_leads_nowhere_is_told_with_the_line_of_its_field(proclaim):
    proclaim.write("a.yaml", POOL, NAMED_IN_VAIN)
    ran = proclaim("check", proclaim.manifests)
    assert ran.status == 1
    place = f"{proclaim.manifests}/a.yaml:13: BGPAdvertisement/everything: spec.communities[1]: "
    assert ran.out.startswith(f"{place}'no-exprot' is neither a community ")
    assert ran.out.endswith(" [UnknownCommunity]\n")
    assert "problem: " in proclaim("apply", proclaim.manifests).err


def test_standard_input_has_lines_too(proclaim):
    ran = proclaim("check", "-", stdin="---\n".join([POOL, NAMED_IN_VAIN]).encode())
    assert ran.out.startswith("-:13: BGPAdvertisement/everything: spec.communities[1]: ")


def test_warnings_are_told_among_the_problems_and_fail_only_where_asked(proclaim):
    proclaim.write("a.yaml", POOL, ANSWERED, OLD_PEER)
    place = f"{proclaim.manifests}/a.yaml:13"
    said = f"{place}: warning: BGPPeer/tor: apiVersion: metallb.io/v1beta1 is deprecated for "
    ran = proclaim("check", proclaim.manifests)
    assert (ran.status, ran.out.splitlines()[0][: len(said)]) == (0, said)
    assert "proclaim: 3 resources, 0 problems, 1 warning\n" in ran.err
    assert proclaim("check", "--strict", proclaim.manifests).status == 1


def test_a_rule_that_is_ignored_is_not_told_and_fails_nothing(proclaim):
    proclaim.write("a.yaml", POOL, OLD_PEER)
    strict = ["check", "--strict", proclaim.manifests]
    both = [*strict, "--ignore", "DeprecatedVersion", "--ignore", "poolnotadvertised"]
    assert len(proclaim(*strict).out.splitlines()) == 2
    assert proclaim(*both)[:2] == (0, "")
    assert CODE.findall(proclaim(*both[:-2]).out.strip()) == [" [PoolNotAdvertised]"]


def test_a_rule_that_does_not_exist_cannot_be_ignored(proclaim):
    ran = proclaim("check", proclaim.manifests, "--ignore", "PoolNotAdvertized")
    assert (ran.status, ran.out) == (64, "")
    assert "there is no rule 'PoolNotAdvertized'" in ran.err
    assert "hint: did you mean PoolNotAdvertised?" in ran.err


def test_a_contradiction_as_json_has_the_places_of_what_it_is_with(proclaim):
    proclaim.write("a.yaml", POOL, ANSWERED)
    proclaim.write("b.yaml", OVERLAPPING)
    (found,) = json.loads(proclaim("check", proclaim.manifests, "-o", "json").out)
    assert found["field"] == "spec.addresses[0]"
    assert found["related"] == [
        {
            "file": f"{proclaim.manifests}/a.yaml",
            "line": 4,
            "kind": "IPAddressPool",
            "name": "public",
        }
    ]


HEADLESS = service("web").replace("spec: {", "spec: {clusterIP: None, ")


@pytest.mark.parametrize("named", ["NoAddress", "noaddress/headless", "Headless"])
def test_a_refusal_is_ignored_by_its_rule_or_by_its_reason(proclaim, named):
    proclaim.write("a.yaml", POOL, ANSWERED, HEADLESS)
    strict = ["check", "--strict", proclaim.manifests]
    (found,) = json.loads(proclaim(*strict, "-o", "json").out)
    assert (found["code"], found["reason"]) == ("NoAddress", "Headless")
    assert proclaim(*strict).out.endswith(" [NoAddress/Headless]\n")
    assert proclaim(*strict, "--ignore", named)[:2] == (0, "")
    assert proclaim(*strict, "--ignore", "PortInUse").status == 1


def test_a_reason_that_does_not_exist_cannot_be_ignored(proclaim):
    ran = proclaim("check", proclaim.manifests, "--ignore", "NoAddress/PortInUs")
    assert ran.status == 64
    assert "hint: did you mean PortInUse?" in ran.err


def test_that_a_pool_is_closed_is_no_reason_to_say_that_a_service_gets_nothing(proclaim):
    noted = "name: public, annotations: {proclaim.io/allocation: closed}"
    proclaim.write("a.yaml", POOL.replace("name: public", noted), ANSWERED, service("web"))
    assert proclaim("check", "--strict", proclaim.manifests)[:2] == (0, "")
    full = POOL.replace("public", "other").replace('192.0.2.0/30, "2001:db8::/64"', "10.0.0.0/32")
    proclaim.write("b.yaml", full, service("api"))
    assert proclaim("check", "--strict", proclaim.manifests)[:2] == (0, "")
    proclaim.write("a.yaml", ANSWERED, service("web"))
    assert "[PoolExhausted]" in proclaim("check", proclaim.manifests).out


def test_services_of_the_class_in_the_settings_are_the_ones_that_are_judged(proclaim, tmp_path):
    file = tmp_path / "settings.toml"
    file.write_text('load_balancer_class = "example.com/lb"\n', encoding="utf-8")
    proclaim.write("a.yaml", POOL, ANSWERED, service("web", "198.51.100.7"))
    strict = ["check", "--strict", proclaim.manifests]
    assert "AddressOutsidePools" in proclaim(*strict).out
    assert proclaim(*strict, "--settings", str(file))[:2] == (0, "")


def test_a_directory_without_a_manifest_is_a_warning(proclaim, tmp_path):
    empty = tmp_path / "empty"
    (empty / "below").mkdir(parents=True)
    (empty / "notes.txt").write_text("x", encoding="utf-8")
    ran = proclaim("check", empty)
    assert (ran.status, ran.out) == (
        0,
        f"{empty}: warning: holds no manifest; .yaml, .yml and .json are read [NothingFound]\n",
    )
    (empty / "below" / "a.yaml").write_text("# nothing\n", encoding="utf-8")
    assert proclaim("check", "--strict", empty)[:2] == (0, "")


def test_services_that_a_pool_cannot_serve_are_told_before_any_ledger_knows(proclaim):
    small = POOL.replace("192.0.2.0/30", "192.0.2.0/32")
    proclaim.write("a.yaml", small, ANSWERED, service("web"), service("api"))
    ran = proclaim("check", proclaim.manifests)
    assert ran.status == 0
    assert ran.out.endswith(
        "a.yaml:5: warning: IPAddressPool/public: spec.addresses: no free IPv4 address for "
        "default/web [PoolExhausted]\n"
    )


def test_plan_and_apply_tell_warnings_but_those_that_the_line_of_a_service_tells(proclaim):
    proclaim.write("a.yaml", POOL, service("web", "198.51.100.7"))
    assert "AddressOutsidePools" in proclaim("check", proclaim.manifests).out
    for command in ("plan", "apply"):
        ran = proclaim(command, proclaim.manifests)
        assert "warning: " in ran.err
        assert "[PoolNotAdvertised]\n" in ran.err
        assert "AddressOutsidePools" not in ran.err


EXAMPLES = sorted((ROOT / "examples").glob("*/manifests"))


@pytest.mark.parametrize("folder", EXAMPLES, ids=lambda folder: folder.parent.name)
def test_the_examples_are_beyond_reproach(proclaim, folder):
    services = folder.parent / "services"
    paths = [folder, services] if services.exists() else [folder]
    assert proclaim("check", "--strict", *paths)[:2] == (0, "")


def test_standard_input_is_checked_too(proclaim):
    ran = proclaim("check", "-", stdin=b"kind: [")
    assert ran.status == 1
    assert ran.out.startswith("-:1")


def test_a_path_that_is_not_there_is_a_problem(proclaim):
    ran = proclaim("check", proclaim.manifests / "nowhere.yaml")
    assert ran.status == 1
    assert "nowhere.yaml: is missing [Unreadable]\n" in ran.out


def test_checking_makes_no_ledger(proclaim, tmp_path):
    proclaim.write("a.yaml", POOL)
    proclaim("check", proclaim.manifests)
    assert not list(tmp_path.glob("ledger*"))


def test_the_name_of_a_file_commands_no_terminal(proclaim):
    proclaim.write("a\n\x1b[31m.yaml", "kind: [")
    ran = proclaim("check", proclaim.manifests)
    assert len(ran.out.splitlines()) == 1
    assert "/a??[31m.yaml:1: not YAML" in ran.out
