"""`proclaim check`: every problem, one line each, and never a traceback."""

import json
from pathlib import Path

import pytest
from cli.running import ADVERTISED, POOL, service

HERE = Path(__file__).parents[1] / "core" / "manifests"
BROKEN = sorted(path.name for path in (HERE / "broken").iterdir())
DOCUMENTED = (HERE / "broken.txt").read_text(encoding="utf-8").splitlines()

OVERLAPPING = POOL.replace("name: public", "name: second").replace("192.0.2.0/30", "192.0.2.0/24")


def test_sound_manifests_are_silent(proclaim):
    proclaim.write("a.yaml", POOL, service("web"))
    assert proclaim("check", proclaim.manifests)[:2] == (0, "")


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_manifest_gives_its_documented_lines_and_status_one(proclaim, monkeypatch, name):
    monkeypatch.chdir(HERE / "broken")
    ran = proclaim("check", name)
    documented = [line for line in DOCUMENTED if line.startswith((f"{name}:", f"{name} "))]
    assert ran.status == 1
    assert sorted(set(documented)) == sorted(
        line for line in ran.out.splitlines() if line in documented
    )
    assert "Traceback" not in ran.err


def test_pools_that_overlap_are_named_with_their_place(proclaim):
    proclaim.write("a.yaml", POOL)
    proclaim.write("b.yaml", OVERLAPPING)
    ran = proclaim("check", proclaim.manifests)
    assert ran.status == 1
    assert ran.out.startswith(f"{proclaim.manifests}/b.yaml:4: IPAddressPool/second: ")
    assert "public" in ran.out
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
        f"{proclaim.manifests}/wide.yaml:4: BGPAdvertisement/wide: aggregationLength 24 would "
        "announce more than 192.0.2.0/30 of IPAddressPool public; 30 to 32 is accepted\n"
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


def test_problems_as_json_have_the_keys_that_scripts_rely_on(proclaim):
    proclaim.write("a.yaml", POOL.replace("192.0.2.0/30", "192.0.2.0/99"))
    ran = proclaim("check", proclaim.manifests, "-o", "json")
    (problem,) = json.loads(ran.out)
    assert ran.status == 1
    assert set(problem) == {"file", "line", "kind", "name", "field", "problem"}
    assert (problem["line"], problem["kind"], problem["name"]) == (5, "IPAddressPool", "public")
    assert problem["field"] == "spec.addresses[0]"


def test_a_name_that_leads_nowhere_is_a_problem_with_its_line(proclaim):
    named = ADVERTISED.replace(
        "name: everything, namespace: metallb-system}",
        "name: everything, namespace: metallb-system}\nspec: {communities: [no-exprot]}",
    )
    proclaim.write("a.yaml", POOL, named)
    ran = proclaim("check", proclaim.manifests)
    assert ran.status == 1
    place = f"{proclaim.manifests}/a.yaml:10: BGPAdvertisement/everything: spec.communities[0]: "
    assert ran.out.startswith(f"{place}'no-exprot' is neither a community ")
    assert "problem: " in proclaim("apply", proclaim.manifests).err


def test_what_has_no_effect_is_noted_and_no_problem(proclaim):
    proclaim.write("a.yaml", ADVERTISED.replace("peerASN", "enableGracefulRestart: true, peerASN"))
    ran = proclaim("check", proclaim.manifests, "-o", "json")
    assert (ran.status, json.loads(ran.out)) == (0, [])
    assert "note: " in ran.err
    assert "spec.enableGracefulRestart: has no effect" in ran.err


def test_standard_input_is_checked_too(proclaim):
    ran = proclaim("check", "-", stdin=b"kind: [")
    assert ran.status == 1
    assert ran.out.startswith("-:1")


def test_a_path_that_is_not_there_is_a_problem(proclaim):
    ran = proclaim("check", proclaim.manifests / "nowhere.yaml")
    assert ran.status == 1
    assert "nowhere.yaml: is missing\n" in ran.out


def test_checking_makes_no_ledger(proclaim, tmp_path):
    proclaim.write("a.yaml", POOL)
    proclaim("check", proclaim.manifests)
    assert not list(tmp_path.glob("ledger*"))


def test_the_name_of_a_file_commands_no_terminal(proclaim):
    proclaim.write("a\n\x1b[31m.yaml", "kind: [")
    ran = proclaim("check", proclaim.manifests)
    assert len(ran.out.splitlines()) == 1
    assert "/a??[31m.yaml:1: not YAML" in ran.out
