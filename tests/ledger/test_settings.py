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
    with pytest.raises(SettingsError, match=r"cannot be read: .*directory"):
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
