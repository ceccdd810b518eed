import math

import pytest
from metrics.worlds import parse, text
from proclaim_metrics.family import LINES_AT_ONCE, Family, Kind, Sample, counter, gauge, render
from prometheus_client.parser import text_string_to_metric_families


def test_a_family_is_its_help_its_type_and_a_line_for_each_sample():
    family = counter(
        "metallb_layer2_requests_received",
        "ARP requests.",
        Sample(3, (("ip", "192.0.2.1"),)),
        Sample(4, (("ip", "2001:db8::1"),)),
    )
    assert text([family]) == (
        "# HELP metallb_layer2_requests_received ARP requests.\n"
        "# TYPE metallb_layer2_requests_received counter\n"
        'metallb_layer2_requests_received{ip="192.0.2.1"} 3\n'
        'metallb_layer2_requests_received{ip="2001:db8::1"} 4\n'
    )


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (0, "0"),
        (True, "1"),
        (False, "0"),
        (3.0, "3"),
        (0.25, "0.25"),
        ((1 << 63) - 1, "9.223372036854776e+18"),
        (math.inf, "+Inf"),
        (-math.inf, "-Inf"),
        (math.nan, "NaN"),
    ],
)
def test_values_are_written_as_the_format_has_them(value, written):
    assert text([gauge("a", "b", Sample(value))]).splitlines()[-1] == f"a {written}"


@pytest.mark.parametrize("awkward", ['quo"te', "back\\slash", "new\nline", '\\"\n', "é 漢"])
def test_any_label_comes_out_as_it_went_in(awkward):
    family = gauge("a", f"help {awkward}", Sample(1, (("label", awkward),)))
    (read,) = text_string_to_metric_families(text([family]))
    assert [sample.labels for sample in read.samples] == [{"label": awkward}]
    assert len(text([family]).splitlines()) == 3


def test_suffixes_stand_behind_the_name():
    family = Family("a", Kind.SUMMARY, "b", [Sample(2, suffix="_count"), Sample(3, suffix="_sum")])
    assert parse(text([family])) == {"a_count": 2, "a_sum": 3}


def test_rendering_pauses_after_some_lines_and_wherever_it_is_told_to():
    samples = (Sample(at, (("at", str(at)),)) for at in range(1000))
    pieces = list(render([None, Family("a", Kind.GAUGE, "b", samples), None]))
    assert max(len(piece.splitlines()) for piece in pieces) <= LINES_AT_ONCE
    assert len(parse("".join(pieces))) == 1000
    assert pieces[0] == pieces[-1] == ""


def test_samples_are_read_when_they_are_rendered_and_may_pause_as_well():
    read = []

    def samples():
        for at in range(3):
            read.append(at)
            yield Sample(at, (("at", str(at)),))
            yield None

    pieces = render([Family("a", Kind.GAUGE, "b", samples())])
    next(pieces)
    assert read == [0]
    assert "".join(pieces).count("\n") == 2
