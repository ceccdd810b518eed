"""The settings file: read strictly, and every error says where and what would be accepted."""

from __future__ import annotations

import pytest
from proclaim import Settings, SettingsError
from proclaim.model import Authority
from proclaim.settings import DEFAULT_LEDGER, read_settings


@pytest.fixture
def write(tmp_path):
    def written(text: str | bytes) -> str:
        path = tmp_path / "settings.toml"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return str(path)

    return written


def test_without_a_file_there_are_defaults() -> None:
    found = read_settings(None)
    assert found == Settings()
    assert found.ledger == DEFAULT_LEDGER
    assert found.authority is Authority.ALLOCATE
    assert found.section("bgp") == {}


def test_a_file_says_what_it_says_and_leaves_the_rest(write) -> None:
    path = write(
        'node = "n1"\nauthority = "follow"\n[bgp]\nlisten = "127.0.0.1:1179"\n[bgp.inner]\nx = 1\n'
    )
    found = read_settings(path)
    assert (found.path, found.node, found.authority) == (path, "n1", Authority.FOLLOW)
    assert found.ledger == DEFAULT_LEDGER
    assert found.section("bgp") == {"listen": "127.0.0.1:1179", "inner": {"x": 1}}


def test_an_empty_file_is_all_defaults(write) -> None:
    path = write("")
    assert read_settings(path) == Settings(path=path)


BROKEN = {
    "not TOML": ("node = ", "not TOML: "),
    "not text": (b"\xff\xfe\x00", "cannot be read: "),
    "unknown key": ("colour = 1", "colour: unknown key; accepted are authority, "),
    "misspelt key": ("nodee = 'a'", "nodee: unknown key; did you mean node?"),
    "number for text": ("node = 1", "node: 1 is not a text"),
    "list for text": ("ledger = []", "ledger: [] is not a text"),
    "unknown authority": ('authority = "all"', "authority: 'all' is not 'allocate' or 'follow'"),
    "inner authority": ('authority = "adopt"', "authority: 'adopt' is not 'allocate' or 'follow'"),
    "twice": ('node = "a"\nnode = "b"', "not TOML: "),
    "table for text": ('[node]\nx = "a"', "node: is not a table; write it before the first table"),
}


@pytest.mark.parametrize(("text", "said"), BROKEN.values(), ids=BROKEN.keys())
def test_a_broken_file_is_one_clear_error(write, text, said) -> None:
    path = write(text)
    with pytest.raises(SettingsError) as caught:
        read_settings(path)
    assert caught.value.message.startswith(f"{path}: {said}")
    assert "Traceback" not in caught.value.message


def test_a_missing_file_is_one_clear_error(tmp_path) -> None:
    with pytest.raises(SettingsError, match="there is no such file"):
        read_settings(str(tmp_path / "none.toml"))


def fill(folder, **files: str) -> str:
    """Files of settings by their names, without `.toml`, in a directory."""
    for name, text in files.items():
        (folder / f"{name}.toml").write_text(text, encoding="utf-8")
    return str(folder)


def test_the_files_of_a_directory_add_up(tmp_path) -> None:
    path = fill(
        tmp_path,
        a='node = "n1"\n[bgp]\nlisten = []\n[l2_arp.heartbeat]\nport = 1\n',
        b='authority = "follow"\n[bgp]\nenabled = true\n[l2_arp]\nenabled = true\n',
        c='[l2_arp.heartbeat]\nkey_file = "k"\n',
    )
    (tmp_path / "notes.txt").write_text("not read")
    (tmp_path / ".#a.toml").write_text("an editor's")
    found = read_settings(path)
    assert (found.path, found.node, found.authority) == (path, "n1", Authority.FOLLOW)
    assert found.sections == {
        "bgp": {"listen": [], "enabled": True},
        "l2_arp": {"enabled": True, "heartbeat": {"port": 1, "key_file": "k"}},
    }


@pytest.mark.parametrize(
    ("first", "second", "key"),
    [
        ('node = "a"', 'node = "a"', "node"),
        ("[bgp]\nx = true", "[bgp]\nx = true", "bgp.x"),
        ("[l2_arp.heartbeat]\nport = 1", "[l2_arp.heartbeat]\nport = 2", "l2_arp.heartbeat.port"),
        ("[bgp.x]\ny = 1", "[bgp]\nx = 1", "bgp.x"),
    ],
)
def test_no_file_of_a_directory_takes_back_what_another_says(tmp_path, first, second, key) -> None:
    path = fill(tmp_path, a=first, b=second)
    with pytest.raises(SettingsError) as caught:
        read_settings(path)
    assert caught.value.message == (
        f"{path}/b.toml: {key}: another file of the directory says it, too"
    )


def test_a_broken_file_of_a_directory_is_named(tmp_path) -> None:
    with pytest.raises(SettingsError, match=r"/b\.toml: not TOML: "):
        read_settings(fill(tmp_path, a="", b="x = "))


def test_a_directory_without_settings_is_one_clear_error(tmp_path) -> None:
    with pytest.raises(SettingsError, match=r"there is no \*\.toml in this directory"):
        read_settings(str(tmp_path))


def test_a_file_that_may_not_be_read_is_one_clear_error(unreadable) -> None:
    path = unreadable("settings.toml", "")
    with pytest.raises(SettingsError, match=r"cannot be read: .*Permission denied"):
        read_settings(str(path))


def test_a_plugin_reports_its_own_table_with_the_files_name(write) -> None:
    path = write("[bgp]\nlisten = 1\n")
    assert str(read_settings(path).error("bgp.listen", "is not a text")) == (
        f"{path}: bgp.listen: is not a text"
    )
    assert str(Settings().error("bgp.listen", "x")) == "settings: bgp.listen: x"
