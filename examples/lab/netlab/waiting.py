"""Waiting for something to come true, with a bound.

Asks again and again, because the daemons under trial cannot call back.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from netlab.processes import CommandFailed

_PAUSE = 0.01


class NotInTime(AssertionError):
    """It did not come true in time; the message has what was seen last."""


def eventually(what: str, check: Callable[[], object], within: float) -> float:
    """Wait until `check` returns something true; returns the seconds that it took.

    A command that fails counts as "not yet".  Raises NotInTime.
    """
    begin = time.monotonic()
    while True:
        try:
            seen = check()
        except CommandFailed as error:
            seen, good = error, False
        else:
            good = bool(seen)
        passed = time.monotonic() - begin
        if good and passed <= within:
            return passed
        if passed > within:
            raise NotInTime(f"{what}: not within {within:g} s; last seen: {seen!r}")
        time.sleep(_PAUSE)
