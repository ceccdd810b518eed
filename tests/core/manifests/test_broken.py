"""Every broken manifest gives exactly the lines that `broken.txt` documents, and no exception."""

from pathlib import Path

import pytest
from proclaim.manifests import read_documents
from proclaim.manifests.files import list_paths

HERE = Path(__file__).parent
BROKEN = sorted(path.name for path in (HERE / "broken").iterdir())
DOCUMENTED = (HERE / "broken.txt").read_text(encoding="utf-8").splitlines()


@pytest.fixture(autouse=True)
def _beside_the_manifests(monkeypatch):
    monkeypatch.chdir(HERE / "broken")


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_manifest_gives_the_documented_lines(name):
    listing, _ = list_paths([name])
    assert [str(problem) for problem in listing.problems] == [
        line for line in DOCUMENTED if line.startswith((f"{name}:", f"{name} "))
    ]


def test_every_documented_line_is_about_a_manifest_that_is_there():
    assert {line.partition(":")[0] for line in DOCUMENTED} == set(BROKEN)


def test_what_is_broken_takes_nothing_else_of_its_file_down():
    listing, _ = list_paths(["broken_between_good_ones.yaml"])
    assert [sourced.resource.name for sourced in listing.resources] == ["a", "b"]
    assert listing.unreadable == ("broken_between_good_ones.yaml",)


def test_the_other_items_of_a_list_are_read():
    listing, _ = list_paths(["problem_inside_a_list.yaml"])
    assert [sourced.resource.name for sourced in listing.resources] == ["a"]
    assert listing.unreadable == ()


def test_both_places_of_a_resource_given_twice_are_passed_on_in_order():
    listing, _ = list_paths(["duplicate_name.yaml"])
    assert [sourced.resource.addresses for sourced in listing.resources] == [
        ("192.0.2.0/24",),
        ("198.51.100.0/24",),
    ]


@pytest.mark.parametrize(
    ("name", "known"),
    [
        ("bad_cidr.yaml", True),
        ("duplicate_key.yaml", True),
        ("python_tag.yaml", True),
        ("name_missing.yaml", False),
        ("kind_misspelt.yaml", False),
        ("kind_missing.yaml", False),
        ("not_a_mapping.yaml", False),
        ("tab_indent.yaml", False),
        ("alias_bomb.yaml", False),
        ("empty.yaml", False),
    ],
)
def test_a_file_is_unreadable_when_a_problem_cannot_name_its_resource(name, known):
    listing, _ = list_paths([name])
    assert listing.unreadable == (() if known else (name,))


def test_a_password_stands_in_no_problem():
    for name in ("password_twice.yaml", "password_is_a_number.yaml"):
        listing, passwords = list_paths([name])
        assert "horse" not in str(listing)
        assert "31415926" not in str(listing)
        assert passwords == {}


@pytest.mark.slow
def test_a_file_of_fifty_megabytes_is_refused_without_being_read(tmp_path):
    large = tmp_path / "large.yaml"
    with large.open("wb") as file:
        file.truncate(50 * 1024 * 1024)
    listing, _ = list_paths([str(large)])
    assert [str(problem) for problem in listing.problems] == [
        f"{large}: is 52428800 bytes large; at most 10485760 are read, so split it"
    ]
    assert listing.unreadable == (str(large),)


def test_the_largest_file_is_for_the_caller_to_say(tmp_path):
    small = tmp_path / "small.yaml"
    small.write_text("apiVersion: v1\n")
    listing, _ = list_paths([str(small)], max_bytes=10)
    assert listing.problems[0].problem == "is 15 bytes large; at most 10 are read, so split it"


def test_a_text_that_is_too_large_is_refused_too():
    documents = read_documents("x" * 11, "-", max_bytes=10)
    assert [str(problem) for problem in documents.problems] == [
        "-: is 11 bytes large; at most 10 are read, so split it"
    ]


def test_a_file_that_may_not_be_read_is_named(unreadable):
    secret = unreadable("secret.yaml", "apiVersion: v1\n")
    listing, _ = list_paths([str(secret)])
    assert listing.unreadable == (str(secret),)
    assert "Permission denied" in listing.problems[0].problem
