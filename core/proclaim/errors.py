"""The errors that a user may meet, each with what to do about it.

    ProclaimError(message, hint)
    |-- SettingsError      the settings file is not usable
    |-- PluginError        a plugin cannot be loaded, or two clash
    |-- LedgerError        the ledger cannot be opened or read
    |   |-- LedgerBusy     another process owns the ledger
    |   `-- LedgerDamaged  what is stored is not what was written
    |-- NotFound           what was asked for is not there
    `-- Usage              the request itself makes no sense

Expected refusals (no free address, a broken manifest) are values, never
exceptions: see `events` and `model.Problem`.
"""

from __future__ import annotations


class ProclaimError(Exception):
    """Something the user can act on: one paragraph, and a hint where there is one."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class SettingsError(ProclaimError):
    """The settings file cannot be read, or says something that nobody accepts."""


class PluginError(ProclaimError):
    """A plugin cannot be loaded, is unknown, or shares its name with another."""


class LedgerError(ProclaimError):
    """The ledger cannot be opened, read or written."""


class LedgerBusy(LedgerError):
    """Another process writes to this ledger; the message names it."""


class LedgerDamaged(LedgerError):
    """A stored fact does not decode; the message names its position."""


class NotFound(ProclaimError):
    """The service, address or resource that was asked for is not known."""


class Usage(ProclaimError):
    """The command was called in a way that cannot mean anything (exit status 64)."""
