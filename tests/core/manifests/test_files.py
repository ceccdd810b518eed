"""Files and directories: what is read, what is passed over, and what stays in force."""

import os

import pytest
from proclaim.manifests.files import FileReader, list_paths, survey


def namespace(name):
    return f"apiVersion: v1\nkind: Namespace\nmetadata: {{name: {name}}}\n"


def peer(name, password):
    return (
        f"apiVersion: metallb.io/v1beta2\nkind: BGPPeer\nmetadata: {{name: {name}}}\n"
        f"spec: {{myASN: 1, peerASN: 2, peerAddress: 192.0.2.1, password: {password}}}\n"
    )


def names(listing):
    return [sourced.resource.name for sourced in listing.resources]


def test_a_directory_is_read_with_everything_below_it_in_order(tmp_path):
    (tmp_path / "sub").mkdir()
    (tmp_path / "b.yml").write_text(namespace("b"))
    (tmp_path / "sub" / "c.JSON").write_text('{"apiVersion": "v1", "kind": "List", "items": []}')
    (tmp_path / "sub" / "a.yaml").write_text(namespace("sub-a"))
    (tmp_path / "a.yaml").write_text(namespace("a2") + "---\n" + namespace("a1"))
    listing, _ = list_paths([str(tmp_path)])
    assert names(listing) == ["a2", "a1", "b", "sub-a"]
    assert [sourced.origin for sourced in listing.resources] == [
        *[str(tmp_path / "a.yaml")] * 2,
        str(tmp_path / "b.yml"),
        str(tmp_path / "sub" / "a.yaml"),
    ]


@pytest.mark.parametrize(
    "name",
    [".a.yaml", ".a.yaml.swp", "a.yaml~", "#a.yaml#", ".#a.yaml", "#a.yaml", "a.txt", "4913"],
)
def test_what_editors_leave_behind_is_passed_over(tmp_path, name):
    (tmp_path / name).write_text(namespace("leftover"))
    assert names(list_paths([str(tmp_path)])[0]) == []


def test_a_hidden_directory_is_passed_over(tmp_path):
    (tmp_path / ".git").mkdir()
    (tmp_path / ".git" / "a.yaml").write_text(namespace("hidden"))
    assert names(list_paths([str(tmp_path)])[0]) == []


def test_a_file_that_is_named_is_read_whatever_it_is_called(tmp_path):
    (tmp_path / ".hidden.conf").write_text(namespace("a"))
    assert names(list_paths([str(tmp_path / ".hidden.conf")])[0]) == ["a"]


def test_nothing_is_read_twice_however_many_ways_lead_to_it(tmp_path):
    (tmp_path / "a.yaml").write_text(namespace("a"))
    (tmp_path / "b.yaml").symlink_to("a.yaml")
    (tmp_path / "loop").symlink_to(".")
    paths = [tmp_path, tmp_path / "a.yaml", tmp_path / "loop" / "loop", f"{tmp_path}/./"]
    listing, _ = list_paths(map(str, paths))
    assert names(listing) == ["a"]
    assert listing.problems == ()


def test_a_link_that_leads_to_itself_is_a_problem_and_no_trap(tmp_path):
    (tmp_path / "a.yaml").write_text(namespace("a"))
    (tmp_path / "self.yaml").symlink_to("self.yaml")
    (tmp_path / "self").symlink_to("self")
    listing, _ = list_paths([str(tmp_path)])
    assert names(listing) == ["a"]
    assert listing.unreadable == (str(tmp_path / "self.yaml"),)


def test_a_link_to_nothing_keeps_what_it_gave_in_force(tmp_path):
    (tmp_path / "a.yaml").symlink_to("nothing")
    listing, _ = list_paths([str(tmp_path)])
    assert listing.unreadable == (str(tmp_path / "a.yaml"),)


def test_a_missing_root_is_named_and_stays_in_force(tmp_path):
    root = str(tmp_path / "missing")
    listing, _ = list_paths([root])
    assert listing.unreadable == (root,)
    assert [str(problem) for problem in listing.problems] == [
        f"{root}: is missing; what was read from it stays in force"
    ]


def test_what_is_no_file_is_named_and_not_opened(tmp_path):
    os.mkfifo(tmp_path / "pipe.yaml")
    listing, _ = list_paths([str(tmp_path)])
    assert listing.unreadable == (str(tmp_path / "pipe.yaml"),)


