"""What of the findings is new since they were last told."""

from proclaim.findings import Code, Finding, Told, news
from proclaim.model import Ref

REF = Ref("IPAddressPool", "", "public")


def problem(sentence="x", line=0, code=Code.CONTRADICTION):
    return Finding("a.yaml", line, REF, "", code, sentence)


def warning(sentence="x", field=""):
    return Finding("a.yaml", 0, REF, field, Code.POOL_EXHAUSTED, sentence)


def story(*moments):
    """What is told at each of several moments, as (problems, over, warnings)."""
    told = Told()
    said = []
    for found in moments:
        told, now = news(told, found)
        said.append((now.problems, now.over, now.warnings))
    return said


def test_a_problem_is_told_when_it_comes_when_it_goes_and_when_it_comes_again():
    assert story([problem()], [problem()], [], [problem()]) == [
        ([problem()], [], []),
        ([], [], []),
        ([], [problem()], []),
        ([problem()], [], []),
    ]


def test_a_problem_that_says_something_else_is_another_one():
    assert story([problem("x")], [problem("y")])[1] == ([problem("y")], [problem("x")], [])


def test_a_problem_that_moves_in_its_file_is_no_news():
    assert story([problem(line=3)], [problem(line=4)])[1] == ([], [], [])


def test_what_a_source_tells_itself_is_told_only_when_it_is_over():
    unread = problem(code=Code.INVALID_MANIFEST)
    assert story([unread], []) == [([], [], []), ([], [unread], [])]


def test_a_warning_is_told_once_whatever_becomes_of_it():
    assert story([warning("1 waits")], [warning("2 wait")], [], [warning("1 waits")]) == [
        ([], [], [warning("1 waits")]),
        ([], [], []),
        ([], [], []),
        ([], [], []),
    ]


def test_a_warning_about_another_field_is_another_one():
    assert story([warning()], [warning(), warning(field="spec")])[1][2] == [warning(field="spec")]


def test_what_is_remembered_of_warnings_is_bounded():
    told = Told()
    for at in range(0, 200_000, 1000):
        told, _ = news(told, [warning(field=str(at + more)) for more in range(1000)])
    assert len(told.warnings) <= 51_000
