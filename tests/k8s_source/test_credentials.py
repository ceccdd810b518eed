"""Credentials that stay, that rotate in a file, and that a command prints."""

import json
import logging
import sys
from datetime import UTC, datetime

import pytest
import trio
from proclaim_k8s_source.access.api import Unreachable
from proclaim_k8s_source.access.credentials import Credential, source_of
from proclaim_k8s_source.access.exec_credential import Answer, BadAnswer, exec_info, read_answer
from proclaim_k8s_source.access.value import Access, Anonymous, Basic, Pem, Plugin, Token, TokenFile

SECRET = "hunter2-planted"
V1 = "client.authentication.k8s.io/v1"
V1BETA1 = "client.authentication.k8s.io/v1beta1"
NOW = 1_800_000_000.0


class Wall:
    """A wall clock that a test sets."""

    def __init__(self):
        self.now = NOW

    def __call__(self):
        return self.now


def source(credentials, wall=None, **fields):
    return source_of(Access("https://a", "here", credentials, **fields), wall or Wall())


def printed(version=V1, **status):
    return json.dumps({"kind": "ExecCredential", "apiVersion": version, "status": status})


# A fixed credential


@pytest.mark.parametrize(
    ("credentials", "header"),
    [
        (Anonymous(), ""),
        (Token(SECRET), f"Bearer {SECRET}"),
        (Basic("me", "pass"), "Basic bWU6cGFzcw=="),
    ],
)
async def test_a_fixed_credential_is_not_renewed(credentials, header):
    fixed = source(credentials)
    credential = await fixed.current()
    assert credential.authorization == header
    assert not await fixed.renewed(credential)
    assert SECRET not in repr(credential)


# A token in a file


@pytest.fixture
def token(tmp_path):
    path = tmp_path / "token"
    path.write_text("one\n")
    return path


async def test_a_token_file_is_read_again_once_a_minute(token, autojump_clock):
    rotating = source(TokenFile(str(token)))
    assert await rotating.current() == Credential("Bearer one")
    token.write_text("two")
    await trio.sleep(59)
    assert await rotating.current() == Credential("Bearer one")
    await trio.sleep(1)
    assert await rotating.current() == Credential("Bearer two")


async def test_a_token_file_is_read_at_once_after_a_refusal(token):
    rotating = source(TokenFile(str(token)))
    refused = await rotating.current()
    assert not await rotating.renewed(refused)
    token.write_text("two")
    assert await rotating.renewed(refused)
    assert await rotating.current() == Credential("Bearer two")


async def test_a_file_that_is_gone_for_a_moment_leaves_the_last_token(
    token, autojump_clock, caplog
):
    rotating = source(TokenFile(str(token)))
    await rotating.current()
    token.unlink()
    await trio.sleep(60)
    assert await rotating.current() == Credential("Bearer one")
    assert "No such file" in caplog.text


@pytest.mark.parametrize("content", [b"", b"\n", f"{SECRET} {SECRET}".encode(), b"\xff" * 9])
async def test_a_file_without_a_usable_token_is_named_once_and_not_shown(token, content, caplog):
    token.write_bytes(content)
    rotating = source(TokenFile(str(token)))
    for _ in range(3):
        with pytest.raises(Unreachable, match=f"the token file {token} (is not|does not)"):
            await rotating.current()
    assert len(caplog.records) == 1
    assert SECRET not in caplog.text


async def test_a_token_is_taken_as_soon_as_there_is_one(token):
    token.unlink()
    rotating = source(TokenFile(str(token)))
    with pytest.raises(Unreachable, match="No such file"):
        await rotating.current()
    token.write_text("one")
    assert await rotating.current() == Credential("Bearer one")


# The words of an exec plugin

PLUGIN = Plugin(V1, "login")


def test_a_plugin_is_told_that_nobody_can_be_asked():
    assert json.loads(exec_info(PLUGIN, None)) == {
        "kind": "ExecCredential",
        "apiVersion": V1,
        "spec": {"interactive": False},
    }
    assert json.loads(exec_info(PLUGIN, {"server": "s"}))["spec"]["cluster"] == {"server": "s"}


def test_an_answer_has_a_token_or_a_certificate_and_may_expire():
    assert read_answer(PLUGIN, printed(token="t").encode()) == Answer("t")
    full = printed(
        clientCertificateData="c", clientKeyData="k", expirationTimestamp="2027-01-15T08:00:00Z"
    )
    expires = datetime(2027, 1, 15, 8, tzinfo=UTC).timestamp()
    assert read_answer(PLUGIN, full.encode()) == Answer("", b"c", b"k", expires)


@pytest.mark.parametrize(
    ("output", "said"),
    [
        (SECRET, "not an ExecCredential in JSON"),
        (printed(V1BETA1, token=SECRET), "not of apiVersion client.authentication.k8s.io/v1,"),
        (printed(), "neither status.token nor status.clientCertificateData"),
        (printed(clientCertificateData=SECRET), "without its key"),
        (printed(token=f"{SECRET}\n"), "not one word of printable ASCII"),
        (printed(token=SECRET, expirationTimestamp="soon"), "not an ExecCredential"),
        (printed(token=SECRET, expirationTimestamp="2027-01-15T08:00:00"), "without a time zone"),
    ],
)
def test_an_answer_that_is_wrong_is_not_shown(output, said):
    with pytest.raises(BadAnswer, match=said) as caught:
        read_answer(PLUGIN, output.encode())
    assert SECRET not in str(caught.value)