def test_a_mounted_config_map_is_read_through_its_links(tmp_path):
    (tmp_path / "..2026_01").mkdir()
    (tmp_path / "..2026_01" / "a.yaml").write_text(namespace("a"))
    (tmp_path / "..data").symlink_to("..2026_01")
    (tmp_path / "a.yaml").symlink_to("..data/a.yaml")
    listing, _ = list_paths([str(tmp_path)])
    assert [(one.resource.name, one.origin) for one in listing.resources] == [
        ("a", str(tmp_path / "a.yaml"))
    ]
    assert survey([str(tmp_path)]).directories == {
        str(tmp_path.parent),
        str(tmp_path),
        str(tmp_path / "..2026_01"),
    }


def test_a_resource_given_in_two_files_names_the_first_place(tmp_path):
    for name in ("a.yaml", "b.yaml"):
        (tmp_path / name).write_text("# a comment\n" + namespace("same"))
    listing, _ = list_paths([str(tmp_path)])
    assert names(listing) == ["same", "same"]
    assert [str(problem) for problem in listing.problems] == [
        f"{tmp_path}/b.yaml:4: Namespace/same: metadata.name: "
        f"is given twice, first in {tmp_path}/a.yaml:4"
    ]


def test_passwords_of_all_files_are_put_together(tmp_path):
    (tmp_path / "a.yaml").write_text(peer("a", "hunter2"))
    (tmp_path / "b.yaml").write_text(peer("b", "tr0ub4dor"))
    listing, passwords = list_paths([str(tmp_path)])
    assert passwords == {"a": "hunter2", "b": "tr0ub4dor"}
    assert "hunter2" not in repr(FileReader([str(tmp_path)]).read())
    assert "tr0ub4dor" not in repr(listing)


def test_a_name_that_is_no_text_can_still_be_stored(tmp_path):
    path = os.fsencode(tmp_path) + b"/\xff.yaml"
    with open(path, "wb") as file:
        file.write(namespace("a").encode())
    listing, _ = list_paths([str(tmp_path)])
    assert listing.resources[0].origin == f"{tmp_path}/\\xff.yaml"


def test_standard_input_is_read_where_it_is_asked_for(monkeypatch, tmp_path):
    given = tmp_path / "given"
    given.write_text(namespace("piped"))
    with given.open() as stream:
        monkeypatch.setattr("sys.stdin", stream)
        listing, _ = list_paths(["-"])
    assert [(one.resource.name, one.origin) for one in listing.resources] == [("piped", "-")]


def parsed(reader):
    """How many objects a reading has to parse."""
    pauses = []
    reader.read(lambda: pauses.append(1))
    return len(pauses)


def test_only_what_changed_is_parsed_again(tmp_path):
    for name in "abc":
        (tmp_path / f"{name}.yaml").write_text(namespace(name))
    reader = FileReader([str(tmp_path)], settled_ns=-(1 << 62))
    assert [parsed(reader), parsed(reader)] == [3, 0]
    (tmp_path / "b.yaml").write_text(namespace("changed"))
    assert [parsed(reader), parsed(reader)] == [1, 0]


def test_what_was_just_written_is_not_trusted_to_keep_its_stamp(tmp_path):
    (tmp_path / "a.yaml").write_text(namespace("a"))
    reader = FileReader([str(tmp_path)])
    assert [parsed(reader), parsed(reader)] == [1, 1]


def test_a_file_that_vanished_inside_a_directory_is_gone(tmp_path):
    path = tmp_path / "a.yaml"
    path.write_text(namespace("a"))
    reader = FileReader([str(tmp_path)])
    reader.read()
    path.unlink()
    listing = reader.read().listing
    assert (listing.resources, listing.unreadable, listing.problems) == ((), (), ())


def test_a_directory_that_vanished_keeps_what_it_gave_in_force(tmp_path):
    root = tmp_path / "root"
    root.mkdir()
    reader = FileReader([str(root)])
    assert reader.read().listing.unreadable == ()
    root.rmdir()
    reading = reader.read()
    assert reading.listing.unreadable == (str(root),)
    assert reading.directories == {str(tmp_path)}, "its return is seen from here"


def test_a_directory_without_a_manifest_is_remarked_on_and_one_with_a_lost_one_is_not(tmp_path):
    empty, lost = tmp_path / "empty", tmp_path / "lost"
    empty.mkdir()
    lost.mkdir()
    (lost / "a.yaml").symlink_to(tmp_path / "nowhere")
    (remark,) = FileReader([str(empty), str(lost)]).read().remarks
    assert str(remark) == (
        f"{empty}: warning: holds no manifest; .yaml, .yml and .json are read [NothingFound]"
    )
