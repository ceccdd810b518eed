"""Log records on standard error: one line each, whatever they hold."""

from __future__ import annotations

import logging
import os
import sys
import time

from proclaim.errors import Usage

from proclaim_cli.views.table import printable

_LEVELS = {name.lower(): getattr(logging, name) for name in ("DEBUG", "INFO", "WARNING", "ERROR")}


class OneLine(logging.Formatter):
    """`2026-01-31T10:20:30.123Z WARNING engine: text`; an exception becomes part of the text."""

    def format(self, record: logging.LogRecord) -> str:
        second = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
        area = record.name.removeprefix("proclaim.")
        text = record.getMessage()
        if record.exc_info and record.exc_info[1] is not None:
            raised = record.exc_info[1]
            text = f"{text}: {type(raised).__name__}: {raised}"
        said = printable(" ".join(text.split()))
        line = f"{second}.{record.msecs:03.0f}Z {record.levelname} {area}: {said}"
        if record.exc_info and os.environ.get("PROCLAIM_DEBUG"):
            line += "\n" + self.formatException(record.exc_info)
        return line


def show_records(verbose: int) -> None:
    """Send log records to standard error, from the level on that PROCLAIM_LOG names.

    -v adds what is read and stored, and -vv what the libraries say.

    Raises Usage when PROCLAIM_LOG names no level.
    """
    wanted = os.environ.get("PROCLAIM_LOG", "info").lower()
    if wanted not in _LEVELS:
        raise Usage(
            f"PROCLAIM_LOG: {wanted!r} is no level", hint=f"accepted are {', '.join(_LEVELS)}"
        )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(OneLine())
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    if verbose > 1:
        logging.getLogger().setLevel(logging.DEBUG)
    logging.getLogger("proclaim").setLevel(logging.DEBUG if verbose else _LEVELS[wanted])
