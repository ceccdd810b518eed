"""`proclaim`: reads the command line, runs one command, and turns every end into a status.

It knows no command itself.  Whatever goes wrong, what reaches the user is one
paragraph with a hint, never a traceback, unless PROCLAIM_DEBUG asks for one.
"""

from __future__ import annotations

import errno
import os
import re
import sys
import traceback
from collections.abc import Iterator, Sequence
from contextlib import redirect_stdout

import typer
from proclaim.errors import (
    LedgerDamaged,
    LedgerError,
    PluginError,
    ProclaimError,
    SettingsError,
    Usage,
)

from proclaim_cli.catalogue import application
from proclaim_cli.views.say import error

DONE = 0
FAILED = 1
CHANGES = 2
WRONG_USAGE = 64
INTERRUPTED = 130

_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO)

_REWORDED = tuple(
    (re.compile(theirs), ours)
    for theirs, ours in (
        ("Value error, ", ""),
        ("Input should be a valid integer(, .*)?$", "a whole number is expected"),
        ("Input should be a valid number(, .*)?$", "a number is expected"),
        ("Input should be greater than or equal to (.*)$", r"at least \1 is expected"),
        ("Input should be less than or equal to (.*)$", r"at most \1 is expected"),
    )
)

# Typer brings its own click since 0.16 and needs the package before: this names either's.
_UsageError: type[Exception] = typer.BadParameter.__bases__[0]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return the exit status."""
    try:
        arguments = sys.argv[1:] if arguments is None else arguments
        _have_somewhere_to_write()
        status = _run(arguments) if arguments else _no_command()
        sys.stdout.flush()
    except BrokenPipeError:  # whoever read our output has gone, and that is no error
        _leave_no_output_behind()
        return FAILED
    except OSError as full:
        status = _failed(full)
        _leave_no_output_behind()
    return status


def _run(arguments: Sequence[str]) -> int:
    try:
        status = application()(list(arguments), prog_name="proclaim", standalone_mode=False)
    except _UsageError as wrong:
        return _wrong_usage(wrong)
    except BrokenPipeError:
        raise
    except (KeyboardInterrupt, typer.Abort):
        return INTERRUPTED
    except SystemExit as left:
        return left.code if isinstance(left.code, int) else FAILED
    except (Exception, BaseExceptionGroup) as raised:  # noqa: BLE001 - the last who can explain it
        return _failed(raised)
    return status if isinstance(status, int) else DONE


def _no_command() -> int:
    with redirect_stdout(sys.stderr):
        _run(["--help"])
    return WRONG_USAGE


def _wrong_usage(wrong: Exception) -> int:
    context = getattr(wrong, "ctx", None)
    if type(wrong).__name__ == "NoArgsIsHelpError":
        sys.stderr.write(f"{wrong}\n")
        return WRONG_USAGE
    path = context.command_path if context is not None else "proclaim"
    message = getattr(wrong, "format_message", lambda: str(wrong))()
    error(_in_our_words(message), f"`{path} --help` shows what is accepted")
    return WRONG_USAGE


def _in_our_words(message: str) -> str:
    """What a library of Typer's has to say of a value, as we would say it."""
    for theirs, ours in _REWORDED:
        message = theirs.sub(ours, message)
    return message


def _failed(raised: BaseException) -> int:
    """Say what went wrong: the expected errors as they are, another with its type."""
    if os.environ.get("PROCLAIM_DEBUG"):
        traceback.print_exception(raised)
    leaves = list(_leaves(raised))
    expected = [each for each in leaves if isinstance(each, ProclaimError)]
    if expected:
        for each in {each.message: each for each in expected}.values():
            error(each.message, each.hint or _hint(each))
        return WRONG_USAGE if any(isinstance(each, Usage) for each in expected) else FAILED
    if any(isinstance(each, KeyboardInterrupt) for each in leaves):
        return INTERRUPTED
    first = leaves[0]
    if isinstance(first, OSError) and first.errno in _NO_ROOM and first.filename is None:
        error(f"the output cannot be written: {first.strerror}", "make room where it goes")
        return FAILED
    said = " ".join(str(first).split())
    error(
        f"this should not have happened: {type(first).__name__}{': ' if said else ''}{said}",
        "run it again with PROCLAIM_DEBUG=1 to see where, and report that",
    )
    return FAILED


def _hint(raised: ProclaimError) -> str:
    """What to do about an error that does not say so itself."""
    match raised:
        case SettingsError():
            return "correct the file, or name another one with --settings"
        case PluginError():
            return "install that plugin again, or remove it; `proclaim plugins` lists them"
        case LedgerDamaged():
            return "`proclaim verify` says how far it is whole; restore a copy, or begin a new one"
        case LedgerError():
            return "--ledger names another file or URL"
        case _:
            return ""


def _leaves(raised: BaseException) -> Iterator[BaseException]:
    if isinstance(raised, BaseExceptionGroup):
        for each in raised.exceptions:
            yield from _leaves(each)
    else:
        yield raised


def _have_somewhere_to_write() -> None:
    """Stand in for standard streams that were closed before we began."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            nowhere = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115 - until the end
            setattr(sys, name, nowhere)


def _leave_no_output_behind() -> None:
    """Keep the interpreter from flushing into a closed pipe when it ends."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)
