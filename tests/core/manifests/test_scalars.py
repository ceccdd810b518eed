"""Plain scalars as kubectl's reader (go-yaml v2) resolves them."""

import math

import pytest
from proclaim.manifests import read_documents
from proclaim.manifests.scalars import resolve_plain
from proclaim.manifests.values import SECOND, community_problem, parse_duration
from proclaim.manifests.yaml_document import read_document


@pytest.mark.parametrize(
    ("text", "value"),
    [
        *((text, None) for text in ("", "~", "null", "Null", "NULL")),
        *((text, True) for text in ("y", "Y", "yes", "Yes", "YES", "on", "On", "ON")),
        *((text, True) for text in ("true", "True", "TRUE")),
        *((text, False) for text in ("n", "N", "no", "No", "NO", "off", "Off", "OFF")),
        *((text, False) for text in ("false", "False", "FALSE")),
        *((text, text) for text in ("nULL", "yEs", "oN", "tRUE", "none", "None", "nil")),
        ("0", 0),
        ("-0", 0),
        ("12", 12),
        ("+12", 12),
        ("-12", -12),
        ("1_000", 1000),
        ("0x1F", 31),
        ("0X1f", 31),
        ("-0x10", -16),
        ("0b101", 5),
        ("0o17", 15),
        ("017", 15),
        ("018", 18.0),
        ("0xfg", "0xfg"),
        ("18446744073709551615", 18446744073709551615),
        ("18446744073709551616", 18446744073709551616.0),
        ("1.5", 1.5),
        ("1.", 1.0),
        (".5", 0.5),
        ("1e3", 1000.0),
        ("1E-3", 0.001),
        ("._5", "._5"),
        ("1.2.3", "1.2.3"),
        ("64512:100", "64512:100"),
        ("1:30", "1:30"),
        ("190:20:30", "190:20:30"),
        ("192.0.2.1", "192.0.2.1"),
        ("2001-12-14", "2001-12-14"),
        ("2001-12-14t21:59:43.10-05:00", "2001-12-14t21:59:43.10-05:00"),
        ("-", "-"),
        ("+", "+"),
        ("..", ".."),
        ("=", "="),
        ("\u0661", "\u0661"),
        (".inf", math.inf),
        ("-.INF", -math.inf),
        ("+.Inf", math.inf),
        ("9" * 100_000, math.inf),
        ("f" * 100, "f" * 100),
    ],
)
def test_a_plain_scalar_resolves_as_for_kubectl(text, value):
    assert resolve_plain(text) == value
    assert type(resolve_plain(text)) is type(value)


def test_not_a_number_is_one():
    assert math.isnan(resolve_plain(".NaN"))


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("a: 'yes'", {"a": "yes"}),
        ('a: "12"', {"a": "12"}),
        ("a: !!str 12", {"a": "12"}),
        ("a: ! 12", {"a": "12"}),
        ('a: !!int "12"', {"a": 12}),
        ("a: !!float 3", {"a": 3}),
        ("12: a", {"12": "a"}),
        ("0x10: a", {"16": "a"}),
        ("on: a", {"true": "a"}),
        ("1.5: a", {"1.5": "a"}),
        ("'<<': a", {"<<": "a"}),
        ("a: |\n  12\n", {"a": "12\n"}),
        ("{a: 1, b: [2, {c: 3}]}", {"a": 1, "b": [2, {"c": 3}]}),
        ("a: &x {k: 1}\nb: {<<: *x, j: 2}", {"a": {"k": 1}, "b": {"k": 1, "j": 2}}),
        ("a: &x {k: 1}\nb: {k: 2, <<: *x}", {"a": {"k": 1}, "b": {"k": 2}}),
        ("a: &x 1\nb: *x", {"a": 1, "b": 1}),
        ("&k a: 1\nb: {*k : 2}", {"a": 1, "b": {"a": 2}}),
    ],
)
def test_values_and_keys_are_read_as_for_kubectl(text, value):
    document = read_document(text)
    assert document.faults == []
    assert document.value == value


def test_a_community_in_a_manifest_needs_no_quotes():
    documents = read_documents(
        "apiVersion: metallb.io/v1beta1\nkind: BGPAdvertisement\n"
        "metadata: {name: all}\nspec: {communities: [64512:100, 1:30]}\n",
        "-",
    )
    assert documents.resources[0].resource.communities == ("64512:100", "1:30")


@pytest.mark.parametrize(
    ("text", "nanoseconds"),
    [
        ("0", 0),
        ("90s", 90 * SECOND),
        ("1m30s", 90 * SECOND),
        ("1.5h", 5400 * SECOND),
        (".5s", SECOND // 2),
        ("-1s", -SECOND),
        ("+1s", SECOND),
        ("1us1\u00b5s1\u03bcs", 3000),
        ("100ms", SECOND // 10),
        ("2562047h47m16.854775807s", (1 << 63) - 1),
    ],
)
def test_a_duration_is_read_as_go_reads_it(text, nanoseconds):
    assert parse_duration(text) == nanoseconds


@pytest.mark.parametrize(
    "text",
    [
        "",
        "-",
        "90",
        "s",
        ".s",
        "1 s",
        "1d",
        "1s2",
        "1S",
        "--1s",
        "9" * 70 + "s",
        "2562048h",
        "\u0661s",
    ],
)
def test_what_go_refuses_as_a_duration_is_refused(text):
    with pytest.raises(ValueError, match="is not a duration"):
        parse_duration(text)


@pytest.mark.parametrize(
    ("text", "literal", "with_aliases"),
    [
        ("0:0", True, True),
        ("65535:65535", True, True),
        ("large:4294967295:0:1", True, True),
        ("65536:1", False, False),
        ("large:4294967296:0:1", False, False),
        ("a:b", False, False),
        ("1:2:3:4", False, False),
        ("-1:2", False, False),
        ("1:\u0661", False, False),
        ("blue", False, True),
        ("1:2:3", False, True),
    ],
)
def test_a_community_is_judged_as_metallb_judges_it(text, literal, with_aliases):
    assert (community_problem(text, alias=False) is None) is literal
    assert (community_problem(text, alias=True) is None) is with_aliases
