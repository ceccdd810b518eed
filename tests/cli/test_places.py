"""The lines of findings: looked up once for each file, however much there is to say of it."""

from proclaim.findings import Code, Finding
from proclaim.model import Ref, service_ref
from proclaim_cli.values import places
from proclaim_cli.values.places import located

SERVICES = "---\n".join(
    f"apiVersion: v1\nkind: Service\nmetadata:\n  name: s{at}\nspec:\n  type: LoadBalancer\n"
    for at in range(20)
)


def about(file, at, field):
    return Finding(str(file), 0, service_ref("default", f"s{at}"), field, Code.NO_ADDRESS, "x")


def test_each_finding_gets_the_line_of_its_field_or_of_the_name(tmp_path):
    file = tmp_path / "a.yaml"
    file.write_text(SERVICES)
    found = [about(file, 3, "spec.type"), about(file, 3, ""), about(file, 0, "spec.nosuch[0]")]
    assert [each.line for each in sorted(located(found))] == [5, 25, 27]


def test_a_file_is_read_once_for_all_its_findings(tmp_path, monkeypatch):
    file = tmp_path / "a.yaml"
    file.write_text(SERVICES)
    read = []
    reading = places.read_each

    def counted(data, name, max_bytes):
        read.append(name)
        return reading(data, name, max_bytes)

    monkeypatch.setattr(places, "read_each", counted)
    found = list(located(about(file, at, field) for at in range(20) for field in ("", "spec")))
    assert (len(found), read) == (40, [str(file)])
    assert all(each.line for each in found)


def test_what_cannot_be_looked_up_stays_without_a_line(tmp_path):
    file = tmp_path / "a.yaml"
    gone = [about(file, 0, "spec")]
    assert list(located(gone)) == gone
    file.write_text(SERVICES)
    other = [about(file, 99, "spec")]
    assert list(located(other)) == other
    nowhere = [Finding("", 0, Ref("IPAddressPool", "", "p"), "", Code.POOL_EXHAUSTED, "x")]
    assert list(located(nowhere)) == nowhere


def test_a_line_that_is_known_is_kept():
    known = [about("nowhere.yaml", 0, "spec")._replace(line=7)]
    assert list(located(known)) == known
