"""Plain YAML scalars, resolved as kubectl's reader resolves them.

That reader is go-yaml v2: the words of YAML 1.1 (`yes`, `off`), Go's integer
literals (`0x1f`, `0b1`, `0o17`, `017`, `1_000`), floats in YAML style, and no
base 60, so that the community `64512:100` is a text.  Timestamps stay texts.
Quoted scalars never come here.  Nothing here converts more digits than a
64-bit number can have.
"""

from __future__ import annotations

import math
import re
from typing import TypeAlias

Scalar: TypeAlias = str | int | float | bool | None

_WORDS: dict[str, Scalar] = {
    **dict.fromkeys(("y", "Y", "yes", "Yes", "YES", "true", "True", "TRUE"), True),
    **dict.fromkeys(("on", "On", "ON"), True),
    **dict.fromkeys(("n", "N", "no", "No", "NO", "false", "False", "FALSE"), False),
    **dict.fromkeys(("off", "Off", "OFF"), False),
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
    **dict.fromkeys((".nan", ".NaN", ".NAN"), math.nan),
    **dict.fromkeys((".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF"), math.inf),
    **dict.fromkeys(("-.inf", "-.Inf", "-.INF"), -math.inf),
}

_MAY_BE_NUMBER = frozenset("0123456789+-.")

_LONGEST_NUMBER = 80
"""More characters than any 64-bit integer has in any base, with its sign and prefix."""

_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?", re.ASCII)
_INTEGER = re.compile(
    r"(?P<sign>[-+]?)(?:0[xX](?P<hex>[0-9a-fA-F]+)|0[bB](?P<binary>[01]+)"
    r"|0[oO]?(?P<octal>[0-7]+)|(?P<decimal>0|[1-9][0-9]*))",
    re.ASCII,
)
_BASES = {"hex": 16, "binary": 2, "octal": 8, "decimal": 10}


def resolve_plain(text: str) -> Scalar:
    """The value of an unquoted scalar without a tag."""
    if text in _WORDS:
        return _WORDS[text]
    return resolve_number(text) if text[0] in _MAY_BE_NUMBER else text


def resolve_number(text: str) -> str | int | float:
    """The number that a text is, or the text when it is none.

    A number of more digits than 64 bits hold becomes a float, as it does for
    kubectl; one too long to be worth converting counts as infinite.
    """
    plain = text if text.startswith(".") else text.replace("_", "")
    if len(plain) > _LONGEST_NUMBER:
        return math.inf if _FLOAT.fullmatch(plain) else text
    if found := _INTEGER.fullmatch(plain):
        base = found.lastgroup or "decimal"
        value = int(found[base], _BASES[base])
        value = -value if found["sign"] == "-" else value
        return value if -(1 << 63) <= value < 1 << 64 else float(value)
    return float(plain) if _FLOAT.fullmatch(plain) else text


def type_name(value: object) -> str:
    """What a user would call the type of a value: `a text`, `a number`, `a list`."""
    match value:
        case None:
            return "empty"
        case bool():
            return "a boolean"
        case str():
            return "a text"
        case int() | float():
            return "a number"
        case list() | tuple():
            return "a list"
        case dict():
            return "a mapping"
        case _:
            return "of an unknown type"


def key_text(value: object) -> str | None:
    """A mapping's key as the text that kubectl makes of it; None when it cannot be a key."""
    match value:
        case str():
            return value
        case bool():
            return "true" if value else "false"
        case int():
            return str(value)
        case float():
            return str(int(value)) if value.is_integer() and abs(value) < 1e21 else repr(value)
        case _:
            return None
