"""The units: systemd takes them, and so does the program; the kernel gives what they ask for."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from deploy.rendering import DEPLOY
from deploy.test_capabilities import SOCKETS
from proclaim.settings import read_settings
from proclaim_cli.catalogue import application
from proclaim_k8s_source.options import Role, read_options
from proclaim_metrics.options import read_options as read_metrics

FOLDER = DEPLOY / "systemd"
UNIT = FOLDER / "proclaim.service"
EXPOSURE = 25
"""Tenths of what `systemd-analyze security` says; most services of a distribution have over 90."""


def value(key):
    return re.search(rf"^{key}=(.+)$", UNIT.read_text(encoding="utf-8"), re.MULTILINE)[1]


@pytest.fixture
def analyze():
    if not shutil.which("systemd-analyze"):
        pytest.skip("systemd-analyze is not installed")

    def asking(*arguments, **environment):
        return subprocess.run(
            ["systemd-analyze", *arguments],
            env={**os.environ, **environment},
            capture_output=True,
            text=True,
            timeout=60,
        )

    return asking


@pytest.fixture
def units(tmp_path):
    """The unit with its drop-in, starting a program that is there."""
    text = UNIT.read_text(encoding="utf-8")
    here = Path(sys.executable).with_name("proclaim")
    text = text.replace("/opt/proclaim/bin/proclaim", str(here))
    (tmp_path / "proclaim.service").write_text(text, encoding="utf-8")
    (tmp_path / "proclaim.service.d").mkdir()
    shutil.copy(FOLDER / "cluster-node.conf", tmp_path / "proclaim.service.d")
    return tmp_path


@pytest.mark.slow
def test_systemd_takes_the_unit_and_its_drop_in(analyze, units):
    ended = analyze("verify", "proclaim.service", SYSTEMD_UNIT_PATH=f"{units}:")
    assert (ended.returncode, ended.stderr) == (0, "")


@pytest.mark.slow
def test_a_misspelt_key_is_noticed(analyze, units):
    unit = units / "proclaim.service"
    unit.write_text(unit.read_text("utf-8").replace("Restart=", "Restarts="), encoding="utf-8")
    assert "Restarts" in analyze("verify", "proclaim.service", SYSTEMD_UNIT_PATH=f"{units}:").stderr


@pytest.mark.slow
def test_the_service_is_shut_in(analyze):
    ended = analyze("security", "--offline=true", f"--threshold={EXPOSURE}", str(UNIT))
    assert ended.returncode == 0, ended.stdout


def test_the_service_comes_back_and_never_gives_up():
    assert value("Restart") == "always"
    assert value("RestartSec") == "1"
    assert value("StartLimitIntervalSec") == "0"


def test_the_command_is_one_of_ours():
    _, command, *rest = value("ExecStart").split()
    known = {text for each in application().get_command(None, command).params for text in each.opts}
    assert {each for each in rest if each.startswith("--")} <= known


def test_the_settings_are_taken():
    alone = read_settings(str(FOLDER / "proclaim.toml"))
    assert alone.section("file_source") == {"paths": ["/etc/proclaim/manifests"]}
    node = read_settings(str(FOLDER / "cluster-node.toml"))
    options = read_options(node)
    assert options.role is Role.NODE
    credential = re.search(
        r"LoadCredential=(\w+):", (FOLDER / "cluster-node.conf").read_text("utf-8")
    )[1]
    assert options.kubeconfig == f"/run/credentials/proclaim.service/{credential}"
    for each in (alone, node):
        assert str(read_metrics(each).listen) == "127.0.0.1:9120"
        assert each.ledger == "sqlite:///var/lib/proclaim/ledger.db"
    assert value("StateDirectory") == "proclaim"


@pytest.mark.slow
@pytest.mark.skipif(os.geteuid() != 0, reason="giving capabilities up needs root")
@pytest.mark.skipif(not shutil.which("setpriv"), reason="setpriv is not installed")
def test_another_user_with_these_capabilities_can_do_everything():
    given = [each.removeprefix("CAP_").lower() for each in value("AmbientCapabilities").split()]
    assert value("CapabilityBoundingSet") == value("AmbientCapabilities")
    kept = ",".join(["-all", *(f"+{each}" for each in given)])
    command = ["unshare", "--net", "setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
    command += ["--bounding-set", kept, "--inh-caps", kept, "--ambient-caps", kept]
    command += ["--no-new-privs", sys.executable, str(SOCKETS)]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert set(re.findall(r'": "(.*?)"', said)) == {""}
