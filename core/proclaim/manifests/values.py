"""The texts of a manifest that mean more than their letters.

Durations as Go writes them, communities, and addresses.  Each function takes a
text and raises ValueError with what is wrong and what would be accepted, as
one sentence.
"""

from __future__ import annotations

import re
from fractions import Fraction

from proclaim.addresses import clip, parse_address

SECOND = 1_000_000_000
"""Nanoseconds: durations are whole numbers of them, as in Go."""

_UNITS = {
    "ns": 1,
    "us": 1_000,
    "\u00b5s": 1_000,  # the micro sign
    "\u03bcs": 1_000,  # the Greek letter, which Go takes as well
    "ms": 1_000_000,
    "s": SECOND,
    "m": 60 * SECOND,
    "h": 3600 * SECOND,
}
_PART = re.compile(r"([0-9]*)(?:\.([0-9]*))?(ns|us|\u00b5s|\u03bcs|ms|s|m|h)")
_LONGEST_DURATION = 64
_LONGEST = (1 << 63) - 1
_MAX = {"standard": 65535, "large": 4294967295}


def parse_duration(text: str) -> int:
    """Nanoseconds of a Go duration such as `90s`, `1m30s` or `1.5h`."""
    refused = ValueError(f"{clip(text)} is not a duration; one such as 90s or 1m30s is expected")
    if len(text) > _LONGEST_DURATION:
        raise refused
    negative, rest = text.startswith("-"), text[1:] if text[:1] in ("-", "+") else text
    if rest == "0":
        return 0
    total, at = Fraction(0), 0
    while at < len(rest):
        found = _PART.match(rest, at)
        if found is None or not (found[1] or found[2]):
            raise refused
        whole, fraction = found[1], found[2] or ""
        digits = int(f"{whole}{fraction}")
        total += Fraction(digits * _UNITS[found[3]], 10 ** len(fraction))
        at = found.end()
    if not rest or total > _LONGEST:
        raise refused
    return -int(total) if negative else int(total)


def community_problem(text: str, *, alias: bool) -> str | None:
    """What is wrong with `a:b`, `large:a:b:c` or, where one may stand, an alias."""
    parts = text.split(":")
    match parts:
        case [_, _]:
            form, numbers = "standard", parts
        case ["large", _, _, _]:
            form, numbers = "large", parts[1:]
        case [_, _, _, _]:
            return f"{clip(text)} is not a community; one of four parts is large:a:b:c"
        case _ if alias:
            return None
        case _:
            return f"{clip(text)} is not a community; a:b or large:a:b:c is expected"
    if all(_is_number(number, _MAX[form]) for number in numbers):
        return None
    return f"{clip(text)} is not a community; each part is a number from 0 to {_MAX[form]}"


def _is_number(text: str, high: int) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= 20 and int(text) <= high


def canonical_address(text: str) -> str:
    """The canonical text of an IP address (RFC 5952)."""
    if len(text) > 64:  # not worth remembering
        raise ValueError(f"{clip(text)} is not an IP address")
    return str(parse_address(text))


def canonical_ipv4(text: str) -> str:
    """The canonical text of an IPv4 address that is not 0.0.0.0, as BGP identifiers are."""
    if len(text) > 64 or parse_address(text).family != 4 or parse_address(text).value == 0:
        raise ValueError(f"{clip(text)} is not an IPv4 address")
    return str(parse_address(text))
