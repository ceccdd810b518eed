"""The files of docs/how-to/write-an-announcer.md, taken from the page and run."""

import importlib.util
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from types import ModuleType

import pytest
from proclaim import SettingsError, SystemHost
from proclaim.plugins import Plugins
from proclaim.settings import read_settings

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs/how-to/write-an-announcer.md"
BLOCK = re.compile(r"`([\w.]+)`:\n\n```(?:python|toml)\n(.*?)```", re.DOTALL)


@pytest.fixture
def written(tmp_path: Path) -> Path:
    """A folder with every file of the page."""
    for name, text in BLOCK.findall(PAGE.read_text(encoding="utf-8")):
        (tmp_path / name).write_text(text, encoding="utf-8")
    return tmp_path


def load(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module  # dataclasses look their module up
    try:
        spec.loader.exec_module(module)
    finally:
        del sys.modules[path.stem]
    return module


def test_the_page_has_the_four_files(written: Path) -> None:
    assert sorted(path.name for path in written.iterdir()) == [
        "proclaim_on_interface.py",
        "pyproject.toml",
        "settings.toml",
        "test_on_interface.py",
    ]


def test_the_entry_point_names_the_module(written: Path) -> None:
    project = tomllib.loads((written / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    module = project["entry-points"]["proclaim"]["on_interface"]
    assert (written / f"{module}.py").exists()


def test_the_announcer_is_offered_when_the_settings_ask_for_it(written: Path) -> None:
    plugins = Plugins([("on_interface", load(written / "proclaim_on_interface.py"))])
    asked = read_settings(str(written / "settings.toml"))
    [offered] = plugins.announcers(asked, SystemHost("n1"))
    assert offered.name == "on_interface"
    assert plugins.announcers(read_settings(None), SystemHost("n1")) == []


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ('interfce = "proclaim0"', "on_interface.interfce: unknown key"),
        ("interface = 3", "on_interface.interface: name one interface"),
        ('ip = ["ip"]', "on_interface.interface: name one interface"),
    ],
)
def test_wrong_settings_of_the_announcer_name_the_file_and_the_key(
    written: Path, table: str, said: str
) -> None:
    plugins = Plugins([("on_interface", load(written / "proclaim_on_interface.py"))])
    file = written / "settings.toml"
    file.write_text(f"[on_interface]\n{table}\n", encoding="utf-8")
    with pytest.raises(SettingsError) as error:
        plugins.announcers(read_settings(str(file)), SystemHost("n1"))
    assert f"{file}: {said}" in error.value.message


@pytest.mark.slow
def test_the_code_of_the_page_is_strictly_typed(written: Path) -> None:
    checked = subprocess.run(
        [
            *(sys.executable, "-m", "mypy", "--config-file", str(ROOT / "pyproject.toml")),
            *("--cache-dir", str(written / "cache"), "proclaim_on_interface.py"),
        ],
        cwd=written,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert checked.returncode == 0, checked.stdout + checked.stderr


@pytest.mark.integration
def test_the_test_of_the_page_passes_on_a_real_interface(written: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("making a network namespace needs root")
    ran = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_on_interface.py"],
        cwd=written,
        env={**os.environ, "PYTHONPATH": str(written)},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "1 passed" in ran.stdout
