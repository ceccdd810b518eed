"""Where credentials come from: a fixed one, a file that rotates, a command."""

from __future__ import annotations

import base64
import logging
import os
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import trio
from proclaim import SettingsError

from proclaim_k8s_source.access.api import Unreachable
from proclaim_k8s_source.access.exec_credential import (
    Answer,
    BadAnswer,
    exec_info,
    read_answer,
)
from proclaim_k8s_source.access.tls import read_pem
from proclaim_k8s_source.access.value import Access, Anonymous, Basic, Plugin, Token, TokenFile

log = logging.getLogger("proclaim.kubernetes.client")

_FILE_IS_GOOD_FOR = 60.0
_PLUGIN_MAY_TAKE = 60.0
_PLUGIN_AT_MOST_EVERY = 10.0
"""Seconds after a run before a refusal, or its failure, is a reason to run again: no storm."""


@dataclass(frozen=True, slots=True)
class Credential:
    """What to show to the server."""

    authorization: str = field(default="", repr=False)
    """The value of the header; none is sent when it is empty."""
    certificate: bytes = field(default=b"", repr=False)
    key: bytes = field(default=b"", repr=False)


class Source(Protocol):
    """Gives the credential of the moment."""

    async def current(self) -> Credential:
        """The credential to use now; raises Unreachable when there is none."""

    async def renewed(self, refused: Credential) -> bool:
        """After a 401: whether there is another credential now than that one."""


def source_of(access: Access, wall_time: Callable[[], float]) -> Source:
    """The source that an access asks for; `wall_time` is Unix time, for expirations."""
    match access.credentials:
        case Anonymous():
            return Fixed(Credential())
        case Token(token):
            return Fixed(_bearer(token))
        case TokenFile(path):
            return RotatingFile(Path(path))
        case Basic(username, password):
            pair = base64.b64encode(f"{username}:{password}".encode()).decode()
            return Fixed(Credential(f"Basic {pair}"))
        case Plugin() as plugin:
            return FromPlugin(plugin, access, wall_time)


def _bearer(token: str) -> Credential:
    return Credential(f"Bearer {token}")


class Fixed:
    """Always the same credential."""

    def __init__(self, credential: Credential) -> None:
        self._credential = credential

    async def current(self) -> Credential:
        """The credential."""
        return self._credential

    async def renewed(self, refused: Credential) -> bool:
        """Never."""
        return False


class RotatingFile:
    """A token from a file that is read again once a minute, and after a 401.

    A file that cannot be read for a moment leaves the token that was read last.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._credential: Credential | None = None
        self._read_at = 0.0
        self._wrong = ""

    async def current(self) -> Credential:
        """The token of the file; raises Unreachable when none was ever read."""
        if self._credential is None or trio.current_time() >= self._read_at + _FILE_IS_GOOD_FOR:
            self._read()
        if self._credential is None:
            raise Unreachable(self._wrong)
        return self._credential

    async def renewed(self, refused: Credential) -> bool:
        """Whether the file has another token."""
        self._read()
        return self._credential != refused

    def _read(self) -> None:
        self._read_at = trio.current_time()
        try:
            token = self._path.read_text(encoding="ascii").strip()
        except OSError as error:
            return self._warn(f"cannot be read: {error.strerror}")
        except UnicodeDecodeError:
            return self._warn("is not ASCII")
        if not token or not all(" " < letter < "\x7f" for letter in token):
            return self._warn("does not hold one word")
        self._credential, self._wrong = _bearer(token), ""

    def _warn(self, what: str) -> None:
        """Say what is wrong with the file, once for as long as it stays the same."""
        wrong = f"the token file {self._path} {what}"
        if wrong != self._wrong:
            log.warning("%s", wrong)
        self._wrong = wrong


class FromPlugin:
    """What a command prints, until that expires or the server refuses it."""

    def __init__(self, plugin: Plugin, access: Access, wall_time: Callable[[], float]) -> None:
        self._plugin = plugin
        self._access = access
        self._wall_time = wall_time
        self._credential: Credential | None = None
        self._expires: float | None = None
        self._ran_at = 0.0
        self._failure = ""
        self._one_at_a_time = trio.Lock()

    async def current(self) -> Credential:
        """The credential; runs the command when there is none that is still good.

        Raises Unreachable with what is wrong, and with the hint of the kubeconfig.
        """
        async with self._one_at_a_time:
            if self._credential is None or self._expired():
                if self._failure and self._just_ran():
                    raise Unreachable(self._failure)
                return self._keep(await self._run())
            return self._credential

    async def renewed(self, refused: Credential) -> bool:
        """Whether the command gave another credential, or may do so now."""
        async with self._one_at_a_time:
            if self._credential != refused:
                return True
            if self._just_ran():
                return False
            return self._keep(await self._run()) != refused

    def _just_ran(self) -> bool:
        return trio.current_time() < self._ran_at + _PLUGIN_AT_MOST_EVERY

    def _expired(self) -> bool:
        return self._expires is not None and self._wall_time() >= self._expires

    def _keep(self, answer: Answer) -> Credential:
        authorization = f"Bearer {answer.token}" if answer.token else ""
        self._credential = Credential(authorization, answer.certificate, answer.key)
        self._expires = answer.expires
        self._failure = ""
        return self._credential

    async def _run(self) -> Answer:
        self._ran_at = trio.current_time()
        try:
            with trio.fail_after(_PLUGIN_MAY_TAKE):
                done = await trio.run_process(
                    [self._plugin.command, *self._plugin.arguments],
                    capture_stdout=True,
                    capture_stderr=True,
                    check=False,
                    env=self._environment(),
                )
        except OSError as error:
            raise self._failed(f"cannot be run: {error.strerror}", hint=True) from None
        except trio.TooSlowError:
            raise self._failed(f"did not end within {_PLUGIN_MAY_TAKE:g} seconds") from None
        if done.returncode:
            raise self._failed(f"ended with status {done.returncode}{_first_line(done)}", hint=True)
        try:
            return read_answer(self._plugin, done.stdout)
        except BadAnswer as error:
            raise self._failed(f"is of no use: {error}") from None

    def _environment(self) -> Mapping[str, str]:
        cluster = self._plugin.cluster
        if cluster is not None and self._access.authority.path:
            try:
                authority = read_pem(self._access.authority)
            except SettingsError as error:
                raise Unreachable(error.message) from None
            data = base64.b64encode(authority).decode()
            cluster = {**cluster, "certificate-authority-data": data}
        info = {"KUBERNETES_EXEC_INFO": exec_info(self._plugin, cluster)}
        return {**os.environ, **self._plugin.environment, **info}

    def _failed(self, what: str, hint: bool = False) -> Unreachable:
        installing = self._plugin.install_hint if hint else ""
        more = f"; {installing}" if installing else ""
        self._failure = f"the credential plugin {self._plugin.command} {what}{more}"
        return Unreachable(self._failure)


def _first_line(done: subprocess.CompletedProcess[bytes]) -> str:
    """What the plugin complained about; the rest of its complaint may hold a token."""
    lines = done.stderr.decode("utf-8", "replace").strip().splitlines()
    printable = (
        "".join(letter for letter in lines[0][:200] if letter.isprintable()) if lines else ""
    )
    return f": {printable}" if printable else ""
