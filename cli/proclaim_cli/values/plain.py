"""Values as JSON knows them: mappings, lists, texts, numbers.  Names are shown as texts."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from enum import Enum
from functools import cache
from typing import Any, NamedTuple

import msgspec
from proclaim import reasons
from proclaim.events import Reason
from proclaim.model import Ref

_NAMED = 3
"""Names in a sentence, of many."""


class Moment(NamedTuple):
    """A place in the ledger and its time."""

    position: int
    time: str
    """RFC 3339 with microseconds, in UTC."""


class Because(msgspec.Struct, frozen=True, omit_defaults=True):
    """A reason, for programs and for people; what it does not speak of is left out."""

    code: str
    message: str
    rule: str = ""
    """The field that decided, as in `IPAddressPool.spec.autoAssign`."""
    pool: str = ""
    pools: tuple[str, ...] = ()
    """The pools that were considered."""
    addresses: tuple[str, ...] = ()
    services: tuple[str, ...] = ()
    """The other Services involved, as `namespace/name`."""
    wanted: str = ""
    """What the Service asks for, where that is compared."""
    found: str = ""
    """What that was compared with."""


def rfc3339(time: float) -> str:
    """Seconds since the epoch as RFC 3339 with microseconds, in UTC."""
    return datetime.fromtimestamp(time, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def moment(position: int, time: float) -> Moment | None:
    """A place in the ledger; None when it is before the first fact."""
    return Moment(position, rfc3339(time)) if position else None


def because(reason: Reason | None) -> Because | None:
    """A reason with its sentence and its values; None when there is none."""
    return told(reason) if reason else None


def told(reason: Reason) -> Because:
    """A reason with its sentence and its values."""
    return Because(
        str(reason.code),
        reasons.message(reason),
        reasons.rule(reason),
        reason.pool,
        reason.pools,
        reason.addresses,
        tuple(ref.short for ref in reason.services),
        reason.wanted,
        reason.found,
    )


def some(names: Sequence[str]) -> str:
    """Names in a sentence; of many the first few, and how many more there are."""
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return f"{', '.join(names[:_NAMED])}{more}"


def counted(number: int, noun: str) -> str:
    """A number with its noun: `1 fact`, `2 facts`."""
    return f"{number} {noun}{'' if number == 1 else 's'}"


def plain(value: Any) -> Any:  # noqa: ANN401 - anything that can be shown
    """A value made of what JSON knows.

    A noun leaves its defaults out, as it is stored; every other value is whole.
    """
    if isinstance(value, Ref):
        return str(value)
    if isinstance(value, msgspec.Struct):
        return _struct(value)
    if isinstance(value, msgspec.Raw):
        return json.loads(bytes(value))
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, tuple) and hasattr(value, "_asdict"):
        return {key: plain(item) for key, item in value._asdict().items()}
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    return value


def _struct(value: msgspec.Struct) -> dict[str, Any]:
    brief = value.__struct_config__.omit_defaults
    found = ((name, default, getattr(value, name)) for name, default in _fields(type(value)))
    return {name: plain(item) for name, default, item in found if not brief or item != default}


@cache
def _fields(struct: type[msgspec.Struct]) -> tuple[tuple[str, Any], ...]:
    """The names and defaults of a struct's fields; asking for them takes long."""
    return tuple((field.name, field.default) for field in msgspec.structs.fields(struct))