# A command that runs


class Command:
    """A script that counts its runs and prints `credential` with `%d` for the count."""

    def __init__(self, folder):
        self._folder = folder
        self.script = folder / "login"
        self.prints(printed(token="token-%d"))

    def prints(self, output, errors="", status=0):
        body = f"""\
        import json, os, pathlib, sys
        runs = pathlib.Path({str(self._folder / "runs")!r})
        runs.write_text(runs.read_text() + "x" if runs.exists() else "x")
        told = {{"arguments": sys.argv[1:], "info": os.environ.get("KUBERNETES_EXEC_INFO"),
                "profile": os.environ.get("PROFILE")}}
        pathlib.Path({str(self._folder / "told")!r}).write_text(json.dumps(told))
        sys.stderr.write({errors!r})
        print({output!r}.replace("%d", str(len(runs.read_text()))))
        sys.exit({status})
        """
        lines = "\n".join(line[8:] for line in body.splitlines())
        self.script.write_text(f"#!{sys.executable} -IS\n{lines}\n")
        self.script.chmod(0o755)

    @property
    def runs(self):
        path = self._folder / "runs"
        return len(path.read_text()) if path.exists() else 0

    @property
    def told(self):
        return json.loads((self._folder / "told").read_text())


@pytest.fixture
def command(tmp_path):
    return Command(tmp_path)


def plugin(command, **fields):
    return Plugin(V1, str(command.script), **fields)


async def test_a_command_runs_once_for_many_who_ask(command):
    asked = source(plugin(command))
    async with trio.open_nursery() as nursery:
        for _ in range(5):
            nursery.start_soon(asked.current)
    assert await asked.current() == Credential("Bearer token-1")
    assert command.runs == 1


async def test_a_command_is_told_its_arguments_environment_and_cluster(command, tmp_path):
    (tmp_path / "ca.crt").write_text("pem")
    told = plugin(
        command, arguments=("a", "b"), environment={"PROFILE": "p"}, cluster={"server": "s"}
    )
    await source(told, authority=Pem(path=str(tmp_path / "ca.crt"))).current()
    assert command.told["arguments"] == ["a", "b"]
    assert command.told["profile"] == "p"
    cluster = json.loads(command.told["info"])["spec"]["cluster"]
    assert cluster == {"server": "s", "certificate-authority-data": "cGVt"}


async def test_a_command_runs_again_when_its_credential_has_expired(command):
    expires = datetime.fromtimestamp(NOW + 60, UTC).isoformat()
    command.prints(printed(token="token-%d", expirationTimestamp=expires))
    wall = Wall()
    asked = source(plugin(command), wall)
    assert await asked.current() == Credential("Bearer token-1")
    wall.now += 59
    assert await asked.current() == Credential("Bearer token-1")
    wall.now += 1
    assert await asked.current() == Credential("Bearer token-2")


async def test_a_command_runs_again_after_a_refusal_but_starts_no_storm(command, mock_clock):
    asked = source(plugin(command))
    refused = await asked.current()
    assert not await asked.renewed(refused)
    mock_clock.jump(10)
    assert await asked.renewed(refused)
    assert await asked.renewed(refused), "somebody else was refused the same, and it is renewed"
    assert command.runs == 2
    assert await asked.current() == Credential("Bearer token-2")


async def test_a_command_may_give_a_client_certificate(command):
    command.prints(printed(clientCertificateData="c", clientKeyData=SECRET))
    credential = await source(plugin(command)).current()
    assert credential == Credential("", b"c", SECRET.encode())
    assert SECRET not in repr(credential)


async def test_a_command_that_fails_shows_the_first_line_of_its_complaint(command):
    command.prints("", errors=f"session expired\ndebug: {SECRET}\n", status=3)
    with pytest.raises(Unreachable) as caught:
        await source(plugin(command, install_hint="log in first")).current()
    said = str(caught.value)
    assert said.endswith("login ended with status 3: session expired; log in first")
    assert SECRET not in said


async def test_a_command_that_fails_is_not_run_again_at_once(command, mock_clock):
    command.prints("", status=1)
    asked = source(plugin(command))
    for _ in range(3):
        with pytest.raises(Unreachable, match="ended with status 1"):
            await asked.current()
    assert command.runs == 1
    command.prints(printed(token="t"))
    mock_clock.jump(10)
    assert await asked.current() == Credential("Bearer t")


async def test_a_command_that_is_not_there_comes_with_the_hint_of_the_kubeconfig():
    missing = Plugin(V1, "/nowhere/login", install_hint="get it from the shelf")
    with pytest.raises(Unreachable, match=r"cannot be run: No such file.*; get it from the shelf"):
        await source(missing).current()


async def test_a_command_that_prints_nonsense_is_named_and_its_output_is_not_shown(command, caplog):
    caplog.set_level(logging.DEBUG)
    command.prints(f"token: {SECRET}")
    with pytest.raises(Unreachable, match="login is of no use: its output is not") as caught:
        await source(plugin(command)).current()
    assert SECRET not in str(caught.value) + caplog.text
