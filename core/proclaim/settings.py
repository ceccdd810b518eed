"""The settings file: how this process runs, as opposed to what it announces.

A TOML file with a few keys of the core and one table for each plugin, or a
directory of such files that add up.  A plugin reads its own table through
`Settings.section` and says itself what it accepts.  What is announced never
stands here; that is the manifests' part.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from proclaim.errors import SettingsError
from proclaim.model import Authority, Authorized

DEFAULT_LEDGER = "sqlite:///var/lib/proclaim/ledger.db"

_KEYS = ("authority", "ledger", "load_balancer_class", "node")


@dataclass(frozen=True, slots=True)
class Settings:
    """What the file said, checked; defaults where it said nothing."""

    path: str = ""
    node: str = ""
    """This node's name; empty means the machine's host name."""
    ledger: str = DEFAULT_LEDGER
    authority: Authority = Authority.ALLOCATE
    load_balancer_class: str = ""
    """The `spec.loadBalancerClass` of the Services that are ours; empty: those without one."""
    sections: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    asked: set[str] = field(default_factory=set, repr=False, compare=False)
    """The tables that somebody has read."""

    @property
    def authorized(self) -> Authorized:
        """What this process may decide, and for which Services."""
        return Authorized(self.authority, self.load_balancer_class)

    def section(self, name: str) -> Mapping[str, Any]:
        """The table `[name]`; empty when the file has none."""
        self.asked.add(name)
        return self.sections.get(name, {})

    def unread(self) -> list[str]:
        """The tables that nobody has read: most likely misspelt."""
        return sorted(self.sections.keys() - self.asked)

    def error(self, key: str, expected: str) -> SettingsError:
        """The error a plugin raises about its own table: `settings.error("bgp.listen", ...)`."""
        return SettingsError(f"{self.path or 'settings'}: {key}: {expected}")


def read_settings(path: str | None) -> Settings:
    """Read and check a settings file, or a directory of them; the defaults when there is none.

    Raises SettingsError with the file, the key and what would be accepted.
    """
    if path is None:
        return Settings()
    if Path(path).is_dir():
        return _checked(path, _directory(path))
    return _checked(path, _document(path))


def _directory(path: str) -> dict[str, Any]:
    """What all files `*.toml` of a directory say together."""
    files = sorted(each for each in Path(path).glob("*.toml") if not each.name.startswith("."))
    if not files:
        raise SettingsError(f"{path}: there is no *.toml in this directory")
    together: dict[str, Any] = {}
    for file in files:
        _add(together, _document(str(file)), str(file))
    return together


def _add(together: dict[str, Any], more: dict[str, Any], file: str, table: str = "") -> None:
    """Add what a file says; which of two that say the same key should count, nobody can tell."""
    for key, value in more.items():
        before = together.get(key)
        if before is None:  # TOML has no null
            together[key] = value
        elif isinstance(before, dict) and isinstance(value, dict):
            _add(before, value, file, f"{table}{key}.")
        else:
            raise SettingsError(f"{file}: {table}{key}: another file of the directory says it, too")


def _document(path: str) -> dict[str, Any]:
    try:
        return tomllib.loads(Path(path).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise SettingsError(f"{path}: there is no such file") from None
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path}: cannot be read: {error}") from None
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"{path}: not TOML: {error}") from None


def _checked(path: str, document: dict[str, Any]) -> Settings:
    sections = {key: value for key, value in document.items() if isinstance(value, dict)}
    plain = {key: value for key, value in document.items() if not isinstance(value, dict)}
    for key in sorted(sections.keys() & set(_KEYS)):
        raise SettingsError(f"{path}: {key}: is not a table; write it before the first table")
    for key, value in plain.items():
        if key not in _KEYS:
            raise SettingsError(f"{path}: {key}: unknown key; {_accepted(key)}")
        if not isinstance(value, str):
            raise SettingsError(f"{path}: {key}: {value!r} is not a text")
    authority = plain.pop("authority", Authority.ALLOCATE)
    if authority not in (Authority.ALLOCATE, Authority.FOLLOW):
        raise SettingsError(f"{path}: authority: {authority!r} is not 'allocate' or 'follow'")
    return Settings(path=path, authority=Authority(authority), sections=sections, **plain)


def _accepted(key: str) -> str:
    guess = get_close_matches(key, _KEYS, n=1)
    return f"did you mean {guess[0]}?" if guess else f"accepted are {', '.join(_KEYS)} and tables"
