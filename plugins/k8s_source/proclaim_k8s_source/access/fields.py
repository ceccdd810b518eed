"""Reads the fields of a kubeconfig, and names file and field when one is wrong.

A value that is wrong is never shown, because it may be a secret.
"""

from __future__ import annotations

import base64
import binascii
from pathlib import PurePosixPath

from proclaim import SettingsError

_PRINTABLE = frozenset(map(chr, range(0x20, 0x7F)))


class Fields:
    """One mapping in a file; what it hands out has the type that was asked for."""

    def __init__(self, file: str, at: str, value: object) -> None:
        self.file = file
        self._at = at
        if value is None:
            value = {}
        if not isinstance(value, dict):
            raise SettingsError(f"{file}: {at or 'the document'}: is not a mapping")
        self._values: dict[str, object] = value

    def __contains__(self, key: str) -> bool:
        return self._values.get(key) not in (None, "")

    def error(self, key: str, expected: str, hint: str = "") -> SettingsError:
        """The error about one field: the file, the field, and what would be accepted."""
        return SettingsError(f"{self.place(key)}: {expected}", hint)

    def text(self, key: str) -> str:
        """A text; empty when it is absent."""
        value = self._values.get(key)
        if value is None:
            return ""
        if not isinstance(value, str):
            raise self.error(key, "is not a text; put it between quotes")
        return value

    def line(self, key: str) -> str:
        """A text that may stand in a header: printable ASCII without blanks around it."""
        value = self.text(key).strip()
        if not _PRINTABLE.issuperset(value):
            raise self.error(key, "is not one line of printable ASCII")
        return value

    def needed(self, key: str) -> str:
        """A text that must be there."""
        if key not in self:
            raise self.error(key, "is missing")
        return self.text(key)

    def flag(self, key: str) -> bool:
        """A boolean; false when it is absent."""
        value = self._values.get(key)
        if value is not None and not isinstance(value, bool):
            raise self.error(key, "is not true or false")
        return bool(value)

    def decoded(self, key: str) -> bytes:
        """The bytes that a text in base64 stands for."""
        try:
            return base64.b64decode("".join(self.text(key).split()), validate=True)
        except (binascii.Error, ValueError):
            raise self.error(key, "is not base64") from None

    def place(self, key: str) -> str:
        """The file and the field, as errors name them."""
        return f"{self.file}: {self._name(key)}"

    def path(self, key: str) -> str:
        """A path, relative to the folder of the file; empty when it is absent."""
        return beside(self.file, self.text(key)) if key in self else ""

    def child(self, key: str) -> Fields:
        """A mapping inside this one; an empty one when it is absent."""
        return Fields(self.file, self._name(key), self._values.get(key))

    def children(self, key: str, named: bool = False) -> list[Fields]:
        """The mappings of a list, called by their names when they have them."""
        listed = self._list(key)
        at = self._name(key)
        children = [Fields(self.file, f"{at}[{n}]", item) for n, item in enumerate(listed)]
        if not named:
            return children
        return [
            Fields(self.file, f"{at}[{child.needed('name')}]", item)
            for child, item in zip(children, listed, strict=True)
        ]

    def texts(self, key: str) -> tuple[str, ...]:
        """A list of texts; empty when it is absent."""
        listed = self._list(key)
        found = tuple(item for item in listed if isinstance(item, str))
        if len(found) != len(listed):
            raise self.error(key, "is not a list of texts; put each between quotes")
        return found

    def raw(self, key: str) -> object:
        """Whatever stands there."""
        return self._values.get(key)

    def _list(self, key: str) -> list[object]:
        value = self._values.get(key)
        if value is None:
            return []
        if not isinstance(value, list):
            raise self.error(key, "is not a list")
        return value

    def _name(self, key: str) -> str:
        return f"{self._at}.{key}" if self._at else key


def beside(file: str, path: str) -> str:
    """The path as seen from the folder of the file."""
    return str(PurePosixPath(file).parent / path)
