"""Where the kernel is not to be trusted with changes."""

from proclaim_file_source.watch import network_file_system


def mounts(path, directory, kind):
    device = directory.stat().st_dev
    numbers = f"{device >> 8 & 0xFFF}:{device & 0xFF | device >> 12 & 0xFFF00}"
    path.write_text(
        f"1 0 0:1 / /proc rw - proc proc rw\n2 0 {numbers} / /x rw shared:1 - {kind} server:/x rw\n"
    )
    return str(path)


def test_a_network_file_system_is_recognised(tmp_path):
    table = mounts(tmp_path / "mountinfo", tmp_path, "nfs4")
    assert network_file_system([str(tmp_path)], table) == "nfs4"


def test_a_local_one_is_trusted(tmp_path):
    table = mounts(tmp_path / "mountinfo", tmp_path, "ext4")
    assert network_file_system([str(tmp_path)], table) == ""


def test_nobody_knows_is_an_answer(tmp_path):
    assert network_file_system([str(tmp_path / "gone")], str(tmp_path / "no-table")) == ""
    table = mounts(tmp_path / "mountinfo", tmp_path, "nfs4")
    assert network_file_system([str(tmp_path / "gone")], table) == ""
