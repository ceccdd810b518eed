"""How every command ends: statuses, errors of one paragraph, and nothing else on either side."""

import subprocess
import sys
from pathlib import Path

import pytest
import typer
from cli.running import POOL, service
from proclaim import PluginError, ProclaimError, SettingsError, hookimpl
from proclaim.errors import LedgerDamaged, LedgerError
from proclaim.plugins import Plugins
from proclaim.sqlite_log import SQLiteLog
from proclaim_cli import main
from proclaim_cli.catalogue import COMMANDS
from proclaim_cli.commands import check


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_explains_itself(proclaim, name):
    ran = proclaim(name, "--help")
    assert ran.status == 0
    assert f"Usage: proclaim {name}" in ran.out
    assert name in proclaim("--help").out


def test_there_is_a_module_for_each_command_and_no_other():
    modules = {path.stem for path in Path(check.__file__).parent.glob("*.py")}
    assert modules - {"__init__"} == set(COMMANDS)


@pytest.mark.parametrize(
    "arguments",
    [
        ["nosuch"],
        ["verify", "--nosuch"],
        ["get"],
        ["get", "nosuch"],
        ["get", "services", "-o", "nosuch"],
        ["run", "x.yaml", "--authority", "nosuch"],
        ["explain"],
    ],
)
def test_a_wrong_usage_has_status_64_a_hint_and_no_output(proclaim, arguments):
    ran = proclaim(*arguments)
    assert (ran.status, ran.out) == (64, "")
    assert ran.err.startswith("error: ")
    assert ran.err.splitlines()[-1].startswith("hint: ")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["k8s", "plan", "--seconds", "x"], "'--seconds': a number is expected"),
        (["k8s", "plan", "--seconds", "0"], "'--seconds': at least 1 is expected"),
        (["bgp", "looking-glass", "--asn", "1.5"], "'--asn': a whole number is expected"),
    ],
)
def test_a_number_that_is_none_is_told_in_our_words(proclaim, arguments, said):
    ran = proclaim(*arguments)
    assert ran.status == 64
    assert ran.err.startswith(f"error: Invalid value for {said}\n")


def test_no_command_at_all_shows_the_commands(proclaim):
    ran = proclaim()
    assert (ran.status, ran.out) == (64, "")
    assert "Commands:" in ran.err


def test_the_version_is_told(proclaim):
    assert proclaim("--version")[:2] == (0, "proclaim 0.1.0\n")


def test_settings_that_are_wrong_are_named(proclaim, tmp_path):
    settings = tmp_path / "proclaim.toml"
    settings.write_text("ledgre = 'x'\n")
    ran = proclaim("verify", "--settings", settings)
    assert ran.status == 1
    assert f"error: {settings}: ledgre: unknown key" in ran.err


def test_a_settings_file_names_the_ledger(proclaim, tmp_path, monkeypatch):
    proclaim.apply(POOL)
    settings = tmp_path / "proclaim.toml"
    settings.write_text(f"ledger = '{proclaim.ledger}'\n")
    proclaim.ledger = ""
    assert proclaim("verify", "--settings", settings).status == 0


def test_what_is_no_ledger_is_refused(proclaim, tmp_path):
    (tmp_path / "notes.txt").write_text("not a database, and long enough to be looked at\n" * 9)
    for url in (f"sqlite:{tmp_path}/notes.txt", "redis://user:secret@host/", "sqlite:", "x"):
        ran = proclaim("verify", "--ledger", url)
        assert (ran.status, ran.out) == (1, "")
        assert "\nhint: " in ran.err
        assert "secret" not in ran.err


def test_a_surprise_is_one_line_and_a_hint(proclaim, monkeypatch):
    def broken():
        raise ZeroDivisionError("a\nsurprise")

    monkeypatch.setattr(main, "application", broken)
    ran = proclaim("verify")
    assert ran.status == 1
    assert ran.err.splitlines()[0] == (
        "error: this should not have happened: ZeroDivisionError: a surprise"
    )
    assert "PROCLAIM_DEBUG=1" in ran.err
    assert "Traceback" not in ran.err
    monkeypatch.setenv("PROCLAIM_DEBUG", "1")
    assert "Traceback" in proclaim("verify").err


@pytest.mark.parametrize(
    ("error", "hint"),
    [
        (SettingsError("no"), "--settings"),
        (PluginError("no"), "proclaim plugins"),
        (LedgerDamaged("no"), "proclaim verify"),
        (LedgerError("no"), "--ledger"),
        (ProclaimError("no"), "proclaim --help"),
    ],
)
def test_an_error_without_a_hint_of_its_own_gets_one(proclaim, monkeypatch, error, hint):
    def broken():
        raise error

    monkeypatch.setattr(main, "application", broken)
    ran = proclaim("verify")
    assert ran.status == 1
    assert hint in ran.err.splitlines()[1]


