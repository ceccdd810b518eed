"""Who gave which of a host's passwords: several sources may, each of its own peers."""

from __future__ import annotations

from collections.abc import Mapping

from proclaim.latest import Latest


class Passwords:
    """The passwords that one source gives to `Host.secrets`; what others gave stays there."""

    def __init__(self, secrets: Latest[dict[str, str]]) -> None:
        self._secrets = secrets
        self.given: dict[str, str] = {}
        """Those given last, by the names of their BGPPeers."""

    def give(self, passwords: Mapping[str, str]) -> None:
        """Give these, and no others any more; wakes nobody when they are the same."""
        if passwords == self.given:
            return
        others = {
            name: text for name, text in self._secrets.value.items() if self.given.get(name) != text
        }
        self.given = dict(passwords)
        self._secrets.set({**others, **passwords})