def test_a_group_of_errors_is_unwrapped(proclaim, monkeypatch):
    def broken():
        raise ExceptionGroup("crew", [ExceptionGroup("inner", [PluginError("no", hint="do")])])

    monkeypatch.setattr(main, "application", broken)
    assert proclaim("verify") == (1, "", "error: no\nhint: do\n")


@pytest.mark.parametrize(
    "error", [KeyboardInterrupt(), BaseExceptionGroup("crew", [KeyboardInterrupt()])]
)
def test_an_interrupt_says_nothing(proclaim, monkeypatch, error):
    def interrupted():
        raise error

    monkeypatch.setattr(main, "application", interrupted)
    assert proclaim("verify") == (130, "", "")


class Greeting:
    """A plugin with commands of its own."""

    group = typer.Typer(name="greet", help="Say something.")

    @hookimpl
    def proclaim_commands(self):
        return [self.group]


@Greeting.group.command()
def hello():
    """Say hello."""
    sys.stdout.write("hello\n")


@Greeting.group.command()
def goodbye():
    """Say goodbye."""


class Failing:
    """A plugin whose commands cannot be had."""

    @hookimpl
    def proclaim_commands(self):
        raise RuntimeError("no voice")


def test_the_commands_of_plugins_are_offered(proclaim, monkeypatch):
    monkeypatch.setattr("proclaim.plugins.installed", lambda: Plugins([("greeting", Greeting())]))
    assert "Say something." in proclaim("--help").out
    assert proclaim("greet", "hello") == (0, "hello\n", "")


def test_a_plugin_whose_commands_fail_is_left_out_with_a_warning(proclaim, monkeypatch):
    monkeypatch.setattr("proclaim.plugins.installed", lambda: Plugins([("mute", Failing())]))
    ran = proclaim("--help")
    assert ran.status == 0
    assert "verify" in ran.out
    assert "warning: the commands of plugins are left out: the plugin mute failed" in ran.err


def test_a_plugin_cannot_take_the_name_of_a_command(proclaim, monkeypatch):
    class Taking:
        @hookimpl
        def proclaim_commands(self):
            group = typer.Typer(name="verify")
            group.command()(hello)
            return [group]

    monkeypatch.setattr("proclaim.plugins.installed", lambda: Plugins([("taking", Taking())]))
    ran = proclaim("--help")
    assert "'verify' of the plugin taking are left out: the name is taken" in ran.err


def test_the_plugins_are_listed_with_what_they_provide(proclaim):
    ran = proclaim("plugins")
    assert ran.status == 0
    lines = {line.split()[0]: line for line in ran.out.splitlines()}
    assert {"bgp", "core", "file_source", "k8s_source", "l2_arp"} <= set(lines)
    assert "announcers bgp" in lines["bgp"]
    assert "IPAddressPool" in lines["core"]
    assert "proclaim-file-source" in lines["file_source"]


def test_a_plugin_that_the_settings_do_not_suit_is_named(proclaim, tmp_path):
    settings = tmp_path / "proclaim.toml"
    settings.write_text('[k8s_source]\nkubeconfig = "/nowhere"\n')
    ran = proclaim("plugins", "--settings", settings)
    assert ran.status == 1
    assert "there is no such kubeconfig" in ran.out


def test_a_command_of_a_ledger_that_is_written_to_is_refused(proclaim):
    proclaim.apply(POOL, service("web"))
    owner = SQLiteLog(proclaim.ledger, "n1", False)
    try:
        ran = proclaim("apply", proclaim.manifests)
        assert (ran.status, ran.out) == (1, "")
        assert "(n1)" in ran.err
        assert proclaim("get", "services").status == 0
        assert proclaim("plan", proclaim.manifests).status == 0
    finally:
        owner.close()


@pytest.mark.parametrize("arguments", [["--version"], ["plugins"], ["--help"]])
def test_a_full_disk_behind_the_output_is_told_in_one_paragraph(arguments):
    with open("/dev/full", "w", encoding="utf-8") as full:
        ran = subprocess.run(
            [sys.executable, "-m", "proclaim_cli", *arguments],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert ran.returncode == 1
    assert ran.stderr == (
        "error: the output cannot be written: No space left on device\n"
        "hint: make room where it goes\n"
    )


@pytest.mark.parametrize("closed", [">&-", "2>&-", ">&- 2>&- <&-"])
def test_streams_that_are_closed_are_done_without(closed):
    command = f'"{sys.executable}" -m proclaim_cli plugins {closed}'
    ran = subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=False)
    assert (ran.returncode, ran.stderr) == (0, "")


@pytest.mark.parametrize("command", ["check", "plan", "apply", "run"])
def test_an_empty_name_is_not_the_working_directory(proclaim, command):
    ran = proclaim(command, "")
    assert (ran.status, ran.out) == (64, "")
    assert ran.err.startswith("error: an empty text names no manifests\n")
